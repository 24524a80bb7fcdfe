"""How long a file of footage must be kept 保管期限: every rule that fits is asked, and the longest decides.

Rules are rows of the law (`retention`), those in force on the day of the question; days count from when the file was
taken in, which is never before it was recorded.  What is on hold stays, whatever the rules say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kernel.events import Outcome
from kernel.footage.bodies import FootageLinked, FootageTagged
from kernel.footage.linking import DOUBTED
from kernel.law.law import Law
from kernel.law.rows import RetentionRow, china_day

DAY_MS = 86_400_000
COMPLIANT: Outcome = "within"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """One file; `since_ms` is when it was taken in, or restored from deletion."""

    since_ms: int
    important: bool = False  # marked on the recorder 重点文件标记


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """A passage or a case that the file is linked to; `outcome` None: nothing is known of the passage here."""

    passage: str | None = None
    case: str | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Somebody wants it kept 封存: `until_ms` None is until it is released."""

    by: str
    reason: str
    until_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """What is known of a case; its category is a row that counts from its closing."""

    closed_ms: int | None = None
    category: str = "case"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`until_ms` None: never to be deleted.  `rule` is the row's id, or hold; `why` a machine word (docs/footage.md)."""

    until_ms: int | None
    rule: str
    why: str


def keep_until(
    file: KeptFile,
    *,
    tags: Iterable[FootageTagged] = (),
    links: Iterable[Tie] = (),
    holds: Iterable[Hold] = (),
    cases: Mapping[str, CaseFile] | None = None,
    law: Law,
    jurisdiction: str,
    now_ms: int,
) -> Decision:
    """The longest of all that fits; a category that no row knows keeps for ever, so that a word mistyped deletes nothing."""
    rows = retention(law, jurisdiction=jurisdiction, now_ms=now_ms)
    tags, links = list(tags), list(links)
    grounds = [*_held(holds, now_ms)]
    grounds += (_by_category(one, file, rows) for one in _categories(file, tags, links))
    grounds += (_by_case(name, rows, cases or {}) for name in named_cases(tags, links))
    return max(grounds, key=_length)


def retention(law: Law, *, jurisdiction: str, now_ms: int) -> dict[str, RetentionRow]:
    """The row in force today, by category."""
    found = law.in_force(lambda layer: layer.retention, on=china_day(now_ms), jurisdiction=jurisdiction)
    return {row.category: row for row in found.values()}


def shortest_ms(rows: Mapping[str, RetentionRow]) -> int:
    """Nothing that is younger can be due."""
    return min((row.days for row in rows.values() if row.days is not None), default=0) * DAY_MS


def standing_links(said: Iterable[FootageLinked]) -> list[FootageLinked]:
    """What was said last of each link, where that is that it holds."""
    last = {link.link: link for link in said}
    return [link for link in last.values() if link.act == "linked"]


def keeping_links(said: Iterable[FootageLinked]) -> list[FootageLinked]:
    """Those that hold, and those that did until their footage was found to be of another time: it stays until a person
    has looked at it.
    """
    last = {link.link: link for link in said}
    return [link for link in last.values() if link.act == "linked" or _is_doubted(link)]


def standing_tags(said: Iterable[FootageTagged]) -> list[FootageTagged]:
    """What was said last of each tag, where that is that it holds."""
    last = {tag.tag: tag for tag in said}
    return [tag for tag in last.values() if tag.act == "tagged"]


def named_cases(tags: Iterable[FootageTagged], links: Iterable[Tie]) -> tuple[str, ...]:
    """The cases that a file belongs to, each once."""
    named = [*(link.case for link in links), *(tag.value for tag in tags if tag.kind == "case")]
    return tuple(dict.fromkeys(name for name in named if name is not None))


def _is_doubted(link: FootageLinked) -> bool:
    return link.act == "proposed" and link.reason == DOUBTED


def _held(holds: Iterable[Hold], now_ms: int) -> Iterator[Decision]:
    for hold in holds:
        if hold.until_ms is None or hold.until_ms > now_ms:
            yield Decision(until_ms=hold.until_ms, rule="hold", why="on_hold")


def _categories(file: KeptFile, tags: list[FootageTagged], links: list[Tie]) -> Iterator[str]:
    yield "unlinked"
    for link in links:
        if link.passage is not None:
            yield "compliant" if link.outcome == COMPLIANT else "linked"
    if file.important or any(tag.kind == "important" for tag in tags):
        yield "important"
    yield from (tag.value for tag in tags if tag.kind == "category")


def _by_category(category: str, file: KeptFile, rows: Mapping[str, RetentionRow]) -> Decision:
    row = rows.get(category)
    if row is None:
        return Decision(until_ms=None, rule="none", why="category_unknown")
    # What counts from a case counts from its closing; a mark alone knows of none.
    if row.days is None or row.counted_from == "case":
        return Decision(until_ms=None, rule=row.id, why=category)
    return Decision(until_ms=file.since_ms + row.days * DAY_MS, rule=row.id, why=category)


def _by_case(name: str, rows: Mapping[str, RetentionRow], cases: Mapping[str, CaseFile]) -> Decision:
    known = cases.get(name, CaseFile())
    row = rows.get(known.category)
    if row is None:
        return Decision(until_ms=None, rule="none", why="category_unknown")
    if known.closed_ms is None:
        return Decision(until_ms=None, rule=row.id, why="case_open")
    if row.days is None:
        return Decision(until_ms=None, rule=row.id, why=known.category)
    return Decision(until_ms=known.closed_ms + row.days * DAY_MS, rule=row.id, why=known.category)


def _length(decision: Decision) -> tuple[bool, int]:
    return decision.until_ms is None, decision.until_ms or 0
