"""What a technician sees of a scale while it speaks 监视: the display, its flags, how often, how noisy, and the bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from edge.drivers.readings import Reading, decimal_text
from edge.words import Language, Table, said
from kernel.errors import ProtocolError
from kernel.links import Link

_RECENT_MS = 5_000  # the rate is taken over this
_TOO_YOUNG_MS = 2_000  # what came in less says nothing about a rate
_MOST = 10_000  # in that time, of the fastest indicators
_RAW = 32  # bytes shown
_OLD_S = 2  # a display older than this is said to be

TEXTS: Table = {
    "nothing_yet": ("---", "---"),
    "no_number": ("------", "------"),
    "unit_unsaid": ("（单位未发送）", "(unit not sent)"),
    "unit_set": ("{unit}（按设置）", "{unit} (as set)"),
    "age": ("（{seconds} 秒前）", "({seconds} s ago)"),
    "counts": (
        "{state}  {rate} 次/秒  正确 {good}  错误 {bad}",
        "{state}  {rate}/s  good {good}  errors {bad}",
    ),
    "raw": ("原始字节 {raw}", "raw {raw}"),
    "gross": ("毛重", "gross"),
    "net": ("净重", "net"),
    "tare": ("皮重", "tare"),
    "displayed": ("毛重或净重", "gross or net"),
    "unknown": ("毛重/净重不明", "gross or net unknown"),
    "stable": ("稳定", "stable"),
    "in_motion": ("不稳定", "in motion"),
    "stable_unsaid": ("稳定标志未发送", "stability not sent"),
    "over_range": ("超量程", "over range"),
    "under_range": ("欠量程", "under range"),
    "no_weight": ("不可作重量", "no weight"),
    "doubt": ("须设置 {option}", "set {option}"),
    "checked": ("校验正确", "checksum right"),
    "unchecked": ("无校验", "no checksum"),
}


class Tapped:
    """A link that remembers the last bytes that came over it."""

    def __init__(self, inner: Link) -> None:
        self._inner = inner
        self.last = b""

    async def read(self) -> bytes:
        data = await self._inner.read()
        self.last = (self.last + data)[-_RAW:]
        return data

    async def write(self, data: bytes) -> None:
        await self._inner.write(data)

    async def close(self) -> None:
        await self._inner.close()


class Monitor:
    """Fed with what a parser made of the wire; `lines` is what the screen shows now.

    `unit` is the one that the options say, for displays that do not send it.
    """

    def __init__(
        self,
        *,
        title: str,
        describe: Callable[[Any], Mapping[str, object]],
        unit: str | None = None,
        language: Language = "zh",
    ) -> None:
        self._title = title
        self._describe = describe
        self._unit = unit
        self._say = partial(said, TEXTS, language)
        self._times: deque[int] = deque(maxlen=_MOST)
        self._begun_ms: int | None = None
        self._shown: object | None = None
        self._shown_ms = 0
        self._error = ""
        self._good = 0
        self._bad = 0

    def take(self, item: object, *, mono_ms: int) -> None:
        if isinstance(item, ProtocolError):
            self._bad += 1
            self._error = str(item)
            return
        self._good += 1
        self._begun_ms = mono_ms if self._begun_ms is None else self._begun_ms
        self._times.append(mono_ms)
        self._shown, self._shown_ms = item, mono_ms

    def lines(self, *, mono_ms: int, raw: bytes, state: str) -> list[str]:
        return [
            self._title,
            f"  {self._display(mono_ms)}",
            f"  {self._flags(self._shown)}",
            f"  {self._counts(mono_ms, state)}",
            f"  {self._say('raw', raw=raw.hex(' '))}",
            f"  {self._error}",
        ]

    def line(self, *, mono_ms: int, raw: bytes, state: str) -> str:
        """All of it in one, for what is no terminal."""
        parts = (self._display(mono_ms), self._flags(self._shown), self._counts(mono_ms, state))
        return "  ".join((*parts, self._say("raw", raw=raw.hex(" "))))

    def one(self, item: object) -> str:
        """A single display with its flags, or what else a device has said."""
        return "  ".join(filter(None, (self._value(item), self._flags(item))))

    def _display(self, mono_ms: int) -> str:
        shown = self._shown
        if shown is None:
            return self._say("nothing_yet")
        age_s = (mono_ms - self._shown_ms) // 1000
        return self._value(shown) + (f" {self._say('age', seconds=age_s)}" if age_s >= _OLD_S else "")

    def _value(self, shown: object) -> str:
        if not isinstance(shown, Reading):
            return " ".join(f"{key}={value}" for key, value in self._describe(shown).items())
        if shown.mantissa is None:
            return self._say("no_number")
        return f"{decimal_text(shown.mantissa, shown.exponent)} {shown.unit or self._unsent_unit()}"

    def _unsent_unit(self) -> str:
        return self._say("unit_set", unit=self._unit) if self._unit else self._say("unit_unsaid")

    def _flags(self, shown: object) -> str:
        return ", ".join(self._words(shown)) if isinstance(shown, Reading) else ""

    def _words(self, shown: Reading) -> Iterator[str]:
        yield self._say(shown.kind or "unknown")
        yield self._say({True: "stable", False: "in_motion", None: "stable_unsaid"}[shown.stable])
        yield from shown.words
        if shown.over_range:
            yield self._say("over_range")
        if shown.under_range:
            yield self._say("under_range")
        if not shown.valid:
            yield self._say("no_weight")
        if shown.doubt:
            yield self._say("doubt", option=shown.doubt)
        yield self._say("checked" if shown.checked else "unchecked")

    def _counts(self, mono_ms: int, state: str) -> str:
        return self._say("counts", state=state, rate=self._rate(mono_ms), good=self._good, bad=self._bad)

    def _rate(self, mono_ms: int) -> str:
        """Readings a second, over the last few seconds; none where they are too few to tell."""
        window_ms = 0 if self._begun_ms is None else min(mono_ms - self._begun_ms, _RECENT_MS)
        if window_ms < _TOO_YOUNG_MS:
            return "---"
        while self._times and mono_ms - self._times[0] >= window_ms:
            self._times.popleft()
        tenths = 10_000 * len(self._times) // window_ms
        return f"{tenths // 10}.{tenths % 10}"
