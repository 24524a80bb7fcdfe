"""A whole journal is proven, or what is wrong with it is named and what is still good is told."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.verify.journals import change, long_log, save
from tests.verify.making import (
    BOX,
    CENTRE,
    CENTRE_BOX,
    ENROLMENT,
    NOW_MS,
    ROOT,
    WITNESS,
    Log,
    Made,
    Signer,
    as_json,
    central_log,
    certificate,
    passage_log,
    sha,
    tree_root,
    trust_toml,
)
from verify.counting import Bits, Stretches, Tree
from verify.counting import tree_root as quick_root
from verify.journal import Counts, Given, JournalReport, examine
from verify.main import main
from verify.package import FALSE, NOT_PROVEN, PROVEN, ProofError, read_header, read_trust

pytestmark = pytest.mark.broad

ALONE = Given(trust=None, now_ms=NOW_MS)
TRUSTED = Given(trust=read_trust(trust_toml()), now_ms=NOW_MS)
CERTS = (certificate("box", BOX, ENROLMENT), certificate("enrolment", ENROLMENT, ROOT))


def spoiled(report: JournalReport) -> list[tuple[str, str, str]]:
    return [
        (line.check, line.where.partition(" ")[2], line.verdict)
        for line in report.lines
        if line.verdict != PROVEN
    ]


def told(report: JournalReport) -> str:
    return "\n".join(line.en for line in report.lines)


def cosigned(log: Log, size: int | None = None) -> str:
    return log.checkpoint(size) + CENTRE.cosignature(log.text(size)) + WITNESS.cosignature(log.text(size))


def only(report: JournalReport) -> Counts:
    [counts] = report.counts
    return counts


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 700])
def test_a_clean_journal_is_proven(tmp_path: Path, count: int) -> None:
    log = long_log(count)
    report = examine([save(log, tmp_path / "journal.db")], ALONE)
    assert report.proven, told(report)
    counts = only(report)
    assert (counts.journal, counts.box, counts.entries, counts.good) == (log.id, BOX.name, count, count)
    assert (counts.bodies, counts.holes, counts.altered, counts.first_difference) == (count, 0, 0, None)


def test_with_trust_it_is_known_whose_it_is_and_who_cosigned_how_much(tmp_path: Path) -> None:
    log = long_log(300)
    path = save(log, tmp_path / "export.db", notes=[cosigned(log, 290)], certificates=CERTS)
    report = examine([path], TRUSTED)
    assert spoiled(report) == [("v3", "entries 290-299", NOT_PROVEN)]
    assert "not witnessed beyond 290" in told(report)
    assert f"{log.id[:8]} witness, to 290" in {line.where for line in report.lines}
    report = examine([path], replace(TRUSTED, notes=(cosigned(log).encode(),)))
    assert report.proven, told(report)
    bare = examine([save(log, tmp_path / "journal.db")], TRUSTED)
    assert spoiled(bare) == [
        ("v2", "chain", FALSE),
        ("v3", "centre, to 300", NOT_PROVEN),
        ("v3", "witness, to 300", NOT_PROVEN),
    ]
    given = replace(
        TRUSTED, notes=(cosigned(log).encode(),), certificates=tuple(each.encode() for each in CERTS)
    )
    assert examine([tmp_path / "journal.db"], given).proven


REVOKED_LINE = ("v2", "revocation", NOT_PROVEN)
BEYOND_LINE = ("v3", "entries 90-299", NOT_PROVEN)


@pytest.mark.parametrize(
    ("rows", "size", "lines"),
    [
        ('journal = "{journal}"\nsize = 100', 90, [REVOKED_LINE, BEYOND_LINE]),
        ('journal = "{journal}"\nsize = 100', 300, [REVOKED_LINE]),
        ('journal = "{journal}"\nsize = 300', 90, [BEYOND_LINE]),
        ('journal = "{journal}"\nsize = 300', 300, []),
        ('box = "{box}"', 90, [REVOKED_LINE, BEYOND_LINE]),
        ('box = "{box}"', 300, [REVOKED_LINE]),
        ('box = "{box}"\n[[revoked]]\njournal = "{journal}"\nsize = 100', 90, [REVOKED_LINE, BEYOND_LINE]),
        ('box = "{box}"\n[[revoked]]\njournal = "{journal}"\nsize = 300', 300, []),
    ],
)
def test_what_a_thief_went_on_with_is_not_proven_by_what_was_cosigned_before(
    tmp_path: Path, rows: str, size: int, lines: list[tuple[str, str, str]]
) -> None:
    """His entries are signed by the journal's own key, and are counted against the bound all the same."""
    log = long_log(300)
    path = save(log, tmp_path / "export.db", notes=[cosigned(log, size)], certificates=CERTS)
    told_apart = rows.format(journal=log.id, box=BOX.name)
    trust = read_trust(f"{trust_toml()}[[revoked]]\n{told_apart}\n")
    assert spoiled(examine([path], replace(TRUSTED, trust=trust))) == lines


# --- what somebody did to it ------------------------------------------------------------------------------------


def test_one_changed_mass_with_its_leaf_and_blocks_made_anew_is_false(tmp_path: Path) -> None:
    log = long_log(600)
    path = save(log, tmp_path / "journal.db", notes=[cosigned(log, 256), cosigned(log, 512)])
    header = log.entries[300].header.replace(b'"mono_ms":1300', b'"mono_ms":1301')
    leaves = [*log.leaves[:300], sha(b"\x00" + header), *log.leaves[301:]]
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE entry SET header = ?, leaf = ? WHERE seq = 300", (header, leaves[300]))
        db.execute("UPDATE block SET root = ? WHERE i = 1", (tree_root(leaves[256:512]),))
    # Where it was done shows between the signed sizes: 256 still holds, 512 does not.
    assert spoiled(examine([path], ALONE)) == [("v2", "checkpoint", FALSE), ("v3", "note 1", FALSE)]


CHANGES: list[tuple[str, str, tuple[str, str, str], int | None]] = [
    ("a header", "UPDATE entry SET header = header || ' ' WHERE seq = 40", ("v1", "entries", FALSE), 40),
    ("a leaf", "UPDATE entry SET leaf = zeroblob(32) WHERE seq = 40", ("v1", "entries", FALSE), 40),
    ("a leaf of 3 bytes", "UPDATE entry SET leaf = x'00' WHERE seq = 40", ("v1", "entries", FALSE), 40),
    ("no header at all", "UPDATE entry SET header = 7 WHERE seq = 40", ("v1", "entries", FALSE), 40),
    ("a body", "UPDATE body SET body = body || ' ' WHERE seq = 40", ("v4", "bodies", FALSE), 40),
    ("a salt", "UPDATE body SET salt = zeroblob(16) WHERE seq = 40", ("v4", "bodies", FALSE), 40),
    ("a huge body", "UPDATE body SET body = zeroblob(40000) WHERE seq = 40", ("v4", "bodies", FALSE), 40),
    ("a body gone", "DELETE FROM body WHERE seq = 40", ("v4", "bodies", NOT_PROVEN), 40),
    ("an entry gone", "DELETE FROM entry WHERE seq = 40", ("v1", "entries", FALSE), 40),
    ("the last gone", "DELETE FROM entry WHERE seq = 299", ("v1", "entries", FALSE), 299),
    ("a body of nothing", "INSERT INTO body VALUES (900, zeroblob(16), x'')", ("v4", "bodies", FALSE), None),
    ("a block", "UPDATE block SET root = zeroblob(32)", ("v1", "blocks", FALSE), None),
    ("no block", "DELETE FROM block", ("v1", "blocks", FALSE), None),
    ("the head's size", "UPDATE head SET size = 299", ("v1", "entries", FALSE), None),
    ("no head", "DELETE FROM head", ("v2", "checkpoint", FALSE), None),
    ("a head of noise", "UPDATE head SET size = 'x', checkpoint = 5", ("v2", "checkpoint", FALSE), None),
    ("a long claim", "UPDATE head SET size = 9000000000000000", ("v1", "entries", FALSE), 300),
    ("numbers swapped", "UPDATE entry SET seq = 1000 WHERE seq = 40", ("v1", "entries", FALSE), 40),
]


@pytest.mark.parametrize(
    ("statement", "line", "first"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_what_was_changed_is_named(
    tmp_path: Path, statement: str, line: tuple[str, str, str], first: int | None
) -> None:
    path = change(save(long_log(300), tmp_path / "journal.db"), statement)
    report = examine([path], ALONE)
    assert line in spoiled(report), told(report)
    assert only(report).first_difference == first


def test_what_is_still_good_is_told(tmp_path: Path) -> None:
    path = change(
        save(long_log(700), tmp_path / "journal.db"), "DELETE FROM entry WHERE seq IN (40, 41, 300)"
    )
    report = examine([path], ALONE)
    # The stored roots of the two blocks stand in: all the others are those that were signed.
    assert spoiled(report) == [("v1", "entries", FALSE)]
    assert "entries 40-41, 300 are missing or cannot be read; the other 697 are good" in told(report)
    change(path, "DELETE FROM block WHERE i = 1")
    assert ("v2", "checkpoint", NOT_PROVEN) in spoiled(examine([path], ALONE))


def test_a_checkpoint_of_another_key_or_journal_is_false(tmp_path: Path) -> None:
    log, other = long_log(300), long_log(300, seed="other")
    text = log.text()
    for number, note in enumerate(
        [other.checkpoint(), text + "\n" + Signer(f"weighpost/{log.id}", "x").line(text)]
    ):
        path = save(log, tmp_path / f"{number}.db")
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE head SET checkpoint = ?", (note,))
        assert ("v2", "checkpoint", FALSE) in spoiled(examine([path], ALONE))


def test_a_log_that_was_cut_is_shorter_than_what_was_cosigned(tmp_path: Path) -> None:
    whole = long_log(300)
    cut = Log(whole.box, whole.seed, entries=[])
    cut.entries = whole.entries[:200]
    path = save(cut, tmp_path / "journal.db", notes=[cosigned(whole)])
    assert spoiled(examine([path], ALONE)) == [("v3", "note 0", NOT_PROVEN)]


# --- erased -----------------------------------------------------------------------------------------------------


def test_declared_erasures_are_counted_and_undeclared_ones_named(tmp_path: Path) -> None:
    log = long_log(300)
    log.add("record.erased", {"rule": "retention", "by": "x", "entries": [log.reference(n) for n in (7, 9)]})
    path = save(log, tmp_path / "journal.db", erased=[7, 9])
    report = examine([path], ALONE)
    assert report.proven, told(report)
    assert (only(report).erased, only(report).bodies) == (2, 299)
    change(path, "DELETE FROM body WHERE seq IN (10, 11)")
    report = examine([path], ALONE)
    assert spoiled(report) == [("v4", "bodies", NOT_PROVEN)]
    assert "bodies 10-11 are missing" in told(report)


def test_the_centres_journal_declares_what_it_erased_of_others(tmp_path: Path) -> None:
    log, centre = long_log(300), central_log()
    centre.add("record.erased", {"rule": "retention", "by": "x", "entries": [log.reference(7)]})
    lane, own = save(log, tmp_path / "lane.db", erased=[7]), save(centre, tmp_path / "centre.db")
    assert not examine([lane], ALONE).proven
    assert examine([lane, own], ALONE).proven
    assert examine([own, lane], ALONE).proven


@pytest.mark.parametrize(("box", "may"), [(CENTRE_BOX, True), (Signer("yiyuan-s01-lane2"), False)])
def test_with_trust_only_the_centre_that_it_names_declares_for_others(
    tmp_path: Path, box: Signer, may: bool
) -> None:
    log, other = long_log(300), Log(box, "other", process="central")
    other.add("record.erased", {"rule": "retention", "by": "x", "entries": [log.reference(7)]})
    certificates = (certificate("box", box, ENROLMENT), *CERTS)
    paths = [
        save(log, tmp_path / "lane.db", erased=[7], notes=[cosigned(log)], certificates=CERTS),
        save(other, tmp_path / "other.db", notes=[cosigned(other)], certificates=certificates),
    ]
    assert spoiled(examine(paths, TRUSTED)) == ([] if may else [("v4", "bodies", NOT_PROVEN)])


@pytest.mark.parametrize(
    "change_", [{"leaf": "0" * 64}, {"journal": "0" * 32}, {"seq": 8}, {"seq": -1}, {"seq": 2**53 - 1}]
)
def test_an_erasure_of_something_else_declares_nothing(tmp_path: Path, change_: dict[str, object]) -> None:
    log = long_log(300)
    log.add(
        "record.erased", {"rule": "x", "by": "x", "entries": [{**log.reference(7), **change_}], "files": []}
    )
    report = examine([save(log, tmp_path / "journal.db", erased=[7])], ALONE)
    assert spoiled(report) == [("v4", "bodies", NOT_PROVEN)]


# --- journals that continue each other --------------------------------------------------------------------------


def test_a_chain_of_journals_is_followed(tmp_path: Path) -> None:
    old = passage_log()
    log = Log(BOX, "next", before=old)
    log.recover(3, old)
    first, second = save(old, tmp_path / "1.db"), save(log, tmp_path / "2.db")
    report = examine([first, second], ALONE)
    assert report.proven, told(report)
    assert [counts.recovered for counts in report.counts] == [0, 1]
    assert f"continues the 8 entries of {old.id}" in told(report)
    alone = examine([second], ALONE)
    assert alone.proven
    assert "which is not given" in told(alone)


def test_a_predecessor_with_another_past_is_false(tmp_path: Path) -> None:
    honest, rewritten = passage_log(), passage_log(gross_kg=40_000)
    log = Log(BOX, "next", before=rewritten)
    log.recover(3, rewritten)
    paths = [save(honest, tmp_path / "1.db"), save(log, tmp_path / "2.db")]
    assert spoiled(examine(paths, ALONE)) == [("v2", "predecessor", FALSE), ("v4", "recovered", FALSE)]


def test_a_predecessor_that_was_cut_is_not_proven(tmp_path: Path) -> None:
    old = passage_log()
    log = Log(BOX, "next", before=old)
    old.entries = old.entries[:6]
    paths = [save(old, tmp_path / "1.db"), save(log, tmp_path / "2.db")]
    assert spoiled(examine(paths, ALONE)) == [("v2", "predecessor", NOT_PROVEN)]


def test_one_journal_given_twice_is_said(tmp_path: Path) -> None:
    log = long_log(3)
    paths = [save(log, tmp_path / "1.db"), save(log, tmp_path / "2.db")]
    assert "given twice" in told(examine(paths, ALONE))


# --- hostile and damaged files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"hello", b"SQLite format 3\x00" + bytes(5000), bytes(100_000)])
def test_what_is_no_journal_is_said(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(data)
    report = examine([path], ALONE)
    assert [line.check for line in report.lines] == ["file"]
    assert report.lines[0].verdict == FALSE


def test_tables_that_compute_are_not_read(tmp_path: Path) -> None:
    path = change(
        save(long_log(3), tmp_path / "journal.db"),
        "DROP TABLE entry",
        "CREATE VIEW entry AS WITH RECURSIVE n(seq) AS (SELECT 0 UNION ALL SELECT seq + 1 FROM n)"
        " SELECT seq, zeroblob(32) AS leaf, zeroblob(300) AS header FROM n",
    )
    assert "no table entry" in told(examine([path], ALONE))


def test_a_damaged_name_that_is_no_text_is_said(tmp_path: Path) -> None:
    path = save(long_log(3), tmp_path / "journal.db")
    data = path.read_bytes()
    assert data.count(b"tablenotenote") == 1
    path.write_bytes(data.replace(b"tablenotenote", b"table\xe3otenote"))
    report = examine([path], ALONE)
    assert [(line.check, line.verdict) for line in report.lines] == [("file", FALSE)]


def test_a_genesis_that_is_gone_is_said_and_the_rest_is_still_read(tmp_path: Path) -> None:
    path = change(save(long_log(300), tmp_path / "journal.db"), "DELETE FROM entry WHERE seq = 0")
    report = examine([path], ALONE)
    assert ("v2", "genesis", FALSE) in spoiled(report)
    assert only(report).good == 299


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return save(long_log(40), tmp_path_factory.mktemp("clean") / "journal.db").read_bytes()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=3))
def test_no_flipped_byte_is_silent_and_none_raises(
    tmp_path: Path, clean: bytes, flips: list[tuple[int, int]]
) -> None:
    path, data = tmp_path / "journal.db", bytearray(clean)
    for at, bits in flips:
        data[at % len(data)] ^= bits
    path.write_bytes(bytes(data))
    report = examine([path], ALONE)
    # The free bytes of a page hold nothing; everything that is read must be what was signed.
    if report.proven:
        assert only(report).good == only(report).bodies == 40


def test_damaged_pages_lose_only_what_lies_in_them(tmp_path: Path) -> None:
    path = save(long_log(2_000), tmp_path / "journal.db")
    data = bytearray(path.read_bytes())
    for page in (20, 21, 60):
        data[4096 * page : 4096 * page + 4096] = b"\xff" * 4096
    path.write_bytes(bytes(data))
    report = examine([path], ALONE)
    assert not report.proven
    counts = only(report)
    assert counts.good > 1_900
    assert counts.good + counts.holes + counts.altered >= 1_990


def test_reading_leaves_no_trace_beside_the_file(tmp_path: Path) -> None:
    log = long_log(300)
    path = save(log, tmp_path / "journal.db")
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("UPDATE block SET root = root")
    writer.commit()
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("journal.db", "journal.db-wal"):  # as somebody copies it from a box
        (copy / name).write_bytes((tmp_path / name).read_bytes())
    assert examine([path], ALONE).proven  # while it is open in another process
    writer.close()
    before = {each.name: each.read_bytes() for each in copy.iterdir()}
    for folder in (copy, tmp_path):
        assert examine([folder / "journal.db"], ALONE).proven
    assert {each.name: each.read_bytes() for each in copy.iterdir()} == before


# --- the small sets ---------------------------------------------------------------------------------------------


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70))
def test_the_quick_root_is_that_of_the_definition(leaves: list[bytes]) -> None:
    assert quick_root(leaves) == tree_root(leaves)


@given(st.integers(0, 40), st.integers(0, 7))
def test_a_tree_of_blocks_has_the_root_of_its_leaves(blocks: int, tail: int) -> None:
    leaves = [sha(bytes([n % 256, n // 256])) for n in range(8 * blocks + tail)]
    tree = Tree()
    for at in range(blocks):
        tree.add(tree_root(leaves[8 * at : 8 * at + 8]))
    assert tree.root(leaves[8 * blocks :]) == tree_root(leaves)


@given(st.sets(st.integers(0, 99)), st.sets(st.integers(0, 99)))
def test_bits_are_a_set(one: set[int], other: set[int]) -> None:
    left, right = Bits(100), Bits(100)
    for number in one:
        left.add(number)
    for number in other:
        right.add(number)
    left.add(-1)
    left.add(10**9)
    assert len(left) == len(one)
    assert list(left.without(right)) == sorted(one - other)


def test_stretches_tell_the_first_and_count_all() -> None:
    found = Stretches()
    for number in (3, 4, 5, 9):
        found.add(number)
    assert (str(found), found.count, found.first) == ("3-5, 9", 4, 3)
    for number in range(100, 300, 2):
        found.add(number)
    assert str(found).endswith("... (104)")


# --- command ----------------------------------------------------------------------------------------------------


def test_the_command_reports_counts_and_exit_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = long_log(300)
    path, trust = save(log, tmp_path / "journal.db"), tmp_path / "trust.toml"
    trust.write_text(trust_toml(), "utf-8")
    assert main(["journal", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"{log.id} {BOX.name}: 300 entries, 300 good, 0 missing" in out
    assert "no trust file" in out
    assert main(["journal", str(path), "--trust", str(trust)]) == 1
    change(path, "DELETE FROM entry WHERE seq = 7")
    capsys.readouterr()
    assert main(["journal", str(path), "--json"]) == 1
    table = json.loads(capsys.readouterr().out)
    assert (table["proven"], table["journals"][0]["first_difference"]) == (False, 7)
    assert main(["journal", str(tmp_path / "nowhere.db")]) == 2
    assert "nowhere.db" in capsys.readouterr().err
    assert main(["journal", str(path), "--trust", str(path)]) == 2


def test_notes_and_certificates_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = long_log(300)
    path = save(log, tmp_path / "journal.db")
    (tmp_path / "trust.toml").write_text(trust_toml(), "utf-8")
    (tmp_path / "note.txt").write_text(cosigned(log), "utf-8")
    arguments = ["journal", str(path), "--trust", str(tmp_path / "trust.toml")]
    arguments += ["--note", str(tmp_path / "note.txt")]
    for number, text in enumerate(CERTS):
        (tmp_path / f"{number}.cert").write_text(text, "utf-8")
        arguments += ["--cert", str(tmp_path / f"{number}.cert")]
    assert main(arguments) == 0
    assert "yiyuan-witness: existed not later than" in capsys.readouterr().out
    (tmp_path / "note.txt").write_text(cosigned(long_log(4, seed="other")), "utf-8")
    assert main(arguments) == 1


def test_a_header_that_was_signed_for_and_cannot_be_read_is_named(tmp_path: Path) -> None:
    log = long_log(5)
    log.entries.append(Made(as_json({"not": "a header"}), b"s" * 16, b"{}"))
    report = examine([save(log, tmp_path / "journal.db")], ALONE)
    assert spoiled(report) == [("v1", "entries", FALSE)]
    assert only(report).first_difference == 5


def test_the_quick_reading_of_headers_takes_nothing_that_the_strict_one_refuses(tmp_path: Path) -> None:
    log = long_log(2)
    clean = log.entries[1].header
    wrong = [
        (b'"v":1', b'"v":2'),
        (b'"at":', b'"at":0'),
        (b'"seq":1', b'"seq":01'),
        (b'"files":[]', b'"files":[{}]'),
        (b'"state":"ok"', b'"state":"fine"'),
        (b'"source":"yiyuan', b'"source":"/yiyuan'),
        (b"{", b"{ "),
    ]
    for number, (old, new) in enumerate(wrong):
        log.entries[1] = Made(clean.replace(old, new, 1), log.entries[1].salt, log.entries[1].body)
        report = examine([save(log, tmp_path / f"{number}.db")], ALONE)
        try:
            read_header(log.entries[1].header)
        except ProofError:
            assert spoiled(report) == [("v1", "entries", FALSE)], new
        else:
            assert report.proven, new
