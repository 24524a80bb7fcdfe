"""The rules of taking over entries, one transaction a batch; blocking, over any ReceiverStore.

A frame is taken whole, where it continues the journal, when its root is ours and its checkpoint is signed; entries
that are there already change nothing.  Blind to meaning: what a body says decides nothing here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from journal import checking
from journal.checking import Inspected, Introduced, Trust
from journal.keys import SigningKey
from journal.store import Accepted, Head, HeadState, ReceiverStore, StoreTransaction
from kernel.clock import Clock
from kernel.errors import ConfigError, ProtocolError, RefusedError
from kernel.evidence import tree
from kernel.evidence.frames import Hello, HelloJournal
from kernel.evidence.notes import Note
from kernel.evidence.texts import Checkpoint, Receipt
from kernel.evidence.tree import Frontier

log = logging.getLogger(__name__)

LEAVES = 8192  # read at once when an old root is computed
KEPT_EVERY_MS = 3_600_000
CENTRAL_PROCESS = "central"  # may say of others that their records are erased, or a case

Bound = Callable[[str, str], int | None]


def unbounded(_box: str, _journal: str) -> int | None:
    """How many entries of this journal of this box may be taken at most; None: there is no bound."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back for a frame: a signed receipt when the journal is this box's, and why it was not taken."""

    journal: str
    receipt: str | None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One committed batch.  `answers` in the order of what was offered."""

    answers: tuple[Answer, ...]
    entries: tuple[Accepted, ...]
    heads: tuple[Head, ...]  # of the journals that have grown


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What goes back for a hello: a receipt for each journal that is this box's."""

    receipts: tuple[tuple[str, str], ...]  # (journal, signed receipt)
    registered: tuple[Head, ...]
    refused: tuple[str, ...]


@runtime_checkable
class KnowsWhen(Protocol):
    """A transaction that can say what it had at an earlier time; without it `kept` stays where it is."""

    def received_before(self, journal: str, before_ms: int) -> int:
        """How many entries, from the first on, were received before."""
        ...


class _Work:
    """One journal during a transaction: its head, and what is about to be added to it."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.frontier = Frontier.from_bytes(head.frontier)
        self.stored = head.size
        self.new: list[Accepted] = []
        self.changed = False

    def leaves(self, tx: StoreTransaction, start: int, end: int) -> list[bytes]:
        below = min(end, self.stored)
        stored = tx.leaves(self.head.journal, start, below - start) if start < below else []
        return stored + [
            entry.leaf for entry in self.new[max(start - self.stored, 0) : max(end - self.stored, 0)]
        ]

    def add(self, entries: Sequence[Accepted], frontier: Frontier, checkpoint: str) -> None:
        self.new += entries
        self.frontier = frontier
        self.change(
            replace(
                self.head,
                size=frontier.size,
                frontier=frontier.to_bytes(),
                root=frontier.root(),
                checkpoint=checkpoint,
            )
        )

    def change(self, head: Head) -> None:
        self.head, self.changed = head, True


class Custody:
    """`kept_after_ms`: without a backup, what was committed this long ago counts as kept; None: only backups count.

    `bound`: what was revoked, and from which size on.  `centre`: the one box whose process may be the centre.
    """

    def __init__(
        self,
        store: ReceiverStore,
        *,
        key: SigningKey,
        trust: Trust,
        clock: Clock,
        kept_after_ms: int | None = 14 * 86_400_000,
        bound: Bound = unbounded,
        centre: str | None = None,
    ) -> None:
        if key.name != store.store_id:
            raise ConfigError.one("store_id", f"is {store.store_id!r}, its key is of {key.name!r}")
        self._store = store
        self._key = key
        self._trust = trust
        self._clock = clock
        self._kept_after_ms = kept_after_ms
        self._bound = bound
        self._centre = centre
        self._kept_looked_ms: dict[str, int] = {}

    def take(self, offered: Sequence[Inspected]) -> Taken:
        """Commit what can be taken of these frames, in this order; the receipts are signed after the commit."""
        with self._store.begin() as tx:
            heads = tx.heads(sorted({each.frame.journal for each in offered}))
            work = {journal: _Work(head) for journal, head in heads.items()}
            refusals = [self._try(tx, work.get(each.frame.journal), each) for each in offered]
            for journal in sorted(work):
                self._finish(tx, work[journal])
        receipts = {journal: self._receipt(one.head) for journal, one in work.items()}
        return Taken(
            answers=tuple(
                _answer(each, work, receipts, refused)
                for each, refused in zip(offered, refusals, strict=True)
            ),
            entries=tuple(entry for journal in sorted(work) for entry in work[journal].new),
            heads=tuple(one.head for one in work.values() if one.new),
        )

    def greet(self, box: str, hello: Hello) -> Welcome:
        """Register what is new and rightly this box's; find forks and roll-backs; say how far each journal is."""
        heads: list[Head] = []
        registered: list[Head] = []
        refused: list[str] = []
        for said in hello.journals:
            try:
                with self._store.begin() as tx:
                    head, is_new = self._greet_one(tx, box, hello, said)
            except (ProtocolError, RefusedError) as error:
                refused.append(str(error))
                continue
            heads.append(head)
            registered += [head] if is_new else []
        return Welcome(
            receipts=tuple((head.journal, self._receipt(head)) for head in heads),
            registered=tuple(registered),
            refused=tuple(refused),
        )

    # --- frames ------------------------------------------------------------------------------------------------

    def _try(self, tx: StoreTransaction, work: _Work | None, offered: Inspected) -> str | None:
        try:
            self._take_one(tx, work, offered)
        except (ProtocolError, RefusedError) as error:
            return str(error)
        return None

    def _take_one(self, tx: StoreTransaction, work: _Work | None, offered: Inspected) -> None:
        start, end = offered.frame.start, offered.frame.end
        if work is None or work.head.box != offered.entries[0].box:
            raise RefusedError("not a journal of this box")
        if not _takes(work.head, end):
            raise RefusedError(f"the journal is {work.head.state}")
        self._check_bound(work.head.box, work.head.journal, end)
        size = work.head.size
        if start > size:
            return
        overlap = min(end, size) - start
        if work.leaves(tx, start, start + overlap) != [entry.leaf for entry in offered.entries[:overlap]]:
            checking.signed_by(offered, work.head.public_key)
            self._compare(tx, work, offered.checkpoint, offered.note)
            raise RefusedError("entries differ from those stored in their place")
        if end > size:
            self._continue(work, offered, offered.entries[overlap:])

    def _continue(self, work: _Work, offered: Inspected, entries: Sequence[Accepted]) -> None:
        frontier = work.frontier.copy()
        frontier.extend(entry.leaf for entry in entries)
        if frontier.root() != offered.checkpoint.root:
            raise ProtocolError("the checkpoint has another root")
        if not work.head.size:
            checking.opens(entries[0], box=work.head.box, process=work.head.process)
        reasons = checking.signed_by(offered, work.head.public_key)
        if reasons:
            entries = [
                replace(each, absent=reasons.get(each.seq)) if each.body is None else each for each in entries
            ]
        own = checking.own(offered.note, journal=work.head.journal, public_key=work.head.public_key)
        work.add(entries, frontier, own)

    def _finish(self, tx: StoreTransaction, work: _Work) -> None:
        if work.new:
            tx.insert(work.head.journal, work.new)
        self._advance_kept(tx, work)
        if work.changed:
            tx.save_head(work.head)

    # --- hellos ------------------------------------------------------------------------------------------------

    def _greet_one(
        self, tx: StoreTransaction, box: str, hello: Hello, said: HelloJournal
    ) -> tuple[Head, bool]:
        checkpoint = checking.claimed(said)
        self._check_bound(box, checkpoint.journal, checkpoint.size)
        head = tx.heads([checkpoint.journal]).get(checkpoint.journal)
        # Without an entry it is nobody's yet: the one it is registered for need only have heard of it.
        if head is None or (head.box != box and not head.size):
            return self._register(tx, box, hello, said), True
        if head.box != box:
            raise RefusedError(f"journal {head.journal} is not of box {box}")
        Checkpoint.open(said.checkpoint, journal=head.journal, public_key=head.public_key)
        work = _Work(head)
        if checkpoint.size <= head.size and head.state != "forked":
            self._compare(tx, work, checkpoint, Note.parse(said.checkpoint))
        self._advance_kept(tx, work)
        if work.changed:
            tx.save_head(work.head)
        return work.head, False

    def _register(self, tx: StoreTransaction, box: str, hello: Hello, said: HelloJournal) -> Head:
        new = checking.introduce(box, hello, said, trust=self._trust, now_ms=self._clock.now_ms())
        if new.opened.process == CENTRAL_PROCESS and box != self._centre:
            raise RefusedError(f"{box} is not the centre")
        self._close_predecessor(tx, box, new)
        frontier = Frontier()
        head = Head(
            journal=new.checkpoint.journal,
            box=box,
            process=new.opened.process,
            public_key=new.public_key,
            state="open",
            size=0,
            frontier=frontier.to_bytes(),
            root=frontier.root(),
            kept=0,
            checkpoint="",
            predecessor=new.opened.predecessor.id if new.opened.predecessor else None,
        )
        tx.save_head(head)
        log.info("journal registered", extra={"box": box, "journal": head.journal})
        return head

    def _close_predecessor(self, tx: StoreTransaction, box: str, new: Introduced) -> None:
        """One open journal a process: a second one must name the first as what it continues."""
        before = tx.open_journal(box, new.opened.process)
        if before is None:
            return
        said = new.opened.predecessor
        if said is None or said.id != before:
            raise RefusedError(
                f"{new.opened.process} of {box} has journal {before} open and does not continue it"
            )
        tx.save_head(replace(_in_state(tx.heads([before])[before], "closed"), bound=said.size))

    def _check_bound(self, box: str, journal: str, size: int) -> None:
        bound = self._bound(box, journal)
        if bound is not None and size > bound:
            raise RefusedError(f"revoked beyond size {bound}")

    # --- both --------------------------------------------------------------------------------------------------

    def _compare(self, tx: StoreTransaction, work: _Work, theirs: Checkpoint, note: Note) -> None:
        """A rightly signed checkpoint of a size we have, with another root, proves a fork."""
        head = work.head
        if theirs.size > head.size or self._root(tx, work, theirs.size) == theirs.root:
            return
        own = checking.own(note, journal=head.journal, public_key=head.public_key)
        tx.record_fork(head.journal, head.checkpoint, own)
        work.change(_in_state(head, "forked"))
        log.error("journal forked", extra={"journal": head.journal, "box": head.box, "size": theirs.size})

    def _root(self, tx: StoreTransaction, work: _Work, size: int) -> bytes:
        if size == work.head.size:
            return work.head.root
        return tree.root(_chunked(tx, work, size))

    def _advance_kept(self, tx: StoreTransaction, work: _Work) -> None:
        if self._kept_after_ms is None:
            return
        kept = self._kept_by_time(tx, work.head, self._kept_after_ms)
        if work.head.kept < kept <= work.head.size:
            work.change(replace(work.head, kept=kept))

    def _kept_by_time(self, tx: StoreTransaction, head: Head, after_ms: int) -> int:
        if not after_ms:  # a standby has committed it with us
            return head.size
        now_ms, looked_ms = self._clock.now_ms(), self._kept_looked_ms.get(head.journal)
        if looked_ms and 0 <= now_ms - looked_ms < KEPT_EVERY_MS:
            return 0
        if not isinstance(tx, KnowsWhen):
            return 0
        self._kept_looked_ms[head.journal] = now_ms
        return tx.received_before(head.journal, now_ms - after_ms)

    def _receipt(self, head: Head) -> str:
        receipt = Receipt(
            journal=head.journal,
            store=self._key.name,
            size=head.size,
            root=head.root,
            kept=head.kept,
            time_ms=max(self._clock.now_ms(), 0),
        )
        return receipt.signed(public_key=self._key.public, sign=self._key.sign).format()


def _answer(
    offered: Inspected, work: dict[str, _Work], receipts: dict[str, str], refused: str | None
) -> Answer:
    journal = offered.frame.journal
    ours = journal in work and work[journal].head.box == offered.entries[0].box
    return Answer(journal=journal, receipt=receipts[journal] if ours else None, refused=refused)


def _takes(head: Head, end: int) -> bool:
    """A closed journal takes what is still missing of it, in whatever order the two were met; nothing beyond."""
    return head.state == "open" or (head.state == "closed" and end <= (head.bound or 0))


def _in_state(head: Head, state: HeadState) -> Head:
    return replace(head, state=state)


def _chunked(tx: StoreTransaction, work: _Work, size: int) -> Iterator[bytes]:
    for start in range(0, size, LEAVES):
        yield from work.leaves(tx, start, min(start + LEAVES, size))
