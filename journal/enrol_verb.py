"""The verb `enrol` of programs that run on boxes."""

from __future__ import annotations

import argparse
from pathlib import Path

from journal.console import Console, Verbs, write
from journal.enrolling import enrol
from journal.keys import Identity, SigningKey
from kernel.errors import ConfigError, LinkError, ProtocolError
from kernel.evidence.notes import encode_base64
from kernel.settings import refuse, token, url


def add(verbs: Verbs, *, store: bool = False) -> None:
    """`store`: it receives as well, and may need a key for its receipts."""
    parser = verbs.add_parser("enrol", help="make this box's keys and have the centre certify them")
    parser.add_argument("url", help="the centre's gate, https://host:port")
    parser.add_argument("--token", required=True, help="from `weighpost-central enrol-token`")
    parser.add_argument(
        "--root", required=True, metavar="FINGERPRINT", help="of the county's root, from paper"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    if store:
        parser.add_argument("--store", metavar="NAME", help="make a key for receipts, too")
    parser.set_defaults(run=_enrol)


def _enrol(arguments: argparse.Namespace, _console: Console) -> int:
    refuse(
        url("URL", arguments.url, "https://"),
        token("--token", arguments.token.partition(".")[0]),
    )
    identity = _asked(arguments)
    write(f"box {identity.box} {encode_base64(identity.key.public)}")
    if getattr(arguments, "store", None):
        path = arguments.out / f"{arguments.store}.store.key"
        key = SigningKey.create(path, kind="store", name=arguments.store)
        write(f"store {key.name} {encode_base64(key.public)}")
    return 0


def _asked(arguments: argparse.Namespace) -> Identity:
    gate = arguments.url.rstrip("/")
    try:
        return enrol(gate, token=arguments.token, fingerprint=arguments.root, folder=arguments.out)
    except (LinkError, ProtocolError) as error:
        raise ConfigError.one("URL", str(error)) from error
