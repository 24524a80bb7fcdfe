"""The witness cosigns what continues its memory, and nothing else."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.verify.making import (
    BOX,
    ENROLMENT,
    NOW_MS,
    ROOT,
    YEAR_MS,
    Log,
    Signer,
    b64,
    certificate,
    passage_log,
    tree_root,
)
from tests.verify.witnessing import CERTS, NOW_S, a_witness, ask, cosigned_s, known_size, two_histories
from verify.witness import Heads, Reply, UnusableError, Witness, list_heads, open_heads

pytestmark = pytest.mark.broad


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    made = a_witness(tmp_path)
    yield made
    made.close()


def test_cosigns_a_journal_as_it_grows(witness: Witness) -> None:
    log, known = passage_log(), 0
    for size in (1, 2, 5, 8):
        reply = witness.cosign(ask(log, known, size, introduce=known == 0))
        assert reply.status == 200, reply.text
        assert cosigned_s(log, size, reply.text) == NOW_S
        known = size
    assert known_size(witness, log) == 8


def test_the_head_is_remembered_with_its_root(witness: Witness) -> None:
    log = passage_log()
    assert witness.head(log.id).status == 404
    assert witness.cosign(ask(log, 0)).status == 200
    root = log.text().split("\n")[2]
    assert json.loads(witness.head(log.id).text) == {"size": 8, "root": root, "forked": False}
    assert json.loads(witness.health().text) == {
        "ok": True,
        "name": "yiyuan-witness",
        "journals": 1,
        "forked": 0,
    }


def test_equal_size_and_root_are_cosigned_again(witness: Witness) -> None:
    log = passage_log()
    first = witness.cosign(ask(log, 0))
    for old_size in (8, 0, 3):
        again = witness.cosign(ask(log, old_size, introduce=False))
        assert (again.status, again.text) == (200, first.text)


def test_another_old_size_is_answered_with_the_known_one(witness: Witness) -> None:
    log = passage_log()
    assert witness.cosign(ask(log, 3, 5)).text == "0\n"
    witness.cosign(ask(log, 0, 5))
    reply = witness.cosign(ask(log, 3, 8))
    assert (reply.status, reply.text) == (409, "5\n")
    assert witness.cosign(ask(log, 5, 8)).status == 200


def test_never_signs_anything_smaller(witness: Witness) -> None:
    log = passage_log()
    witness.cosign(ask(log, 0, 7))
    for old_size in (0, 3, 5):
        assert witness.cosign(ask(log, old_size, 5)).status == 409
    assert witness.cosign(ask(log, 7, 5)).status == 400
    assert known_size(witness, log) == 7


@pytest.mark.parametrize("spoil", ["drop", "swap", "zero", "more"])
def test_a_wrong_proof_is_refused(witness: Witness, spoil: str) -> None:
    log = passage_log()
    witness.cosign(ask(log, 0, 3))
    proof: list[str] = json.loads(ask(log, 3, 8))["proof"]
    wrong = {
        "drop": proof[:-1],
        "swap": proof[::-1],
        "zero": [b64(bytes(32)), *proof[1:]],
        "more": [*proof, proof[0]],
    }
    assert witness.cosign(ask(log, 3, 8, proof=wrong[spoil])).status == 422
    assert known_size(witness, log) == 3
    # A wrong proof proves no fork: the right one is still taken.
    assert witness.cosign(ask(log, 3, 8)).status == 200


def test_attack_11_a_rewritten_past_gets_no_cosignature_and_both_notes_are_kept(
    witness: Witness, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    honest, rewritten = two_histories()
    witness.cosign(ask(honest, 0, 6))
    with caplog.at_level(logging.ERROR):
        assert witness.cosign(ask(rewritten, 6, 8)).status == 422
    assert "contradicts" in caplog.text
    assert [row["alarms"] for row in list_heads(tmp_path)] == [1]


def test_two_roots_at_one_size_fork_the_journal_for_ever(witness: Witness, tmp_path: Path) -> None:
    honest, rewritten = two_histories()
    witness.cosign(ask(honest, 0, 6))
    assert witness.cosign(ask(rewritten, 6, 6)).status == 422
    for refused in (ask(honest, 6, 8), ask(honest, 6, 6), ask(rewritten, 6, 8)):
        assert witness.cosign(refused).status == 422
    witness.close()
    again = a_witness(tmp_path)
    assert again.cosign(ask(honest, 6, 8)).status == 422
    assert json.loads(again.head(honest.id).text)["forked"] is True
    assert json.loads(again.health().text)["ok"] is False
    again.close()


def test_one_fork_leaves_other_journals_alone(witness: Witness) -> None:
    honest, rewritten = two_histories()
    witness.cosign(ask(honest, 0, 6))
    witness.cosign(ask(rewritten, 6, 6))
    assert witness.cosign(ask(passage_log(seed="other"), 0)).status == 200


def test_memory_survives_a_restart(witness: Witness, tmp_path: Path) -> None:
    honest, rewritten = two_histories()
    witness.cosign(ask(honest, 0, 6))
    witness.close()
    again = a_witness(tmp_path)
    assert again.cosign(ask(rewritten, 0, 8)).status == 409
    assert again.cosign(ask(rewritten, 6, 8)).status == 422
    assert again.cosign(ask(honest, 6, 8, introduce=False)).status == 200
    again.close()


def test_its_own_signature_reminds_it_of_more_than_it_remembers(tmp_path: Path) -> None:
    honest, rewritten = two_histories()
    first = a_witness(tmp_path)
    first.cosign(ask(honest, 0, 3))
    backup = (tmp_path / "heads.db").read_bytes()
    line = first.cosign(ask(honest, 3, 7)).text
    first.close()
    (tmp_path / "heads.db").write_bytes(backup)
    restored = a_witness(tmp_path)
    # No proof is needed from the size it remembers: its own signature says that it has seen one.
    reply = restored.cosign(ask(honest, 3, 7, checkpoint=honest.checkpoint(7) + line, proof=[]))
    assert reply.status == 200
    assert known_size(restored, honest) == 7
    assert restored.cosign(ask(rewritten, 3, 7)).status == 422
    restored.close()


def test_somebody_elses_line_reminds_it_of_nothing(witness: Witness) -> None:
    log = passage_log()
    witness.cosign(ask(log, 0, 3))
    forged = Signer("yiyuan-witness", "forged").cosignature(log.text(7))
    assert witness.cosign(ask(log, 0, 7, checkpoint=log.checkpoint(7) + forged)).status == 409
    assert known_size(witness, log) == 3


def test_what_cannot_be_remembered_is_not_signed(tmp_path: Path) -> None:
    log, witness = passage_log(), a_witness(tmp_path)
    witness.cosign(ask(log, 0, 3))
    with sqlite3.connect(tmp_path / "heads.db") as other:
        other.execute("CREATE TRIGGER full BEFORE UPDATE ON head BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    other.close()
    reply = witness.cosign(ask(log, 3, 8))
    assert (reply.status, "—" in reply.text) == (503, False)
    witness.close()


# --- who may ask ------------------------------------------------------------------------------------------------

EXPIRED = certificate("box", BOX, ENROLMENT, not_after_ms=NOW_MS - YEAR_MS // 2)
STRANGER = certificate("enrolment", ENROLMENT, Signer("yiyuan-root", "forged"))


@pytest.mark.parametrize(
    "certs",
    [
        (),
        CERTS[:1],
        CERTS[1:],
        (EXPIRED, CERTS[1]),
        (CERTS[0], STRANGER),
        (certificate("store", BOX, ENROLMENT), CERTS[1]),
        (certificate("box", Signer("other-box"), ENROLMENT), CERTS[1]),
        (certificate("box", BOX, ROOT), CERTS[1]),
        ("garbage", CERTS[1]),
    ],
)
def test_a_box_without_a_chain_to_the_root_is_unknown(witness: Witness, certs: tuple[str, ...]) -> None:
    log = passage_log()
    assert witness.cosign(ask(log, 0, certs=certs)).status == 403
    assert witness.head(log.id).status == 404


def test_a_new_journal_must_introduce_itself(witness: Witness) -> None:
    assert witness.cosign(ask(passage_log(), 0, introduce=False)).status == 403


def test_the_genesis_of_another_journal_introduces_nobody(witness: Witness) -> None:
    log, other = passage_log(), passage_log(seed="other")
    genesis = json.loads(ask(other, 0))["genesis"]
    assert witness.cosign(ask(log, 0, genesis=genesis)).status == 403


def test_a_checkpoint_that_the_journal_did_not_sign_is_forged(witness: Witness) -> None:
    log = passage_log()
    text = log.text()
    for line in (Signer(f"weighpost/{log.id}", "x").line(text), BOX.line(text), log.key.line(log.text(7))):
        assert witness.cosign(ask(log, 0, checkpoint=text + "\n" + line)).status == 422
    assert witness.head(log.id).status == 404


GARBAGE = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\xff",
    b"[" * 100_000,
    b'{"old_size": 1e3}',
    ask(passage_log(), 0, old_size=-1),
    ask(passage_log(), 0, old_size=2**60),
    ask(passage_log(), 0, old_size=9),
    ask(passage_log(), 0, old_size=True),
    ask(passage_log(), 0, proof=["AAAA"]),
    ask(passage_log(), 0, proof=[b64(bytes(32))] * 65),
    ask(passage_log(), 0, checkpoint="weighpost/x\n"),
    ask(passage_log(), 0, checkpoint=passage_log().checkpoint().replace("\n8\n", "\n08\n")),
    ask(passage_log(), 0, genesis={"header": "", "salt": "", "body": ""}),
    ask(passage_log(), 0, genesis={"header": "!", "salt": b64(bytes(16)), "body": ""}),
    ask(passage_log(), 0, certs=["x"] * 5),
    ask(passage_log(), 0, more=1),
    ask(passage_log(), 0).replace(b'"old_size"', b'"proof": [], "old_size"'),
]


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_answered_400(witness: Witness, body: bytes) -> None:
    assert witness.cosign(body).status == 400
    assert json.loads(witness.health().text)["journals"] == 0


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=20), at=st.integers(0, 3_000))
def test_noise_in_a_request_never_raises(witness: Witness, noise: bytes, at: int) -> None:
    clean = ask(passage_log(), 0)
    body = clean[:at] + noise + clean[at + 1 :]
    assert witness.cosign(body).status in {200, 400, 403, 422}


def test_many_threads_get_one_history(witness: Witness) -> None:
    honest, rewritten = two_histories()
    witness.cosign(ask(honest, 0, 2))
    bodies = [ask(log, 2, size) for size in (4, 5, 6, 7, 8) for log in (honest, rewritten)]
    replies: dict[int, int] = {}
    threads = [
        threading.Thread(target=lambda n=n, body=body: replies.update({n: witness.cosign(body).status}))
        for n, body in enumerate(bodies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Both histories agree up to size 2, so whichever came first won; everything else was late or contradicted it.
    assert sorted(replies.values()).count(200) == 1
    assert set(replies.values()) <= {200, 409, 422}


def test_a_liar_cannot_fill_the_disk_with_alarms(tmp_path: Path) -> None:
    heads, log = Heads(tmp_path / "heads.db", max_alarms=5), passage_log()
    maker = a_witness(tmp_path)
    maker.cosign(ask(log, 0, 3))
    head = heads.get(log.id)
    assert head is not None
    for n in range(10):
        heads.alarm(head, f"note {n}", why="not consistent", forked=False, at_s=n)
    heads.alarm(head, "proof", why="two roots", forked=True, at_s=1)
    heads.close()
    maker.close()
    [listed] = list_heads(tmp_path, log.id)
    assert (listed["alarms"], listed["forked"]) == (6, True)
    assert list(list_heads(tmp_path, "f" * 32)) == []


# --- I10: never two histories, restored or not ------------------------------------------------------------------


MEMORY = Path("/dev/shm")


class Life:
    """One witness key through crashes and restores; `signed` is every signature that ever left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.logs = dict(zip(("honest", "rewritten"), two_histories(), strict=True))
        self.signed: set[tuple[int, bytes]] = set()
        self.newest: str | None = None  # as the centre keeps it
        self.backups: list[dict[Path, bytes]] = []
        self.retired = False
        self._start()

    def _start(self) -> None:
        try:
            heads = open_heads(self.state, self.folder / "witness.key")
        except UnusableError:
            self.retired = True
            return
        self.witness = a_witness(self.state, heads=heads)

    def ask(self, history: str, old: int, size: int) -> None:
        log = self.logs[history]
        self._note(log, size, self.witness.cosign(ask(log, old, size)))

    def remind(self) -> None:
        """What the centre does when a witness knows less than it signed."""
        if self.newest is not None:
            self.witness.cosign(ask(self.logs["honest"], 0, 8, checkpoint=self.newest, proof=[]))

    def _note(self, log: Log, size: int, reply: Reply) -> None:
        if reply.status != 200:
            return
        assert cosigned_s(log, size, reply.text) == NOW_S
        self.signed.add((size, tree_root(log.leaves[:size])))
        self.newest = log.checkpoint(size) + reply.text

    def crash(self, history: str, old: int, size: int) -> None:
        """The power goes after the head is durable and before the answer is out."""
        self.witness._private = BrokenKey()  # type: ignore[assignment]
        with pytest.raises(PowerCutError):
            self.witness.cosign(ask(self.logs[history], old, size))
        self.restart()

    def restart(self) -> None:
        self.witness.close()
        self._start()

    def back_up(self, *, key_too: bool) -> None:
        files = [self.state / "heads.db", *([self.folder / "witness.used"] if key_too else [])]
        self.backups.append({path: path.read_bytes() for path in files})

    def restore(self) -> None:
        if not self.backups:
            return
        self.witness.close()
        backup = self.backups.pop()
        for path, data in backup.items():
            path.write_bytes(data)
        self._start()
        if len(backup) == 2 and not self.retired:
            # Key and memory set back together: nothing here can tell, so the centre's reminder comes first.
            self.remind()

    def consistent(self) -> bool:
        """Whether one history explains every signature."""
        roots = [
            {(size, tree_root(log.leaves[:size])) for size in range(1, len(log.entries) + 1)}
            for log in self.logs.values()
        ]
        return any(self.signed <= each for each in roots)


class PowerCutError(Exception):
    pass


class BrokenKey:
    def sign(self, data: bytes) -> bytes:
        raise PowerCutError


STEPS = st.one_of(
    st.tuples(
        st.just("ask"), st.sampled_from(("honest", "rewritten")), st.integers(0, 8), st.integers(1, 8)
    ).filter(lambda step: step[2] <= step[3]),
    st.tuples(st.just("restart")),
    st.tuples(st.just("back up"), st.booleans()),
    st.tuples(st.just("restore")),
)


def play(life: Life, steps: list[tuple[object, ...]]) -> None:
    for step in steps:
        if life.retired:
            return
        match step:
            case ("ask", str(history), int(old), int(size)):
                life.ask(history, old, size)
            case ("back up", bool(key_too)):
                life.back_up(key_too=key_too)
            case ("restore",):
                life.restore()
            case _:
                life.restart()


@settings(max_examples=80, deadline=None)
@given(st.lists(STEPS, max_size=10))
def test_i10_never_signs_two_inconsistent_checkpoints_restored_or_not(
    steps: list[tuple[object, ...]],
) -> None:
    # Without a disk under it: this is about what is remembered, the process tests are about disks.
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        life = Life(Path(name))
        play(life, steps)
        if not life.retired:
            life.witness.close()
    assert life.consistent()


def test_i10_the_test_above_sees_a_witness_that_forgets(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.ask("honest", 0, 5)
    life.witness.close()
    (life.state / "heads.db").unlink()
    (tmp_path / "witness.used").unlink()
    life._start()
    life.ask("rewritten", 0, 8)
    assert not life.consistent()
    life.witness.close()


def test_i10_a_crash_between_the_durable_head_and_the_answer_forgets_nothing(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.ask("honest", 0, 3)
    life.crash("honest", 3, 6)
    life.ask("rewritten", 3, 7)  # its head is at 6 though nobody ever got that signature
    life.ask("rewritten", 6, 8)
    life.ask("honest", 6, 8)
    assert life.signed == {(n, tree_root(life.logs["honest"].leaves[:n])) for n in (3, 8)}
    life.witness.close()


def test_i10_a_memory_that_was_set_back_is_retired(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.ask("honest", 0, 3)
    life.back_up(key_too=False)
    life.ask("honest", 3, 6)
    life.restore()
    assert life.retired
    with pytest.raises(UnusableError, match="was set back: this key has moved heads 2 times, here are 1"):
        open_heads(life.state, tmp_path / "witness.key")


def test_a_memory_that_is_as_new_as_the_key_knows_is_used_again(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.ask("honest", 0, 3)
    life.back_up(key_too=False)
    life.restore()
    assert not life.retired
    life.ask("honest", 3, 6)
    assert len(life.signed) == 2
    life.witness.close()


def test_one_key_with_two_memories_starts_once(tmp_path: Path) -> None:
    key = tmp_path / "witness.key"
    heads = open_heads(tmp_path / "state", key)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "heads.db").write_bytes((tmp_path / "state" / "heads.db").read_bytes())
    with pytest.raises(UnusableError, match="in use by another witness"):
        open_heads(tmp_path / "other", key)
    heads.close()


@pytest.mark.parametrize("mark", [b"", b"hello", b"\xff" * 20])
def test_a_mark_that_cannot_be_read_uses_up_the_key(tmp_path: Path, mark: bytes) -> None:
    open_heads(tmp_path / "state", tmp_path / "witness.key").close()
    (tmp_path / "witness.used").write_bytes(mark)
    with pytest.raises(UnusableError, match="make a new witness key"):
        open_heads(tmp_path / "state", tmp_path / "witness.key")


def test_a_mark_that_cannot_be_written_is_no_signature(tmp_path: Path) -> None:
    life = Life(tmp_path)
    mark = life.witness._heads._mark
    assert mark is not None
    writes, mark._file = mark._file, os.open(tmp_path / "witness.used", os.O_RDONLY)
    reply = life.witness.cosign(ask(life.logs["honest"], 0, 3))
    assert (reply.status, "\u2014" in reply.text) == (503, False)
    os.close(mark._file)
    mark._file = writes
    life.ask("honest", 0, 3)  # the head is known already: now the mark follows, and then the signature
    assert mark.times == 1
    assert len(life.signed) == 1
    life.witness.close()


def test_many_threads_with_one_journal_are_never_given_two_histories(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.ask("honest", 0, 2)
    asked = [(name, old, size) for name in life.logs for old in (2, 4, 6) for size in range(old + 1, 9)]
    threads = [threading.Thread(target=life.ask, args=each) for each in asked for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert life.consistent()
    assert len(life.signed) > 1
    life.witness.close()
