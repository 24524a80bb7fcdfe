"""`weighpost-edge instrument`: what a person at the box says of the scale, and what the scale may be used for."""

from __future__ import annotations

import argparse
import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge.drivers.making import make_driver
from edge.instrument.instrument import checks_of
from edge.instrument.memory import NAME, load
from edge.instrument.showing import lines, shown
from edge.orders import FOLDER, leave, wait
from edge.settings import Settings
from journal.console import Console, Verbs, write
from kernel.errors import ConfigError, RefusedError
from kernel.events import InstrumentCertificate
from kernel.law.instrument_acts import AT_THE_BOX, CHANGES, Act, certificate_of, moment_ms, saying_of
from kernel.law.law import Law

Load = Callable[[Path], tuple[Settings, Law]]


def add(verbs: Verbs, *, load_lane: Load) -> None:
    group = verbs.add_parser("instrument", help="certificate, seals, checks and shifts of the scale")
    acts = group.add_subparsers(required=True, metavar="ACT", dest="act")
    show = _act(acts, "show", "what is in force, what is due, what drifts", load_lane, _show)
    show.add_argument("--json", action="store_true")
    certify = _saying(acts, "certify", "take a verification certificate into use", load_lane, "certify")
    certify.add_argument("certificate", type=Path, metavar="certificate.toml")
    _change(acts, "seal-broken", "a seal is broken: no evidence from then on", load_lane, "seal_broken")
    _change(acts, "sealed", "a seal was put on; it is no verification", load_lane, "sealed")
    _change(
        acts,
        "cell-replaced",
        "a load cell was replaced: no evidence from then on",
        load_lane,
        "load_cell_replaced",
    )
    _change(acts, "repaired", "it was repaired or adjusted: no evidence from then on", load_lane, "repaired")
    _saying(acts, "open-shift", "a shift begins: its checks are due", load_lane, "open_shift")
    _saying(acts, "check-zero", "hold the empty platform against zero", load_lane, "check_zero")
    reference = _saying(
        acts, "check-reference", "hold a known mass against the scale", load_lane, "check_reference"
    )
    reference.add_argument("reference", metavar="NAME", help="of scale.checks.references")


def _act(
    acts: Verbs, name: str, says: str, load_lane: Load, run: Callable[[argparse.Namespace, Console], int]
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = acts.add_parser(name, help=says)
    parser.add_argument("settings", type=Path, metavar="lane.toml")
    parser.set_defaults(run=run, load_lane=load_lane)
    return parser


def _saying(acts: Verbs, name: str, says: str, load_lane: Load, act: Act) -> argparse.ArgumentParser:
    parser = _act(acts, name, says, load_lane, _say)
    parser.add_argument("--by", required=True, metavar="NAME", help="who says so")
    parser.add_argument("--note", default="")
    parser.add_argument("--wait", type=int, default=10, metavar="SECONDS", help="for the lane to answer")
    parser.set_defaults(saying=act)
    return parser


def _change(acts: Verbs, name: str, says: str, load_lane: Load, act: Act) -> argparse.ArgumentParser:
    parser = _saying(acts, name, says, load_lane, act)
    parser.add_argument("--seal", default="", metavar="NUMBER")
    parser.add_argument("--at", metavar="'YYYY-MM-DD HH:MM'", help="since when, in China; without it now")
    return parser


def _show(given: argparse.Namespace, console: Console) -> int:
    settings, _law = given.load_lane(given.settings)
    scale, lane = settings.scale, settings.lane
    driver = make_driver(scale.driver, scale.options, device=scale.name, clock=console.clock)
    found = shown(
        load(Path(settings.data) / NAME),
        device=scale.name,
        grade=lane.weighing_grade,
        checks=scale.checks,
        kinds=checks_of(driver.method, scale.checks, attended=lane.attended),
        now_ms=console.clock.now_ms(),
    )
    if given.json:
        write(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        write("\n".join(lines(found)))
    return 0


def _say(given: argparse.Namespace, console: Console) -> int:
    """0: done.  RefusedError: why not.  Without an answer the order stays, for when the lane runs; a check does not.

    What was done to the scale counts from now, however late the lane hears of it.
    """
    settings, _law = given.load_lane(given.settings)
    arguments = arguments_of(given, now_ms=console.clock.now_ms())
    saying_of(arguments)
    path = leave(Path(settings.data) / FOLDER, arguments)
    at_once = given.saying in AT_THE_BOX
    answer = asyncio.run(wait(path, given.wait, clock=console.clock, withdraw=at_once))
    if answer is None and at_once:
        raise RefusedError("the lane has not answered: nothing was checked")
    if answer is None:
        write("the lane has not answered: the order stays, and is carried out when it runs")
        return 0
    if answer.refused:
        raise RefusedError(answer.refused)
    write(answer.done)
    return 0


def arguments_of(given: argparse.Namespace, *, now_ms: int) -> dict[str, str]:
    """As an order says it; ConfigError: what was typed is not one."""
    said = {"act": given.saying, "id": uuid.uuid4().hex, "by": given.by, "note": given.note}
    if getattr(given, "seal", ""):
        said["seal"] = given.seal
    if given.saying in CHANGES:
        said["at_ms"] = str(now_ms if given.at is None else moment_ms("--at", given.at))
    if given.saying == "check_reference":
        said["reference"] = given.reference
    if given.saying == "certify":
        said["certificate"] = msgspec.json.encode(_certificate(given.certificate)).decode()
    return said


def _certificate(path: Path) -> InstrumentCertificate:
    try:
        return certificate_of(str(path), path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError.one(str(path), f"cannot be read: {error}") from error
