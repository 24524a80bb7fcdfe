"""weighpost-sim: the demo, one scale on one port, and lists of what it can simulate."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, get_args

from edge.drivers import load_driver
from edge.drivers.rows import Indicator
from kernel.errors import ConfigError
from simulators.demo.clock import RealClock
from simulators.demo.running import DemoError, Plan, play, write_report
from simulators.faults import read_faults
from simulators.files import text_of
from simulators.replay import Replay, replay
from simulators.scale_verb import add_scale, run_scale
from simulators.traffic import Light, read_traffic
from simulators.training.verb import add_train, run_train

BAUDS = (600, 1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200)
_FASTEST = 1_000_000
T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="weighpost-sim", description="The outside world, simulated.")
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="verb")
    _add_demo(verbs.add_parser("demo", help="run everything on this machine"))
    add_scale(verbs.add_parser("scale", help="one indicator or weigher on a pty or TCP port"))
    traffic = verbs.add_parser("traffic", help="list the crossings of a script")
    traffic.add_argument("--script", type=Path)
    traffic.add_argument("--vehicles", type=int)
    traffic.add_argument("--json", action="store_true")
    _add_replay(verbs.add_parser("replay", help="play what a line once said, on a pty or a TCP port"))
    add_train(verbs.add_parser("train", help="train our own plate models on drawn plates"))
    given = parser.parse_args(arguments)
    try:
        if given.verb == "train":
            return run_train(given)
        return run_scale(given) if given.verb == "scale" else _traffic_verbs(parser, given)
    except BrokenPipeError:  # whoever read has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ConfigError, DemoError, OSError) as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"weighpost-sim: {line}\n")
        return 2


def _traffic_verbs(parser: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    if given.verb == "replay":
        return _replay(given)
    if given.vehicles is not None and given.vehicles < 1:
        parser.error("--vehicles must be at least 1")
    if given.verb == "demo" and given.exit != bool(given.vehicles):
        parser.error("--exit and --vehicles go together")
    if given.verb == "demo" and given.report and not given.exit:
        parser.error("--report goes with --exit")
    return _traffic(given) if given.verb == "traffic" else _demo(given)


def _add_demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument("--vehicles", type=int, help="how many; without it they come until Ctrl-C")
    demo.add_argument("--report", type=Path, help="write the comparison with the truth here")
    demo.add_argument("--exit", action="store_true", help="end when the last vehicle is complete")
    demo.add_argument("--folder", type=Path, default=Path("build/demo"))
    demo.add_argument("--seed", type=int)
    demo.add_argument("--light", choices=get_args(Light), default="day")
    demo.add_argument("--script", type=Path, help="traffic script, TOML")
    demo.add_argument("--faults", type=Path, help="fault script, TOML")
    demo.add_argument("--indicator", metavar="P", help="what the platform of lane2 speaks")
    demo.add_argument(
        "--kill-every", type=float, default=0.0, metavar="S", help="kill -9 a process every S s"
    )


def _add_replay(play: argparse.ArgumentParser) -> None:
    play.add_argument("file", type=Path, help="a capture, or bytes as they came")
    play.add_argument("--speed", type=_above_zero, default=1.0, help="times as fast as it was")
    play.add_argument(
        "--baud", type=int, default=9_600, choices=BAUDS, help="pace of a file that has no times"
    )
    where = play.add_mutually_exclusive_group()
    where.add_argument("--path", type=Path, help="of the pty; by default a new one, which is printed")
    where.add_argument(
        "--tcp", type=_port, metavar="PORT", help="listen on 127.0.0.1 instead; 0 for a free port"
    )


def _above_zero(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < _FASTEST:
        raise argparse.ArgumentTypeError(f"must be a number above 0 and below {_FASTEST}, is {text!r}")
    return number


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text[:6]) > 65_535:
        raise argparse.ArgumentTypeError(f"must be 0 to 65535, is {text!r}")
    return int(text)


def _replay(given: argparse.Namespace) -> int:
    plan = Replay(file=given.file, speed=given.speed, baud=given.baud, path=given.path, tcp=given.tcp)
    try:
        asyncio.run(_unless_stopped(replay(plan, clock=RealClock(), say=_say)))
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else error
        sys.stderr.write(f"weighpost-sim: {reason}\n")
        return 2
    return 0


async def _unless_stopped(work: Coroutine[Any, Any, T]) -> T | None:
    """None when SIGINT or SIGTERM came first."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None


def _demo(given: argparse.Namespace) -> int:
    plan = Plan(
        folder=given.folder,
        vehicles=given.vehicles,
        seed=given.seed,
        light=given.light,
        faults=read_faults(text_of(given.faults)) if given.faults else (),
        kill_every_s=given.kill_every,
        traffic=given.script.read_text() if given.script else None,
        indicator=_indicator(given.indicator),
    )
    playing = play(plan, clock=RealClock(), say=_say, forever=not given.exit)
    report = asyncio.run(_unless_stopped(playing))
    if report is None:
        return 0
    if given.report:
        write_report(given.report, report)
    shown = {name: value for name, value in report.items() if name != "truth"}
    _say(json.dumps(shown, ensure_ascii=False, indent=1))
    return 0 if report["lost"] == report["doubled"] == 0 else 1


def _indicator(name: str | None) -> Indicator | None:
    if name is None:
        return None
    row = load_driver(name)
    if not isinstance(row, Indicator):
        raise ConfigError.one("indicator", f"{name} is no indicator of a platform")
    return row


def _traffic(given: argparse.Namespace) -> int:
    text = text_of(given.script) if given.script else _shipped()
    crossings = read_traffic(text, vehicles=given.vehicles)
    if given.json:
        rows = [
            {"number": c.number, "lane": c.lane, "start_ms": c.start_ms, "truck": c.truck.name}
            for c in crossings
        ]
        _say(json.dumps(rows, ensure_ascii=False))
        return 0
    for c in crossings:
        _say(f"{c.number:5} {c.start_ms / 1000:8.1f} s  {c.lane:8} {c.truck.gross_kg:7} kg  {c.truck.name}")
    return 0


def _shipped() -> str:
    return (resources.files("simulators") / "traffic_default.toml").read_text("utf-8")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
