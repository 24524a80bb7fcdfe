"""Settings of the witness, read strictly: every fault with its path, all of them at once."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from verify.package import TRUSTED_KEY, Between, Key, Matching, Maybe, check_shape, read_base64

HOST = Matching(r"[0-9A-Za-z.:-]{1,253}", "a host name or address")
PATH = Matching(r"[^\x00]{1,4000}", "a path")
WITNESS = {
    "listen": {"host": Maybe(HOST), "port": Between(0, 65_535)},
    "key": PATH,
    "state": PATH,
    "root": TRUSTED_KEY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessSettings:
    """Where the witness listens, which key it signs with, where it remembers, and which root it believes."""

    host: str
    port: int
    key: Path
    state: Path
    root: Key


def read_witness_settings(path: Path) -> WitnessSettings:
    """ValueError (ShapeError with every fault) or OSError; relative paths start at the settings file's folder."""
    table = tomllib.loads(path.read_text("utf-8"))
    check_shape(table, WITNESS)
    listen = table["listen"]
    return WitnessSettings(
        host=listen.get("host") or "127.0.0.1",
        port=listen["port"],
        key=path.parent / table["key"],
        state=path.parent / table["state"],
        root=Key(name=table["root"]["name"], public=read_base64(table["root"]["public"])),
    )
