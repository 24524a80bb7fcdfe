"""The code on a slip is read alike by who prints and who checks, and paper that the log contradicts is FALSE."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.errors import ProtocolError
from kernel.evidence.slips import Slip
from tests.verify.journals import long_log, save
from tests.verify.making import Log, draft, passage_log, trust_toml
from verify.main import main
from verify.slips import LONGEST, read_payload

ALPHANUMERIC = set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
NUMBER = st.integers(0, 2**53 - 1)
SLIPS = st.builds(
    Slip,
    journal=st.binary(min_size=16, max_size=16).map(bytes.hex),
    seq=NUMBER,
    leaf=st.binary(min_size=16, max_size=16).map(bytes.hex),
    cosigned_size=NUMBER,
)


def slip_of(log: Log, seq: int, cosigned_size: int = 0) -> str:
    leaf = log.entries[seq].leaf.hex()
    return Slip.of(journal=log.id, seq=seq, leaf=leaf, cosigned_size=cosigned_size).payload()


@given(SLIPS)
def test_both_read_what_is_printed(slip: Slip) -> None:
    payload = slip.payload()
    assert set(payload) <= ALPHANUMERIC
    assert len(payload) <= LONGEST
    assert Slip.parse(payload) == slip
    read = read_payload(payload)
    assert (read.journal, read.seq, read.leaf, read.cosigned_size) == (
        slip.journal,
        slip.seq,
        slip.leaf,
        slip.cosigned_size,
    )


@pytest.mark.broad
@settings(max_examples=300)
@given(SLIPS, st.integers(0, LONGEST), st.characters(max_codepoint=0x2FF))
def test_one_wrong_character_never_passes(slip: Slip, at: int, other: str) -> None:
    payload = slip.payload()
    at %= len(payload)
    wrong = payload[:at] + other + payload[at + 1 :]
    if wrong != payload:
        assert refused_by_both(wrong)


@given(SLIPS, st.integers(0, LONGEST))
def test_two_characters_changed_about_never_pass(slip: Slip, at: int) -> None:
    payload = slip.payload()
    at %= len(payload) - 1
    wrong = payload[:at] + payload[at + 1] + payload[at] + payload[at + 2 :]
    if wrong != payload:
        assert refused_by_both(wrong)


@given(st.text(max_size=130) | st.text("0123456789ABCDEF:WP", max_size=130))
def test_noise_is_refused_by_both(text: str) -> None:
    assert refused_by_both(text)


def refused_by_both(payload: str) -> bool:
    with pytest.raises(ProtocolError):
        Slip.parse(payload)
    with pytest.raises(ValueError, match="code"):
        read_payload(payload)
    return True


@pytest.mark.parametrize("seq", ["007", "9007199254740992", "00"])
def test_a_number_has_one_form_and_a_limit(seq: str) -> None:
    from binascii import crc32

    text = f"WP1:{'A' * 32}:{seq}:{'B' * 32}:5:"
    assert refused_by_both(f"{text}{crc32(text.encode()):08X}")


# --- against a package or a journal -----------------------------------------------------------------------------


@pytest.fixture
def trust(tmp_path: Path) -> str:
    path = tmp_path / "trust.toml"
    path.write_text(trust_toml(), "utf-8")
    return str(path)


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """(exit code, verdict of the slip's line, what it says)."""
    code = main(["slip", *arguments, "--json"])
    rows = json.loads(capsys.readouterr().out)["lines"]
    [line] = [row for row in rows if row["check"] == "slip"]
    return code, line["result"], line["en"]


def test_paper_and_package_agree_or_not(
    tmp_path: Path, trust: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log, rewritten = passage_log(), passage_log(gross_kg=40_000)
    path = tmp_path / "package.zip"
    path.write_bytes(draft(log).zipped())
    where = ("--package", str(path), "--trust", trust)
    assert check(capsys, slip_of(log, 3, 8), *where) == (0, "PROVEN", "paper and log agree")
    assert check(capsys, slip_of(rewritten, 3, 5), *where)[:2] == (1, "FALSE")
    assert check(capsys, slip_of(log, 3, 9), *where)[:2] == (1, "NOT PROVEN")
    assert check(capsys, slip_of(log, 6, 8), *where)[:2] == (1, "NOT PROVEN")
    assert check(capsys, slip_of(passage_log(seed="other"), 3, 8), *where)[:2] == (1, "NOT PROVEN")
    path.write_bytes(b"no zip")
    assert check(capsys, slip_of(log, 3, 8), *where)[:2] == (1, "FALSE")


def test_paper_outlives_a_journal_that_was_rewritten_after_the_print(
    tmp_path: Path, trust: str, capsys: pytest.CaptureFixture[str]
) -> None:
    honest, rewritten = passage_log(), passage_log(gross_kg=40_000)
    payload = slip_of(honest, 3, 6)
    good, bad = save(honest, tmp_path / "good.db"), save(rewritten, tmp_path / "bad.db")
    # The rewritten journal is whole and signed, and agrees with itself: only paper tells.
    assert main(["journal", str(bad)]) == 0
    capsys.readouterr()
    assert check(capsys, payload, "--journal", str(good)) == (0, "PROVEN", "paper and log agree")
    code, verdict, why = check(capsys, payload, "--journal", str(bad))
    assert (code, verdict) == (1, "FALSE")
    assert "rewritten after the print, or a forged slip" in why
    assert check(capsys, payload, "--journal", str(good), "--trust", trust)[0] == 1


def test_a_log_shorter_than_was_cosigned_at_the_print_is_not_proven(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = long_log(300)
    payload = slip_of(log, 20, 290)
    log.entries = log.entries[:250]
    code, verdict, why = check(capsys, payload, "--journal", str(save(log, tmp_path / "journal.db")))
    assert (code, verdict) == (1, "NOT PROVEN")
    assert why == "290 entries were cosigned at the print, and here are only 250"


def test_what_cannot_be_used_is_exit_2(
    tmp_path: Path, trust: str, capsys: pytest.CaptureFixture[str]
) -> None:
    payload = slip_of(passage_log(), 3)
    path = save(passage_log(), tmp_path / "journal.db")
    assert main(["slip", payload[:-1] + "x", "--journal", str(path)]) == 2
    assert main(["slip", payload, "--package", str(path)]) == 2
    assert main(["slip", payload, "--journal", str(tmp_path / "no.db")]) == 2
    assert main(["slip", payload, "--package", str(tmp_path / "no.zip"), "--trust", trust]) == 2
    assert "Traceback" not in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["slip", payload])
