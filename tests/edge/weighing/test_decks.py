"""Several decks are one scale: their sum, of one moment, or no weight and the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.weighing.decks import Decks
from edge.weighing.static import StaticSettings, StaticWeighing
from edge.weighing.values import DeckReading, Weighed, WeightReading
from kernel.events import DeckMass


def reading(kg: int | None, mono_ms: int, **more: object) -> WeightReading:
    said = WeightReading(kg=kg, stable=True, at_ms=mono_ms, mono_ms=mono_ms, raw=b"%d" % (kg or 0))
    return replace(said, **more)  # type: ignore[arg-type]


def test_the_sum_is_said_once_every_deck_has_spoken_anew() -> None:
    decks = Decks(("front", "rear"), skew_ms=300)
    assert decks.feed("front", reading(10_000, 1_000)) == replace(
        reading(None, 1_000), stable=None, words=("deck_missing",), raw=b""
    )
    both = decks.feed("rear", reading(20_000, 1_050))
    assert both is not None
    assert (both.kg, both.stable, both.mono_ms, both.words) == (30_000, True, 1_050, ())
    assert both.decks == (
        DeckReading(deck="front", kg=10_000, raw=b"10000"),
        DeckReading(deck="rear", kg=20_000, raw=b"20000"),
    )
    assert decks.feed("front", reading(10_020, 1_100)) is None


def test_a_deck_that_falls_silent_leaves_no_weight() -> None:
    decks = Decks(("front", "rear"), skew_ms=300)
    decks.feed("front", reading(10_000, 1_000))
    decks.feed("rear", reading(20_000, 1_050))
    late = decks.feed("front", reading(10_000, 1_400))
    assert late is not None
    assert (late.kg, late.words, late.says_nothing) == (None, ("deck_missing",), True)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"stable": False}, {"stable": False}),
        ({"stable": None}, {"stable": None}),
        ({"confirmed": False}, {"confirmed": False}),
        ({"net": True}, {"net": True}),
        ({"words": ("under_range",), "kg": None}, {"kg": None, "words": ("under_range",), "decks": ()}),
        ({"kg": None, "over_range": True}, {"kg": None, "over_range": True, "decks": ()}),
    ],
)
def test_what_speaks_against_one_deck_speaks_against_the_sum(
    change: dict[str, object], found: dict[str, object]
) -> None:
    decks = Decks(("front", "rear"), skew_ms=300)
    decks.feed("front", reading(10_000, 1_000))
    both = decks.feed("rear", replace(reading(20_000, 1_050), **change))  # type: ignore[arg-type]
    assert {name: getattr(both, name) for name in found} == found


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 400)), max_size=60))
def test_no_sum_ever_joins_what_lies_further_apart(said: list[tuple[str, int]]) -> None:
    decks, now, at = Decks(("a", "b", "c"), skew_ms=300), 0, dict.fromkeys("abc", -1_000)
    for deck, after in said:
        now += after
        at[deck] = now
        joined = decks.feed(deck, reading(1_000, now))
        if joined is not None and joined.kg is not None:
            assert joined.kg == 3_000
            assert max(at.values()) - min(at.values()) <= 300


def test_a_vehicle_on_two_decks_is_weighed_with_the_mass_of_each() -> None:
    decks, machine = Decks(("front", "rear"), skew_ms=300), StaticWeighing(StaticSettings())
    events, now = [], 0
    rolls = [((0, 0), 10), ((9_000, 0), 2), ((16_000, 20_000), 2), ((17_220, 26_900), 20), ((0, 9_000), 2)]
    for (front, rear), times in [*rolls, ((0, 0), 5)]:
        for _ in range(times):
            now += 100
            for name, kg, later in (("front", front, 0), ("rear", rear, 40)):
                joined = decks.feed(name, reading(kg, now + later))
                events += machine.feed(joined) if joined else []
    [weighed] = [event for event in events if isinstance(event, Weighed)]
    assert (weighed.gross_kg, weighed.quality, weighed.frames) == (44_120, (), ())
    assert [(deck.deck, deck.deck_kg) for deck in weighed.decks] == [("front", 17_220), ("rear", 26_900)]
    assert all(isinstance(deck, DeckMass) and deck.frames for deck in weighed.decks)
    assert {bytes.fromhex(frame) for frame in weighed.decks[0].frames} == {b"17220"}
