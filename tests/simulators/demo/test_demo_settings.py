"""What the demo writes for its processes is read by them without a fault, and what a watcher looks for is there."""

from __future__ import annotations

import contextlib
import io

import pytest

import central.settings
import station.settings
from central.main import main as weighpost_central
from edge.drivers import indicators
from edge.drivers.making import make_driver
from edge.drivers.rows import Indicator
from edge.main import load
from edge.passages import PassageAssembler
from journal.console import read_settings
from journal.keys import Identity
from simulators.clock import VirtualClock
from simulators.demo.layout import CAMERAS, CENTRE, HOST, LANES, SOURCE, STATION, Layout, Ports
from simulators.demo.watching import PASSAGE, TOKEN
from verify.settings import read_witness_settings
from web.security import CSRF_FIELD

PORTS = Ports(
    centre=8080,
    centre_gate=8443,
    centre_mqtt=8883,
    station=8081,
    station_gate=8444,
    station_mqtt=8884,
    witness=8090,
    cameras=8100,
)


def enrol(arguments: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert weighpost_central(arguments) == 0


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = Layout(tmp_path_factory.mktemp("demo"), PORTS)
    made.make()
    made.enrol(enrol)
    return made


def test_the_centre_knows_every_box_and_draws_its_station(layout: Layout) -> None:
    settings = read_settings(central.settings.Settings, layout.write("central", layout.centre()))
    assert {box.name for box in settings.boxes} == {STATION, *LANES.values()}
    assert settings.register.sources[CENTRE] == "centre"
    assert settings.county.arrange([SOURCE]) == {SOURCE: (380, 300)}
    assert [witness.url for witness in settings.witnesses] == [layout.url(PORTS.witness)]


def test_the_station_has_both_lanes_and_is_itself(layout: Layout) -> None:
    settings = read_settings(station.settings.Settings, layout.write("station", layout.station()))
    assert [(box.lane, box.platform) for box in settings.boxes] == [("lane1", False), ("lane2", True)]
    assert Identity.of(settings.box).box == STATION
    assert settings.destinations[0].files == layout.centre_gate


@pytest.mark.parametrize("lane", LANES)
def test_a_lane_has_its_wires_cameras_and_two_destinations(layout: Layout, lane: str) -> None:
    settings, law = load(layout.write(lane, layout.lane(lane)))
    assert settings.scale.url == str(layout.wire(f"{lane}.scale"))
    assert settings.vision is not None
    assert [camera.role for camera in settings.vision.cameras] == list(CAMERAS[lane])
    assert [one.name for one in settings.destinations if one.custody] == ["centre"]
    assert Identity.of(settings.box).box == LANES[lane]
    assert law.in_force(lambda layer: layer.limit, on="2026-11-22", jurisdiction=settings.lane.jurisdiction)


@pytest.mark.parametrize("row", indicators(), ids=lambda row: row.name)
def test_the_platform_may_have_any_indicator(layout: Layout, row: Indicator) -> None:
    other = Layout(layout.folder, PORTS, indicator=row)
    settings, _ = load(layout.write(f"lane2 {row.name}", other.lane("lane2")))
    assert settings.scale.driver == row.name
    assert other.lane("lane1") == layout.lane("lane1")
    driver = make_driver(row.name, settings.scale.options, device="scale", clock=VirtualClock())
    assert driver.method == "static_platform"


def test_the_witness_believes_the_demos_root(layout: Layout) -> None:
    settings = read_witness_settings(layout.write("witness", layout.witness()))
    assert (settings.host, settings.port) == (HOST, PORTS.witness)


def test_everybody_comes_by_certificate_and_no_settings_hold_a_secret(layout: Layout) -> None:
    tables = [layout.centre(), layout.station(), *(layout.lane(lane) for lane in LANES)]
    for table in tables:
        path = layout.write("one", table)
        assert path.stat().st_mode & 0o077 == 0
        assert "password" not in path.read_text()
    urls = [one for table in tables for one in table.get("destinations", ())]
    assert {(one["mqtt"][:8], one["files"][:8]) for one in urls} == {("mqtts://", "https://")}
    for box in (CENTRE, STATION, *LANES.values()):
        assert (layout.keys / f"{box}.tls.pem").stat().st_mode & 0o077 == 0


def test_ports_that_are_free_are_all_different() -> None:
    ports = Ports.free({})
    found = {getattr(ports, name) for name in Ports.__dataclass_fields__}
    assert len(found) == len(Ports.__dataclass_fields__)
    assert 0 not in found


def test_a_watcher_finds_the_names_that_lanes_give() -> None:
    assembler: PassageAssembler[object] = PassageAssembler(prefix="s01-lane1-0a1b2c", patience_ms=1)
    [opened] = assembler.loop(occupied=True, mono_ms=12_345)
    name = opened.passage
    message = f'{{"topic":"passages.zh","lines":[{{"id":"s01-lane1/{name}"}}]}}'.encode()
    assert PASSAGE.findall(message) == [name.encode()]
    assert PASSAGE.findall(b'{"id":"s01-lane1/early","build":"0a1b2c-0000"}') == []


@pytest.mark.parametrize(
    "field",
    [
        f'<input type="hidden" name="{CSRF_FIELD}" value="t-0k_n">',
        f'<input value="t-0k_n" type="hidden" name="{CSRF_FIELD}">',
    ],
)
def test_a_watcher_finds_the_forms_token(field: str) -> None:
    found = TOKEN.search(f"<form>{field}</form>")
    assert found
    assert (found[1] or found[2]) == "t-0k_n"
