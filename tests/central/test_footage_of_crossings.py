"""What a station says of footage finds its crossing: the span that came, the marks on it, and nothing of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from central.keeping.personal import clips_of, of_passage
from central.pages import wording
from central.pages.event import event_view
from central.store.belonging import Belonging
from central.store.engines import Database
from central.store.queries import Queries
from central.store.receiving import CentreStore
from central.views import PassageDetail
from kernel.evidence.header import FileRef
from kernel.footage.bodies import FootageDerived, FootageLinked, FootageTagged
from tests.central.made import NOON_MS, REGISTER, Made, clip, clip_file, weighed
from web.i18n import LOCALES, VOCABULARY, load

HERE = Path(wording.__file__).parent

CHINESE = load([LOCALES, VOCABULARY, HERE / "locales"])["zh"]
FILM, SPAN, CLIP = "a1" * 32, "b2" * 32, "d" * 64
SPAN_FILE = (FileRef(name="span.mp4", sha256=SPAN, size=900_000),)


class Centre:
    def __init__(self, database: Database) -> None:
        self.told: list[Any] = []
        self.store = CentreStore(database, store_id="centre-1", register=REGISTER, told=self.told.extend)
        self.queries = Queries(database, register=REGISTER)
        self.belonging = Belonging(database)
        self.lane = Made()
        self.station = Made(journal="c" * 32, box="s01-box", source="yiyuan/s01/station")

    def take(self, *said: tuple[Made, Any, tuple[FileRef, ...]]) -> None:
        for made, body, files in said:
            entry = made.add(body, files=files)
            with self.store.begin() as transaction:
                transaction.insert(entry.header.journal, [entry])

    def passage(self) -> PassageDetail:
        found = self.queries.passage("lane1-box", "p1")
        assert found is not None
        return found


@pytest.fixture
def centre(database: Database) -> Centre:
    made = Centre(database)
    body = weighed(arrived_ms=NOON_MS - 4_000, trace=((0, 0), (3_000, 58_000)))
    made.take((made.lane, body, ()), (made.lane, clip(), clip_file()))
    return made


def linked(act: str = "linked", **more: Any) -> FootageLinked:
    values: dict[str, Any] = {
        "link": "l-1",
        "act": act,
        "sha256": FILM,
        "from_ms": 60_000,
        "to_ms": 70_000,
        "by": "rule",
        "reason": "same officer",
        "box": "lane1-box",
        "passage": "p1",
        "true_from_ms": NOON_MS - 2_000,
        "err_ms": 640,
    }
    return FootageLinked(**values | more)


def derived(**more: Any) -> FootageDerived:
    values: dict[str, Any] = {
        "kind": "span",
        "sha256": SPAN,
        "size": 900_000,
        "sources": (FILM,),
        "by": "rule",
        "reason": "same officer",
        "from_ms": 58_000,
        "to_ms": 70_000,
        "how": (("video", "h264"),),
        "box": "lane1-box",
        "passage": "p1",
        "link": "l-1",
    }
    return FootageDerived(**values | more)


def tagged(tag: str, sha256: str = FILM, *, act: str = "tagged", at_ms: int = 61_500) -> FootageTagged:
    return FootageTagged(
        tag=tag,
        act=act,  # type: ignore[arg-type]
        sha256=sha256,
        from_ms=at_ms,
        to_ms=at_ms + 500,
        kind="step",
        value="signing",
        by="li",
        reason="" if act == "tagged" else "wrong",
    )


def test_a_span_stands_beside_the_clip_in_true_time_with_its_marks(centre: Centre) -> None:
    station = centre.station
    centre.take((station, linked(), ()), (station, derived(), SPAN_FILE))
    centre.take((station, tagged("t-1"), ()), (station, tagged("t-2", at_ms=90_000), ()))
    centre.take((station, tagged("t-3", CLIP, at_ms=1_000), ()))
    [span] = centre.passage().spans
    assert (span.linked, span.starts_ms, span.err_ms) == (True, NOON_MS - 4_000, 640)
    assert (span.file.sha256, span.file.box) == (SPAN, "s01-box")
    assert ("passage", ("lane1-box", "p1")) in [(change.kind, change.key) for change in centre.told]
    view = event_view(centre.passage(), CHINESE, lambda station_: station_)
    of_lane, of_recorder = view.clips
    assert [mark.at_s for mark in of_lane.marks] == ["1.000"]
    assert of_recorder.starts_ms == 0  # 2 s before what is linked: at a key frame
    assert [(mark.at_s, mark.words) for mark in of_recorder.marks] == [("3.500", "签字")]
    assert "± 0.7 秒" in of_recorder.about


def test_what_was_unlinked_or_taken_back_says_so_or_is_gone(centre: Centre) -> None:
    station = centre.station
    centre.take((station, derived(), SPAN_FILE), (station, linked(), ()), (station, linked("unlinked"), ()))
    centre.take((station, tagged("t-1", act="untagged"), ()), (station, tagged("t-1"), ()))
    [span] = centre.passage().spans
    assert not span.linked
    assert centre.passage().marks == ()
    view = event_view(centre.passage(), CHINESE, lambda station_: station_)
    assert "已取消关联" in view.clips[-1].about


def test_nobody_but_its_own_station_speaks_of_a_crossing(centre: Centre) -> None:
    other = Made(journal="e" * 32, box="yiyuan-centre", source="yiyuan/centre")
    centre.take((other, linked(), ()), (other, derived(), SPAN_FILE), (other, tagged("t-1", CLIP), ()))
    assert centre.passage().spans == ()
    assert centre.passage().marks == ()


def test_it_is_packed_with_the_crossing_and_goes_with_its_pictures(centre: Centre) -> None:
    centre.take((centre.station, linked(), ()), (centre.station, derived(), SPAN_FILE))
    found = centre.belonging.of_passage("lane1-box", "p1")
    assert found is not None
    assert {place for place in found.places if place[0] == "c" * 32} == {("c" * 32, 0), ("c" * 32, 1)}
    assert SPAN in of_passage(centre.passage()).files
    assert SPAN not in clips_of(centre.passage()).files


def test_what_people_wrote_of_it_goes_with_it_and_what_a_rule_said_stays(centre: Centre) -> None:
    film = (FileRef(name="wang.mp4", sha256="c3" * 32, size=900_000),)
    centre.take(
        (centre.station, linked(by="rule:time", reason="acted"), ()),
        (centre.station, derived(by="rule:time", reason="acted"), SPAN_FILE),
        (centre.station, tagged("t-1"), ()),
        (centre.station, linked(act="unlinked", by="wang", reason="张三不在其中"), ()),
        (centre.station, derived(by="wang", reason="张三", sha256="c3" * 32, link="l-2"), film),
        (centre.station, tagged("t-2", at_ms=900_000), ()),  # of another crossing on the same film
    )
    entries = of_passage(centre.passage()).entries
    assert [ref.seq for ref in sorted(entries, key=lambda ref: ref.seq) if ref.journal == "c" * 32] == [
        2,
        3,
        4,
    ]


def test_what_names_no_digest_is_quarantined(centre: Centre) -> None:
    centre.take(
        (centre.station, derived(sources=("../../etc",)), SPAN_FILE), (centre.station, tagged("t", "x"), ())
    )
    assert centre.passage().spans == ()
    assert centre.queries.quarantined() == 2
