"""A hold by command: what it must say, and what it becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.keeping.holding import Holding, hold_of
from kernel.errors import RefusedError
from kernel.events import Body, RecordHeld

GOOD = {"act": "held", "passage": "s01-lane1-a1b2c3-0000012345", "by": "wang.li", "reason": "case 7"}


async def test_a_hold_becomes_an_entry_and_its_release_another() -> None:
    said: list[Body] = []

    async def append(body: Body) -> None:
        said.append(body)

    holding = Holding(append=append)
    until = GOOD | {"until_ms": "1800000000000"}
    assert await holding.check(until)
    assert said == [], "nothing is written before the command is"
    await holding.act(until)
    await holding.act({"act": "released", "sha256": "ab" * 32, "by": "li", "reason": "closed"})
    assert said == [
        RecordHeld(
            act="held", passage=GOOD["passage"], by="wang.li", reason="case 7", until_ms=1_800_000_000_000
        ),
        RecordHeld(act="released", files=("ab" * 32,), by="li", reason="closed"),
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"act": "erased"}, "act must be"),
        ({"passage": "../../etc"}, "passage is not one"),
        ({"passage": ""}, "passage is not one"),
        ({"sha256": "ab" * 32}, "a passage or a file"),
        ({"by": " "}, "says by"),
        ({"reason": ""}, "says reason"),
        ({"reason": "x" * 501}, "says reason"),
        ({"until_ms": "soon"}, "until_ms is not one"),
        ({"until_ms": "-1"}, "until_ms is not one"),
        ({"colour": "blue"}, "no colour"),
    ],
)
def test_a_hold_that_says_too_little_or_too_much_is_refused(change: dict[str, str], says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        hold_of(GOOD | change)


@pytest.mark.parametrize("missing", ["passage", "by", "reason"])
def test_a_hold_without_what_or_who_or_why_is_refused(missing: str) -> None:
    with pytest.raises(RefusedError):
        hold_of({name: value for name, value in GOOD.items() if name != missing})


@given(
    st.dictionaries(
        st.sampled_from(["act", "passage", "sha256", "by", "reason", "until_ms"]),
        st.text("heldras01-.\n\0 案", max_size=80),
    )
)
def test_hostile_arguments_are_a_refusal_or_a_hold(arguments: dict[str, str]) -> None:
    try:
        held = hold_of(arguments)
    except RefusedError:
        return
    assert held.by
    assert held.reason
    assert bool(held.passage) != bool(held.files)
