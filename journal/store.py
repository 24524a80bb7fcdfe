"""What a receiver needs of its store: one locked transaction a batch, and a ledger of files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from kernel.evidence.header import Header

HeadState = Literal["open", "closed", "forked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One journal as its receiver knows it.  `frontier` is kernel.evidence.tree.Frontier bytes at `size`."""

    journal: str
    box: str
    process: str
    public_key: bytes
    state: HeadState
    size: int
    frontier: bytes
    root: bytes
    kept: int
    checkpoint: str  # newest signed note accepted
    predecessor: str | None = None
    bound: int | None = None  # of a closed journal: where its successor says that it ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One entry that a receiver has checked and is about to store.  Bytes are stored as they came."""

    box: str
    seq: int
    leaf: bytes
    header_bytes: bytes
    header: Header
    salt: bytes | None
    body: bytes | None
    absent: str | None  # reason, when the body is not there
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A file that an accepted entry of a box names."""

    sha256: str
    size: int
    journal: str
    seq: int
    name: str


class StoreTransaction(Protocol):
    """Everything between begin and commit; leaving the context by an exception rolls all of it back."""

    def heads(self, journals: Sequence[str]) -> dict[str, Head]:
        """The heads that exist, locked until the end, taken in order of journal id."""
        ...

    def open_journal(self, box: str, process: str) -> str | None:
        """The journal of this process that is open now."""
        ...

    def save_head(self, head: Head) -> None: ...

    def leaves(self, journal: str, start: int, count: int) -> list[bytes]: ...

    def insert(self, journal: str, entries: Sequence[Accepted]) -> None:
        """Entry and body rows, file declarations, projections, rollups, quarantine: all or nothing."""
        ...

    def record_fork(self, journal: str, ours: str, theirs: str) -> None:
        """Keep both signed notes as proof."""
        ...


class ReceiverStore(Protocol):
    """Blocking; the receiver calls it from one thread of its own."""

    @property
    def store_id(self) -> str: ...

    def begin(self) -> AbstractContextManager[StoreTransaction]: ...

    def declared(self, box: str, sha256: str) -> Declared | None:
        """The declaration of this file by an accepted entry of this box, or None: then it is not taken, as one that was erased."""
        ...

    def erased(self, box: str, sha256: str) -> Declared | None:
        """The declaration of a file of this box that a rule has erased here, or None."""
        ...

    def file_stored(self, box: str, sha256: str, *, at_ms: int) -> None:
        """The file is here, whole and durable."""
        ...


@runtime_checkable
class KnowsKept(Protocol):
    """A store that can say which files are out of danger; without it only those are that were kept on arrival."""

    def files_kept(self, box: str, digests: Collection[str], *, before_ms: int) -> Collection[str]:
        """Those of these files of this box that were stored before, or that a finished backup holds."""
        ...
