"""The longest rule decides; what is on hold, in an open case or of a category nobody knows is never due."""

from __future__ import annotations

from typing import Literal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kernel.events import Outcome
from kernel.footage.bodies import FootageLinked, FootageTagged, TagKind
from kernel.footage.keeping import (
    DAY_MS,
    CaseFile,
    Decision,
    Hold,
    KeptFile,
    Tie,
    keep_until,
    keeping_links,
    retention,
    shortest_ms,
    standing_links,
    standing_tags,
)
from kernel.law.law import parse
from kernel.law.shipped import national, texts

NOW = 1_790_000_000_000
LAW = national()
MONTHS, YEARS, DECADE = 184 * DAY_MS, 730 * DAY_MS, 3650 * DAY_MS


def tag(kind: TagKind, value: str = "") -> FootageTagged:
    return FootageTagged(
        tag=f"{kind}/{value}",
        act="tagged",
        sha256="ab" * 32,
        from_ms=0,
        to_ms=1,
        kind=kind,
        value=value,
        by="li",
    )


def decide(**more: object) -> Decision:
    given_ = {"now_ms": NOW, "law": LAW, "jurisdiction": "370323"} | more
    return keep_until(KeptFile(since_ms=NOW), **given_)  # type: ignore[arg-type]


def passage(outcome: Outcome | None) -> Tie:
    return Tie(passage="p1", outcome=outcome)


def test_each_category_has_its_days() -> None:
    assert decide() == Decision(until_ms=NOW + MONTHS, rule="footage-unlinked", why="unlinked")
    assert decide(links=[passage("within")]).until_ms == NOW + MONTHS
    for outcome in ("over_limit", "undetermined", "not_weighed", None):
        assert decide(links=[passage(outcome)]).until_ms == NOW + YEARS
    assert decide(tags=[tag("important")]).until_ms == NOW + DECADE
    important = KeptFile(since_ms=NOW, important=True)
    assert keep_until(important, law=LAW, jurisdiction="370323", now_ms=NOW).why == "important"
    assert decide(tags=[tag("category", "obstruction")]).until_ms is None


def test_a_case_is_counted_from_its_closing_and_an_open_one_never_ends() -> None:
    link = Tie(case="鲁沂交罚〔2026〕7号")
    assert decide(links=[link]) == Decision(until_ms=None, rule="footage-case", why="case_open")
    closed = CaseFile(closed_ms=NOW + 100)
    assert decide(links=[link], cases={link.case: closed}).until_ms == NOW + 100 + DECADE
    long = CaseFile(closed_ms=NOW, category="case_long")
    assert decide(tags=[tag("case", "7")], cases={"7": long}).until_ms == NOW + 10950 * DAY_MS
    gone = CaseFile(closed_ms=NOW, category="no_such")
    assert decide(tags=[tag("case", "7")], cases={"7": gone}).why == "category_unknown"


def test_a_word_that_no_row_knows_keeps_for_ever() -> None:
    assert decide(tags=[tag("category", "obstuction")]).why == "category_unknown"
    assert decide(tags=[tag("category", "case")]).until_ms is None


def test_a_hold_ends_when_it_says_so_and_not_before() -> None:
    assert decide(holds=[Hold(by="wang", reason="复议")]) == Decision(
        until_ms=None, rule="hold", why="on_hold"
    )
    assert decide(holds=[Hold(by="wang", reason="复议", until_ms=NOW + YEARS)]).until_ms == NOW + YEARS
    assert decide(holds=[Hold(by="wang", reason="复议", until_ms=NOW)]).why == "unlinked"


def test_a_site_may_lengthen_a_rule_from_a_day_on() -> None:
    own = """
[[retention]]
id = "yiyuan-unlinked"
jurisdiction = "370323"
category = "unlinked"
days = 365
source = "本局规定"
effective_from = "2026-09-01"
approved_by = "局长办公会"
mark = "S"
"""
    law = parse(texts(), {"site.toml": own})
    assert decide(law=law).until_ms == NOW + 365 * DAY_MS
    before = 1_780_000_000_000
    assert decide(law=law, now_ms=before).until_ms == NOW + MONTHS
    assert shortest_ms(retention(law, jurisdiction="370323", now_ms=NOW)) == MONTHS


def linked(name: str, act: Literal["proposed", "linked", "declined", "unlinked"]) -> FootageLinked:
    return FootageLinked(
        link=name,
        act=act,
        sha256="ab" * 32,
        from_ms=0,
        to_ms=1,
        by="rule",
        reason="near",
    )


def test_only_what_was_said_last_of_a_link_or_a_tag_holds() -> None:
    said = [linked("a", "proposed"), linked("b", "linked"), linked("a", "linked"), linked("b", "unlinked")]
    assert [link.link for link in standing_links(said)] == ["a"]
    assert standing_links([linked("c", "proposed"), linked("d", "declined")]) == []


def test_what_was_linked_until_its_time_was_found_to_be_another_keeps_until_a_person_has_looked() -> None:
    doubted = msgspec.structs.replace(linked("a", "proposed"), reason="no_longer_fits")
    said = [linked("a", "linked"), linked("b", "linked"), doubted, linked("c", "proposed")]
    assert [link.link for link in keeping_links(said)] == ["a", "b"]
    assert [link.link for link in keeping_links([*said, linked("a", "declined")])] == ["b"]
    off = FootageTagged(
        tag="important/",
        act="untagged",
        sha256="ab" * 32,
        from_ms=0,
        to_ms=1,
        kind="important",
        value="",
        by="li",
    )
    assert standing_tags([tag("important"), off]) == []


ties = st.builds(
    Tie,
    passage=st.sampled_from([None, "p1"]),
    case=st.sampled_from([None, "c1", "c2"]),
    outcome=st.sampled_from([None, "within", "over_limit"]),
)
marks = st.builds(
    tag,
    st.sampled_from(["important", "category", "note", "case"]),
    st.sampled_from(["", "linked", "obstruction", "case_long", "c1"]),
)
holds = st.builds(
    Hold, by=st.just("wang"), reason=st.just("x"), until_ms=st.none() | st.integers(NOW - 9, NOW + DECADE)
)
cases = st.dictionaries(
    st.sampled_from(["c1", "c2"]), st.builds(CaseFile, closed_ms=st.none() | st.integers(0, NOW))
)


@given(st.lists(ties, max_size=3), st.lists(marks, max_size=3), st.lists(holds, max_size=2), cases)
def test_more_grounds_never_shorten_and_no_file_is_due_before_the_shortest_rule(
    links: list[Tie], tags: list[FootageTagged], on: list[Hold], known: dict[str, CaseFile]
) -> None:
    least = decide()
    whole = decide(links=links, tags=tags, holds=on, cases=known)
    assert _length(whole) >= _length(least)
    for part in range(len(links)):
        fewer = decide(links=links[:part], tags=tags, holds=on, cases=known)
        assert _length(whole) >= _length(fewer)
    if any(hold.until_ms is None for hold in on):
        assert whole.until_ms is None


def _length(decision: Decision) -> float:
    return float("inf") if decision.until_ms is None else decision.until_ms
