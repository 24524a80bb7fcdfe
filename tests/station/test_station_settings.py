"""Wrong settings stop the start with every fault and its path."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from kernel.errors import ConfigError
from kernel.settings import read
from station.assembly import load_keys, load_law
from station.main import main
from station.settings import Settings
from tests.station.county import County


@pytest.fixture
def county(quick_path: Path) -> County:
    return County.make(quick_path)


@pytest.fixture
def table(county: County) -> dict[str, Any]:
    return tomllib.loads(county.toml())


def faults(table: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ConfigError) as refused:
        read(Settings, table)
    return dict(refused.value.faults)


def test_the_settings_of_a_station(table: dict[str, Any]) -> None:
    settings = read(Settings, table)
    assert settings.station.name("en") == "Nanma weigh station"
    assert [box.shown("zh") for box in settings.boxes] == ["1 号预检车道", "2 号精检车道"]
    assert settings.broker.address.startswith("mqtt://127.0.0.1:")
    assert settings.store.kept_after_ms == 14 * 86_400_000
    assert settings.joint_mode == "joint"


def test_every_fault_is_told_with_its_path_at_once(table: dict[str, Any]) -> None:
    del table["data"]
    table["joint_mode"] = "alone"
    table["box"]["name"] = "S01"
    table["broker"]["password"] = ""
    table["broker"]["port"] = 70_000
    table["store"]["kept_after_days"] = -1
    table["web"]["port"] = "8081"
    table["boxes"][0]["source"] = "lane1"
    table["boxes"][1]["colour"] = "red"
    table["destinations"][0]["mqtt"] = "http://x"
    assert faults(table).keys() == {
        "data", "joint_mode",  "box.name", "broker.password", "broker.port", "store.kept_after_days",
        "web.port", "boxes[0].source", "boxes[1].colour", "destinations[0].mqtt",
    }  # fmt: skip


def test_what_only_the_whole_can_see(table: dict[str, Any]) -> None:
    table["jurisdiction"] = "3703"
    table["boxes"][1]["name"] = table["boxes"][0]["name"]
    table["destinations"] *= 2
    found = faults(table)
    assert found.keys() == {"jurisdiction", "boxes", "destinations"}
    assert "named twice: s01-lane1" in found["boxes"]


def test_a_lane_may_not_be_the_station_itself(table: dict[str, Any]) -> None:
    table["boxes"][0]["name"] = "s01-station"
    assert "the station itself" in faults(table)["boxes"]


def test_keys_that_are_missing_or_of_somebody_else_are_all_told(
    table: dict[str, Any], county: County
) -> None:
    table["box"]["key"] = str(county.folder / "nowhere.key")
    table["store"]["id"] = "another-store"
    with pytest.raises(ConfigError) as refused:
        load_keys(read(Settings, table))
    told = dict(refused.value.faults)
    assert told.keys() == {str(county.folder / "nowhere.key"), "store.key"}
    assert told["store.key"] == "is the key of s01-store-1, this is another-store"


def test_a_pin_that_is_no_key_is_told(table: dict[str, Any]) -> None:
    table["box"]["root_public"] = "AAAA"
    assert "32-byte public key" in faults(table)["box.root_public"]


def test_a_law_file_is_read_over_the_shipped_one_or_named(table: dict[str, Any], county: County) -> None:
    table["law"] = str(county.folder / "site.toml")
    with pytest.raises(ConfigError, match="law: cannot be read"):
        load_law(read(Settings, table), on="2026-06-01")
    (county.folder / "site.toml").write_text("[[limit]]\nid = 3\n")
    with pytest.raises(ConfigError, match=r"site\.toml: limit\[0\]\.id"):
        load_law(read(Settings, table), on="2026-06-01")


def test_without_a_limit_in_force_there_is_nothing_to_judge_by(table: dict[str, Any]) -> None:
    settings = read(Settings, table)
    assert load_law(settings, on="2026-06-01") is not None
    with pytest.raises(ConfigError, match="no limit in force in 370323 on 1999-01-01"):
        load_law(settings, on="1999-01-01")


@pytest.mark.parametrize(
    ("text", "said"),
    [("data = ", "is not TOML"), ("data = 1\nwhat = 2\n", "what: unknown"), ("\udcff", "is not TOML")],
)
def test_the_command_ends_with_2_and_says_why(
    quick_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = quick_path / "station.toml"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    assert main(["run", str(path)]) == 2
    assert said in capsys.readouterr().err


def test_settings_that_are_not_there_are_named(quick_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journals", "--settings", str(quick_path / "no.toml")]) == 2
    assert "no.toml: cannot be read" in capsys.readouterr().err
