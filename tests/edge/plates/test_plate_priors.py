"""Front and rear speak of each other, and neither changes what the other has read."""

from __future__ import annotations

from edge.plates.priors import differ, with_priors
from kernel.events import PlatePrior, PlateRead


def read(text: str | None, role: str = "front", candidates: tuple[str, ...] = ()) -> PlateRead:
    status = "read" if text else "unsure"
    return PlateRead(role=role, status=status, text=text, candidates=candidates)  # type: ignore[arg-type]


def test_a_rigid_truck_s_two_sides_agree() -> None:
    front, rear = with_priors([read("鲁C12345"), read("鲁C12345", "rear")])
    assert front.priors == (PlatePrior(source="other_side", text="鲁C12345", agrees=True),)
    assert rear.priors == front.priors
    assert not differ([front, rear])


def test_an_unsure_side_is_shown_the_other_and_stays_unsure() -> None:
    _, rear = with_priors([read("鲁C12345"), read(None, "rear", ("鲁C12845", "鲁C12345"))])
    assert (rear.status, rear.text) == ("unsure", None)
    assert rear.priors == (PlatePrior(source="other_side", text="鲁C12345", agrees=True),)


def test_a_trailer_is_another_vehicle() -> None:
    front, rear = with_priors([read("鲁C12345"), read("鲁C1234挂", "rear")])
    assert front.priors == rear.priors == ()
    assert not differ([front, rear])


def test_two_plates_on_one_truck_are_said_to_differ() -> None:
    front, rear = with_priors([read("鲁C12345"), read("鲁C12346", "rear")])
    assert front.priors == (PlatePrior(source="other_side", text="鲁C12346", agrees=False),)
    assert differ([front, rear])
