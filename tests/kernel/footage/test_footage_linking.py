"""What is linked by rule, what is put to a person and why, and that what a person has decided stays decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.footage.bodies import FootageLinked
from kernel.footage.linking import (
    LOST_MS,
    NEARBY_MS,
    RULE,
    UNSURE_MS,
    WINDOW_MS,
    Crossing,
    Film,
    decide,
    fit,
    newest,
)
from kernel.footage.steps import link_spans

NOON = 1_795_406_400_000
MINUTE = 60_000
DIGEST = "ab" * 32
FILM = Film(
    sha256=DIGEST,
    from_ms=NOON,
    duration_ms=30 * MINUTE,
    err_ms=600,
    recorder="3700123",
    officer="li",
    on_duty=True,
    home=True,
)
INSIDE = Crossing(box="s01-lane2", passage="p1", at_ms=NOON + 10 * MINUTE)


def at(at_ms: int, *acts: tuple[str, int]) -> Crossing:
    return replace(INSIDE, at_ms=at_ms, acts=acts)


def test_an_officer_on_duty_who_filmed_at_that_time_is_linked_around_the_weighing() -> None:
    said = decide(FILM, INSIDE, None)
    assert said is not None
    assert (said.act, said.by, said.reason) == ("linked", RULE, "officer_on_duty")
    assert (said.from_ms, said.to_ms) == (10 * MINUTE - 60_600, 10 * MINUTE + 60_600)
    assert (said.true_from_ms, said.err_ms) == (NOON + said.from_ms, 600)
    assert (said.link, said.box, said.passage) == ("abababababababab.s01-lane2.p1", "s01-lane2", "p1")


def test_the_part_reaches_from_the_weighing_to_the_last_act_of_the_officer() -> None:
    found = fit(FILM, at(NOON + 10 * MINUTE, ("li", NOON + 20 * MINUTE), ("zhao", NOON + 29 * MINUTE)))
    assert found is not None
    assert found.reason == "officer_acted"
    assert (found.from_ms, found.to_ms) == (10 * MINUTE - 60_600, 20 * MINUTE + 60_600)


def test_moments_far_apart_are_parts_of_one_link_and_a_step_that_was_marked_is_one_of_them() -> None:
    long = replace(FILM, duration_ms=90 * MINUTE)
    acts, steps = (("li", NOON + 12 * MINUTE),), (("zhao", NOON + 50 * MINUTE), ("zhao", NOON + 600 * MINUTE))
    said = decide(long, replace(INSIDE, acts=acts, steps=steps), None)
    assert said is not None
    assert said.parts == ((539_400, 780_600), (50 * MINUTE - 60_600, 50 * MINUTE + 60_600))
    assert (said.from_ms, said.to_ms) == (539_400, 50 * MINUTE + 60_600)
    here, there = (link_spans(said, duration_ms=length) for length in (90 * MINUTE, None))
    for at_ms in (NOON + 10 * MINUTE, NOON + 50 * MINUTE):
        assert "shown" in [span.shows(at_ms) for span in here]
        assert "shown" in [span.shows(at_ms) for span in there]
    assert all(span.shows(NOON + 30 * MINUTE) == "missing" for span in there)
    again = decide(long, replace(INSIDE, acts=acts, steps=(*steps, ("li", NOON + 30 * MINUTE))), said)
    assert again is not None
    assert (len(again.parts), again.from_ms, again.to_ms) == (3, said.from_ms, said.to_ms)


def test_the_film_of_who_marked_a_step_is_linked_though_it_begins_long_after_the_weighing() -> None:
    found = fit(FILM, replace(INSIDE, at_ms=NOON - 60 * MINUTE, steps=(("li", NOON + 5 * MINUTE),)))
    assert found is not None
    assert (found.reason, found.from_ms, found.to_ms) == ("officer_acted", 239_400, 360_600)


def test_an_act_on_a_vehicle_that_was_weighed_hours_before_is_on_the_footage_of_its_officer() -> None:
    found = fit(FILM, at(NOON - 180 * MINUTE, ("li", NOON + MINUTE)))
    assert found is not None
    assert (found.sure, found.from_ms, found.to_ms) == (True, 0, 2 * MINUTE + 600)


@pytest.mark.parametrize(
    ("film", "reason", "act"),
    [
        (replace(FILM, on_duty=False), "same_station", "linked"),
        (replace(FILM, on_duty=False, home=False), "other_unit", "proposed"),
        (replace(FILM, err_ms=UNSURE_MS + 1), "clock_unsure", "proposed"),
        (replace(FILM, err_ms=None), "clock_unknown", "proposed"),
        (replace(FILM, doubt="number_twice"), "number_twice", "proposed"),
        (replace(FILM, doubt="length_uncertain", duration_ms=10 * MINUTE), "length_uncertain", "proposed"),
    ],
)
def test_who_and_how_sure_the_time_is_decide(film: Film, reason: str, act: str) -> None:
    said = decide(film, INSIDE, None)
    assert said is not None
    assert (said.act, said.reason) == (act, reason)
    assert (said.true_from_ms is None) == (film.err_ms is None)


def test_the_window_is_the_error_and_a_minute() -> None:
    edge = FILM.to_ms + 600 + WINDOW_MS
    assert fit(FILM, at(edge)) is not None
    assert fit(FILM, at(edge + 1)) is None
    assert fit(FILM, at(FILM.from_ms - 600 - WINDOW_MS)) is not None
    assert fit(FILM, at(FILM.from_ms - 600 - WINDOW_MS - 1)) is None


def test_nearby_footage_of_who_acted_is_put_to_a_person() -> None:
    edge = FILM.to_ms + 600 + WINDOW_MS
    near = fit(FILM, at(edge + NEARBY_MS, ("li", edge + NEARBY_MS)))
    assert near is not None
    assert (near.sure, near.reason) == (False, "nearby")
    assert fit(FILM, at(edge + NEARBY_MS + 1, ("li", edge + NEARBY_MS + 1))) is None


def test_a_clock_that_may_be_off_by_hours_proposes_nothing() -> None:
    assert fit(replace(FILM, err_ms=LOST_MS), INSIDE) is not None
    assert fit(replace(FILM, err_ms=LOST_MS + 1), INSIDE) is None


def linked(**changes: object) -> FootageLinked:
    said = decide(FILM, INSIDE, None)
    assert said is not None
    return msgspec.structs.replace(said, **changes)


@pytest.mark.parametrize("act", ["linked", "declined", "unlinked"])
def test_what_a_person_has_decided_stays_decided(act: str) -> None:
    by_person = linked(act=act, by="li")
    assert decide(FILM, INSIDE, by_person) is None
    assert decide(replace(FILM, from_ms=FILM.from_ms + 3_600_000), INSIDE, by_person) is None


MARKED = replace(INSIDE, steps=(("zhao", NOON + 13 * MINUTE), ("zhao", NOON + 28 * MINUTE)))


def test_what_a_person_has_linked_grows_by_later_steps_as_a_link_by_rule_does() -> None:
    stranger = replace(FILM, home=False, on_duty=False)
    proposed = decide(stranger, INSIDE, None)
    assert proposed is not None
    confirmed = msgspec.structs.replace(proposed, act="linked", by="wang")
    grown, by_rule = decide(stranger, MARKED, confirmed), decide(FILM, MARKED, linked())
    assert grown is not None
    assert by_rule is not None
    assert grown.travels == by_rule.travels == ((539_400, 840_600), (1_619_400, 1_740_600))
    assert (grown.from_ms, grown.to_ms, grown.true_from_ms) == (539_400, 1_740_600, NOON + 539_400)
    assert (grown.act, grown.by, grown.confirmed_by) == ("linked", RULE, "wang")
    assert (grown.link, grown.reason) == (confirmed.link, "step_marked")
    assert decide(stranger, MARKED, grown) is None, "once"


def grown_by_rule() -> FootageLinked:
    grown = decide(FILM, MARKED, linked(by="wang", case="2026-12"))
    assert grown is not None
    assert grown.confirmed_by == "wang"
    return grown


def test_what_the_rule_has_added_is_put_to_a_person_once_its_film_is_of_another_time() -> None:
    grown, moved = grown_by_rule(), replace(FILM, from_ms=NOON + 24 * 60 * MINUTE)
    doubted = decide(moved, MARKED, grown)
    assert doubted is not None
    assert (doubted.act, doubted.reason, doubted.by) == ("proposed", "no_longer_fits", RULE)
    assert (doubted.travels, doubted.link, doubted.case) == (grown.travels, grown.link, "2026-12")
    assert decide(moved, MARKED, doubted) is None, "once"
    again = msgspec.structs.replace(doubted, act="linked", by="wang", confirmed_by=None)
    assert decide(moved, MARKED, again) is None, "their word on what it is now"
    assert not any(span.shows(NOON + 28 * MINUTE) != "missing" for span in link_spans(again))
    assert decide(replace(FILM, err_ms=None), MARKED, grown) is not None, "nobody knows its time any more"


def test_an_anchor_that_moves_a_film_within_its_error_leaves_what_a_person_has_confirmed() -> None:
    for more, act in ((0, "linked"), (1, "proposed")):
        said = decide(replace(FILM, from_ms=NOON + 1_000 + 600 + more), MARKED, grown_by_rule())
        assert said is not None
        assert said.act == act
    alone = linked(by="wang")
    assert decide(replace(FILM, from_ms=NOON + 60 * MINUTE), INSIDE, alone) is None, "nothing was added to it"


@pytest.mark.parametrize(
    "unsure",
    [{"err_ms": UNSURE_MS + 1}, {"err_ms": None}, {"doubt": "number_twice"}, {"doubt": "length_uncertain"}],
)
def test_a_film_whose_time_is_unsure_adds_nothing_to_what_a_person_has_linked(unsure: dict[str, Any]) -> None:
    chosen = linked(by="wang", reason="seen", from_ms=0, to_ms=MINUTE)
    assert decide(replace(FILM, **unsure), MARKED, chosen) is None
    assert decide(replace(FILM, err_ms=UNSURE_MS), MARKED, chosen) is not None


def test_a_part_that_a_person_has_linked_loses_nothing_to_a_step_and_nothing_unsure_is_added() -> None:
    chosen = linked(by="wang", reason="seen", from_ms=0, to_ms=MINUTE)
    grown = decide(FILM, MARKED, chosen)
    assert grown is not None
    assert grown.travels[0] == (0, MINUTE)
    assert len(grown.travels) == 3
    beyond = replace(INSIDE, steps=(("zhao", NOON + 60 * MINUTE),))
    assert decide(FILM, beyond, chosen) is None, "a step that the film does not show"


@pytest.mark.parametrize("act", ["declined", "unlinked"])
def test_what_a_person_has_taken_back_no_step_brings_again(act: str) -> None:
    assert decide(FILM, MARKED, linked(act=act, by="wang")) is None
    assert decide(FILM, MARKED, linked(act=act, by=RULE, confirmed_by="wang")) is None


def test_a_link_by_rule_that_no_longer_holds_is_put_to_a_person_once() -> None:
    moved = replace(FILM, from_ms=NOON + 60 * MINUTE)
    doubted = decide(moved, INSIDE, linked())
    assert doubted is not None
    assert (doubted.act, doubted.reason) == ("proposed", "no_longer_fits")
    assert (doubted.from_ms, doubted.to_ms) == (linked().from_ms, linked().to_ms)
    assert decide(moved, INSIDE, doubted) is None
    again = decide(FILM, INSIDE, doubted)
    assert again is not None
    assert again.act == "linked"


def test_an_anchor_that_moves_a_link_moves_its_part_and_a_hair_does_not() -> None:
    assert decide(replace(FILM, from_ms=NOON + 900), INSIDE, linked()) is None
    moved = decide(replace(FILM, from_ms=NOON + 5_000), INSIDE, linked())
    assert moved is not None
    assert moved.act == "linked"
    assert moved.from_ms == linked().from_ms - 5_000


def test_the_newest_word_on_a_link_counts() -> None:
    first, last = linked(), linked(act="unlinked", by="li", reason="wrong vehicle")
    assert newest([first, last]) == {first.link: last}


FILMS = st.builds(
    Film,
    sha256=st.just(DIGEST),
    from_ms=st.integers(NOON - 3_600_000, NOON + 3_600_000),
    duration_ms=st.integers(0, 7_200_000),
    err_ms=st.none() | st.integers(0, 3_600_000),
    officer=st.none() | st.sampled_from(("li", "zhao")),
    on_duty=st.booleans(),
    home=st.booleans(),
)
DONE = st.lists(
    st.tuples(st.sampled_from(("li", "zhao")), st.integers(NOON - 3_600_000, NOON + 3_600_000)), max_size=2
).map(tuple)
CROSSINGS = st.builds(
    Crossing,
    box=st.just("b"),
    passage=st.just("p"),
    at_ms=st.integers(NOON - 3_600_000, NOON + 3_600_000),
    acts=DONE,
    steps=DONE,
)


@settings(max_examples=40, deadline=None)
@given(films=st.lists(FILMS, min_size=1, max_size=4), crossing=CROSSINGS, by=st.none() | st.just("wang"))
def test_looking_again_says_nothing_new_and_a_part_lies_within_its_file(
    films: list[Film], crossing: Crossing, by: str | None
) -> None:
    known: FootageLinked | None = None
    for film in films:
        said = decide(film, crossing, known)
        if said is not None:
            known = said if by is None else msgspec.structs.replace(said, act="linked", by=by)
            longest = max(one.duration_ms for one in films)
            assert 0 <= said.from_ms <= said.to_ms <= longest
        assert decide(film, crossing, known) is None
