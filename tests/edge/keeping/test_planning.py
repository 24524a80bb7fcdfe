"""What may leave: for every state that a file can be in."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.keeping.planning import ORDER, Lying, Named, enough, is_due, may_make_room
from edge.keeping.settings import DAY_MS, SHIPPED, KeepingSettings, Rule, days_of
from kernel.errors import ConfigError
from kernel.events import Outcome

TODAY = 1_790_000_000_000
DAYS = 30
RULES = KeepingSettings().in_force(on="2026-11-27")

ages = st.none() | st.integers(-400, 400).map(lambda days: TODAY - days * DAY_MS)
names = st.builds(
    Named,
    what=st.sampled_from(("pictures", "clips")),
    outcome=st.sampled_from(get_args(Outcome)),
    since_ms=ages,
    kept=st.booleans(),
    held=st.booleans(),
)
files = st.builds(
    Lying,
    sha256=st.just("ab" * 32),
    size=st.integers(0, 10**9),
    kept=st.booleans(),
    asked=st.booleans(),
    named=st.lists(names, max_size=3).map(tuple),
)


def by_age(file: Lying) -> bool:
    return is_due(file, RULES, today_ms=TODAY)


def for_room(file: Lying) -> str | None:
    return may_make_room(file, RULES, days=DAYS, today_ms=TODAY)


@given(files)
def test_i7_nothing_leaves_for_room_that_is_not_kept_but_an_unasked_clip_of_a_compliant_vehicle(
    file: Lying,
) -> None:
    ground = for_room(file)
    if ground is None:
        return
    assert file.named
    assert all(one.kept and not one.held and one.since_ms is not None for one in file.named)
    if ground == "kept":
        assert file.kept
    else:
        assert {(one.what, one.outcome) for one in file.named} == {("clips", "within")}
        assert not file.asked
        assert all(one.since_ms is not None and one.since_ms <= TODAY - 7 * DAY_MS for one in file.named)


@given(files)
def test_i7_nothing_is_due_that_is_held_or_whose_entry_is_not_kept(file: Lying) -> None:
    if not by_age(file):
        return
    assert file.named
    for one in file.named:
        assert one.kept
        assert not one.held
        assert one.since_ms is not None
        assert one.since_ms <= TODAY - days_of(RULES, one.what, one.outcome) * DAY_MS
    assert file.kept or all(one.outcome == "within" for one in file.named), "over limit never before kept"


@given(files, names)
def test_another_entry_that_names_the_same_bytes_never_makes_them_leave_earlier(
    file: Lying, one: Named
) -> None:
    more = Lying(
        sha256=file.sha256, size=file.size, kept=file.kept, asked=file.asked, named=(*file.named, one)
    )
    if file.named:
        assert by_age(file) or not by_age(more)
        assert for_room(file) or not for_room(more)


def lying(what: str, outcome: str, days: int, **changes: bool) -> Lying:
    told = {"entry": True, "file": True, "asked": True, "held": False} | changes
    one = Named(
        what=what,  # type: ignore[arg-type]
        outcome=outcome,  # type: ignore[arg-type]
        since_ms=TODAY - days * DAY_MS,
        kept=told["entry"],
        held=told["held"],
    )
    return Lying(sha256="ab" * 32, size=1, kept=told["file"], asked=told["asked"], named=(one,))


@pytest.mark.parametrize(
    ("file", "due", "room"),
    [
        (lying("clips", "within", 6, file=False, asked=False), False, None),
        (lying("clips", "within", 7, file=False, asked=False), True, "compliant_clip"),
        (lying("clips", "within", 7, file=False, asked=False, entry=False), False, None),
        (lying("clips", "within", 7, file=False, asked=False, held=True), False, None),
        (lying("clips", "within", 90, file=False, asked=True), False, None),
        (lying("clips", "within", 29, file=True, asked=True), True, None),
        (lying("clips", "within", 30, file=True, asked=True), True, "kept"),
        (lying("clips", "over_limit", 29), False, None),
        (lying("clips", "over_limit", 30), False, "kept"),
        (lying("clips", "over_limit", 300, file=False), False, None),
        (lying("clips", "over_limit", 300), True, "kept"),
        (lying("pictures", "within", 29), False, None),
        (lying("pictures", "within", 30), True, "kept"),
        (lying("pictures", "within", 30, file=False), True, None),
        (lying("pictures", "over_limit", 300, file=False), False, None),
        (lying("pictures", "undetermined", 300, entry=False), False, None),
    ],
)
def test_the_table_of_who_leaves_when(file: Lying, due: bool, room: str | None) -> None:
    assert (by_age(file), for_room(file)) == (due, room)


def test_what_nobody_names_or_knows_the_day_of_stays() -> None:
    stranger = Lying(sha256="ab" * 32, size=1, kept=True, asked=False, named=())
    undated = Named(what="clips", outcome="within", since_ms=None, kept=True, held=False)
    for file in (stranger, Lying(sha256="ab" * 32, size=1, kept=True, asked=False, named=(undated,))):
        assert not by_age(file)
        assert for_room(file) is None


@given(st.lists(files, max_size=8), st.integers(0, 10**10))
def test_no_more_goes_than_it_takes(found: list[Lying], wanted: int) -> None:
    chosen = enough(found, wanted)
    assert chosen == found[: len(chosen)]
    assert sum(file.size for file in chosen) >= wanted or chosen == found
    if chosen:
        assert sum(file.size for file in chosen[:-1]) < wanted


def test_the_order_of_eviction_is_clips_of_compliant_vehicles_first_and_names_everything_once() -> None:
    assert ORDER[0] == ("clips", ("within",))
    assert [what for what, _ in ORDER] == ["clips", "clips", "pictures", "pictures"]
    assert sorted((what, outcome) for what, outcomes in ORDER for outcome in outcomes) == sorted(
        (what, outcome) for what in ("clips", "pictures") for outcome in get_args(Outcome)
    )


def test_every_thing_of_every_vehicle_has_one_rule_with_its_source() -> None:
    assert {(rule.what, rule.outcome) for rule in RULES} == {
        (what, outcome) for what in ("plates", "pictures", "clips") for outcome in get_args(Outcome)
    }
    assert len(RULES) == len(SHIPPED) == len({rule.name for rule in RULES})
    assert all(rule.source for rule in RULES)


def test_the_row_from_the_latest_day_is_in_force_and_the_sites_own_before_the_shipped() -> None:
    def own(days: int, day: str) -> Rule:
        return Rule(what="clips", outcome="within", days=days, source="a bureau's order", effective_from=day)

    keeping = KeepingSettings(rules=(own(10, "2026-01-01"), own(20, "2026-12-01"), own(5, "2025-01-01")))
    assert days_of(keeping.in_force(on="2026-11-30"), "clips", "within") == 10
    assert days_of(keeping.in_force(on="2026-12-01"), "clips", "within") == 20
    assert days_of(keeping.in_force(on="2026-11-30"), "plates", "within") == 30


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"low_percent": 92, "high_percent": 92}, "high_percent"),
        ({"high_percent": 101}, "high_percent"),
        ({"evict_after_days": -1}, "evict_after_days"),
        ({"reserve_mb": -1}, "reserve_mb"),
        ({"every_s": 0}, "every_s"),
        ({"reconcile_hour": 24}, "reconcile_hour"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_their_path(wrong: dict[str, int], path: str) -> None:
    with pytest.raises(ConfigError) as refused:
        KeepingSettings(**wrong)  # type: ignore[arg-type]
    assert [fault[0] for fault in refused.value.faults] == [path]


@pytest.mark.parametrize(
    ("wrong", "path"),
    [({"days": 0}, "days"), ({"source": ""}, "source"), ({"effective_from": "soon"}, "effective_from")],
)
def test_a_rule_without_days_source_or_day_is_none(wrong: dict[str, object], path: str) -> None:
    row: dict[str, object] = {"what": "clips", "outcome": "within", "days": 7, "source": "x"} | wrong
    with pytest.raises(ConfigError, match=path):
        Rule(**row)  # type: ignore[arg-type]
