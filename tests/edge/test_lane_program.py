"""The program of a lane: its settings are read whole or refused whole, and its verbs answer."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from edge.drivers import DRIVERS
from edge.main import load, main, make_drivers, method_of
from journal.clock import SystemClock
from kernel.errors import ConfigError
from kernel.evidence.notes import encode_base64
from tests.journal.making import County, open_journal

PUBLIC = "A" * 43 + "="  # 32 bytes of nothing
DESTINATION: dict[str, Any] = {
    "name": "centre",
    "mqtt": "mqtt://127.0.0.1:1883",
    "password": "secret",
    "store_id": "yiyuan-centre-1",
    "store_public": PUBLIC,
    "custody": True,
}
TABLE: dict[str, Any] = {
    "data": "data",
    "lane": {
        "source": "yiyuan/s01/lane1",
        "jurisdiction": "370323",
        "road_class": "national",
        "weighing_grade": "pre_check",
        "joint_mode": "joint",
        "attended": False,
    },
    "box": {
        "name": "s01-lane1",
        "key": "lane1.key",
        "certificates": ["lane1.cert", "enrolment.cert"],
        "root_name": "yiyuan-root",
        "root_public": PUBLIC,
    },
    "scale": {"driver": "toledo-continuous", "url": "/dev/ttyS0"},
    "destinations": [DESTINATION],
}
WJ = {
    "driver": "wim-wj",
    "url": "/dev/ttyS0",
    "options": {"spacing_unit": "cm", "axle_speed_unit": "kmh", "accel_unit": "dms2"},
}


def enrolled(folder: Path) -> dict[str, Any]:
    """A box with its key and its chain on disk."""
    county = County()
    identity = county.identity("s01-lane1")
    identity.key.save(folder / "lane1.key")
    paths = [folder / "lane1.cert", folder / "enrolment.cert"]
    for path, note in zip(paths, identity.certs, strict=True):
        path.write_text(note)
    return {
        **TABLE["box"],
        "key": str(folder / "lane1.key"),
        "certificates": [str(path) for path in paths],
        "root_public": encode_base64(county.root.public),
    }


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "lane1.toml"
    path.write_bytes(tomli_w.dumps(TABLE | changes).encode())
    return path


def faults(path: Path) -> dict[str, str]:
    with pytest.raises(ConfigError) as refused:
        load(path)
    return dict(refused.value.faults)


def test_a_small_file_is_a_lane_under_the_shipped_law(tmp_path: Path) -> None:
    settings, law = load(write(tmp_path))
    assert (settings.lane.name, settings.lane.station, settings.vision) == ("lane1", "s01", None)
    assert law.in_force(lambda layer: layer.limit, on="2026-11-22", jurisdiction="370323")


def test_every_fault_is_named_with_its_path(tmp_path: Path) -> None:
    found = faults(
        write(
            tmp_path,
            lane=TABLE["lane"] | {"road_class": "motorway", "atended": True},
            scale={"driver": "toledo-continuous", "url": "COM3"},
            destinations=[DESTINATION | {"mqtt": "tcp://centre", "command_issuer": "yiyuan-centre"}],
            colour="blue",
        )
    )
    assert set(found) == {
        "colour",
        "destinations[0].command_public",
        "destinations[0].mqtt",
        "lane.atended",
        "lane.road_class",
        "scale.url",
    }


@pytest.mark.parametrize("custody", [[False], [True, True]])
def test_one_destination_decides_what_may_be_evicted(tmp_path: Path, custody: list[bool]) -> None:
    destinations = [DESTINATION | {"custody": one, "name": f"d{n}"} for n, one in enumerate(custody)]
    assert set(faults(write(tmp_path, destinations=destinations))) == {"destinations"}


def test_a_driver_that_is_not_there_or_not_told_enough_is_named(tmp_path: Path) -> None:
    unknown = faults(write(tmp_path, scale={"driver": "acme", "url": "/dev/ttyS0"}))
    assert "toledo-continuous" in str(unknown)
    lacking = faults(write(tmp_path, scale={"driver": "wim-wj", "url": "/dev/ttyS0", "options": {"x": 1}}))
    assert any("options" in path for path in lacking)


YAOHUA = {"driver": "yaohua-cont12", "url": "/dev/ttyS0", "options": {"unit": "kg"}}
REAR = {"name": "rear", "url": "/dev/ttyS1"}


def test_a_deck_is_read_like_the_first_where_it_does_not_say_otherwise(tmp_path: Path) -> None:
    other = {"name": "third", "url": "/dev/ttyS2", "driver": "toledo-continuous", "options": {}}
    settings, _law = load(write(tmp_path, scale=YAOHUA | {"deck": [REAR, other]}))
    first, rear, third = settings.scale.indicators
    assert (first.name, first.url, rear.name, rear.url) == ("scale", "/dev/ttyS0", "rear", "/dev/ttyS1")
    assert (rear.driver, rear.options, rear.serial) == (first.driver, {"unit": "kg"}, first.serial)
    assert (third.driver, third.options) == ("toledo-continuous", {})


@pytest.mark.parametrize(
    ("scale", "where"),
    [
        (YAOHUA | {"deck": [REAR | {"options": {}}]}, "scale.deck[0].options.unit"),
        (YAOHUA | {"deck": [REAR, REAR | {"name": "scale"}]}, "scale.deck"),
        (YAOHUA | {"deck": [REAR], "weighing": "axlewise"}, "scale.weighing"),
        (YAOHUA | {"deck_skew_ms": 0}, "scale.deck_skew_ms"),
        (WJ | {"deck": [REAR]}, "scale.deck"),
        (WJ | {"weighing": "axlewise"}, "scale.weighing"),
        (YAOHUA | {"axlewise": {"platform_mm": -1}}, "scale.axlewise.platform_mm"),
    ],
)
def test_decks_that_cannot_be_are_named(tmp_path: Path, scale: dict[str, Any], where: str) -> None:
    assert set(faults(write(tmp_path, scale=scale))) == {where}


def test_the_entry_says_how_a_vehicle_is_weighed(tmp_path: Path) -> None:
    methods = []
    for scale in (YAOHUA, YAOHUA | {"weighing": "axlewise"}, WJ):
        settings, _law = load(write(tmp_path, scale=scale))
        [driver] = make_drivers(settings.scale, clock=SystemClock())
        methods.append(method_of(settings.scale, driver))
    assert methods == ["static_platform", "axle_by_axle", "moving_axles"]


def test_the_sites_own_law_is_read_or_named(tmp_path: Path) -> None:
    missing = faults(write(tmp_path, law=str(tmp_path / "site.toml")))
    assert list(missing) == ["law"]
    (tmp_path / "site.toml").write_text("limit = 3\n")
    assert "site.toml" in str(faults(write(tmp_path, law=str(tmp_path / "site.toml"))))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"data = \n", b"[[["])
def test_what_is_no_toml_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lane1.toml"
    path.write_bytes(content)
    [(where, problem)] = faults(path).items()
    assert (where, "TOML" in problem) == (str(path), True)


def test_check_says_what_is_wrong_and_ends_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = enrolled(tmp_path)
    assert main(["check", str(write(tmp_path, box=box))]) == 0
    assert main(["check", str(write(tmp_path, box=box, colour="blue"))]) == 2
    assert main(["run", str(tmp_path / "nothing.toml")]) == 2
    said = capsys.readouterr()
    assert said.out.endswith("no faults\n")
    assert said.err.splitlines()[0].startswith("weighpost-edge: colour: unknown")
    assert "nothing.toml: cannot be read" in said.err.splitlines()[1]


def test_check_wants_a_chain_to_the_pinned_root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = {**enrolled(tmp_path), "root_public": PUBLIC}
    assert main(["check", str(write(tmp_path, box=other))]) == 2
    assert "box.certificates: do not lead to yiyuan-root" in capsys.readouterr().err


def test_drivers_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drivers", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == sorted(DRIVERS)


def test_the_next_journal_is_ordered_from_outside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = str(write(tmp_path, data=str(tmp_path / "data")))
    assert main(["renew-journal", settings]) == 2
    assert "holds no journal" in capsys.readouterr().err
    identity = County().identity("s01-lane1").key
    folder = tmp_path / "data" / "journal"
    with closing(open_journal(folder, identity=identity)) as journal:
        assert main(["renew-journal", settings]) == 0
        assert "0001 is closed" in capsys.readouterr().out
        first = journal.id
    with closing(open_journal(folder, identity=identity)) as journal:
        assert [volume.id for volume in journal.volumes] == [first, journal.id]


def test_a_revoked_journal_is_continued_at_the_next_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = str(write(tmp_path, data=str(tmp_path / "data")))
    assert main(["renew-journal", "--doubt", "stolen", settings]) == 2
    identity = County().identity("s01-lane1").key
    folder = tmp_path / "data" / "journal"
    with closing(open_journal(folder, identity=identity)) as journal:
        assert main(["renew-journal", "--doubt", "stolen", settings]) == 0
        assert f"{journal.id} is continued" in capsys.readouterr().out
        first = journal.id
    with closing(open_journal(folder, identity=identity)) as journal:
        assert journal.id != first
        assert journal.doubted is not None
        assert journal.doubted.reason == "stolen"


@pytest.mark.parametrize(
    ("journal", "fault"),
    [({"entries": 99}, "entries"), ({"days": 0}, "days"), ({"rehash_hour": 24}, "rehash_hour")],
)
def test_a_journal_that_never_rests_is_refused(tmp_path: Path, journal: dict[str, int], fault: str) -> None:
    assert set(faults(write(tmp_path, journal=journal))) == {f"journal.{fault}"}
