"""What a file shows of true time, as the process that looks at it tells the station."""

from __future__ import annotations

import msgspec

from kernel.footage.clockcode import Hit
from kernel.footage.nmea import Rmc
from kernel.footage.satellites import Stamp


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Codes and sentences that were read, in their order; `late`: there was no time to look at all of it.

    `lines` are the sentences of a file that is no film: they stand at no time.
    """

    hits: tuple[Hit, ...] = ()
    stamps: tuple[Stamp, ...] = ()
    lines: tuple[Rmc, ...] = ()
    late: bool = False
