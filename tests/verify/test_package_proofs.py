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
    CENTRE_BOX,
    ENROLMENT,
    NOW_MS,
    PASSAGE,
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
    central_log,
    certificate,
    draft,
    passage_log,
    sha,
    trust_toml,
)
from verify.package import FALSE, NOT_PROVEN, PROVEN, Report, Trust, read_trust, verify

pytestmark = pytest.mark.broad

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


def test_attack_12_a_forged_package_with_everything_of_its_own_is_false_and_says_whose_keys(
    tmp_path: Path,
) -> None:
    thief = {name: Signer(name, "thief") for name in ("yiyuan-root", "yiyuan-enrolment", BOX.name)}
    log = passage_log(thief[BOX.name], "thief", gross_kg=20_000)
    certificates = {
        "box": certificate("box", thief[BOX.name], thief["yiyuan-enrolment"]),
        "enrolment": certificate("enrolment", thief["yiyuan-enrolment"], thief["yiyuan-root"]),
    }
    own = [Signer(CENTRE.name, "thief"), Signer(WITNESS.name, "thief")]
    made = draft(log, cosignatures=own, certificates=certificates)
    made.parts["verify.html"] = "<h1>已证实 PROVEN</h1>".encode()
    made.manifest["extras"].append("verify.html")
    report = judge(made, tmp_path)
    assert {("v2", "entry 0", FALSE), ("v3", "centre", FALSE), ("v3", "witness", FALSE)} == set(
        spoiled_lines(report)
    )
    assert "signed by an untrusted key: yiyuan-root (" in told(report)
    assert "yiyuan-witness cosigned with an untrusted key (" in told(report)


def test_attack_11_a_stolen_box_key_that_rewrites_a_mass_has_no_witness(tmp_path: Path) -> None:
    # Box and journal key stolen, tree rebuilt, the old cosignatures kept: they are for another root.
    honest, rewritten = passage_log(), passage_log(gross_kg=40_000)
    made = draft(rewritten, cosignatures=[])
    cosignatures = CENTRE.cosignature(honest.text()) + WITNESS.cosignature(honest.text())
    assert not judge(made, tmp_path).proven
    made.parts["checkpoint.txt"] += cosignatures.encode()
    assert ("v3", "witness", FALSE) in spoiled_lines(judge(made, tmp_path))


def test_attack_11_a_key_of_the_thiefs_own_is_refused(tmp_path: Path) -> None:
    # Without the box identity he can only open a journal in his own name, or sign beside the journal's key.
    thief = passage_log(Signer(BOX.name, "thief"), "thief", gross_kg=40_000)
    certificates = {
        "box": certificate("box", BOX, ENROLMENT),
        "enrolment": certificate("enrolment", ENROLMENT, ROOT),
    }
    report = judge(draft(thief, certificates=certificates), tmp_path)
    assert spoiled_lines(report) == [("v2", "entry 0", FALSE)]
    honest, rewritten = passage_log(), passage_log(gross_kg=40_000)
    made, text = draft(rewritten, cosignatures=[]), rewritten.text()
    own = Signer(f"weighpost/{honest.id}", "thief")
    cosignatures = CENTRE.cosignature(text) + WITNESS.cosignature(text)
    made.parts["checkpoint.txt"] = (text + "\n" + own.line(text) + cosignatures).encode()
    report = judge(made, tmp_path)
    assert ("v2", "checkpoint.txt", FALSE) in spoiled_lines(report)


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


def erase(made: Draft, seq: int = 4) -> None:
    """Body and pictures of an entry leave the package."""
    _without_body(made)
    for row in [row for row in made.manifest["files"] if row["entry_seq"] == seq]:
        made.manifest["files"].remove(row)
        made.parts.pop(row["path"])


def erasure(log: Log, seq: int = 4) -> dict[str, Any]:
    files = [row["sha256"] for row in json.loads(log.entries[seq].header)["files"]]
    return {"rule": "retention-90", "by": "keeper", "entries": [log.reference(seq)], "files": files}


ERASED_LINES = [("v4", "entry 4", NOT_PROVEN), *(("v5", name, NOT_PROVEN) for name in PICTURES)]


def test_a_body_that_the_journal_says_it_erased_still_proves_and_says_when(tmp_path: Path) -> None:
    log = passage_log()
    log.add("record.erased", erasure(log))
    made = draft(log, seqs=(*PASSAGE, 8))
    erase(made)
    report = judge(made, tmp_path)
    assert report.proven, told(report)
    assert "body erased on 2026-" in told(report)
    assert "by rule retention-90, as entry 8 of journal" in told(report)
    assert "正文已" in "".join(line.zh for line in report.lines)


def test_the_centre_may_erase_what_any_box_wrote(tmp_path: Path) -> None:
    log, centre = passage_log(), central_log()
    centre.add("record.erased", erasure(log))
    made = draft(log, also=[(centre, (0, 1))])
    erase(made)
    assert judge(made, tmp_path).proven


def test_a_body_that_nobody_says_was_erased_is_not_proven(tmp_path: Path) -> None:
    made = draft()
    erase(made)
    assert spoiled_lines(judge(made, tmp_path)) == ERASED_LINES


def test_another_box_may_not_erase(tmp_path: Path) -> None:
    log, other = passage_log(), Log(Signer("yiyuan-s01-lane2"), "lane2")
    other.add("record.erased", erasure(log))
    made = draft(log, also=[(other, (0, 1))])
    erase(made)
    report = judge(made, tmp_path)
    assert spoiled_lines(report) == ERASED_LINES
    assert "yiyuan-s01-lane2 may not erase it" in told(report)


BY_COSIGNER = read_trust(trust_toml(centre=None))
CENTRES: list[tuple[Signer, str, Trust, bool]] = [
    (CENTRE_BOX, "central", TRUST, True),
    (Signer("yiyuan-s01-lane2"), "central", TRUST, False),
    (CENTRE, "central", TRUST, False),  # the file names another box
    (CENTRE_BOX, "edge", TRUST, False),
    (CENTRE, "central", BY_COSIGNER, True),
    (CENTRE_BOX, "central", BY_COSIGNER, False),
    (Signer("yiyuan-s01-lane2"), "central", BY_COSIGNER, False),
]


@pytest.mark.parametrize(("box", "process", "trust", "may"), CENTRES)
def test_who_calls_himself_the_centre_is_not_believed(
    tmp_path: Path, box: Signer, process: str, trust: Trust, may: bool
) -> None:
    log, other = passage_log(), Log(box, "other", process=process)
    other.add("record.erased", erasure(log))
    made = draft(log, also=[(other, (0, 1))])
    erase(made)
    report = judge(made, tmp_path, trust)
    assert spoiled_lines(report) == ([] if may else ERASED_LINES), told(report)


@pytest.mark.parametrize(("box", "process", "trust", "may"), CENTRES)
def test_a_case_is_recorded_by_no_other_who_calls_himself_the_centre(
    tmp_path: Path, box: Signer, process: str, trust: Trust, may: bool
) -> None:
    log, other = passage_log(), Log(box, "other", process=process)
    other.add("case.recorded", {"case": CASE, "entries": [log.reference(3)], "by": "y"})
    report = judge(draft(log, also=[(other, (0, 1))], case=CASE), tmp_path, trust)
    assert spoiled_lines(report) == ([] if may else [("v6", "case", NOT_PROVEN)]), told(report)


@pytest.mark.parametrize("change", [{"seq": 5}, {"leaf": "0" * 64}, {"journal": "0" * 32}])
def test_an_erasure_of_something_else_excuses_nothing(tmp_path: Path, change: dict[str, Any]) -> None:
    log = passage_log()
    body = erasure(log)
    body["entries"][0].update(change)
    log.add("record.erased", {**body, "files": []})
    made = draft(log, seqs=(*PASSAGE, 8))
    made.manifest["outside"] = [{**body["entries"][0], "why": ""}]
    erase(made)
    assert spoiled_lines(judge(made, tmp_path)) == ERASED_LINES


def test_an_erasure_outside_the_checkpoint_excuses_nothing(tmp_path: Path) -> None:
    log = passage_log()
    log.add("record.erased", erasure(log))
    made = draft(log, seqs=(*PASSAGE, 8))
    erase(made)
    _row(made, 8)["inclusion"][0] = b64(bytes(32))
    lines = spoiled_lines(judge(made, tmp_path))
    assert lines == [("v1", "entry 8", FALSE), *ERASED_LINES]


# --- several journals -------------------------------------------------------------------------------------------

CASE = "云交罚〔2026〕17号"


def case_draft(**changes: Any) -> Draft:
    """Two lanes, a station that decided, a centre that reviewed and recorded the case."""
    lane, other = passage_log(), passage_log(Signer("yiyuan-s02-lane1"), "other", passage="p-2")
    station, centre = Log(Signer("yiyuan-s01"), "station", process="station"), central_log()
    station.add("passage.decided", {"passage": "p-1", "weighed": lane.reference(3), "act": "held", "by": "x"})
    centre.add("passage.reviewed", {"passage": "p-2", "weighed": other.reference(3), "case": CASE, "by": "y"})
    centre.add("case.recorded", {"case": CASE, "entries": [lane.reference(3)], "by": "y"})
    centre.add("case.recorded", {"case": "another", "entries": [], "by": "y"})
    also = [(other, PASSAGE), (station, (0, 1)), (centre, changes.pop("acts", (0, 1, 2)))]
    return draft(lane, also=also, **{"case": CASE, **changes})


def test_v6_a_case_of_four_journals_is_proven(tmp_path: Path) -> None:
    report = judge(case_draft(), tmp_path)
    assert report.proven, told(report)
    assert f"case {CASE}: 2 passages" in told(report)
    assert report.witnessed_ms == WITNESSED_S * 1000


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"case": None}, FALSE),  # two passages and no case
        ({"case": "another"}, FALSE),  # a case that is not these entries'
        ({"acts": (0, 1)}, FALSE),  # one passage that nobody has put into the case
        ({"acts": (0,)}, NOT_PROVEN),  # a case that nobody has recorded
        ({"acts": (0, 1, 2, 3)}, FALSE),  # with an entry of another case
    ],
)
def test_v6_a_case_is_what_the_centre_recorded(tmp_path: Path, changes: dict[str, Any], verdict: str) -> None:
    lines = spoiled_lines(judge(case_draft(**changes), tmp_path))
    assert [(check, found) for check, _where, found in lines] == [("v6", verdict)]


def test_v6_only_the_centre_records_cases(tmp_path: Path) -> None:
    lane, station = passage_log(), Log(Signer("yiyuan-s01"), "station", process="station")
    station.add("case.recorded", {"case": CASE, "entries": [lane.reference(3)], "by": "y"})
    report = judge(draft(lane, also=[(station, (0, 1))], case=CASE), tmp_path)
    assert spoiled_lines(report) == [("v6", "case", NOT_PROVEN)]


def test_every_journal_of_a_case_needs_its_own_witness(tmp_path: Path) -> None:
    made, centre = case_draft(), central_log()
    path = f"journals/{centre.id}/checkpoint.txt"
    note = made.parts[path].decode()
    made.parts[path] = note[: note.rindex("\u2014 yiyuan-witness")].encode()
    report = judge(made, tmp_path)
    assert spoiled_lines(report) == [("v3", f"{centre.id[:8]} witness", NOT_PROVEN)]
    assert report.witnessed_ms is None


def test_a_changed_entry_in_another_journal_is_found(tmp_path: Path) -> None:
    made = case_draft()
    station = Log(Signer("yiyuan-s01"), "station", process="station")
    body = f"journals/{station.id}/entries/000001.body.json"
    made.parts[body] = made.parts[body].replace(b"held", b"free")
    assert ("v4", f"{station.id[:8]} entry 1", FALSE) in spoiled_lines(judge(made, tmp_path))


@pytest.mark.parametrize("given", [{"box": "yiyuan-s01-lane1"}, {"journal": passage_log().id, "size": 5}])
def test_a_revoked_box_or_journal_is_not_proven(tmp_path: Path, given: dict[str, Any]) -> None:
    rows = "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())
    trust = read_trust(trust_toml() + f"[[revoked]]\n{rows}")
    assert spoiled_lines(judge(draft(), tmp_path, trust)) == [("v2", "revocation", NOT_PROVEN)]


def test_a_journal_with_a_bound_of_its_own_outlives_its_box(tmp_path: Path) -> None:
    rows = f'[[revoked]]\nbox = "{BOX.name}"\n'
    trust = read_trust(trust_toml(revoked={passage_log().id: 8}) + rows)
    assert judge(draft(), tmp_path, trust).proven
    thief = passage_log(seed="the thief's own key")
    assert spoiled_lines(judge(draft(thief), tmp_path, trust)) == [("v2", "revocation", NOT_PROVEN)]


# --- recovered --------------------------------------------------------------------------------------------------


def recovered(**spoilt: Any) -> tuple[Log, Log]:
    """A journal that was doubted, and its successor that says its weighing again."""
    old = passage_log()
    log = Log(old.box, "next", before=old)
    log.recover(3, old)
    if spoilt:
        body = json.loads(log.entries.pop().body)
        log.add("journal.recovered", {**body, **spoilt})
    log.add("vehicle.pictured", {"passage": "p-1", "weighed": old.reference(3)})
    return old, log


def test_a_recovered_entry_is_proven_under_its_first_identity(tmp_path: Path) -> None:
    old, log = recovered()
    report = judge(draft(log, seqs=(0, 1, 2)), tmp_path)
    assert report.proven, told(report)
    assert f"says entry 3 of journal {old.id[:8]} again" in told(report)
    assert f"continues {old.id} at 8, not in the package" in told(report)
    assert judge(draft(log, seqs=(0, 1, 2), also=[(old, (0,))]), tmp_path).proven


@pytest.mark.parametrize(
    "spoilt",
    [
        {"body": '{"passage":"p-1","gross_kg":1}'},
        {"salt": "00" * 16},
        {"salt": None},
        {"header": passage_log().entries[4].header.decode()},
        {"old": passage_log().reference(4)},
        {"old": None},
    ],
)
def test_a_recovered_entry_that_is_another_is_false(tmp_path: Path, spoilt: dict[str, Any]) -> None:
    _old, log = recovered(**spoilt)
    assert ("v4", "entry 1", FALSE) in spoiled_lines(judge(draft(log, seqs=(0, 1, 2)), tmp_path))


def test_a_recovered_entry_of_a_journal_that_is_not_continued_is_not_proven(tmp_path: Path) -> None:
    old, log = passage_log(seed="stranger"), Log(BOX, "next", before=passage_log())
    log.recover(3, old)
    report = judge(draft(log, seqs=(0, 1)), tmp_path)
    assert spoiled_lines(report) == [("v4", "entry 1", NOT_PROVEN)]


def test_the_journal_before_last_is_known_by_the_one_between(tmp_path: Path) -> None:
    old = passage_log()
    between = Log(BOX, "between", before=old)
    last = Log(BOX, "last", before=between)
    last.recover(3, old)
    assert spoiled_lines(judge(draft(last, seqs=(0, 1)), tmp_path)) == [("v4", "entry 1", NOT_PROVEN)]
    assert judge(draft(last, seqs=(0, 1), also=[(between, (0,))]), tmp_path).proven


def test_a_predecessor_with_another_root_or_box_is_false(tmp_path: Path) -> None:
    honest, rewritten = passage_log(), passage_log(gross_kg=40_000)
    log = Log(BOX, "next", before=rewritten)
    report = judge(draft(log, seqs=(0,), also=[(honest, (0,))]), tmp_path)
    assert spoiled_lines(report) == [("v2", "predecessor", FALSE)]
    stranger = Log(Signer("yiyuan-s01-lane2"), "lane2", before=honest)
    report = judge(draft(stranger, seqs=(0,), also=[(honest, (0,))]), tmp_path)
    assert spoiled_lines(report) == [("v2", "predecessor", FALSE)]


def test_v6_entries_of_two_passages_are_no_package_of_one(tmp_path: Path) -> None:
    log = passage_log()
    log.add("vehicle.weighed", {"passage": "p-2", "gross_kg": 1})
    assert spoiled_lines(judge(draft(log, seqs=(*PASSAGE, 8)), tmp_path)) == [("v6", "passage", FALSE)]


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
