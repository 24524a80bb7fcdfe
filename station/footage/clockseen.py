"""What a file shows of true time, as the process that looks at it tells the station."""

from __future__ import annotations

import msgspec

from kernel.footage.clockcode import Hit


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Codes that were read, in their order; `late`: there was no time to look at all of it."""

    hits: tuple[Hit, ...] = ()
    late: bool = False
