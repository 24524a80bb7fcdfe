"""A client's side of the witness, for the tests."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.verify.making import (
    BOX,
    ENROLMENT,
    NOW_MS,
    ROOT,
    WITNESS,
    Log,
    b64,
    certificate,
    consistency,
    passage_log,
)
from verify.package import Key, read_checkpoint
from verify.witness import Heads, Witness

NOW_S = NOW_MS // 1000
CERTS = (certificate("box", BOX, ENROLMENT), certificate("enrolment", ENROLMENT, ROOT))
WITNESS_KEY = Key(name=WITNESS.name, public=WITNESS.public)


def ask(
    log: Log,
    old_size: int,
    size: int | None = None,
    /,
    *,
    certs: Sequence[str] = CERTS,
    introduce: bool = True,
    **changes: Any,
) -> bytes:
    """The request that a truthful centre makes; `changes` spoil it."""
    count = len(log.entries) if size is None else size
    proof = consistency(log.leaves[:count], old_size) if 0 < old_size <= count else []
    table: dict[str, Any] = {
        "old_size": old_size,
        "proof": [b64(step) for step in proof],
        "checkpoint": log.checkpoint(count),
    }
    if introduce:
        first = log.entries[0]
        table["genesis"] = {"header": b64(first.header), "salt": b64(first.salt), "body": b64(first.body)}
        table["certs"] = list(certs)
    return json.dumps({**table, **changes}).encode()


def cosigned_s(log: Log, size: int, line: str) -> int | None:
    """When the witness cosigned this size, by a check of its line."""
    return read_checkpoint((log.checkpoint(size) + line).encode()).note.cosigned_by(WITNESS_KEY)


def a_witness(folder: Path, now_s: int = NOW_S, *, heads: Heads | None = None) -> Witness:
    return Witness(
        heads or Heads(folder / "heads.db"),
        name=WITNESS.name,
        private=WITNESS.private,
        root=Key(name=ROOT.name, public=ROOT.public),
        now_s=lambda: now_s,
    )


def known_size(witness: Witness, log: Log) -> int | None:
    reply = witness.head(log.id)
    return None if reply.status == 404 else int(json.loads(reply.text)["size"])


def write_witness(folder: Path, *, port: int = 0) -> Path:
    """Key file and settings as an operator would have them."""
    key = folder / "witness.key"
    private = WITNESS.private.private_bytes_raw()
    key.write_text(
        json.dumps(
            {"kind": "witness", "name": WITNESS.name, "private": b64(private), "public": b64(WITNESS.public)}
        )
    )
    key.chmod(0o600)
    settings = folder / "witness.toml"
    settings.write_text(
        f'key = "witness.key"\nstate = "state"\n[listen]\nport = {port}\n'
        f'[root]\nname = "{ROOT.name}"\npublic = "{base64.b64encode(ROOT.public).decode()}"\n'
    )
    return settings


def two_histories() -> tuple[Log, Log]:
    """One journal key, two different pasts from entry 3 on."""
    return passage_log(), passage_log(gross_kg=40_000)
