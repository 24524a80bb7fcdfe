"""The verb `scale send`: zero or tare, for indicators whose orders are documented, and what the device answered."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from edge.drivers.readings import Reading
from edge.drivers.rows import Indicator
from edge.technician.display import Monitor
from edge.technician.target import Target, add_target, target_of
from edge.words import Table, said
from journal.console import Console, Verbs, write
from kernel.clock import Clock
from kernel.errors import ConfigError, LinkError, ProtocolError, RefusedError

NOT_SENT = 1
_ANSWER_S = 2.0

TEXTS: Table = {
    "refused": (
        "执法中拒绝去皮：车道只称毛重，净重示值不作重量",
        "tare is refused for enforcement: a lane weighs gross and takes no weight from a net display",
    ),
    "no_order": (
        "{row} 没有 {order} 指令；有据可查的指令：{known}",
        "{row} has no order {order}; those that are documented: {known}",
    ),
    "zero": (
        "置零：{row}，{url}。台面必须空。发送？",
        "zero {row} at {url}: the platform must be empty. Send?",
    ),
    "tare": (
        "去皮：{row}，{url}。执法称重不得去皮。发送？",
        "tare {row} at {url}: tare is refused for enforcement. Send?",
    ),
    "not_sent": ("未发送", "not sent"),
    "answer": ("应答：{text}", "answer: {text}"),
    "no_answer": ("{seconds} 秒内无应答", "no answer in {seconds} s"),
    "display": ("示值：{text}", "display: {text}"),
}


def add(verbs: Verbs) -> None:
    send = verbs.add_parser("send", help="have the scale zero or tare itself")
    send.add_argument("order", choices=("zero", "tare"))
    add_target(send)
    send.add_argument("--yes", action="store_true", help="do not ask")
    send.set_defaults(run=_send)


def _send(given: argparse.Namespace, console: Console) -> int:
    speak = partial(said, TEXTS, given.lang)
    target = target_of(given)
    if given.order == "tare" and target.of_a_lane:
        raise RefusedError(speak("refused"))
    orders = target.row.orders if isinstance(target.row, Indicator) else {}
    if given.order not in orders:
        known = ", ".join(sorted(orders)) or "-"
        raise ConfigError.one("order", speak("no_order", row=target.row.name, order=given.order, known=known))
    data = orders[given.order](target.options)
    question = speak(given.order, row=target.row.name, url=target.url)
    if not given.yes and not _is_confirmed(question):
        write(speak("not_sent"))
        return NOT_SENT
    try:
        answers = asyncio.run(_order(target, data, console.clock))
    except LinkError as error:
        raise ConfigError.one("URL", str(error)) from error
    screen = Monitor(title="", describe=target.row.describe, unit=target.options.unit, language=given.lang)
    write("\n".join(_answered(answers, target, screen, speak)))
    return 0


def _is_confirmed(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")


async def _order(target: Target, data: bytes, clock: Clock) -> list[Any]:
    """What came within two seconds of it."""
    link = await target.open()
    parser = target.row.parser(target.options)
    items: list[Any] = []
    try:
        await link.write(data)
        end_ms = clock.mono_ms() + round(_ANSWER_S * 1000)
        while clock.mono_ms() < end_ms:
            items += parser.feed(await link.read())
    finally:
        await link.close()
    return [item for item in (*items, *parser.finish()) if not isinstance(item, ProtocolError)]


def _answered(
    answers: Sequence[Any], target: Target, screen: Monitor, speak: Callable[..., str]
) -> Iterator[str]:
    replies = [item for item in answers if not isinstance(item, Reading)]
    shown = [item for item in answers if isinstance(item, Reading)]
    for reply in replies:
        yield speak("answer", text=_json(target.row.describe(reply)))
    if not replies:
        yield speak("no_answer", seconds=f"{_ANSWER_S:g}")
    if shown:
        yield speak("display", text=screen.one(shown[-1]))


def _json(described: Mapping[str, object]) -> str:
    return json.dumps(dict(described), ensure_ascii=False)
