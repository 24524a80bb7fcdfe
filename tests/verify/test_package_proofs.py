"""A clean package is PROVEN, and every way we know to spoil one shows in the line that it concerns."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.verify.making import (
    BOX,
    CENTRE,
    ENROLMENT,
    NOW_MS,
    PICTURES,
    ROOT,
    SECOND,
    WITNESS,
    WITNESSED_S,
    YEAR_MS,
    Draft,
    Log,
    Signer,
    as_json,
    b64,
    certificate,
    draft,
    passage_log,
    sha,
    trust_toml,
)
from verify.package import FALSE, NOT_PROVEN, PROVEN, Report, Trust, read_trust, verify

TRUST = read_trust(trust_toml())
FRONT = f"files/{sha(PICTURES['front.jpg']).hex()}.jpg"
WEIGHED = "entries/000003"


def judge(made: Draft | bytes, tmp_path: Path, trust: Trust = TRUST) -> Report:
    path = tmp_path / "package.zip"
    path.write_bytes(made if isinstance(made, bytes) else made.zipped())
    return verify(path, trust, NOW_MS)


def spoiled_lines(report: Report) -> list[tuple[str, str, str]]:
    return [(line.check, line.where, line.verdict) for line in report.lines if line.verdict != PROVEN]


def told(report: Report) -> str:
    return "\n".join(line.en for line in report.lines)


def test_a_clean_package_is_proven_line_by_line(tmp_path: Path) -> None:
    report = judge(draft(), tmp_path)
    assert report.proven
    assert report.witnessed_ms == WITNESSED_S * 1000
    assert {line.check for line in report.lines} == {"v1", "v2", "v3", "v4", "v5", "v6"}
    assert {line.where for line in report.lines} >= {
        "entry 0",
        "entry 5",
        "front.jpg",
        "clip-front.mp4",
        "witness",
    }
    assert all(line.zh and line.en for line in report.lines)


@pytest.mark.parametrize("size", [6, 7, 8])
def test_any_checkpoint_after_the_entries_proves_them(tmp_path: Path, size: int) -> None:
    assert judge(draft(size=size), tmp_path).proven


@pytest.mark.parametrize(
    "part",
    [
        "checkpoint.txt",
        "certs/box.cert",
        "certs/enrolment.cert",
        f"{WEIGHED}.header.json",
        f"{WEIGHED}.body.json",
        "entries/000000.header.json",
        "entries/000000.body.json",
        FRONT,
    ],
)
def test_a_changed_byte_anywhere_in_a_part_is_never_proven(tmp_path: Path, part: str) -> None:
    clean = draft()
    length = len(clean.parts[part])
    for at in range(0, length, max(1, length // 9)):
        made = draft()
        data = bytearray(clean.parts[part])
        data[at] ^= 0x01
        made.parts[part] = bytes(data)
        assert not judge(made, tmp_path).proven, (part, at)


def test_a_changed_digit_anywhere_in_package_json_is_never_proven(tmp_path: Path) -> None:
    made = draft()
    made.manifest["made_ms"] = 0  # says when the package was made; nothing proves it and no line shows it
    text = as_json(made.manifest)
    assert judge(made, tmp_path).proven
    for at in range(1, len(text), len(text) // 60):
        if text[at : at + 1].isalnum() and b'"made_ms":' not in text[max(0, at - 12) : at + 12]:
            assert not judge(_with_manifest(made, text, at), tmp_path).proven, text[at - 20 : at + 20]


def _with_manifest(made: Draft, text: bytes, at: int) -> bytes:
    changed = text[:at] + (b"1" if text[at : at + 1] != b"1" else b"2") + text[at + 1 :]
    try:
        manifest = json.loads(changed)
    except ValueError:
        manifest = {}
    return Draft(manifest, made.parts).zipped()


Spoil = Callable[[Draft], object]


def _swap(made: Draft, one: str, other: str) -> None:
    made.parts[one], made.parts[other] = made.parts[other], made.parts[one]


def _row(made: Draft, seq: int) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in made.manifest["entries"] if row["seq"] == seq)
    return found


def _heavier(made: Draft) -> None:
    made.parts[f"{WEIGHED}.body.json"] = made.parts[f"{WEIGHED}.body.json"].replace(b"51300", b"41300")


def _drop_proof_step(made: Draft) -> None:
    _row(made, 4)["inclusion"].pop()


def _spoil_proof(made: Draft) -> None:
    _row(made, 4)["inclusion"][0] = b64(bytes(32))


def _other_salt(made: Draft) -> None:
    _row(made, 4)["salt"] = "00" * 16


def _without_body(made: Draft) -> None:
    del made.parts[_row(made, 4)["body"]]
    _row(made, 4).update(body=None, salt=None)


def _unlisted_file(made: Draft) -> None:
    row = next(row for row in made.manifest["files"] if row["path"] == FRONT)
    made.manifest["files"].remove(row)
    del made.parts[FRONT]


def _two_passages(made: Draft) -> None:
    other = passage_log()
    other.entries[4].body = other.entries[4].body.replace(b"p-1", b"p-2")
    made.parts["entries/000004.body.json"] = other.entries[4].body


SPOILS: list[tuple[str, Spoil, str, str]] = [
    ("a lighter truck", _heavier, "v4 entry 3", FALSE),
    (
        "two headers swapped",
        lambda d: _swap(d, f"{WEIGHED}.header.json", "entries/000005.header.json"),
        "v1 entry 3",
        FALSE,
    ),
    (
        "two bodies swapped",
        lambda d: _swap(d, f"{WEIGHED}.body.json", "entries/000005.body.json"),
        "v4 entry 3",
        FALSE,
    ),
    ("a short proof", _drop_proof_step, "v1 entry 4", FALSE),
    ("a wrong proof", _spoil_proof, "v1 entry 4", FALSE),
    ("another salt", _other_salt, "v4 entry 4", FALSE),
    ("a body left out", _without_body, "v4 entry 4", NOT_PROVEN),
    ("a file left out", lambda d: d.parts.pop(FRONT), "v5 package", FALSE),
    ("a file left out and not listed", _unlisted_file, "v5 front.jpg", NOT_PROVEN),
    ("a file that nobody names", lambda d: d.parts.update({"files/more.jpg": b"x"}), "v5 package", FALSE),
    (
        "a note that nobody names",
        lambda d: d.parts.update({"entries/000009.body.json": b"{}"}),
        "v5 package",
        FALSE,
    ),
    ("another picture", lambda d: d.parts.update({FRONT: b"\xff\xd8 other"}), "v5 front.jpg", FALSE),
    ("entries of two passages", _two_passages, "v6 references", FALSE),
    (
        "something outside that nobody refers to",
        lambda d: d.manifest["outside"].append({"journal": "0" * 32, "seq": 1, "leaf": "0" * 64, "why": "x"}),
        "v6 references",
        FALSE,
    ),
]


@pytest.mark.parametrize(
    ("spoil", "where", "verdict"), [row[1:] for row in SPOILS], ids=[row[0] for row in SPOILS]
)
def test_what_is_spoiled_is_named(tmp_path: Path, spoil: Spoil, where: str, verdict: str) -> None:
    made = draft()
    spoil(made)
    report = judge(made, tmp_path)
    assert not report.proven
    assert (*where.split(" ", 1), verdict) in spoiled_lines(report)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.manifest["entries"].reverse(),
        lambda d: d.manifest["entries"].append(d.manifest["entries"][-1]),
        lambda d: d.manifest["entries"].pop(0),
        lambda d: d.manifest.update(seq=77),
        lambda d: d.manifest.update(v=2),
        lambda d: d.manifest.update(checkpoint="../checkpoint.txt"),
        lambda d: d.manifest.update(extras=["run_me.exe"]),
        lambda d: d.manifest.update(made_ms=1.5),
        lambda d: d.manifest.update(surprise=True),
        lambda d: d.manifest["entries"][1].update(header="entries/000004.header.json"),
        lambda d: d.parts.pop("checkpoint.txt"),
        lambda d: d.parts.pop("certs/box.cert"),
    ],
)
def test_a_package_json_out_of_shape_is_refused_as_a_whole(tmp_path: Path, spoil: Spoil) -> None:
    made = draft()
    spoil(made)
    report = judge(made, tmp_path)
    assert [line.check for line in report.lines] == ["package"]
    assert report.lines[0].verdict == FALSE


@pytest.mark.parametrize(
    "text",
    [
        b'{"v":1,"v":1}',
        b'{"v":1.0}',
        b'{"v":9007199254740993}',
        b'{"v":NaN}',
        b"[" * 2000,
        b'{"a":' * 60 + b"1" + b"}" * 60,
        b'"\\ud800"',
        b"\xff\xfe",
        '{"é":1}'.encode(),
        b"",
    ],
)
def test_loose_json_is_refused(tmp_path: Path, text: bytes) -> None:
    made = draft()
    made.parts[f"{WEIGHED}.header.json"] = text
    assert ("v1", "entry 3", FALSE) in spoiled_lines(judge(made, tmp_path))


# --- who signed -------------------------------------------------------------------------------------------------


def test_without_a_witness_nothing_is_proven_against_station_and_centre(tmp_path: Path) -> None:
    report = judge(draft(cosignatures=[CENTRE]), tmp_path)
    assert spoiled_lines(report) == [("v3", "witness", NOT_PROVEN)]
    assert "not proven against the station and the centre" in told(report)


def test_without_the_centre_it_is_not_proven(tmp_path: Path) -> None:
    assert spoiled_lines(judge(draft(cosignatures=[WITNESS]), tmp_path)) == [("v3", "centre", NOT_PROVEN)]


def test_a_witness_of_ones_own_is_named_as_untrusted(tmp_path: Path) -> None:
    report = judge(draft(cosignatures=[CENTRE, Signer("helpful-witness")]), tmp_path)
    assert spoiled_lines(report) == [("v3", "witness", NOT_PROVEN)]
    assert "untrusted key: helpful-witness" in told(report)


def test_a_false_key_under_the_name_of_the_witness_is_false(tmp_path: Path) -> None:
    report = judge(draft(cosignatures=[CENTRE, Signer(WITNESS.name, "forged")]), tmp_path)
    assert ("v3", "witness", FALSE) in spoiled_lines(report)
    assert "yiyuan-witness cosigned with an untrusted key" in told(report)


def test_a_cosignature_of_another_checkpoint_is_false(tmp_path: Path) -> None:
    made, log = draft(cosignatures=[CENTRE]), passage_log()
    made.parts["checkpoint.txt"] += WITNESS.cosignature(log.text(7)).encode()
    assert ("v3", "witness", FALSE) in spoiled_lines(judge(made, tmp_path))


def test_the_centre_is_no_witness(tmp_path: Path) -> None:
    assert not judge(
        draft(cosignatures=[CENTRE]), tmp_path, read_trust(trust_toml(witnesses=[SECOND]))
    ).proven


def test_two_witnesses_when_two_are_required(tmp_path: Path) -> None:
    trust = read_trust(trust_toml(witnesses=[WITNESS, SECOND], required=2))
    assert spoiled_lines(judge(draft(), tmp_path, trust)) == [("v3", "witness", NOT_PROVEN)]
    assert judge(draft(cosignatures=[CENTRE, WITNESS, SECOND]), tmp_path, trust).proven


def test_a_root_of_ones_own_is_untrusted_and_named(tmp_path: Path) -> None:
    forger = Signer("yiyuan-root", "forged")
    certificates = {
        "box": certificate("box", BOX, ENROLMENT),
        "enrolment": certificate("enrolment", ENROLMENT, forger),
    }
    report = judge(draft(certificates=certificates), tmp_path)
    assert spoiled_lines(report) == [("v2", "entry 0", FALSE)]
    assert "untrusted key: yiyuan-root" in told(report)


def test_a_forged_package_with_everything_of_its_own_is_false(tmp_path: Path) -> None:
    thief = {name: Signer(name, "thief") for name in ("yiyuan-root", "yiyuan-enrolment", BOX.name)}
    log = passage_log(thief[BOX.name], "thief", gross_kg=20_000)
    certificates = {
        "box": certificate("box", thief[BOX.name], thief["yiyuan-enrolment"]),
        "enrolment": certificate("enrolment", thief["yiyuan-enrolment"], thief["yiyuan-root"]),
    }
    own = [Signer(CENTRE.name, "thief"), Signer(WITNESS.name, "thief")]
    report = judge(draft(log, cosignatures=own, certificates=certificates), tmp_path)
    assert {("v2", "entry 0", FALSE), ("v3", "centre", FALSE), ("v3", "witness", FALSE)} <= set(
        spoiled_lines(report)
    )


def test_stolen_keys_that_rewrite_a_mass_have_no_witness(tmp_path: Path) -> None:
    # Box and journal key stolen, tree rebuilt, the old cosignatures kept: they are for another root.
    honest, rewritten = passage_log(), passage_log(gross_kg=40_000)
    made = draft(rewritten, cosignatures=[])
    cosignatures = CENTRE.cosignature(honest.text()) + WITNESS.cosignature(honest.text())
    assert not judge(made, tmp_path).proven
    made.parts["checkpoint.txt"] += cosignatures.encode()
    assert ("v3", "witness", FALSE) in spoiled_lines(judge(made, tmp_path))


def test_a_checkpoint_that_the_journal_did_not_sign_is_false(tmp_path: Path) -> None:
    made, log = draft(), passage_log()
    text = log.text()
    lines = (
        Signer(f"weighpost/{log.id}", "other").line(text)
        + CENTRE.cosignature(text)
        + WITNESS.cosignature(text)
    )
    made.parts["checkpoint.txt"] = (text + "\n" + lines).encode()
    assert spoiled_lines(judge(made, tmp_path)) == [("v2", "checkpoint.txt", FALSE)]


def test_a_checkpoint_of_another_journal_is_false(tmp_path: Path) -> None:
    made = draft()
    made.parts["checkpoint.txt"] = draft(passage_log(seed="other")).parts["checkpoint.txt"]
    assert ("v1", "entry 3", FALSE) in spoiled_lines(judge(made, tmp_path))


# --- certificates -----------------------------------------------------------------------------------------------


def chain(**changes: Any) -> dict[str, str]:
    box: dict[str, Any] = {"kind": "box", "subject": BOX, "issuer": ENROLMENT}
    return {
        "box": certificate(**{**box, **changes}),
        "enrolment": certificate("enrolment", ENROLMENT, ROOT),
    }


CHAINS: list[tuple[str, dict[str, str], str]] = [
    ("expired before the witness saw it", chain(not_after_ms=WITNESSED_S * 1000), NOT_PROVEN),
    ("not valid yet", chain(not_before_ms=WITNESSED_S * 1000 + 1), NOT_PROVEN),
    ("of the wrong kind", chain(kind="store"), FALSE),
    ("of another box", chain(subject=Signer("yiyuan-s01-lane2")), FALSE),
    ("of another key", chain(subject=Signer(BOX.name, "other")), FALSE),
    ("signed by the root itself", chain(issuer=ROOT), FALSE),
    ("signed by itself", chain(issuer=BOX), FALSE),
    ("without enrolment", {"box": certificate("box", BOX, ENROLMENT)}, NOT_PROVEN),
    (
        "with an expired enrolment",
        {
            "box": certificate("box", BOX, ENROLMENT),
            "enrolment": certificate("enrolment", ENROLMENT, ROOT, not_after_ms=NOW_MS - YEAR_MS // 2),
        },
        NOT_PROVEN,
    ),
    ("that is no certificate", {**chain(), "enrolment": "hello\n\n" + ROOT.line("hello\n")}, FALSE),
]


@pytest.mark.parametrize(
    ("certificates", "verdict"), [row[1:] for row in CHAINS], ids=[row[0] for row in CHAINS]
)
def test_a_chain_that_does_not_hold(tmp_path: Path, certificates: dict[str, str], verdict: str) -> None:
    assert spoiled_lines(judge(draft(certificates=certificates), tmp_path)) == [("v2", "entry 0", verdict)]


def test_a_certificate_that_expired_after_the_witness_saw_the_checkpoint_still_proves(tmp_path: Path) -> None:
    assert judge(draft(certificates=chain(not_after_ms=WITNESSED_S * 1000 + 1)), tmp_path).proven


def test_a_renewed_certificate_may_sit_beside_the_old_one(tmp_path: Path) -> None:
    old = certificate("box", BOX, ENROLMENT, not_after_ms=NOW_MS - YEAR_MS // 2)
    assert judge(draft(certificates={"box-1": old, **chain()}), tmp_path).proven


@pytest.mark.parametrize("stem", ["a-enrolment", "z-enrolment"])
def test_a_second_enrolment_key_may_sit_beside_the_one_that_issued(tmp_path: Path, stem: str) -> None:
    other = certificate("enrolment", Signer("next-enrolment"), ROOT)
    assert judge(draft(certificates=dict(sorted({stem: other, **chain()}.items()))), tmp_path).proven


@pytest.mark.parametrize(("bound", "verdicts"), [(8, []), (7, [("v2", "revocation", NOT_PROVEN)])])
def test_a_revoked_key_proves_up_to_its_bound(tmp_path: Path, bound: int, verdicts: Sequence[object]) -> None:
    trust = read_trust(trust_toml(revoked={passage_log().id: bound}))
    assert spoiled_lines(judge(draft(), tmp_path, trust)) == verdicts


# --- erased, outside --------------------------------------------------------------------------------------------


def erase(made: Draft, signer: Signer, log: Log, seq: int = 4, text_seq: int = 4) -> None:
    row = _row(made, seq)
    del made.parts[row["body"]]
    note = f"weighpost-absent/v1\nweighpost/{log.id}\n2 evicted\n{text_seq} erased-retention\n"
    row.update(body=None, salt=None, erased={"note": f"entries/{seq:06d}.absent.txt"})
    made.parts[f"entries/{seq:06d}.absent.txt"] = (note + "\n" + signer.line(note)).encode()


@pytest.mark.parametrize("by_centre", [True, False])
def test_a_body_erased_by_signed_declaration_still_proves(tmp_path: Path, by_centre: bool) -> None:
    made, log = draft(), passage_log()
    erase(made, CENTRE if by_centre else log.key, log)
    _unlisted_file(made)  # its pictures go with it
    report = judge(made, tmp_path)
    assert report.proven
    assert "body erased (erased-retention)" in told(report)


def test_a_body_erased_by_anybody_else_is_not_proven(tmp_path: Path) -> None:
    made, log = draft(), passage_log()
    erase(made, Signer("somebody"), log)
    report = judge(made, tmp_path)
    assert spoiled_lines(report) == [("v4", "entry 4", NOT_PROVEN)]
    assert "untrusted key: somebody" in told(report)


def test_a_declaration_for_another_entry_is_false(tmp_path: Path) -> None:
    made, log = draft(), passage_log()
    erase(made, CENTRE, log, text_seq=5)
    assert spoiled_lines(judge(made, tmp_path)) == [("v4", "entry 4", FALSE)]


def test_a_reference_outside_must_be_listed(tmp_path: Path) -> None:
    log, station = passage_log(), passage_log(seed="station")
    log.add(
        "passage.decided", {"passage": "p-1", "weighed": station.reference(3), "act": "released", "by": "x"}
    )
    made = draft(log, seqs=(0, 3, 8))
    assert spoiled_lines(judge(made, tmp_path)) == [("v6", "references", FALSE)]
    made.manifest["outside"] = [{**station.reference(3), "why": "another journal"}]
    assert judge(made, tmp_path).proven
    made.manifest["outside"] = [{**station.reference(3), "seq": 4, "why": "another journal"}]
    assert not judge(made, tmp_path).proven


def test_a_witness_time_in_the_future_is_not_proven(tmp_path: Path) -> None:
    made, log = draft(cosignatures=[CENTRE]), passage_log()
    made.parts["checkpoint.txt"] += WITNESS.cosignature(log.text(), NOW_MS // 1000 + 3600).encode()
    assert ("v3", "witness", NOT_PROVEN) in spoiled_lines(judge(made, tmp_path))
