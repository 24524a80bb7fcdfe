"""What a search found, for a technician: sentences, Chinese first, and the settings to paste."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, get_args, get_type_hints

from edge.detecting.claims import Claim
from edge.detecting.diagnosis import Trouble
from edge.detecting.evidence import Evidence, Row
from edge.detecting.lines import Line
from edge.drivers import named
from edge.drivers.rows import Doubt, Indicator, Weigher
from edge.words import Language, Table, said

TEXTS: Table = {
    "listening": ("监听（{line}）…", "listening: {line} ..."),
    "asking": ("询问 {protocol}（{line}）…", "asking {protocol}: {line} ..."),
    "found": ("找到：", "found:"),
    "one_of": (
        "仅凭字节无法区分，是下列之一（请查仪表型号或说明书）：",
        "cannot be told apart by bytes; it is one of these (see the indicator's name plate or manual):",
    ),
    "not_found": ("未识别。", "not recognised."),
    "cannot_open": ("{url}：无法打开：{why}", "{url}: cannot be opened: {why}"),
    "no_ports": ("没有找到串口。", "no serial port was found."),
    "checksums": ("校验 {vouched}/{seen} 正确", "{vouched} of {seen} checksums"),
    "frames": ("{frames} 帧，占字节 {percent}%", "{frames} frames, {percent} % of the bytes"),
    "rate": ("{rate} 次/秒", "{rate}/s"),
    "answers": ("询问后才应答", "answers when asked"),
    "adapter_line": ("线路参数由转接器设定", "line as set at the adapter"),
    "unsaid": ("不发送{items}：须设置", "{items} not sent: set them"),
    "unit": ("单位", "unit"),
    "stable": ("稳定标志", "stability"),
    "gross_net": ("毛重/净重标志", "gross/net"),
    "paste": ("写入车道配置：", "for the lane's settings:"),
    "must_choose": ("必须设置", "must be set"),
    "check_this": ("请核对", "check this"),
    "choose_driver": ("选一个", "choose one"),
    "nothing": (
        "各种设置下都没有收到字节，询问也无应答。检查：接线（仪表 TXD 接本机 RXD，共地）、串口是否选对、仪表的串口输出是否打开；"
        "若仪表设为按“打印”键才发送，请在监听时按一次。",
        "not a byte came at any setting, and no question was answered. Check the wiring (TXD of the indicator to RXD "
        "here, common ground), whether this is the right port, and whether the indicator's output is switched on; if it "
        "only sends when PRINT is pressed, press it while this listens.",
    ),
    "echo": (
        "只收到自己发出的字节（{line}）：收发短接，或两线制转接器回显，仪表没有应答。",
        "only our own bytes came back ({line}): TXD and RXD are joined, or a two-wire adapter echoes; the indicator "
        "did not answer.",
    ),
    "held_low": (
        "只收到 00（{line}）：线路一直为低电平。RS-485 的 A/B 接反，或 RS-232 线断、接错。",
        "only 00 bytes came ({line}): the line is held low. A and B of RS-485 are swapped, or an RS-232 wire is broken "
        "or in the wrong place.",
    ),
    "print_only": (
        "像 {protocol}（{line}），但只来了一次，前后无声：仪表可能只在按“打印”键时发送。请改为连续发送方式。",
        "looks like {protocol} ({line}), but it spoke once and was silent before and after: it may only send when PRINT "
        "is pressed. Set it to continuous output.",
    ),
    "too_few": (
        "像 {protocol}（{line}），但只有 {frames} 帧可信，不足以断定：用 --seconds 延长监听，或检查干扰。",
        "looks like {protocol} ({line}), but {frames} good frames are too few to say so: listen longer with --seconds, "
        "or look for interference.",
    ),
    "wrong_speed": (
        "在 {line} 下收到的像是 {speeds} 波特的信号：波特率不对。请按此速率设置。",
        "what came at {line} looks like {speeds} baud: wrong speed. Set the line to that.",
    ),
    "parity_even": (
        "字节的第 8 位是偶校验（{line} 下监听）：线路是 7E1。",
        "the eighth bits are even parity (heard at {line}): the line is 7E1.",
    ),
    "parity_odd": (
        "字节的第 8 位是奇校验（{line} 下监听）：线路是 7O1。",
        "the eighth bits are odd parity (heard at {line}): the line is 7O1.",
    ),
    "parity_mark": (
        "字节的第 8 位总是 1（{line} 下监听）：线路是 7N2。",
        "the eighth bits are always set (heard at {line}): the line is 7N2.",
    ),
    "unknown_protocol": (
        "有字节（{line}），但不是已知协议。样本：{sample}",
        "bytes come ({line}), but of no known protocol. Sample: {sample}",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """The sentences of one language.  `settable` is false where an adapter has the settings of the line."""

    language: Language = "zh"
    settable: bool = True

    def __call__(self, key: str, /, **values: object) -> str:
        return said(TEXTS, self.language, key, **values)

    def trying(self, line: Line, asked: str | None) -> str:
        if asked is None:
            return self("listening", line=self._line(line))
        return self("asking", line=self._line(line), protocol=asked)

    def candidate(self, found: Evidence) -> str:
        """One sentence: what, how heard, on which evidence, and what it leaves open."""
        parts = [self._line(found.line), self._proof(found)]
        parts.append(self("answers") if found.asked else self("rate", rate=tenths(found.per_10_s)))
        text = f"{found.row.name} ({found.row.title}): {', '.join(parts)}"
        unsaid = [self(item) for item in unsaid_by(found.row)]
        if unsaid:
            text += "; " + self("unsaid", items=self._list(unsaid))
        return text

    def trouble(self, found: Trouble) -> str:
        key = f"parity_{found.eighth}" if found.word == "parity" else found.word
        return self(
            key,
            line=self._line(found.line) if found.line else "",
            protocol=found.protocol,
            frames=found.frames,
            speeds=" / ".join(map(str, found.speeds)),
            sample=found.sample.hex(" "),
        )

    def toml(self, claim: Claim, *, url: str) -> str:
        """The tables of the lane's settings; what a person must choose is there as a comment."""
        first = claim.candidates[0]
        lines = ["[scale]", *self._driver(claim), f"url = {_toml_value(url)}"]
        if self.settable:
            lines.append(f"serial = {serial_table(first.line)}")
        options = [*_forms(claim), *self._open(claim)]
        if options:
            lines += ["", "[scale.options]", *options]
        if any("stable" in unsaid_by(one.row) for one in claim.candidates):
            lines += ["", "[scale.platform]", 'stable = "derived"']
        return "\n".join(lines)

    def _driver(self, claim: Claim) -> Iterator[str]:
        if len(claim.candidates) == 1:
            yield f'driver = "{claim.candidates[0].row.name}"'
            return
        for one in claim.candidates:
            yield f'# driver = "{one.row.name}"  # {self("choose_driver")}'

    def _open(self, claim: Claim) -> Iterator[str]:
        rows = [one.row for one in claim.candidates]
        asked = {doubt.option: (row, doubt) for row in reversed(rows) for doubt in open_settings(row)}
        for option, (row, doubt) in asked.items():
            must = option in required(row)
            word = self("must_choose") if must else self("check_this")
            yield f"# {option} = {_choices(row, option)}  # {word}: {doubt.why}"

    def _proof(self, found: Evidence) -> str:
        if found.checked:
            return self("checksums", vouched=found.vouched, seen=found.vouched + found.spoiled)
        return self("frames", frames=found.frames, percent=found.explained_percent)

    def _line(self, line: Line) -> str:
        return str(line) if self.settable else self("adapter_line")

    def _list(self, items: Sequence[str]) -> str:
        if self.language == "zh":
            return "、".join(items)
        *before, last = items
        return f"{', '.join(before)} and {last} are" if before else f"{last} is"


def unsaid_by(row: Row) -> tuple[str, ...]:
    """What a weighing needs and the frames of a display do not carry."""
    if not isinstance(row, Indicator):
        return ()
    return tuple(item for item in ("unit", "stable", "gross_net") if item not in row.says)


def open_settings(row: Row) -> tuple[Doubt, ...]:
    """What must be set, or be looked at, before this row may be relied on."""
    doubted = {doubt.option for doubt in row.doubts}
    missing = [option for option in required(row) if option not in doubted]
    return (*(Doubt(option=option, why="the frame does not say it") for option in missing), *row.doubts)


def required(row: Row) -> tuple[str, ...]:
    """The options that a lane cannot do without."""
    open_ones = [field.name for field in fields(settings_of(row)) if _has_no_default(field)]
    unit = ["unit"] * (isinstance(row, Indicator) and "unit" not in row.says and "unit" not in open_ones)
    return (*unit, *open_ones)


def settings_of(row: Row) -> Any:
    """The class of what a lane can set."""
    return named(row.settings) if isinstance(row, Weigher) and row.settings else row.options


def _has_no_default(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def serial_table(line: Line) -> str:
    """As an inline table of the settings, without what is the default."""
    items = [f"baud = {line.baud}"]
    items += [f"bits = {line.bits}"] * (line.bits != 8)
    items += [f'parity = "{line.parity}"'] * (line.parity != "none")
    items += [f"stop = {line.stop}"] * (line.stop != 1)
    return "{ " + ", ".join(items) + " }"


def tenths(value: int) -> str:
    return f"{value // 10}.{value % 10}"


def _forms(claim: Claim) -> Iterator[str]:
    """The options at which the bytes were read, where these are not the defaults."""
    alone = len(claim.candidates) == 1
    for one in claim.candidates:
        for name, value in one.form.items():
            text = f"{name} = {_toml_value(value)}"
            yield text if alone else f"# {text}  # {one.row.name}"


def _toml_value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)  # of strings and numbers both languages say the same


def _choices(row: Row, option: str) -> str:
    """The values to choose from, joined by bars; ... where any would do."""
    hint = get_type_hints(settings_of(row)).get(option)
    return " | ".join(_literals(hint)) or "..."


def _literals(hint: object) -> Iterator[str]:
    if hint is bool:
        yield from ("true", "false")
    for inner in get_args(hint):
        if inner is type(None):
            continue
        if isinstance(inner, str | int):
            yield _toml_value(inner)
        else:
            yield from _literals(inner)
