"""What passed over the line is kept with the weighings that raise questions, and for whoever asks."""

from __future__ import annotations

import asyncio
from typing import get_args

import pytest

from edge.lane import Cut
from edge.links.capture import Ring
from edge.settings import Capture as When
from edge.taping import LEAD_MS, Tape, Taped, is_flagged
from kernel.captures import MEDIA_TYPE, CaptureHead, is_capture, read_capture
from kernel.errors import RefusedError
from kernel.events import FileStored, VehicleFacts, VehicleWeighed, Verdict
from tests.edge.test_lane import NOW, Book, Shelf

HEAD = CaptureHead(
    box="s01-lane1", device="scale", driver="yaohua-cont12", url="/dev/ttyS0", line="9600 8N1", begin_ms=0
)
MONO = 900_000
ORDER = {"act": "capture", "id": "1", "by": "李明", "seconds": "60"}


class Still:
    """Both clocks stand, at moments that have nothing in common."""

    def now_ms(self) -> int:
        return NOW

    def mono_ms(self) -> int:
        return MONO

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def ring(seconds: int = 90) -> Ring:
    """A frame a second, until now."""
    made = Ring()
    for ago in range(seconds, -1, -1):
        made.add("in", b"=%07d" % ago, mono_ms=MONO - ago * 1_000)
    return made


def tape(when: When, made: Ring | None = None) -> Tape:
    return Tape(ring() if made is None else made, head=HEAD, when=when, clock=Still())


def weighed(gross_kg: int | None = 18_460, *quality: str) -> VehicleWeighed:
    return VehicleWeighed(
        passage="b-1",
        lane="lane1",
        jurisdiction="370323",
        road_class="national",
        weighing_grade="certified",
        joint_mode="joint",
        attended=True,
        method="static_platform",
        device="scale",
        arrived_ms=NOW - 30_000,
        left_ms=NOW,
        gross_kg=gross_kg,
        facts=VehicleFacts(),
        verdict=Verdict(
            outcome="within",
            suspected=False,
            decision_kg=gross_kg,
            allowance_kg=0,
            candidates=(),
            over_kg=0,
        ),
        quality=quality,
    )


QUESTIONABLE = [
    weighed(None),
    weighed(None, "not_settled"),
    weighed(18_460, "readings_missing"),
    weighed(18_460, "loop_missing", "zero_off"),
    weighed(18_460, "a_word_of_a_later_version"),
]


@pytest.mark.parametrize("body", QUESTIONABLE, ids=lambda body: " ".join(body.quality) or "no weight")
def test_what_somebody_may_ask_about_is_kept_unless_never(body: VehicleWeighed) -> None:
    kept = {when: tape(when).of_passage(body, arrived_mono=MONO) is not None for when in get_args(When)}
    assert kept == {"never": False, "flagged": True, "always": True}


@pytest.mark.parametrize("words", [(), ("loop_missing",), ("fraction_cut", "close_behind")])
def test_an_ordinary_weighing_is_kept_only_where_all_are(words: tuple[str, ...]) -> None:
    body = weighed(18_460, *words)
    assert not is_flagged(body)
    assert tape("flagged").of_passage(body, arrived_mono=MONO) is None
    assert tape("always").of_passage(body, arrived_mono=MONO) is not None


def test_it_begins_before_the_vehicle_and_says_when_on_the_clock_of_the_event() -> None:
    cut = tape("always").of_passage(weighed(), arrived_mono=MONO - 30_000)
    assert cut is not None
    assert isinstance(cut.data, bytes)
    capture = read_capture(cut.data)
    span_ms = 30_000 + LEAD_MS
    assert capture.head.begin_ms == NOW - span_ms
    assert [one.ms for one in capture.passed] == list(range(0, span_ms + 1, 1_000))
    assert capture.passed[0].data == b"=0000040"
    assert capture.passed[-1].data == b"=0000000"
    assert cut.name == "b-1-scale.capture"
    assert cut.body == FileStored(
        passage=None,
        weighed=None,
        kind="capture",
        device="scale",
        media_type=MEDIA_TYPE,
        actual_start_ms=NOW - span_ms,
        duration_ms=span_ms,
    )


def test_of_a_vehicle_that_was_there_before_us_everything_is_kept_that_is_known() -> None:
    cut = tape("always").of_passage(weighed(), arrived_mono=None)
    assert cut is not None
    assert isinstance(cut.data, bytes)
    assert len(read_capture(cut.data).passed) == 91


def test_of_a_line_that_said_nothing_nothing_is_kept() -> None:
    assert tape("always", Ring()).of_passage(weighed(), arrived_mono=MONO) is None
    assert tape("always", Ring()).lately(60_000, by="x") is None


async def test_whoever_asks_gets_a_file_and_an_entry_of_each_line() -> None:
    book = Book([])
    tapes = (tape("never"), tape("never", Ring()), tape("never", ring(3)))
    said = await Taped(tapes, files=Shelf(), journal=book, source="y/s01/lane1").perform(ORDER)
    assert said.splitlines() == [f"{'2' * 64}  scale-{NOW}.capture  3 bytes"] * 2
    first, second = book.bodies
    assert isinstance(first, FileStored)
    assert isinstance(second, FileStored)
    assert (first.kind, first.asked_by, first.duration_ms, first.passage) == ("capture", "李明", 60_000, None)
    assert second.duration_ms == 3_000


async def test_a_full_disk_is_said_to_whoever_asks() -> None:
    book = Book([])
    taped = Taped((tape("never"),), files=Shelf(full=True), journal=book, source="y/s01/lane1")
    with pytest.raises(RefusedError, match="no room"):
        await taped.perform(ORDER)
    assert book.bodies == []


async def test_lines_that_said_nothing_are_said_to_whoever_asks() -> None:
    taped = Taped((tape("never", Ring()),), files=Shelf(), journal=Book([]), source="y/s01/lane1")
    with pytest.raises(RefusedError, match="nothing has passed"):
        await taped.perform(ORDER)


def test_a_minute_of_ten_frames_a_second_is_a_small_file() -> None:
    made = Ring()
    for n in range(600):
        made.add("in", b"\x02+0184601B\x03"[:12], mono_ms=MONO - 60_000 + n * 100)
    cut: Cut | None = tape("always", made).lately(60_000, by="x")
    assert cut is not None
    assert isinstance(cut.data, bytes)
    assert is_capture(cut.data)
    assert len(cut.data) < 30_000
