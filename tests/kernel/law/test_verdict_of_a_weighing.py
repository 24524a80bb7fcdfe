from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import ConfigError
from kernel.events import VehicleFacts, Verdict
from kernel.law import shipped
from kernel.law.verdict import Allowance, deduct, judge
from kernel.settings import read

LAW = shipped.national()
SIX = VehicleFacts(axle_count=6, combination=True, single_tyre_axles=0)
SIX_TWO_DRIVES = VehicleFacts(axle_count=6, combination=True, drive_axles=2, single_tyre_axles=0)
TWO = VehicleFacts(axle_count=2, combination=False, single_tyre_axles=0)
NONE = Allowance()
CLASS_5 = Allowance(mode="MPE_CLASS", device_class="5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    allowance: Allowance


allowances = st.one_of(
    st.just(NONE),
    st.builds(
        Allowance,
        mode=st.just("PERCENT"),
        permille=st.integers(1, 999),
        formula=st.sampled_from(["simple", "bound"]),
        round_kg=st.sampled_from([1, 10, 50]),
    ),
    st.builds(Allowance, mode=st.just("KG"), kg=st.integers(1, 3000)),
    st.builds(Allowance, mode=st.just("MPE_CLASS"), device_class=st.sampled_from(["1", "5", "10"])),
)
some_facts = st.builds(
    VehicleFacts,
    axle_count=st.none() | st.integers(2, 8),
    combination=st.none() | st.booleans(),
    drive_axles=st.none() | st.integers(1, 2),
    single_tyre_axles=st.none() | st.integers(0, 3),
)


def verdict(
    gross_kg: int | None, facts: VehicleFacts, allowance: Allowance = NONE, *, notes: tuple[str, ...] = ()
) -> Verdict:
    return judge(
        gross_kg,
        facts,
        law=LAW,
        on="2024-06-01",
        jurisdiction="370323",
        allowance=allowance,
        suspected=True,
        notes=notes,
    )


@pytest.mark.parametrize(
    ("gross_kg", "facts", "outcome", "over_kg", "missing"),
    [
        (18_000, TWO, "within", 0, ()),
        (18_001, TWO, "over_limit", 1, ()),
        (46_000, SIX, "within", 0, ()),
        (46_001, SIX, "undetermined", 0, ("drive_axles",)),
        (49_000, SIX, "undetermined", 0, ("drive_axles",)),
        (49_001, SIX, "over_limit", 1, ()),
        (18_000, VehicleFacts(), "within", 0, ()),
        (18_001, VehicleFacts(), "undetermined", 0, ("axle_count",)),
        (49_001, VehicleFacts(), "over_limit", 1, ()),
        (26_000, VehicleFacts(axle_count=3, single_tyre_axles=0), "undetermined", 0, ("combination",)),
        (40_001, VehicleFacts(axle_count=6, drive_axles=2), "undetermined", 0, ("tyres",)),
        (60_000, VehicleFacts(axle_count=5, combination=False), "undetermined", 0, ()),
        (None, SIX, "not_weighed", 0, ()),
        (-20, SIX, "not_weighed", 0, ()),
    ],
)
def test_strictly_above_every_limit_is_over_and_between_them_nobody_knows(
    gross_kg: int | None, facts: VehicleFacts, outcome: str, over_kg: int, missing: tuple[str, ...]
) -> None:
    found = verdict(gross_kg, facts)
    assert (found.outcome, found.over_kg, found.missing) == (outcome, over_kg, missing)
    assert found.suspected
    assert found.decision_kg == (gross_kg if outcome != "not_weighed" else None)


def test_a_verdict_names_its_limits_and_all_its_rows() -> None:
    found = verdict(60_000, SIX, CLASS_5)
    assert (found.limit_lowest_kg, found.limit_highest_kg) == (46_000, 49_000)
    assert found.rules == ("order62-3-8-single-drive", "order62-3-8", "jjg907-in-service-5")
    assert (found.decision_kg, found.allowance_kg, found.over_kg) == (57_000, 3_000, 8_000)
    empty = verdict(60_000, VehicleFacts(axle_count=5, combination=False))
    assert (empty.limit_lowest_kg, empty.limit_highest_kg, empty.notes) == (None, None, ("manual_review",))


@pytest.mark.parametrize(
    ("allowance", "decision_kg"),
    [
        (NONE, 60_000),
        (Allowance(mode="PERCENT", permille=50), 57_000),
        (Allowance(mode="PERCENT", permille=50, formula="bound"), 57_142),
        (Allowance(mode="PERCENT", permille=50, formula="bound", round_kg=20), 57_140),
        (CLASS_5, 57_000),
        (Allowance(mode="MPE_CLASS", device_class="10", formula="bound"), 54_545),
        (Allowance(mode="MPE_CLASS", device_class="0.2"), 59_880),
        (Allowance(mode="KG", kg=250), 59_750),
        (Allowance(mode="KG", kg=90_000), 0),
    ],
)
def test_the_allowance_is_taken_once_from_the_total(allowance: Allowance, decision_kg: int) -> None:
    found = verdict(60_000, SIX_TWO_DRIVES, allowance)
    assert (found.decision_kg, found.allowance_kg) == (decision_kg, 60_000 - decision_kg)


def test_rounding_is_always_in_the_partys_favour() -> None:
    assert verdict(49_999, SIX_TWO_DRIVES, Allowance(mode="PERCENT", permille=20)).decision_kg == 48_999
    assert verdict(50_001, SIX_TWO_DRIVES, Allowance(mode="PERCENT", permille=20)).outcome == "within"


def test_a_class_without_a_row_deducts_nothing_and_says_so() -> None:
    found = verdict(60_000, SIX_TWO_DRIVES, Allowance(mode="MPE_CLASS", device_class="III"))
    assert (found.allowance_kg, found.notes) == (0, ("no_allowance_row",))
    before = deduct(
        100, Allowance(mode="MPE_CLASS", device_class="7"), law=LAW, on="2020-01-01", jurisdiction="370323"
    )
    assert before.notes == ("no_allowance_row",)


@pytest.mark.parametrize(
    ("table", "paths"),
    [
        ({"mode": "PERCENT"}, ["allowance.permille"]),
        ({"mode": "PERCENT", "permille": 1000}, ["allowance.permille"]),
        ({"mode": "PERCENT", "permille": 5.0}, ["allowance.permille"]),
        ({"mode": "KG", "round_kg": 0}, ["allowance.kg", "allowance.round_kg"]),
        ({"mode": "MPE_CLASS"}, ["allowance.device_class"]),
        ({"mode": "percent"}, ["allowance.mode"]),
    ],
)
def test_a_wrong_allowance_stops_the_start_with_its_path(table: dict[str, object], paths: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(Settings, {"allowance": table})
    assert [path for path, _ in caught.value.faults] == paths


def test_notes_are_kept_and_said_once() -> None:
    found = verdict(20_000, TWO, notes=("spacing_unit_unknown", "spacing_unit_unknown"))
    assert found.notes == ("spacing_unit_unknown",)
    assert verdict(-1, TWO, notes=("frozen",)).notes == ("frozen", "negative_mass")
    assert verdict(10_000, VehicleFacts(axle_count=6)).notes == ("combination_assumed",)


def test_over_the_licence_is_noted_for_the_police_and_is_not_over_limit() -> None:
    found = verdict(5_000, VehicleFacts(axle_count=2, licence_kg=4_500))
    assert (found.outcome, found.notes) == ("within", ("over_licence",))
    assert verdict(4_500, VehicleFacts(axle_count=2, licence_kg=4_500)).notes == ()


def test_air_suspension_is_asked_for_only_where_it_would_decide() -> None:
    four = VehicleFacts(axle_count=4, combination=False, single_tyre_axles=0)
    assert verdict(31_500, four).notes == ("air_suspension_unknown",)
    assert verdict(32_001, four).notes == ()
    seen = VehicleFacts(axle_count=4, combination=False, single_tyre_axles=0, air_suspension=True)
    assert verdict(31_500, seen).outcome == "within"
    absent = VehicleFacts(axle_count=4, combination=False, single_tyre_axles=0, air_suspension=False)
    assert verdict(31_500, absent).notes == ()


@given(st.integers(0, 200_000), st.integers(0, 5_000), some_facts, allowances)
def test_more_mass_is_never_more_legal(
    gross_kg: int, more_kg: int, facts: VehicleFacts, allowance: Allowance
) -> None:
    order = ["within", "undetermined", "over_limit"]
    light, heavy = verdict(gross_kg, facts, allowance), verdict(gross_kg + more_kg, facts, allowance)
    assert order.index(light.outcome) <= order.index(heavy.outcome)
    assert light.over_kg <= heavy.over_kg
    assert light.decision_kg is not None
    assert heavy.decision_kg is not None
    assert light.decision_kg <= heavy.decision_kg


@given(st.integers(0, 200_000), some_facts, allowances)
def test_a_verdict_never_claims_more_than_was_measured(
    gross_kg: int, facts: VehicleFacts, allowance: Allowance
) -> None:
    found = verdict(gross_kg, facts, allowance)
    assert found.decision_kg is not None
    assert 0 <= found.decision_kg <= gross_kg
    assert found.decision_kg + found.allowance_kg == gross_kg
    assert (found.over_kg > 0) == (found.outcome == "over_limit")
    assert all(LAW.find(rule) for rule in found.rules)
    if found.outcome == "undetermined":
        assert found.missing or "manual_review" in found.notes
