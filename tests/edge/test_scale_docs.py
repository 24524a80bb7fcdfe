"""Every driver, option, setting and quality word of the scales stands in docs/scales.md."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from edge.controller import ControllerOptions
from edge.drivers import DRIVERS, indicators, load_driver, weighers
from edge.drivers.making import settings_of
from edge.drivers.rows import Indicator, IndicatorOptions, Weigher, WeigherOptions
from edge.links import SerialSettings
from edge.taping import ORDINARY
from edge.weighing.axlewise import AxlewiseSettings
from edge.weighing.moving import MovingSettings
from edge.weighing.static import StaticSettings
from kernel.vocabulary import QUALITY

ROOT = Path(__file__).parents[2]
SCALES = (ROOT / "docs/scales.md").read_text(encoding="utf-8")
CATALOGUE = (ROOT / "docs/devices.md").read_text(encoding="utf-8")
CONTROLLER = (ROOT / "docs/lane-controller.md").read_text(encoding="utf-8")
SOURCES = sorted((ROOT / "edge/weighing").glob("*.py"))


@pytest.mark.parametrize("row", indicators(), ids=lambda row: row.name)
def test_every_indicator_explains_its_options(row: Indicator) -> None:
    assert f"## {row.name}\n" in CATALOGUE
    undocumented(row.options, (IndicatorOptions.__doc__ or "") + (row.options.__doc__ or "") + SCALES)


@pytest.mark.parametrize("row", weighers(), ids=lambda row: row.name)
def test_every_weigher_explains_its_options(row: Weigher) -> None:
    assert f"## {row.name}\n" in CATALOGUE
    told = settings_of(row)
    undocumented(
        told, (WeigherOptions.__doc__ or "") + (row.options.__doc__ or "") + (told.__doc__ or "") + SCALES
    )


ROWS = {row.name for row in indicators()} | {row.name for row in weighers()}


@pytest.mark.parametrize("name", sorted(set(DRIVERS) - ROWS))
def test_every_other_driver_and_its_options_are_documented(name: str) -> None:
    assert f"`{name}`" in SCALES
    undocumented(load_driver(name).Options, SCALES)


def undocumented(settings: Any, text: str) -> None:
    assert not [field.name for field in fields(settings) if f"`{field.name}`" not in text]


@pytest.mark.parametrize("settings", [SerialSettings, StaticSettings, AxlewiseSettings, MovingSettings])
def test_every_setting_is_documented(settings: Any) -> None:
    undocumented(settings, SCALES)


def test_every_controller_setting_is_documented() -> None:
    undocumented(ControllerOptions, CONTROLLER)


def quality_words() -> set[str]:
    said = re.compile(
        r'words\["([a-z_]+)"\] = None|(?:say|append)\("([a-z_]+)"|^ +"([a-z_]+)": |\("([a-z_]+)",\)|else "([a-z_]+)"\)$',
        re.MULTILINE,
    )
    found = (said.findall(source.read_text(encoding="utf-8")) for source in SOURCES)
    return {word for words in found for groups in words for word in groups if word}


def test_every_quality_word_is_documented_and_has_words_for_people() -> None:
    words = quality_words()
    assert {
        "not_settled",
        "late_record",
        "fraction_cut",
        "deck_missing",
        "axles_overlap",
        "rolled_back",
        "off_division",
        "zero_unseen",
        "moved_while_weighing",
    } <= words
    assert not [word for word in words if f"`{word}`" not in SCALES]
    assert not words - set(QUALITY)


def test_words_that_are_put_together_have_words_for_people_as_well() -> None:
    units = {f"{name}_unit_unknown" for name in ("speed", "spacing", "axle_speed", "accel")}
    assert not (units | ORDINARY) - set(QUALITY)


def test_golden_frames_are_those_of_the_tests() -> None:
    tests = (ROOT / "tests/firmware_bridge/test_lane_controller_protocol.py").read_text(encoding="utf-8")
    golden = re.findall(r"`(00[0-9a-f]+00)`", CONTROLLER)
    assert len(golden) == 8
    assert all(frame in tests for frame in golden)
