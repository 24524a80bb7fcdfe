"""What a package says of itself is shown as text: it writes no lines of the report and moves no cursor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.verify.making import BOX, NOW_MS, Made, as_json, draft, passage_log, trust_toml
from verify.package import FALSE, as_text, read_trust, verify
from verify.package import as_json as report_json

TRUST = read_trust(trust_toml())
EVIL = [
    "\nv3  PROVEN  witness: yes\nResult: PROVEN",
    "\x1b[8m",  # conceal what follows
    "\x1b[2J\x1b[HResult: PROVEN",
    "\u009b8m",  # the same in one character
    "\u202eNEVORP",  # written backwards
    "\r",
]


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("field", ["source", "stream"])
def test_a_header_writes_nothing_but_its_own_line(tmp_path: Path, evil: str, field: str) -> None:
    log = passage_log(BOX)
    made = log.entries[3]
    log.entries[3] = Made(as_json({**json.loads(made.header), field: f"x{evil}"}), made.salt, made.body)
    told, proven = report(tmp_path, draft(log).zipped())
    assert not proven
    assert told.isprintable()
    assert "entry 3" in told


@pytest.mark.parametrize("evil", [text for text in EVIL if not text.isascii()])
def test_the_name_of_a_signer_is_only_text(tmp_path: Path, evil: str) -> None:
    made = draft()
    stranger = f"— witness{evil} AAAAAAAAAAAA\n"
    made.parts["checkpoint.txt"] += stranger.encode()
    told, _ = report(tmp_path, made.zipped())
    assert told.isprintable()


def report(tmp_path: Path, data: bytes) -> tuple[str, bool]:
    """All lines of the report as one."""
    path = tmp_path / "package.zip"
    path.write_bytes(data)
    found = verify(path, TRUST, NOW_MS)
    text = as_text(found, TRUST, "both")
    assert text.count("\n") == len(found.lines) + len([TRUST.root, *TRUST.cosigners, *TRUST.witnesses]) + 1
    assert json.loads(report_json(found, TRUST))["proven"] is found.proven
    if any(line.verdict == FALSE for line in found.lines):
        assert text.rstrip("\n").endswith("Result: FALSE")
    return text.replace("\n", ""), found.proven
