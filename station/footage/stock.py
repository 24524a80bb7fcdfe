"""What of footage should lie on the disk, as the entries say: taken in or made, marked, restored, deleted, on hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from kernel.events import Body, RecordHeld
from kernel.footage.bodies import FootageDerived, FootageDisposed, FootageImported
from kernel.footage.keeping import Hold
from station.footage.index import FootageIndex, Said
from station.footage.sidecars import Beside

HERE = ("imported", "damaged")  # states of an import that leave bytes
RESTORED = "restored"  # rule of a deletion that a person called off: its days begin anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """It is to be deleted from `due_ms` on."""

    rule: str
    due_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stocked:
    """One file that should be here.  `sources` are what it was made of; none: an original; `films`: it lies beside them."""

    sha256: str
    since_ms: int
    size: int
    important: bool = False
    sources: tuple[str, ...] = ()
    copy: bool = False  # it can be made again
    span: bool = False  # it lies among the files that travel with the journal
    mark: Mark | None = None
    films: tuple[str, ...] = ()


def stock_of(index: FootageIndex, *, spans: bool = False) -> dict[str, Stocked]:
    """Every file that should be here, the oldest first.  Blocking; one pass over what was said.

    `spans`: those too that travel with the journal; they may have left by an entry of another kind.
    """
    found: dict[str, Stocked] = {}
    beside = Beside()
    for said in index.each(FootageImported, FootageDerived, FootageDisposed):
        body = said.body
        if isinstance(body, FootageDisposed):
            _dispose(found, body, said.at_ms)
        elif (one := _stocked(said)) is not None and (spans or not one.span):
            found.setdefault(one.sha256, one)
            if isinstance(body, FootageImported):
                beside.add(Said(ref=said.ref, at_ms=said.at_ms, body=body))
    for sha256, films in beside.films():
        if sha256 in found:
            found[sha256] = replace(found[sha256], films=films)
    return found


def holds_of(index: FootageIndex) -> dict[str, Hold]:
    """What is on hold: digests, and passages as `passage:NAME`.  Blocking."""
    found: dict[str, Hold] = {}
    for said in index.of(RecordHeld):
        body = said.body
        for thing in held_things(body):
            if body.act == "released":
                found.pop(thing, None)
            else:
                found[thing] = Hold(by=body.by, reason=body.reason, until_ms=body.until_ms)
    return found


def held_things(body: RecordHeld) -> Iterator[str]:
    yield from body.files
    if body.passage is not None:
        yield of_passage(body.passage)


def of_passage(passage: str) -> str:
    return f"passage:{passage}"


def of_lane(passage: str) -> str:
    """A passage that its own lane holds."""
    return f"lane:{passage}"


def was_deleted(index: FootageIndex, sha256: str) -> bool:
    """Whether the last that was said of it is that it is gone.  Blocking."""
    return deletion_of(index, sha256) is not None


def deletion_of(index: FootageIndex, sha256: str) -> Said[FootageDisposed] | None:
    """The last that was said of it, where that is that it is gone.  Blocking."""
    disposed = index.naming(FootageDisposed, sha256)
    if not disposed or disposed[-1].body.act != "deleted":
        return None
    taken = [*index.of(FootageImported, sha256=sha256), *index.of(FootageDerived, sha256=sha256)]
    is_back = any(_stocked(one) and one.at_ms > disposed[-1].at_ms for one in taken)
    return None if is_back else disposed[-1]


def ancestors(index: FootageIndex, sources: Iterable[str]) -> tuple[str, ...]:
    """These, what they were made of, and so on to the originals, each once.  Blocking."""
    found = dict.fromkeys(sources)
    waiting = list(found)
    while waiting:
        for said in index.of(FootageDerived, sha256=waiting.pop()):
            fresh = [name for name in said.body.sources if name not in found]
            found |= dict.fromkeys(fresh)
            waiting += fresh
    return tuple(found)


def ripe(stocked: Iterable[Stocked], *, now_ms: int) -> list[Stocked]:
    """Those whose wait is over."""
    return [one for one in stocked if one.mark is not None and one.mark.due_ms <= now_ms]


def _stocked(said: Said[Body]) -> Stocked | None:
    body = said.body
    if isinstance(body, FootageImported) and body.sha256 is not None and body.state in HERE:
        return Stocked(sha256=body.sha256, since_ms=said.at_ms, size=body.size, important=body.important)
    if isinstance(body, FootageDerived):
        return Stocked(
            sha256=body.sha256,
            since_ms=said.at_ms,
            size=body.size,
            sources=body.sources,
            copy=body.kind == "working_copy",
            span=body.kind == "span",
        )
    return None


def _dispose(found: dict[str, Stocked], body: FootageDisposed, at_ms: int) -> None:
    for sha256 in body.files:
        known = found.get(sha256)
        if known is None:
            continue
        if body.act == "deleted":
            del found[sha256]
        elif body.act == "marked":
            found[sha256] = replace(known, mark=Mark(rule=body.rule, due_ms=body.due_ms or at_ms))
        else:
            since_ms = at_ms if body.rule == RESTORED else known.since_ms
            found[sha256] = replace(known, mark=None, since_ms=since_ms)
