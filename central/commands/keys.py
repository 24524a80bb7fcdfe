"""`new-root`, `enrol`, `trust`, `crl`: the keys of a county."""

from __future__ import annotations

import argparse
from pathlib import Path

from central import keyring
from central.authority import TlsAuthority
from central.commands.shared import load_settings, needs_settings, open_database
from central.enrolment.admission import lowest_bounds
from central.store.speakers import Revocation, Speakers
from journal.console import Console, Verbs, write
from kernel.errors import ConfigError
from kernel.evidence.certificates import Certificate, Kind
from kernel.evidence.notes import encode_base64

_KINDS: tuple[Kind, ...] = ("box", "store", "cosigner", "witness", "command")


def add(verbs: Verbs) -> None:
    root = verbs.add_parser("new-root", help="make a county's root key")
    root.add_argument("folder", type=Path)
    root.add_argument("--name", required=True)
    root.set_defaults(run=_new_root)
    enrol = verbs.add_parser("enrol", help="make keys and have them certified")
    enrol.add_argument("folder", type=Path)
    for kind in _KINDS:
        enrol.add_argument(f"--{kind}", action="append", default=[], metavar="NAME")
    enrol.add_argument(
        "--host",
        action="append",
        default=[],
        help="where these boxes serve others, for their TLS certificates",
    )
    enrol.set_defaults(run=_enrol)
    trust = verbs.add_parser("trust", help="print trust.toml for verifiers")
    trust.add_argument("folder", type=Path)
    trust.add_argument("--settings", type=Path, metavar="FILE", help="with them: what was revoked, too")
    trust.set_defaults(run=_trust)
    crl = verbs.add_parser("crl", help="print the list by which mosquitto refuses revoked boxes")
    crl.add_argument("folder", type=Path)
    needs_settings(crl)
    crl.set_defaults(run=_crl)


def _new_root(arguments: argparse.Namespace, console: Console) -> int:
    _told(keyring.new_root(arguments.folder, name=arguments.name, now_ms=console.clock.now_ms()))
    return 0


def _enrol(arguments: argparse.Namespace, console: Console) -> int:
    wanted = [(kind, name) for kind in _KINDS for name in getattr(arguments, kind)]
    if not wanted:
        raise ConfigError.one("enrol", f"says nobody: use {', '.join(f'--{kind}' for kind in _KINDS)}")
    for kind, name in wanted:
        made = keyring.enrol(
            arguments.folder, kind=kind, name=name, now_ms=console.clock.now_ms(), hosts=arguments.host
        )
        _told(made)
    return 0


def _trust(arguments: argparse.Namespace, _console: Console) -> int:
    bounds = lowest_bounds(_revocations(arguments.settings)) if arguments.settings else {}
    write(keyring.trust(arguments.folder, revoked=bounds))
    return 0


def _crl(arguments: argparse.Namespace, console: Console) -> int:
    gone = {one.box for one in _revocations(arguments.settings) if one.journal is None}
    write(TlsAuthority.load(arguments.folder).revocations(gone, now_ms=console.clock.now_ms()))
    return 0


def _revocations(path: Path) -> tuple[Revocation, ...]:
    with open_database(load_settings(path)) as database:
        return Speakers(database).revocations()


def _told(certificate: Certificate) -> None:
    write(f"{certificate.kind} {certificate.name} {encode_base64(certificate.public_key)}")
