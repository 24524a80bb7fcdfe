from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import ConfigError
from kernel.law import shipped
from kernel.law.law import parse
from kernel.law.rows import Row, china_day, is_day

ROW = """
source = "notice 7"
effective_from = "2024-01-01"
approved_by = "bureau"
mark = "K"
"""


def licence(name: str, more: str = "") -> str:
    return f"""
[[licence]]
id = "{name}"
vehicles = "two_axle"
effect = "note"
cite_zh = "一"
cite_en = "one"
{more}{ROW if "effective_from" not in more else ROW.replace('effective_from = "2024-01-01"', "")}"""


def faults(*layers: dict[str, str]) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        parse(*layers)
    return list(caught.value.faults)


def in_force(*layers: dict[str, str], on: str = "2024-06-01", jurisdiction: str = "370323") -> list[str]:
    rows = parse(*layers).in_force(lambda layer: layer.licence, on=on, jurisdiction=jurisdiction)
    return [row.id for row in rows.values()]


def test_the_shipped_law_reads_and_every_row_has_its_papers() -> None:
    rows = list(shipped.national().rows())
    assert len({row.id for row in rows}) == len(rows) > 40
    assert all(row.source and row.approved_by and is_day(row.effective_from) for row in rows)
    assert all(row.effective_from >= "2016-01-01" for row in rows)


def test_nothing_in_the_law_is_a_float() -> None:
    seen = 0

    def walk(value: object) -> None:
        nonlocal seen
        seen += 1
        assert not isinstance(value, float)
        if is_dataclass(value):
            for field in fields(value):
                walk(getattr(value, field.name))
        elif isinstance(value, tuple):
            for item in value:
                walk(item)

    for row in shipped.national().rows():
        walk(row)
    assert seen > 500


def test_a_float_in_a_row_is_a_fault_with_file_and_row() -> None:
    text = shipped.texts()["limits.toml"].replace("limit_kg = 25000", "limit_kg = 25000.0")
    assert faults({"limits.toml": text}) == [("limits.toml: limit[1].limit_kg", "must be int, is 25000.0")]


def test_every_fault_of_every_file_is_told_at_once() -> None:
    bad = (
        licence("Bad Id", 'jurisdiction = "3"\neffective_to = "2023-01-01"\n')
        + licence("ok", 'effective_from = "2024-02-30"\n').replace('"bureau"', '""')
        + licence("colour", 'colour = "red"\n')
    )
    found = faults({"a.toml": bad, "b.toml": "[[licence", "c.toml": "limits = 3"})
    paths = [path for path, _ in found]
    assert paths == [
        "a.toml: licence[0].effective_to",
        "a.toml: licence[0].id",
        "a.toml: licence[0].jurisdiction",
        "a.toml: licence[1].approved_by",
        "a.toml: licence[1].effective_from",
        "a.toml: licence[2].colour",
        "b.toml",
        "c.toml: limits",
    ]


def test_one_id_is_one_row_in_all_layers() -> None:
    assert faults({"a.toml": licence("x")}, {"site.toml": licence("x")}) == [
        ("site.toml: licence[0].id", "x is already the id of a.toml: licence[0]")
    ]


def test_two_rows_of_a_layer_may_not_answer_the_same_question_on_the_same_day() -> None:
    assert faults({"a.toml": licence("x") + licence("y")}) == [
        ("a.toml: licence[1]", "is in force together with a.toml: licence[0] (x) for the same case")
    ]
    older = licence("x", 'effective_from = "2020-01-01"\neffective_to = "2023-12-31"\n')
    assert in_force({"a.toml": older + licence("y")}) == ["y"]
    assert in_force({"a.toml": older + licence("y")}, on="2023-12-31") == ["x"]
    assert in_force({"a.toml": older + licence("y")}, on="2019-12-31") == []


def test_tariff_cells_may_not_overlap() -> None:
    text = shipped.texts()["tariffs.toml"].replace('joint_modes = ["joint"]', "joint_modes = []")
    assert [path for path, _ in faults({"tariffs.toml": text})] != []


@pytest.mark.parametrize(
    ("jurisdiction", "expected"),
    [("370323", "county"), ("370305", "city"), ("371300", "province"), ("330101", "nation")],
)
def test_the_nearest_jurisdiction_wins(jurisdiction: str, expected: str) -> None:
    text = licence("nation")
    for name, prefix in (("county", "370323"), ("city", "3703"), ("province", "37")):
        text += licence(name, f'jurisdiction = "{prefix}"\n')
    assert in_force({"a.toml": text}, jurisdiction=jurisdiction) == [expected]


def test_a_sites_own_text_wins_over_every_shipped_row() -> None:
    assert in_force(
        {"a.toml": licence("county", 'jurisdiction = "370323"\n')}, {"site.toml": licence("own")}
    ) == ["own"]


@pytest.mark.parametrize("on", ["", "2024-13-01", "20240101", "2024-01-01T00:00", "today"])
def test_a_day_that_is_none_is_refused(on: str) -> None:
    with pytest.raises(ValueError, match="not a day"):
        shipped.national().in_force(lambda layer: layer.limit, on=on, jurisdiction="370323")


@given(st.text(max_size=60))
def test_rubbish_is_only_ever_a_config_error(text: str) -> None:
    try:
        law = parse({"rubbish.toml": text})
    except ConfigError:
        return
    assert list(law.rows()) == []


@pytest.mark.parametrize(
    ("at_ms", "day"),
    [
        (0, "1970-01-01"),
        (1_704_038_399_999, "2023-12-31"),
        (1_704_038_400_000, "2024-01-01"),
        (-28_800_001, "1969-12-31"),
    ],
)
def test_the_day_of_an_act_is_chinas(at_ms: int, day: str) -> None:
    assert china_day(at_ms) == day


def test_a_row_is_found_by_its_id() -> None:
    found = shipped.national().find("order62-43-mass")
    assert isinstance(found, Row)
    assert found.effective_from == "2016-09-21"
    assert shipped.national().find("no-such-row") is None
