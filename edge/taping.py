"""Keeps what passed over a line: with a weighing that raises questions, and whenever somebody asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from edge.capture_verb import seconds_and_by
from edge.lane import Appends, Cut, Puts
from edge.links.capture import Ring
from edge.settings import Capture as When
from kernel.captures import MEDIA_TYPE, Capture, CaptureHead, Passed, counted_from
from kernel.clock import Clock
from kernel.errors import FullError, RefusedError
from kernel.events import FileStored, VehicleWeighed

LEAD_MS = 10_000  # before the vehicle arrived: the zero that it was weighed against

# What says nothing about the readings of this one vehicle: how the lane is built and set, or who drove behind whom.
ORDINARY = frozenset(
    {
        "loop_missing",
        "close_behind",
        "fraction_cut",
        "converted_from_lb",
        "gross_or_net_unknown",
        "spacing_unit_unknown",
        "speed_unit_unknown",
        "axle_speed_unit_unknown",
        "accel_unit_unknown",
        "groups_only",
    }
)


class Tape:
    """Of one line.  `head` says what it is; its time is that of each capture."""

    def __init__(self, ring: Ring, *, head: CaptureHead, when: When, clock: Clock) -> None:
        self._ring = ring
        self._head = head
        self._when = when
        self._clock = clock

    def of_passage(self, body: VehicleWeighed, *, arrived_mono: int | None) -> Cut | None:
        """From a little before the arrival until now, as far as it is still known; None where nobody would ask for it."""
        if self._when == "never" or (self._when == "flagged" and not is_flagged(body)):
            return None
        begin = arrived_mono - LEAD_MS if arrived_mono is not None else 0
        return self._cut(f"{body.passage}-{self._head.device}.capture", self._ring.since(begin))

    def lately(self, span_ms: int, *, by: str) -> Cut | None:
        """The newest of it, because `by` asked; None when nothing has passed."""
        name = f"{self._head.device}-{self._clock.now_ms()}.capture"
        return self._cut(name, self._ring.since(self._clock.mono_ms() - span_ms), by=by)

    def _cut(self, name: str, kept: tuple[Passed, ...], *, by: str = "") -> Cut | None:
        if not kept:
            return None
        begin = kept[0].ms
        begin_ms = self._clock.now_ms() - (self._clock.mono_ms() - begin)
        capture = Capture(
            head=msgspec.structs.replace(self._head, begin_ms=begin_ms),
            passed=counted_from(begin, kept),
        )
        return Cut(
            name=name,
            data=capture.to_bytes(),
            body=FileStored(
                passage=None,
                weighed=None,
                kind="capture",
                device=self._head.device,
                media_type=MEDIA_TYPE,
                actual_start_ms=begin_ms,
                duration_ms=kept[-1].ms - begin,
                asked_by=by,
            ),
        )


class Taped:
    """All lines of a lane, for whoever asks."""

    def __init__(self, tapes: Sequence[Tape], *, files: Puts, journal: Appends, source: str) -> None:
        self._tapes = tapes
        self._files = files
        self._journal = journal
        self._source = source

    async def perform(self, arguments: Mapping[str, str]) -> str:
        """A file and an entry of each line that said something, a line of text each.

        RefusedError: the order is none, nothing has passed, or there is no room now.
        """
        seconds, by = seconds_and_by(arguments)
        cuts = [tape.lately(seconds * 1000, by=by) for tape in self._tapes]
        try:
            kept = [await self._keep(cut) for cut in cuts if cut is not None]
        except FullError as error:  # later the ring holds something else: whoever asks must know now
            raise RefusedError(f"no room: {error}") from error
        if not kept:
            raise RefusedError("nothing has passed over its lines")
        return "\n".join(kept)

    async def _keep(self, cut: Cut) -> str:
        refs = await self._files.put([(cut.name, cut.data)])
        await self._journal.append(cut.body, source=self._source, files=refs, key=f"capture:{cut.name}")
        return f"{refs[0].sha256}  {refs[0].name}  {refs[0].size} bytes"


def is_flagged(body: VehicleWeighed) -> bool:
    """Whether somebody may ask what the scale really said."""
    return body.gross_kg is None or bool(set(body.quality) - ORDINARY)
