"""Checks whole journals: every header, leaf, block and body, the tree under every signature, and how they continue.

What is damaged is named, and what is still good is told with it.  Memory does not grow with the journal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from verify.counting import Bits, Stretches, Tree, tree_root
from verify.logfile import BLOCK, SMALLEST_ENTRY, LogFile, Row
from verify.package import (
    CENTRAL_PROCESS,
    ERASED,
    PROVEN,
    RECOVERED,
    Checkpoint,
    Entry,
    Genesis,
    Line,
    ProofError,
    RefutedError,
    Removal,
    Say,
    Signed,
    Trust,
    UnprovenError,
    leaf_hash,
    line_of,
    read_checkpoint,
    read_genesis,
    read_header,
    removed_by,
    result_of,
    said_by,
    sha256,
    unwrap,
)

# The canonical form with numbers that need no second look; whatever else there is goes the slow and strict way.
_NUMBER = rb"(?:0|[1-9][0-9]{0,14})"
_FILE = rb'\{"name":"[A-Za-z0-9][A-Za-z0-9._-]{0,99}","sha256":"[0-9a-f]{64}","size":' + _NUMBER + rb"\}"
_CANONICAL = re.compile(
    rb'\{"at":' + _NUMBER + rb',"body":"(?P<body>[0-9a-f]{64})","boot":"[0-9a-f]{16}",'
    rb'"clock":\{"err_ms":(?:null|' + _NUMBER + rb'),"state":"(?:ok|holdover|unset)"\},'
    rb'"files":\[(?:' + _FILE + rb')?\],"journal":"(?P<journal>[0-9a-f]{32})","mono_ms":' + _NUMBER + rb","
    rb'"seq":(?P<seq>' + _NUMBER + rb'),"source":"[a-z0-9-]{1,20}(?:/[a-z0-9-]{1,20}){0,3}",'
    rb'"stream":"(?P<stream>[a-z0-9_]{1,20}(?:\.[a-z0-9_]{1,20})?)","v":1\}'
)
_SPEAKING = frozenset(
    (ERASED.encode(), RECOVERED.encode())
)  # streams whose bodies say something about other entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is given beside the files: trust and time for v2 and v3, cosigned notes, certificates."""

    trust: Trust | None
    now_ms: int
    notes: tuple[bytes, ...] = ()
    certificates: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What there is of one journal.  `first_difference`: the lowest entry that something is wrong with."""

    journal: str
    path: Path
    box: str | None
    entries: int
    good: int
    holes: int
    altered: int
    bodies: int
    erased: int
    recovered: int
    first_difference: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalReport:
    """All journals, line by line."""

    lines: tuple[Line, ...]
    counts: tuple[Counts, ...]

    @property
    def proven(self) -> bool:
        return result_of(self.lines) == PROVEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a readable header says that matters here."""

    body: str
    journal: str
    seq: int
    stream: str


def examine(paths: Sequence[Path], given: Given) -> JournalReport:
    """Check journals that may continue each other.  OSError: a file is not there; never raises for what is in it."""
    lines: list[Line] = []
    logs: dict[str, Examination] = {}
    try:
        for path in paths:
            lines += _open(path, given, logs)
        for log in logs.values():
            log.prepare()
        for log in logs.values():
            log.read()
        for log in logs.values():
            lines += log.lines()
        lines += _homeless(given, logs)
        return JournalReport(lines=tuple(lines), counts=tuple(log.counts() for log in logs.values()))
    finally:
        for log in logs.values():
            log.file.close()


def _open(path: Path, given: Given, logs: dict[str, Examination]) -> Iterator[Line]:
    try:
        file = LogFile(path)
    except ProofError as fault:
        yield line_of("file", path.name, partial(_raise, fault))
        return
    try:
        log = Examination(file, given, logs)
        if log.journal in logs:
            raise RefutedError(f"日志 {log.journal} 给了两次", f"the journal {log.journal} is given twice")
        logs[log.journal] = log
    except ProofError as fault:
        file.close()
        yield line_of("file", path.name, partial(_raise, fault))


def _raise(fault: ProofError) -> Say:
    raise fault


def _homeless(given: Given, logs: Mapping[str, Examination]) -> Iterator[Line]:
    """Notes from the command line that are about none of the journals."""
    for number, note in enumerate(given.notes):
        try:
            journal = read_checkpoint(note).journal
        except ProofError as fault:
            yield line_of("v3", f"note {number}", partial(_raise, fault))
            continue
        if journal not in logs:
            zh, en = f"给出的检查点属于另一日志 {journal}", f"a checkpoint of {journal}, which is not given"
            yield line_of("v3", f"note {number}", partial(_raise, UnprovenError(zh, en)))


class Examination:
    """One journal under test: `prepare` all of them, `read` all of them, then take their `lines`."""

    def __init__(self, file: LogFile, given: Given, logs: Mapping[str, Examination]) -> None:
        self.file = file
        self._given = given
        self._logs = logs
        self._head = file.head()
        first = file.entry(0)
        self._first = _entry(first) if first is not None else None
        self.journal = self._find_id()
        self._id = self.journal.encode()
        self.opened = self._read_genesis()
        self.size = self._extent()
        self._roots: dict[int, bytes | None] = {}  # at every size that somebody has signed or named
        self._holes, self._altered, self._blocks = Stretches(), Stretches(), Stretches()
        self._unbound, self._misnamed = Stretches(), Stretches()
        self._good = self._bodies = self._recovered = 0
        self._absent, self.erased = Bits(self.size), Bits(self.size)

    # --- what there is ----------------------------------------------------------------------------------------

    def _find_id(self) -> str:
        """As the genesis says, else as the newest checkpoint does."""
        try:
            return _facts(self._first.header).journal if self._first else self._newest_note().journal
        except ProofError:
            return self._newest_note().journal

    def _newest_note(self) -> Checkpoint:
        if self._head is None:
            raise RefutedError("检查点不可读", "the newest checkpoint cannot be read")
        return read_checkpoint(self._head.checkpoint)

    def _read_genesis(self) -> Genesis | None:
        try:
            return self._genesis()
        except ProofError:
            return None  # a line says why

    def _genesis(self) -> Genesis:
        first = self._first
        if first is None:
            raise RefutedError("开卷记录不可读", "the genesis cannot be read")
        if first.body is None or first.salt is None:
            raise UnprovenError("开卷记录没有正文", "the genesis has no body")
        return read_genesis(first.header, first.salt, first.body, self.journal)

    def _extent(self) -> int:
        """How many entries there should be; never more than the file could hold."""
        bounds = self.file.bounds()
        claimed = max(self._head.size if self._head else 0, bounds[1] + 1 if bounds else 0)
        return max(0, min(claimed, self.file.most // SMALLEST_ENTRY + 1))

    def prepare(self) -> None:
        """Gather the sizes at which a root is wanted, here and in the journal that this one continues."""
        for note in (*self._own_note(), *self.file.notes(), *self._given.notes):
            try:
                checkpoint = read_checkpoint(note)
            except ProofError:
                continue  # a line says so
            if checkpoint.journal == self.journal:
                self._roots[checkpoint.size] = None
        before = self.opened.predecessor if self.opened else None
        if before is not None and before[0] in self._logs:
            self._logs[before[0]].want(before[1])

    def _own_note(self) -> tuple[bytes, ...]:
        return (self._head.checkpoint,) if self._head else ()

    def want(self, size: int) -> None:
        self._roots[size] = None

    def root(self, size: int) -> bytes:
        """The root at a size that was wanted.  UnprovenError: it cannot be known from what is here."""
        if size > self.size:
            raise UnprovenError(
                f"日志只有 {self.size} 条,短于 {size}",
                f"the journal has {self.size} entries, fewer than {size}",
            )
        found = self._roots.get(size) if size else sha256(b"")
        if found is None:
            raise UnprovenError(
                f"前 {size} 条中有不可读的,算不出根", f"not all of the first {size} entries can be read"
            )
        return found

    # --- reading ----------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Every entry once, a block at a time."""
        tree: Tree | None = Tree()
        for start in range(0, self.size, BLOCK):
            leaves = self._read_block(start, min(BLOCK, self.size - start))
            if tree is not None:
                self._note_roots(tree, start, leaves)
                tree = self._grown(tree, start // BLOCK, leaves)
            if tree is not None and start + BLOCK in self._roots:
                self._roots[start + BLOCK] = tree.root()

    def _note_roots(self, tree: Tree, start: int, leaves: Sequence[bytes | None]) -> None:
        for size in [size for size in self._roots if start < size <= start + len(leaves)]:
            known = [leaf for leaf in leaves[: size - start] if leaf is not None]
            if len(known) == size - start:
                self._roots[size] = tree.root(known)

    def _grown(self, tree: Tree, place: int, leaves: Sequence[bytes | None]) -> Tree | None:
        """Where leaves are missing the stored root of their block stands in; without it no later root is known."""
        stored = self.file.block(place) if len(leaves) == BLOCK else None
        known = [leaf for leaf in leaves if leaf is not None]
        if len(known) < BLOCK:
            if stored is None:
                return None
            tree.add(stored)
            return tree
        root = tree_root(known)
        if stored != root:
            self._blocks.add(place)
        tree.add(root)
        return tree

    def _read_block(self, start: int, count: int) -> list[bytes | None]:
        leaves: list[bytes | None] = [None] * count
        expected = start
        for row in self.file.rows(start, count):
            if row.seq > expected:
                self._holes.add(expected, row.seq)
            expected = row.seq + 1
            leaves[row.seq - start] = row.leaf
            self._read_row(row)
        if expected < start + count:
            self._holes.add(expected, start + count)
        return leaves

    def _is_plain(self, row: Row) -> bool:
        """The common case, quickly: everything is as it must be, and nothing is said about other entries."""
        seq, leaf, header, salt, body, _torn = row
        if type(header) is not bytes or type(body) is not bytes or type(salt) is not bytes or len(salt) != 16:
            return False
        match = _CANONICAL.fullmatch(header)
        if match is None or hashlib.sha256(b"\x00" + header).digest() != leaf:
            return False
        digest, journal, number, stream = match.groups()
        return (
            journal == self._id
            and int(number) == seq
            and stream not in _SPEAKING
            and hashlib.sha256(salt + body).hexdigest() == digest.decode()
        )

    def _read_row(self, row: Row) -> None:
        if self._is_plain(row):
            self._good += 1
            self._bodies += 1
            return
        facts = _facts_of(row)
        if facts is None or (facts.seq, facts.journal) != (row.seq, self.journal):
            self._altered.add(row.seq)
            return
        self._good += 1
        if row.salt is None and row.body is None and not row.torn:
            self._absent.add(row.seq)
        elif not _bound(row, facts.body):
            self._unbound.add(row.seq)
        else:
            self._bodies += 1
            if facts.stream.encode() in _SPEAKING:
                self._hear(row)

    def _hear(self, row: Row) -> None:
        """What this entry says was erased, here or in another journal, and what it says again."""
        entry = _entry(row)
        try:
            if entry is None or self.opened is None:
                return
            said = said_by(self.journal, entry)
            if said[0].stream == RECOVERED and entry.body is not None:
                self._recovered += 1
                self._compare(entry.body)
        except ProofError:
            self._misnamed.add(row.seq)
            return
        for each in said:
            rule, identities, _files = removed_by(each) or ("", [], [])
            removal = Removal(
                rule=rule,
                at_ms=each.at_ms,
                journal=self.journal,
                seq=row.seq,
                box=self.opened.box,
                is_centre=self._is_centre(self.opened),
            )
            for journal, seq, leaf in identities:
                self._erase(removal, journal, seq, leaf)

    def _is_centre(self, opened: Genesis) -> bool:
        """Without a trust file nobody's name is checked, so what he calls himself is all there is."""
        trust = self._given.trust
        return opened.process == CENTRAL_PROCESS if trust is None else trust.is_centre(opened)

    def _erase(self, removal: Removal, journal: str, seq: int, leaf: str) -> None:
        about = self._logs.get(journal)
        if about is None or about.opened is None or not removal.may(about.opened.box):
            return
        if (there := about.file.leaf(seq)) is not None and there.hex() == leaf:
            about.erased.add(seq)

    def _compare(self, body: bytes) -> None:
        """RefutedError when the journal that it was recovered from is here and says otherwise."""
        _header, _entry, (journal, seq, leaf) = unwrap(body)
        before = self._logs.get(journal)
        there = before.file.leaf(seq) if before is not None else None
        if there is not None and there.hex() != leaf:
            raise RefutedError("与前一日志所载不同", f"entry {seq} of {journal} is another there")

    # --- what it comes to -------------------------------------------------------------------------------------

    def counts(self) -> Counts:
        undeclared = next(self._absent.without(self.erased), None)
        firsts = [each.first for each in (self._holes, self._altered, self._unbound, self._misnamed)]
        return Counts(
            journal=self.journal,
            path=self.file.path,
            box=self.opened.box if self.opened else None,
            entries=self.size,
            good=self._good,
            holes=self._holes.count,
            altered=self._altered.count + self._unbound.count,
            bodies=self._bodies,
            erased=len(self._absent),
            recovered=self._recovered,
            first_difference=min((n for n in (*firsts, undeclared) if n is not None), default=None),
        )

    def lines(self) -> Iterator[Line]:
        yield self._line("v1", "entries", self._entries_whole)
        yield self._line("v1", "blocks", self._blocks_agree)
        yield self._line("v2", "genesis", self._opens)
        yield self._line("v2", "checkpoint", partial(self._signed_note, self._own_note()))
        if self.opened is not None and self.opened.predecessor is not None:
            yield self._line("v2", "predecessor", partial(self._continues, self.opened.predecessor))
        for number, note in enumerate(self._notes()):
            yield self._line("v3", f"note {number}", partial(self._signed_note, (note,)))
        yield self._line("v4", "bodies", self._bodies_whole)
        if self._recovered or self._misnamed.count:
            yield self._line("v4", "recovered", self._recovered_whole)
        if self._given.trust is not None:
            yield from self._trust_lines(self._given.trust)

    def _line(self, check: str, where: str, prove: Callable[[], Say]) -> Line:
        return line_of(check, f"{self.journal[:8]} {where}", prove)

    def _entries_whole(self) -> Say:
        good_zh, good_en = f"其余 {self._good} 条完好", f"the other {self._good} are good"
        if self._altered.count:
            raise RefutedError(
                f"第 {self._altered} 条被改动;{good_zh}", f"entries {self._altered} are altered; {good_en}"
            )
        if self._holes.count:
            raise RefutedError(
                f"第 {self._holes} 条缺失或不可读;{good_zh}",
                f"entries {self._holes} are missing or cannot be read; {good_en}",
            )
        if self._head is None or self._head.size != self.size:
            raise RefutedError(
                f"有 {self.size} 条,而日志自称 {self._head.size if self._head else '?'} 条",
                f"{self.size} entries, and the head says {self._head.size if self._head else '?'}",
            )
        return (
            f"{self.size} 条,序号无缺,逐条散列相符",
            f"{self.size} entries, no hole, every header hashes to its leaf",
        )

    def _blocks_agree(self) -> Say:
        if self._blocks.count:
            raise RefutedError(
                f"第 {self._blocks} 块的根与其记录不符",
                f"the roots of blocks {self._blocks} are not those of their entries",
            )
        return f"{self.size // BLOCK} 块的根相符", f"the roots of {self.size // BLOCK} blocks agree"

    def _opens(self) -> Say:
        genesis = self._genesis()
        return (
            f"由设备 {genesis.box}({genesis.process})开立,编号是其密钥的摘要",
            f"opened by {genesis.box} ({genesis.process}); the id is the hash of its key",
        )

    def _signed_note(self, notes: Sequence[bytes]) -> Say:
        """A checkpoint of this journal: signed by its key, over the entries that are here."""
        if not notes:
            raise RefutedError("检查点不可读", "the checkpoint cannot be read")
        checkpoint = read_checkpoint(notes[0])
        if checkpoint.journal != self.journal:
            raise RefutedError("检查点属于另一日志", f"a checkpoint of {checkpoint.journal}")
        if not checkpoint.note.signed_by(self._genesis().key):
            raise RefutedError("没有本日志密钥的签名", "not signed by the journal's key")
        if self.root(checkpoint.size) != checkpoint.root:
            raise RefutedError(
                f"前 {checkpoint.size} 条不是签名时的那些",
                f"the first {checkpoint.size} entries are not those signed",
            )
        return (
            f"本日志密钥签名的检查点 {checkpoint.size} 与记录相符",
            f"the checkpoint at {checkpoint.size}, signed by the journal's key, is over these entries",
        )

    def _continues(self, named: tuple[str, int, str]) -> Say:
        journal, size, root = named
        before = self._logs.get(journal)
        if before is None:
            return (
                f"接续日志 {journal}(至 {size} 条,未给出)",
                f"continues {journal} at {size}, which is not given",
            )
        if before.root(size).hex() != root:
            raise RefutedError(
                f"所接续的 {journal} 前 {size} 条不是所称的那些",
                f"the first {size} entries of {journal} are others",
            )
        if before.opened is not None and self.opened is not None and before.opened.box != self.opened.box:
            raise RefutedError("所接续的日志属于另一设备", f"{journal} is of another box")
        return (
            f"接续日志 {journal} 的 {size} 条,与其相符",
            f"continues the {size} entries of {journal}, as they are there",
        )

    def _bodies_whole(self) -> Say:
        if self._unbound.count:
            raise RefutedError(
                f"第 {self._unbound} 条正文与记录头不符",
                f"bodies {self._unbound} are not those that their headers bind",
            )
        if beyond := self.file.bodies_beyond(self.size):
            raise RefutedError(f"有 {beyond} 个正文无记录", f"{beyond} bodies of no entry")
        undeclared = Stretches()
        for seq in self._absent.without(self.erased):
            undeclared.add(seq)
        if undeclared.count:
            raise UnprovenError(
                f"第 {undeclared} 条正文缺失,无记录声明删除",
                f"bodies {undeclared} are missing and no entry says they were erased",
            )
        return (
            f"{self._bodies} 个正文与记录头一致,{len(self._absent)} 个已声明删除",
            f"{self._bodies} bodies are those bound, {len(self._absent)} are erased and declared so",
        )

    def _recovered_whole(self) -> Say:
        if self._misnamed.count:
            raise RefutedError(
                f"第 {self._misnamed} 条所恢复或声明的与所称不符",
                f"entries {self._misnamed} do not say again what they name",
            )
        return (
            f"恢复 {self._recovered} 条,逐字节相符",
            f"{self._recovered} entries say others again, byte for byte",
        )

    def _notes(self) -> list[bytes]:
        """Cosigned notes about this journal: those of the export, and those given that are its."""
        return [*self.file.notes(), *(note for note in self._given.notes if _is_of(note, self.journal))]

    def _trust_lines(self, trust: Trust) -> Iterator[Line]:
        note, size = self._best_note(trust)
        signed = Signed(
            self.journal,
            genesis=self._first,
            checkpoint=note,
            certificates=(*self.file.certificates(), *self._given.certificates),
            trust=trust,
            now_ms=self._given.now_ms,
        )
        yield self._line("v2", "chain", signed.chain)
        yield self._line("v2", "revocation", partial(signed.not_revoked, self.size))
        yield self._line("v3", f"centre, to {size}", signed.centre)
        yield self._line("v3", f"witness, to {size}", signed.witnesses)
        if size < self.size:
            yield self._line("v3", f"entries {size}-{self.size - 1}", partial(self._not_witnessed, size))

    def _not_witnessed(self, size: int) -> Say:
        """Whoever has the journal's key can go on from any size, so what nobody else has signed proves nothing."""
        raise UnprovenError(
            f"第 {size} 条起没有会签和见证:只证实前 {size} 条",
            f"not witnessed beyond {size}: whoever has the journal's key could have written them since",
        )

    def _best_note(self, trust: Trust) -> tuple[bytes, int]:
        """The largest note with most of the cosignatures that trust asks for, and its size."""
        names = {key.name for key in (*trust.cosigners, *trust.witnesses)}
        best = (-1, -1, b"")
        for note in (*self._own_note(), *self._notes()):
            try:
                checkpoint = read_checkpoint(note)
            except ProofError:
                continue
            signers = len(names & {line.name for line in checkpoint.note.signatures})
            best = max(best, (signers, checkpoint.size, note))
        return best[2], max(best[1], 0)


def _entry(row: Row) -> Entry | None:
    """The row as a package would have it; None when there is no header to speak of."""
    if not isinstance(row.header, bytes):
        return None
    salt = row.salt if isinstance(row.salt, bytes) else None
    body = row.body if isinstance(row.body, bytes) else None
    return Entry(seq=row.seq, header=row.header, salt=salt, body=body)


def _facts_of(row: Row) -> Facts | None:
    """None when the header is not what the leaf covers, or no header."""
    if not isinstance(row.header, bytes) or leaf_hash(row.header) != row.leaf:
        return None
    try:
        return _facts(row.header)
    except ProofError:
        return None


def _facts(header: bytes) -> Facts:
    match = _CANONICAL.fullmatch(header)
    if match is None:
        table = read_header(header)
        return Facts(body=table["body"], journal=table["journal"], seq=table["seq"], stream=table["stream"])
    body, journal, seq, stream = match.groups()
    return Facts(body=body.decode(), journal=journal.decode(), seq=int(seq), stream=stream.decode())


def _bound(row: Row, digest: str) -> bool:
    if not isinstance(row.salt, bytes) or not isinstance(row.body, bytes) or len(row.salt) != 16:
        return False
    return sha256(row.salt + row.body).hex() == digest


def _is_of(note: bytes, journal: str) -> bool:
    try:
        return read_checkpoint(note).journal == journal
    except ProofError:
        return False
