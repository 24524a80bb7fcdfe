"""What a picture suggests of a vehicle, held against what the scale says; neither changes the other."""

from __future__ import annotations

from kernel.events import VehicleHints, VehicleWeighed

CONFIDENT = 800  # permille


def scale_axles(weighed: VehicleWeighed) -> int | None:
    """The axles that scale and lane have counted; None where they count none, as a platform does."""
    return len(weighed.axles) or sum(group.axles for group in weighed.groups) or weighed.facts.axle_count


def axle_count_differs(hints: VehicleHints | None, weighed: VehicleWeighed) -> bool:
    """A confident count from the picture is not the scale's; an axle in the air 提升桥 weighs nothing and may lack there."""
    counted = scale_axles(weighed)
    if hints is None or counted is None or hints.axle_count is None:
        return False
    if hints.axle_count_permille < CONFIDENT:
        return False
    return not hints.axle_count - (hints.lifted_axles or 0) <= counted <= hints.axle_count
