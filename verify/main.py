"""Composition root of weighpost-verify: `package`, `journal`, `slip` check, `witness` serves, `head` lists its heads."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from verify import checking, package
from verify.serving import JsonLines, Server, url
from verify.settings import WitnessSettings, read_witness_settings
from verify.witness import UnusableError, Witness, list_heads, load_key, open_heads

log = logging.getLogger("verify.main")


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        code: int = options.run(options)
    except UnusableError as error:
        return _complain(str(error))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="weighpost-verify", description="Proofs of Weighpost 证据核验")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("package", help="check one evidence package 核验证据包")
    package.arguments(command)
    command.set_defaults(run=package.run)
    command = commands.add_parser("journal", help="check whole journals 核验整本日志")
    checking.journal_arguments(command)
    command.set_defaults(run=checking.run_journal)
    command = commands.add_parser("slip", help="compare a printed slip with the log 核对凭条")
    checking.slip_arguments(command)
    command.set_defaults(run=checking.run_slip)
    command = commands.add_parser("witness", help="serve as a witness 见证")
    command.add_argument("settings", type=Path, help="witness.toml")
    command.set_defaults(run=_witness)
    command = commands.add_parser("head", help="list the journals that a witness has cosigned")
    command.add_argument("settings", type=Path, help="witness.toml")
    command.add_argument("journal", nargs="?", help="only this one")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.set_defaults(run=_head)
    return parser


def _settings(path: Path) -> WitnessSettings:
    try:
        return read_witness_settings(path)
    except (OSError, ValueError) as error:
        raise UnusableError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error


def _witness(options: argparse.Namespace) -> int:
    settings = _settings(options.settings)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    witness = _open(settings)
    server = Server(witness, settings.host, settings.port)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    serving = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    serving.start()
    log.info("witness listening", extra={"url": url(server), "name_of_key": witness.key.name})
    stop.wait()
    server.shutdown()
    server.server_close()
    witness.close()
    log.info("witness stopped")
    return 0


def _open(settings: WitnessSettings) -> Witness:
    name, private = load_key(settings.key)
    heads = open_heads(settings.state, settings.key)
    return Witness(heads, name=name, private=private, root=settings.root, now_s=_now_s)


def _now_s() -> int:
    return time.time_ns() // 1_000_000_000


def _head(options: argparse.Namespace) -> int:
    settings = _settings(options.settings)
    found = options.journal is None
    try:
        for head in list_heads(settings.state, options.journal):
            found = True
            sys.stdout.write(json.dumps(head) + "\n" if options.json else _head_row(head))
    except sqlite3.Error as error:
        raise UnusableError(f"state: {settings.state}: {error}") from error
    return 0 if found else 1


def _head_row(head: dict[str, Any]) -> str:
    state = "FORKED" if head["forked"] else f"{head['alarms']} alarms" if head["alarms"] else "ok"
    return (
        f"{head['journal']}  {head['box']}  {head['size']}  {head['root']}  {head['cosigned_s']}  {state}\n"
    )


def _complain(text: str) -> int:
    sys.stderr.write("".join(f"weighpost-verify: {line}\n" for line in text.splitlines()))
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
