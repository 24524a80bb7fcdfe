"""Everything an operator can set about recorders and their footage; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.settings import must, refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """Absent: the station takes in no recorders.  `folder` holds the originals and what was made of them."""

    folder: str | None = None  # None: `footage` in the station's data folder
    copies_gb: int = 100  # room for working copies; the oldest go first, they can be made again

    def __post_init__(self) -> None:
        refuse(must(self.copies_gb > 0, "copies_gb", "must be more than 0"))
