"""Between the scale and the lane: the live weight ten times a second, results to the lane, appends timed."""

from __future__ import annotations

from dataclasses import replace

from edge.desk import LiveWeight, ScaleDesk, TimedJournal, Watches
from edge.lane import Lane
from edge.settings import Scale
from edge.weighing.values import Weighed, WeighingEvent, WeightReading
from journal.writer import Appended
from kernel.events import Body, ClockChecked, DeviceHealth
from kernel.evidence.header import FileRef
from kernel.settings import read
from tests.edge.instrument.rig import Desk

SAID = ClockChecked(reference="ntp", offset_ms=0, err_ms=1, state="ok")


class Listener(Lane):
    """A lane that only writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[WeighingEvent] = []
        self.stood: list[int] = []
        self.loops: list[bool] = []

    def loop(self, *, occupied: bool, mono_ms: int) -> None:
        self.loops.append(occupied)

    def scale(self, event: WeighingEvent) -> None:
        self.told.append(event)

    def standing(self, mono_ms: int) -> None:
        self.stood.append(mono_ms)


class Screen:
    def __init__(self, instrument: Watches | None = None, **scale: object) -> None:
        self.shown: list[LiveWeight] = []
        self.lane = Listener()
        table = {"driver": "toledo-continuous", "url": "/dev/null"} | scale
        self.desk = ScaleDesk(read(Scale, table), self.lane, live=self._show, instrument=instrument)

    def _show(self, name: str, value: object) -> None:
        assert name == "weight"
        assert isinstance(value, LiveWeight)
        self.shown.append(value)

    def read(self, kg: int | None, *, at_ms: int, stable: bool = True, deck: str = "") -> None:
        self.desk.take(WeightReading(kg=kg, stable=stable, at_ms=at_ms, mono_ms=at_ms), deck=deck)

    @property
    def weighed(self) -> list[Weighed]:
        return [event for event in self.lane.told if isinstance(event, Weighed)]


def test_twenty_readings_a_second_are_shown_ten_times() -> None:
    screen = Screen()
    for n in range(200):
        screen.read(0, at_ms=10_000 + 50 * n)
    assert 95 <= len(screen.shown) <= 105
    gaps = {b.at_ms - a.at_ms for a, b in zip(screen.shown, screen.shown[1:], strict=False)}
    assert gaps == {100}


def test_ten_readings_a_second_are_all_shown_though_none_comes_on_time() -> None:
    screen = Screen()
    for n in range(100):
        screen.read(n, at_ms=10_000 + 100 * n + (n % 3) * 4)
    assert len(screen.shown) == 100


def test_a_truck_is_shown_while_it_stands_and_told_to_the_lane_when_it_leaves() -> None:
    screen = Screen()
    at_ms = 10_000
    for kg, count in ((0, 10), (12_000, 5), (38_200, 60), (9_000, 3), (0, 40)):
        for _ in range(count):
            at_ms += 100
            screen.read(kg, at_ms=at_ms, stable=count > 5)
    kinds = [type(event).__name__ for event in screen.lane.told]
    assert kinds == ["Arrived", "Settled", "Weighed"]
    assert 60 <= len(screen.lane.stood) <= 75  # while it stood, and not before or after
    assert {live.state for live in screen.shown} >= {"empty", "weighed"}
    assert max(live.kg or 0 for live in screen.shown) == 38_200


def test_a_display_without_a_weight_does_not_keep_a_vehicle_there() -> None:
    screen = Screen()
    for n in range(30):
        screen.read(0 if n < 10 else 38_200, at_ms=10_000 + 100 * n)
    stood = len(screen.lane.stood)
    for n in range(30):
        screen.read(None, at_ms=13_000 + 100 * n)
    assert stood > 0
    assert len(screen.lane.stood) == stood


def test_the_loop_is_told_to_the_weighing_and_to_the_lane() -> None:
    screen = Screen(platform={"loop": "entry_clear"})
    at_ms = 10_000
    for kg, count, occupied in ((0, 10, None), (12_000, 3, True), (24_000, 30, None), (0, 5, False)):
        if occupied is not None:
            screen.desk.loop(occupied=occupied, mono_ms=at_ms)
        for _ in range(count):
            at_ms += 100
            screen.read(kg, at_ms=at_ms)
    assert screen.lane.loops == [True, False]
    assert [(one.gross_kg, one.quality) for one in screen.weighed] == [(None, ("partly_off",))]


def test_two_decks_are_one_weight_on_the_tablet_and_one_weighing() -> None:
    deck = {"name": "rear", "url": "/dev/null"}
    screen = Screen(name="front", deck=[deck])
    at_ms = 10_000
    for front, rear, count in ((0, 0, 10), (17_220, 26_900, 20), (0, 0, 5)):
        for _ in range(count):
            at_ms += 100
            screen.read(front, at_ms=at_ms, deck="front")
            screen.read(rear, at_ms=at_ms + 30, deck="rear")
    assert [one.gross_kg for one in screen.weighed] == [44_120]
    assert [one.deck_kg for one in screen.weighed[0].decks] == [17_220, 26_900]
    assert 44_120 in {live.kg for live in screen.shown}


def test_a_short_platform_sums_the_axles() -> None:
    screen = Screen(weighing="axlewise")
    at_ms = 10_000
    for kg, count in ((0, 90), (5_000, 10), (0, 20), (10_500, 10), (0, 700)):
        for _ in range(count):
            at_ms += 100
            screen.read(kg, at_ms=at_ms)
    assert [one.gross_kg for one in screen.weighed] == [15_500]


def test_a_frozen_display_is_said_with_the_health_of_its_scale() -> None:
    screen = Screen()
    up = DeviceHealth(name="scale", kind="scale", state="up", since_ms=1)
    down = DeviceHealth(name="deck2", kind="scale", state="down", since_ms=1)
    for n in range(130):
        if n in (20, 60):
            screen.desk.loop(occupied=True, mono_ms=10_000 + 100 * n)
            screen.desk.loop(occupied=False, mono_ms=10_050 + 100 * n)
        screen.read(0, at_ms=10_000 + 100 * n)
    assert [one.state for one in screen.desk.health([up, down])] == ["frozen", "down"]
    screen.read(20, at_ms=24_000)
    assert screen.desk.health([up, down]) == [up, down]


def test_a_deck_that_hangs_is_named_and_the_weight_of_the_others_is_none() -> None:
    screen = Screen(deck=[{"name": "rear", "url": "/dev/zero"}])
    decks = [DeviceHealth(name=name, kind="scale", state="up", since_ms=1) for name in ("scale", "rear")]
    truck = [9_000] * 5 + [20_000] * 40 + [9_000] * 5 + [0] * 20
    for n, front_kg in enumerate([0] * 20 + truck * 3):
        at_ms = 10_000 + 100 * n
        if front_kg == 9_000:
            screen.desk.loop(occupied=n % 70 < 24, mono_ms=at_ms)
        screen.read(0, at_ms=at_ms, deck="rear")
        screen.read(front_kg, at_ms=at_ms, deck="scale")
    assert [one.gross_kg for one in screen.weighed] == [20_000, None, None]
    assert "frozen" in screen.weighed[-1].quality
    assert [one.state for one in screen.desk.health(decks)] == ["up", "frozen"]


def test_what_speaks_against_a_weighing_is_on_the_tablet_while_it_lasts() -> None:
    screen = Screen()

    def shows(**said: object) -> tuple[str, ...]:
        at_ms = 20_000 + 100 * len(screen.shown)
        reading = WeightReading(kg=60, stable=True, at_ms=at_ms, mono_ms=at_ms)
        screen.desk.take(replace(reading, **said))  # type: ignore[arg-type]
        return screen.shown[-1].says

    for _ in range(15):
        last = shows()
    assert last == ("zero_off",)  # somebody stands on the empty platform
    assert [shows(kg=38_260) for _ in range(20)][-1] == ("zero_off",)
    for _ in range(20):
        shows(kg=0)
    assert shows(kg=0) == ()
    assert shows(kg=0, net=True) == ("net_displayed",)
    assert shows(kg=None, words=("not_zeroed", "fraction_cut")) == ("not_zeroed",)
    assert shows(kg=0) == ()


class SlowJournal:
    """Every append takes as long as it is told; the clock is its own."""

    def __init__(self, *takes_ms: int) -> None:
        self._takes_ms = list(takes_ms)
        self.ms = 0
        self.got: list[tuple[str, tuple[FileRef, ...], str | None]] = []

    def now_ms(self) -> int:
        return self.ms

    def mono_ms(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")

    async def append(
        self, body: Body, *, source: str, files: tuple[FileRef, ...] = (), key: str | None = None
    ) -> Appended:
        self.ms += self._takes_ms.pop(0)
        self.got.append((source, files, key))
        return Appended(journal="0" * 32, seq=len(self.got), leaf_hex="1" * 64, at=1, durable_ms=2)


async def test_appends_are_timed_and_passed_on_as_they_are() -> None:
    journal = SlowJournal(*[3] * 18, 40, 5)
    timed = TimedJournal(journal, clock=journal)
    before = timed.p95_us
    assert before is None
    file = FileRef(name="front-0.jpg", sha256="a" * 64, size=1)
    for n in range(20):
        appended = await timed.append(SAID, source="yiyuan/s01/lane1", files=(file,), key=f"k{n}")
        assert appended.seq == n + 1
    assert timed.p95_us == 40_000
    assert journal.got[0] == ("yiyuan/s01/lane1", (file,), "k0")


class Watcher:
    def __init__(self) -> None:
        self.seen: list[tuple[int | None, bool]] = []

    def reading(self, reading: WeightReading, *, empty: bool) -> None:
        self.seen.append((reading.kg, empty))


def test_the_instrument_sees_every_reading_and_when_the_platform_is_empty() -> None:
    watcher = Watcher()
    screen = Screen(watcher)
    shown = [0, 20, *[9_000] * 30, *[20] * 5]
    for number, kg in enumerate(shown):
        screen.read(kg, at_ms=10_000 + 100 * number)
    assert [kg for kg, _ in watcher.seen] == shown
    assert watcher.seen[1] == (20, True)
    assert watcher.seen[20] == (9_000, False)
    assert watcher.seen[-1] == (20, True)


def snow(screen: Screen, desk: Desk, *, to_kg: int, minutes: int) -> None:
    """It falls on the empty platform, and the display follows in whole divisions."""
    steps = minutes * 60
    for second in range(steps):
        for _ in range(2):
            desk.clock.ms += 500
            kg = to_kg * second // steps // 20 * 20
            screen.desk.take(
                WeightReading(kg=kg, stable=True, at_ms=desk.clock.ms, mono_ms=desk.clock.mono_ms())
            )


async def test_snow_is_no_vehicle_and_the_vehicle_after_it_is_flagged_until_zero_is_set() -> None:
    desk = Desk(kinds=())
    await desk.certify()
    screen = Screen(desk.instrument)
    snow(screen, desk, to_kg=280, minutes=20)
    assert screen.lane.told == []
    assert "rezero_needed" in desk.crosses(40_000).quality
    snow(screen, desk, to_kg=0, minutes=1)
    assert "rezero_needed" not in desk.crosses(40_000).quality
