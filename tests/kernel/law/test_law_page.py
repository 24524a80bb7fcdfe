from __future__ import annotations

import re
from pathlib import Path

import pytest

from kernel.law import limits, shipped, tariff, verdict

PAGE = (Path(__file__).parents[3] / "docs" / "law.md").read_text(encoding="utf-8")
CONFIRM = PAGE.split("## Confirm with your bureau")[1]
WORD = re.compile(r'"([a-z]+(?:_[a-z]+)+)"')


NOT_WORDS = {
    "axle_count",
    "single_tyre_axles",
    "single_tyre_axles_most",
    "low_speed",
    "two_axle",
    "per_axle",
    "over_limit",
    "not_weighed",
    "device_class",
    "round_kg",
}


@pytest.mark.parametrize("row", [row.id for row in shipped.national().rows() if row.mark in ("U", "K?")])
def test_every_unsure_row_is_on_the_list_to_confirm(row: str) -> None:
    assert f"`{row}`" in CONFIRM


def test_every_row_the_page_names_exists() -> None:
    named = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", PAGE))
    assert len(named) > 30
    assert all(shipped.national().find(row) for row in named)


@pytest.mark.parametrize("module", [limits, verdict, tariff])
def test_every_machine_word_is_explained(module: object) -> None:
    source = Path(str(getattr(module, "__file__", ""))).read_text(encoding="utf-8")
    words = set(WORD.findall(source)) - NOT_WORDS
    assert len(words) > 2
    assert {word for word in words if f"`{word}`" not in PAGE} == set()


def test_every_limit_is_in_the_table() -> None:
    for row in shipped.national().layers[0].limit:
        assert f"| {row.limit_kg:,} | `{row.id}` |".replace(",", " ") in PAGE


def test_every_reason_of_a_tariff_row_is_explained() -> None:
    reasons = {row.reason for row in shipped.national().layers[0].tariff if row.reason}
    assert reasons == {"police_decide", "off_site_off", "not_certified", "no_village_tariff"}
    assert all(f"`{reason}`" in PAGE for reason in reasons)


def test_every_kind_of_row_is_shipped() -> None:
    assert all(found for _, found in shipped.national().layers[0].tables())
