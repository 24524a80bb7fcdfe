"""The empty place: only a moment at which surely nobody was there counts as one."""

from __future__ import annotations

from edge.vehicles.quiet import BEFORE_MS, CLEAR_MS, Quiet

NOW = 1_795_400_000_000


def test_before_the_first_vehicle_the_place_is_empty() -> None:
    assert Quiet().opened("a", NOW) == NOW - BEFORE_MS


def test_close_behind_another_nobody_can_say_so() -> None:
    quiet = Quiet()
    quiet.opened("a", NOW)
    quiet.passed("a", NOW + 3_000)
    assert quiet.opened("b", NOW + 3_000 + CLEAR_MS + BEFORE_MS - 1) is None
    quiet.passed("b", NOW + 20_000)
    assert quiet.opened("c", NOW + 20_000 + CLEAR_MS + BEFORE_MS) == NOW + 20_000 + CLEAR_MS


def test_while_one_stands_there_it_is_not_empty_however_long() -> None:
    quiet = Quiet()
    quiet.opened("a", NOW)
    assert quiet.opened("b", NOW + 600_000) is None
    quiet.done("a")
    quiet.done("b")
    assert quiet.opened("c", NOW + 1_200_000) is not None
