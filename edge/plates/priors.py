"""What another side of the same vehicle says of a plate: put beside the reading for people to see, never into it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from kernel.events import PlatePrior, PlateRead
from kernel.plates import is_trailer


def with_priors(reads: Sequence[PlateRead]) -> tuple[PlateRead, ...]:
    """Each reading with what the other sides have read; a trailer 挂车 carries a plate of its own and says nothing."""
    return tuple(replace(read, priors=(*read.priors, *_priors(read, reads))) for read in reads)


def differ(reads: Sequence[PlateRead]) -> bool:
    """Two sides were read and are not the same plate, though none is a trailer's: cloned, swapped or misread."""
    return len({read.text for read in reads if read.text is not None and not is_trailer(read.text)}) > 1


def _priors(read: PlateRead, reads: Sequence[PlateRead]) -> list[PlatePrior]:
    own = (read.text,) if read.text is not None else read.candidates
    if not own or is_trailer(own[0]):
        return []
    others = [other.text for other in reads if other is not read and other.text is not None]
    return [
        PlatePrior(source="other_side", text=text, agrees=text in own)
        for text in dict.fromkeys(others)
        if not is_trailer(text)
    ]
