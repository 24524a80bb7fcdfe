"""Scripts of one scale: every shipped one is whole, wrong ones are refused by the path of what is wrong."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from kernel.errors import ConfigError
from simulators.driving import Stop, Vehicle
from simulators.faults import FaultKind
from simulators.platform import Scale, ScaleSettings, in_kg
from simulators.scenario import Playing, Scenario, read_scenario, scenario_of, shipped
from simulators.weather import Hands, Weather

SCENARIOS = shipped()
SMALL = """
says = "a truck"
for_ms = 20000
[[vehicle]]
at_ms = 0
axle_kg = [5000, 9000]
spacing_mm = [4200]
[[vehicle.stop]]
front_mm = 9000
stands_ms = 3000
[[weather]]
at_ms = 0
for_ms = 1000
kind = "mud"
kg = 50
[[hands]]
at_ms = 0
for_ms = 1000
[[fault]]
at_ms = 0
for_ms = 1000
kind = "shift"
kg = -100
"""


def shows(scenario: Scenario, at_ms: int) -> int:
    """The display at that moment, of a scale without faults."""
    playing, scale = Playing(scenario, seed=1), Scale(scenario.scale)
    for at in range(0, at_ms, scenario.scale.period_ms):
        shown = scale.shows(at, playing.load_kg(at))
    assert shown is not None
    return in_kg(shown)


def test_what_practice_asks_for_is_shipped() -> None:
    assert SCENARIOS.keys() >= {
        "normal", "rollback", "two-trucks", "snow", "rain", "ice", "mud", "wind", "hands", "reboot", "noisy-line",
        "frozen", "second-host", "wrong-baud", "unplugged", "over-range", "negative", "broken-frames",
    }  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_ends_after_everything_in_it(name: str) -> None:
    scenario = SCENARIOS[name]
    ends = [drive.left_ms for drive in Playing(scenario).drives]
    ends += [each.at_ms + each.for_ms for each in scenario.hands]
    ends += [each.at_ms + each.for_ms for each in scenario.weather]
    ends += [each.at_ms + each.for_ms for each in scenario.fault]
    assert scenario.says.endswith(".")
    assert all(end is None or end <= scenario.for_ms for end in ends)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_seed_plays_the_same(name: str) -> None:
    loads = [
        [Playing(SCENARIOS[name], seed=seed).load_kg(at) for at in range(0, SCENARIOS[name].for_ms, 1_000)]
        for seed in (1, 1, 2)
    ]
    assert loads[0] == loads[1]
    assert (loads[0] != loads[2]) == any(each.kind == "wind" for each in SCENARIOS[name].weather)


@pytest.mark.parametrize(
    ("name", "at_ms", "kg"),
    [
        ("normal", 15_000, 54_200),
        ("two-trucks", 21_000, 29_000),
        ("rollback", 11_000, 28_500),
        ("mud", 63_000, 160),
        ("hands", 10_000, 420),
        ("over-range", 15_000, 120_000),
    ],
)
def test_at_the_height_of_it_the_display_shows_what_lies_there(name: str, at_ms: int, kg: int) -> None:
    assert abs(shows(SCENARIOS[name], at_ms) - kg) <= 40


@pytest.mark.parametrize("name", ["snow", "ice"])
def test_what_fell_and_stays_is_more_than_the_zero_can_follow(name: str) -> None:
    assert shows(SCENARIOS[name], SCENARIOS[name].for_ms) >= 100


@pytest.mark.parametrize(
    ("name", "changes"),
    [("normal", 4), ("rollback", 2), ("partly-off", 2), ("two-trucks", 4), ("backs-off", 4), ("hands", 2)],
)
def test_the_loop_before_the_platform_tells_how_often_somebody_passed(name: str, changes: int) -> None:
    playing = Playing(SCENARIOS[name])
    seen = [playing.at_entry(at) for at in range(0, SCENARIOS[name].for_ms, 50)]
    assert sum(a != b for a, b in pairwise(seen)) == changes


def test_rain_runs_off_again() -> None:
    rain = SCENARIOS["rain"].weather[0]
    assert rain.load_kg(76_000, seed=0) == 75
    assert rain.load_kg(300_000, seed=0) < 1


def test_a_scenario_is_found_by_its_name_or_its_file(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(SMALL)
    assert scenario_of(str(own)) == read_scenario(SMALL)
    assert scenario_of("normal") == SCENARIOS["normal"]
    with pytest.raises(ConfigError, match=r"no file, and none of .*normal"):
        scenario_of("nowhere")
    own.write_text("says = 1\n")
    with pytest.raises(ConfigError, match=r"own\.toml\.says: must be str"):
        scenario_of(str(own))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (('says = "a truck"', ""), "says"),
        (("for_ms = 20000", "for_ms = 0"), "for_ms"),
        (("for_ms = 20000", "for_ms = 1" + "0" * 400), "for_ms"),
        (("for_ms = 20000", "for_ms = 1" + "0" * 5_000), "scenario"),
        (("[[fault]]\nat_ms = 0", "[[fault]]\nat_ms = 20000"), "fault[0].at_ms"),
        (("[[vehicle]]\nat_ms = 0", "[[vehicle]]\nat_ms = 20000"), "vehicle[0].at_ms"),
        (("[[hands]]\nat_ms = 0", "[[hands]]\nat_ms = 90000"), "hands[0].at_ms"),
        (("spacing_mm = [4200]", "spacing_mm = [4200, 1]"), "vehicle[0].spacing_mm"),
        (("axle_kg = [5000, 9000]", "axle_kg = [5000]"), "vehicle[0].axle_kg"),
        (("axle_kg = [5000, 9000]", "axle_kg = [5000, 9000]\nspeed_dkmh = 3"), "vehicle[0].speed_dkmh"),
        (("stands_ms = 3000", "stands_ms = 0"), "vehicle[0].stop[0].stands_ms"),
        (('kind = "mud"', 'kind = "fog"'), "weather[0].kind"),
        (("kg = 50", "kg = 0"), "weather[0].kg"),
        (("kg = -100", ""), "fault[0].kg"),
        (('kind = "shift"', 'kind = "fire"'), "fault[0].kind"),
        (("[[fault]]", "[[fault"), "scenario"),
        (("[[hands]]", "[scale]\ndivision_kg = 30\n[[hands]]"), "scale.division_kg"),
        (("[[hands]]", "[scale]\ndecimals = 100000000\n[[hands]]"), "scale.decimals"),
        (
            ("[[hands]]", "[scale]\nmotion_displays = 100000000000000000000\n[[hands]]"),
            "scale.motion_displays",
        ),
    ],
)
def test_wrong_scenarios_are_refused(change: tuple[str, str], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_scenario(SMALL.replace(*change))
    assert path in [at for at, _ in caught.value.faults]


def test_a_vehicle_that_turns_back_or_stays_must_stop_somewhere() -> None:
    text = SMALL.replace("[[vehicle.stop]]\nfront_mm = 9000\nstands_ms = 3000\n", "")
    for leaves in ("backward", "never"):
        with pytest.raises(ConfigError, match=r"vehicle\[0\]\.stop"):
            read_scenario(text.replace("axle_kg", f'leaves = "{leaves}"\naxle_kg'))


def test_every_scenario_fault_and_key_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulators.md").read_text("utf-8")
    assert [name for name, each in SCENARIOS.items() if f"| `{name}` | {each.says} |" not in page] == []
    assert [kind for kind in get_args(FaultKind) if f"| `{kind}` |" not in page] == []
    kinds = (Scenario, Vehicle, Stop, Weather, Hands, ScaleSettings)
    keys = {field.name for kind in kinds for field in fields(kind)} - {"scale", "seed", "stop"}
    keys -= {"vehicle", "weather", "hands", "fault"}
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []
