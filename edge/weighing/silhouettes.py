"""Which kinds of vehicle 车型轴型 fit the axles that were weighed: all of them, and never a choice among them.

Rigid or combination, the number of drive axles and the tyres are not in the axles: an officer, the lane controller or
a picture settles them.  Kinds after GB 1589 and Order 62 Art. 3; twin steering axles stand together as 2.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernel.events import Axle, AxleGroup, Silhouette

# Nearer than the first and they stand together, farther than the second and they do not; between the two, either.
TOGETHER_MM, APART_MM = 1_800, 2_500

_RIGID, _COMBINATION = False, True
_ONE, _ONE_OR_TWO, _TWO = (1,), (1, 2), (2,)

# Axles that stand together, from the front; what it is; how many axles may drive.
_KINDS: tuple[tuple[tuple[int, ...], bool, tuple[int, ...]], ...] = (
    ((1, 1), _RIGID, _ONE_OR_TWO),
    ((1, 2), _RIGID, _ONE_OR_TWO),
    ((2, 1), _RIGID, _ONE),
    ((1, 1, 1), _COMBINATION, _ONE),
    ((1, 3), _RIGID, (1, 2, 3)),
    ((2, 2), _RIGID, _ONE_OR_TWO),
    ((1, 1, 1, 1), _COMBINATION, _ONE),
    ((1, 1, 2), _COMBINATION, _ONE),
    ((1, 2, 1), _COMBINATION, _ONE_OR_TWO),
    ((2, 1, 1), _COMBINATION, _ONE),
    ((1, 1, 1, 2), _COMBINATION, _ONE),
    ((1, 1, 3), _COMBINATION, _ONE),
    ((1, 2, 1, 1), _COMBINATION, _ONE_OR_TWO),
    ((1, 2, 2), _COMBINATION, _ONE_OR_TWO),
    ((2, 1, 2), _COMBINATION, _ONE),
    ((2, 2, 1), _COMBINATION, _ONE_OR_TWO),
    ((2, 3), _RIGID, (1, 2, 3)),
    ((1, 1, 2, 2), _COMBINATION, _ONE),
    ((1, 2, 1, 2), _COMBINATION, _ONE_OR_TWO),
    ((1, 2, 3), _COMBINATION, _ONE_OR_TWO),
    ((2, 1, 3), _COMBINATION, _ONE),
    ((2, 2, 1, 1), _COMBINATION, _ONE_OR_TWO),
    ((2, 2, 2), _COMBINATION, _ONE_OR_TWO),
)


def silhouettes(
    axle_count: int | None, groups: Sequence[AxleGroup] = (), axles: Sequence[Axle] = ()
) -> tuple[Silhouette, ...]:
    """Every kind with these axles; by their number alone where nothing more is known, none where that is not either."""
    if axle_count is None:
        return ()
    stands = _groupings(axle_count, groups, axles)
    return tuple(
        Silhouette(axles=kind, combination=combination, drive_axles=drive)
        for kind, combination, drive in _KINDS
        if sum(kind) == axle_count and (stands is None or kind in stands)
    )


def _groupings(
    axle_count: int, groups: Sequence[AxleGroup], axles: Sequence[Axle]
) -> set[tuple[int, ...]] | None:
    """How the axles may stand together; None when nothing tells."""
    if sum(group.axles for group in groups) == axle_count:
        return {tuple(group.axles for group in groups)}
    spacings = [axle.spacing_mm for axle in axles[1:]]
    if len(axles) != axle_count or None in spacings:
        return None
    return groupings([spacing for spacing in spacings if spacing is not None])


def groupings(spacings_mm: Sequence[int]) -> set[tuple[int, ...]]:
    """Every way in which axles with these spacings may stand together."""
    found: set[tuple[int, ...]] = {(1,)}
    for spacing in spacings_mm:
        together = {(*stand[:-1], stand[-1] + 1) for stand in found if spacing < APART_MM}
        apart = {(*stand, 1) for stand in found if spacing >= TOGETHER_MM}
        found = together | apart
    return found


def groups_by_spacing(axles: Sequence[Axle]) -> tuple[AxleGroup, ...]:
    """The axle groups, only where the spacings allow one answer."""
    spacings = [axle.spacing_mm for axle in axles[1:] if axle.spacing_mm is not None]
    if len(spacings) != len(axles) - 1:
        return ()
    stands = groupings(spacings)
    if len(stands) != 1:
        return ()
    [stand] = stands
    weights = iter(axle.axle_kg for axle in axles)
    return tuple(AxleGroup(axles=count, group_kg=sum(next(weights) for _ in range(count))) for count in stand)
