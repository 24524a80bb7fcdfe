import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.events import JointMode, RoadClass, VehicleFacts, WeighingGrade
from kernel.law import shipped
from kernel.law.law import Law
from kernel.law.tariff import Fine, Place, Size, fine, tariff_row, yuan
from kernel.law.verdict import Allowance, judge

LAW = shipped.national()
ON = "2024-06-01"
PAPERS = """
source = "letter 1"
effective_from = "{since}"
approved_by = "bureau"
mark = "S"
"""
ONCE = """
[[single_tyre]]
id = "bureau-once"
less_kg = 3000
counted = "once"
cite_zh = "局复函"
cite_en = "letter of the bureau"
"""
FRACTION = """
[[fraction]]
id = "bureau-fraction"
fraction = "{fraction}"
subtract_first_1000 = {first}
"""
TWO = VehicleFacts(axle_count=2, combination=False, single_tyre_axles=0)
THREE = VehicleFacts(axle_count=3, combination=True, single_tyre_axles=0)
SIX_ONE_DRIVE = VehicleFacts(axle_count=6, combination=True, drive_axles=1, single_tyre_axles=0)
SIX = VehicleFacts(axle_count=6, combination=True, drive_axles=2, single_tyre_axles=0)
SIX_SINGLE = VehicleFacts(axle_count=6, combination=True, drive_axles=2, single_tyre_axles=3)


def site(text: str, *, since: str = "2016-09-21") -> Law:
    return shipped.with_site({"site.toml": text + PAPERS.format(since=since)})


def at(
    jurisdiction: str = "370323",
    *,
    road_class: RoadClass = "national",
    joint_mode: JointMode = "transport",
    weighing_grade: WeighingGrade = "certified",
) -> Place:
    return Place(
        jurisdiction=jurisdiction, road_class=road_class, joint_mode=joint_mode, weighing_grade=weighing_grade
    )


def cost(
    over_kg: int,
    *,
    limit_kg: int = 49_000,
    place: Place | None = None,
    law: Law = LAW,
    on: str = ON,
    size: Size | None = None,
) -> Fine:
    return fine(over_kg, limit_kg=limit_kg, place=place or at(), law=law, on=on, size=size)


@pytest.mark.parametrize(
    ("facts", "gross_kg", "law", "limit_kg", "over_kg", "kind", "expected_yuan"),
    [
        (TWO, 18_000, LAW, 18_000, 0, "none", 0),
        (TWO, 18_001, LAW, 18_000, 1, "warning", 0),
        (TWO, 19_000, LAW, 18_000, 1_000, "warning", 0),
        (TWO, 19_001, LAW, 18_000, 1_001, "amount", 500),
        (THREE, 29_999, LAW, 27_000, 2_999, "amount", 1_000),
        (SIX_ONE_DRIVE, 49_000, LAW, 46_000, 3_000, "amount", 1_500),
        (SIX, 49_000, LAW, 49_000, 0, "none", 0),
        (SIX_SINGLE, 49_000, LAW, 40_000, 9_000, "amount", 4_500),
        (SIX_SINGLE, 49_000, site(ONCE), 46_000, 3_000, "amount", 1_500),
        (SIX, 108_999, LAW, 49_000, 59_999, "amount", 29_500),
        (SIX, 109_000, LAW, 49_000, 60_000, "amount", 30_000),
        (SIX, 140_000, LAW, 49_000, 91_000, "amount", 30_000),
    ],
)
def test_the_reference_vectors(
    facts: VehicleFacts, gross_kg: int, law: Law, limit_kg: int, over_kg: int, kind: str, expected_yuan: int
) -> None:
    verdict = judge(
        gross_kg, facts, law=law, on=ON, jurisdiction="370323", allowance=Allowance(), suspected=False
    )
    assert [c.limit_kg for c in verdict.candidates] == [limit_kg]
    assert verdict.over_kg == over_kg
    assert verdict.outcome == ("over_limit" if over_kg else "within")
    answer = cost(verdict.over_kg, limit_kg=limit_kg, law=law)
    assert (answer.kind, answer.warning) == (kind, kind == "warning")
    assert (answer.lowest_fen, answer.highest_fen) == (expected_yuan * 100, expected_yuan * 100)


def test_mass_and_size_add_up() -> None:
    answer = cost(10_000, size=Size(width_mm=3_000, height_mm=4_100))
    assert (answer.kind, answer.lowest_fen, answer.highest_fen) == ("range", 500_000, 520_000)
    assert answer.rules == (
        "order62-43-mass",
        "order62-43-fraction",
        "order62-43-size",
        "order62-3-1",
        "order62-3-2",
    )


@pytest.mark.parametrize(
    ("size", "span"),
    [
        (Size(height_mm=4_000, width_mm=2_550, length_mm=18_100), None),
        (Size(), None),
        (Size(height_mm=4_001), (0, 200)),
        (Size(height_mm=4_200, width_mm=3_000, length_mm=20_000), (0, 200)),
        (Size(height_mm=4_201), (200, 1_000)),
        (Size(length_mm=28_000), (200, 1_000)),
        (Size(length_mm=28_001), (1_000, 3_000)),
        (Size(height_mm=4_100, width_mm=3_751), (1_000, 3_000)),
    ],
)
def test_size_alone_takes_the_bracket_of_its_worst_side(size: Size, span: tuple[int, int] | None) -> None:
    answer = cost(0, size=size)
    if span is None:
        assert (answer.kind, answer.reason) == ("none", "not_over")
    else:
        assert (answer.lowest_fen, answer.highest_fen) == (span[0] * 100, span[1] * 100)
        assert answer.reason == "discretion"


def test_the_cap_is_on_the_sum() -> None:
    answer = cost(60_000, size=Size(height_mm=5_000))
    assert (answer.kind, answer.lowest_fen, answer.highest_fen) == ("amount", 3_000_000, 3_000_000)
    assert "together at most 30000 yuan" in answer.explain_en
    near = cost(58_500, size=Size(height_mm=5_000))
    assert (near.lowest_fen, near.highest_fen) == (3_000_000, 3_000_000)
    assert (cost(55_000, size=Size(height_mm=5_000)).lowest_fen) == 2_850_000


def test_a_warning_stays_one_beside_a_fine_for_size() -> None:
    answer = cost(800, size=Size(height_mm=5_000))
    assert (answer.warning, answer.kind, answer.lowest_fen, answer.highest_fen) == (
        True,
        "range",
        100_000,
        300_000,
    )


@pytest.mark.parametrize(
    ("fraction", "first", "over_kg", "expected_fen"),
    [
        ("FLOOR", "false", 5_400, 250_000),
        ("FLOOR", "true", 5_400, 200_000),
        ("CEIL", "false", 5_400, 300_000),
        ("CEIL", "false", 5_000, 250_000),
        ("CEIL", "true", 5_400, 250_000),
        ("PRO_RATA", "false", 5_400, 270_000),
        ("PRO_RATA", "true", 5_401, 220_050),
        ("CEIL", "false", 1_000, 0),
    ],
)
def test_the_bureau_chooses_how_a_part_of_a_tonne_counts(
    fraction: str, first: str, over_kg: int, expected_fen: int
) -> None:
    answer = cost(over_kg, law=site(FRACTION.format(fraction=fraction, first=first)))
    assert answer.highest_fen == expected_fen
    assert ("bureau-fraction" in answer.rules) == (over_kg > 1_000)


def test_a_village_road_and_a_national_road_take_different_rows() -> None:
    village = cost(5_000, place=at(road_class="village"))
    assert (village.kind, village.reason) == ("range", "discretion")
    assert (village.lowest_fen, village.highest_fen) == (50_000, 3_000_000)
    assert village.rules == ("shandong-village-road",)
    assert "情节严重5000至30000元" in village.explain_zh
    national = cost(5_000)
    assert (national.kind, national.highest_fen) == ("amount", 250_000)
    assert national.rules == ("order62-43-mass", "order62-43-fraction")


def test_outside_shandong_a_village_road_has_no_tariff() -> None:
    answer = cost(5_000, place=at("410425", road_class="village"))
    assert (answer.kind, answer.reason) == ("none", "no_village_tariff")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (at(joint_mode="joint"), "police_decide"),
        (at(joint_mode="joint", road_class="village"), "police_decide"),
        (at(joint_mode="joint", weighing_grade="pre_check"), "police_decide"),
        (at(joint_mode="off_site"), "off_site_off"),
        (at("330100", joint_mode="off_site"), "off_site_off"),
        (at(weighing_grade="pre_check"), "not_certified"),
        (at(weighing_grade="pre_check", road_class="village"), "not_certified"),
    ],
)
def test_where_transport_sets_no_fine_the_answer_says_why(place: Place, reason: str) -> None:
    answer = cost(30_000, place=place)
    assert (answer.kind, answer.highest_fen, answer.reason) == ("none", 0, reason)
    assert answer.rules
    assert answer.explain_zh
    assert answer.explain_en


@pytest.mark.parametrize(
    ("over_kg", "kind", "expected_yuan"),
    [
        (10_000, "education", 0),
        (10_001, "amount", 0),
        (12_000, "amount", 600),
        (25_000, "amount", 4_500),
        (26_000, "amount", 5_000),
        (90_000, "amount", 30_000),
    ],
)
def test_zhejiang_counts_by_share_of_the_limit(over_kg: int, kind: str, expected_yuan: int) -> None:
    answer = cost(over_kg, limit_kg=50_000, place=at("330604"))
    assert (answer.kind, answer.highest_fen) == (kind, expected_yuan * 100)
    assert "zhejiang-53-mass" in answer.rules


def test_an_act_is_judged_by_its_day_or_by_a_later_lighter_law() -> None:
    place = at("330604")
    asked = {"limit_kg": 50_000, "place": place, "law": LAW}
    act = fine(9_000, on="2020-08-31", **asked)  # type: ignore[arg-type]
    assert (act.kind, act.highest_fen, act.law_of) == ("amount", 450_000, "act")
    later = fine(9_000, on="2020-08-31", decided_on="2020-09-01", **asked)  # type: ignore[arg-type]
    assert (later.kind, later.highest_fen, later.law_of) == ("education", 0, "decision")
    assert later.rules == ("zhejiang-53-mass",)
    same = fine(9_000, on="2020-09-01", decided_on="2024-01-01", **asked)  # type: ignore[arg-type]
    assert same.law_of == "act"


def test_a_heavier_later_law_does_not_reach_back() -> None:
    heavier = site(
        FRACTION.format(fraction="CEIL", first="false"),
        since="2024-01-01",
    )
    act = fine(5_400, limit_kg=49_000, place=at(), law=heavier, on="2023-12-31", decided_on="2024-02-01")
    assert (act.highest_fen, act.law_of) == (250_000, "act")
    assert cost(5_400, law=heavier, on="2024-01-01").highest_fen == 300_000


def test_before_any_tariff_there_is_none() -> None:
    assert cost(5_000, on="2016-09-20").reason == "no_tariff_row"
    early = fine(5_000, limit_kg=49_000, place=at(), law=LAW, on="2016-09-20", decided_on="2024-01-01")
    assert (early.reason, early.law_of) == ("no_tariff_row", "act")


def test_a_site_may_switch_off_site_fines_on_with_its_own_row() -> None:
    row = """
[[tariff]]
id = "bureau-off-site"
kind = "per_tonne"
joint_modes = ["off_site"]
weighing_grades = ["certified"]
warning_to_kg = 1000
fen_per_tonne = 10000
cap_fen = 3000000
cite_zh = "批复"
cite_en = "approval"
"""
    answer = cost(8_000, place=at(joint_mode="off_site"), law=site(row))
    assert (answer.kind, answer.highest_fen) == ("amount", 80_000)
    over_size = cost(0, place=at(joint_mode="off_site"), law=site(row), size=Size(height_mm=5_000))
    assert (over_size.kind, over_size.reason) == ("none", "no_size_tariff")


def test_every_cell_of_the_tariff_has_a_row() -> None:
    roads: tuple[RoadClass, ...] = ("expressway", "national", "provincial", "county", "township", "village")
    modes: tuple[JointMode, ...] = ("joint", "transport", "off_site")
    grades: tuple[WeighingGrade, ...] = ("pre_check", "certified", "reweigh")
    for road in roads:
        for mode in modes:
            for grade in grades:
                place = at(road_class=road, joint_mode=mode, weighing_grade=grade)
                assert tariff_row(place, law=LAW, on=ON) is not None


@given(st.integers(0, 120_000), st.integers(0, 3_000), st.sampled_from(["370323", "330604", "110101"]))
def test_more_excess_never_costs_less(over_kg: int, more_kg: int, jurisdiction: str) -> None:
    light, heavy = (cost(kg, place=at(jurisdiction)) for kg in (over_kg, over_kg + more_kg))
    assert light.highest_fen <= heavy.highest_fen <= 3_000_000
    assert light.lowest_fen == light.highest_fen
    assert all(LAW.find(rule) for rule in heavy.rules)


@pytest.mark.parametrize(("fen", "text"), [(0, "0"), (50_000, "500"), (50_050, "500.50"), (5, "0.05")])
def test_money_is_written_in_yuan(fen: int, text: str) -> None:
    assert yuan(fen) == text
