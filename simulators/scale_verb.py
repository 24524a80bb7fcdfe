"""`weighpost-sim scale`: prints where its port is, then is an indicator until it is stopped or its scenario is over."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.drivers import load_driver
from kernel.errors import ConfigError
from simulators.demo.clock import RealClock
from simulators.ptys import PtyPort
from simulators.scale import Play, Port, check, playable, serve
from simulators.scenario import scenario_of, shipped
from simulators.sockets import TcpPort
from simulators.uart import Line

_HOST_READS_S = 1.0  # how long after the end the port stays, for what is still on the line


def add_scale(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--protocol", metavar="P", help="a name of the device catalogue")
    parser.add_argument("--options", default="{}", metavar="JSON", help="as in the settings of a lane")
    parser.add_argument(
        "--line", metavar='"9600 8N1"', help="keep to this line; hosts at another speed hear garbage"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--pty", type=Path, metavar="PATH", help="make the pty known under this path")
    where.add_argument("--tcp", metavar="HOST:PORT", help="listen there instead; port 0 takes a free one")
    parser.add_argument(
        "--scenario", default="normal", metavar="NAME|FILE", help="one that is shipped, or a file"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--once", action="store_true", help="end with the scenario instead of beginning anew")
    parser.add_argument(
        "--unasked", action="store_true", help="stream, also where the device usually waits to be asked"
    )
    parser.add_argument("--list", action="store_true", help="say which protocols and scenarios there are")
    parser.add_argument("--json", action="store_true", help="with --list: as one JSON object")


def run_scale(given: argparse.Namespace) -> int:
    """Exit code 0 when stopped or over; ConfigError for what cannot be played."""
    if given.list:
        return _list(as_json=given.json)
    if not given.protocol:
        raise ConfigError.one("protocol", f"is required: one of {', '.join(playable())}")
    play = Play(
        protocol=given.protocol,
        options=_json(given.options),
        scenario=scenario_of(given.scenario),
        seed=given.seed,
        unasked=given.unasked,
    )
    check(play)
    if not given.tcp and not any(usual[:1].isdigit() for usual in load_driver(play.protocol).lines):
        raise ConfigError.one("tcp", f"is required: {play.protocol} is spoken over TCP alone")
    line = Line.parse(given.line) if given.line else None
    with _port(given, line) as (port, name):
        asyncio.run(_until_stopped(play, port, name, once=given.once))
    return 0


def _list(*, as_json: bool) -> int:
    protocols = {name: load_driver(name).title for name in playable()}
    scenarios = {name: scenario.says for name, scenario in shipped().items()}
    if as_json:
        _say(json.dumps({"protocols": protocols, "scenarios": scenarios}, ensure_ascii=False))
        return 0
    for title, rows in (("protocols", protocols), ("scenarios", scenarios)):
        _say(title)
        for name, says in rows.items():
            _say(f"  {name:20} {says}".rstrip())
    return 0


def _json(text: str) -> object:
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError.one("options", f"must be JSON: {error}") from error
    if not isinstance(table, dict):
        raise ConfigError.one("options", f"must be a JSON object, is {text:.40}")
    return table


@contextmanager
def _port(given: argparse.Namespace, line: Line | None) -> Iterator[tuple[Port, str]]:
    with contextlib.ExitStack() as stack:
        if given.tcp:
            tcp = _tcp(given.tcp, line)
            tcp.plug()
            stack.callback(tcp.unplug)
            yield tcp, tcp.url
            return
        path = (
            given.pty
            or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weighpost-sim-"))) / "scale"
        )
        pty = PtyPort(path, clock=RealClock(), line=line)
        pty.plug()
        stack.callback(pty.unplug)
        yield pty, str(path)


def _tcp(text: str, line: Line | None) -> TcpPort:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError.one("tcp", f"must be HOST:PORT, is {text!r}")
    return TcpPort(host, int(port), clock=RealClock(), line=line)


async def _until_stopped(play: Play, port: Port, name: str, *, once: bool) -> None:
    clock = RealClock()
    task = asyncio.create_task(serve(play, port, clock=clock, once=once))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    _say(name)  # only now: who reads it may stop us
    with contextlib.suppress(asyncio.CancelledError):
        await task
        await clock.sleep(_HOST_READS_S)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
