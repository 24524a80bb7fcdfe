import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.events import AxleGroup, VehicleFacts
from kernel.law import shipped
from kernel.law.axle_loads import AxleSet, axle_sum
from kernel.law.law import Law
from kernel.law.limits import applicable, candidates, facts_from_wire

LAW = shipped.national()
ONCE = """
[[single_tyre]]
id = "bureau-once"
less_kg = 3000
counted = "once"
cite_zh = "局复函"
cite_en = "letter of the bureau"
source = "letter 1"
effective_from = "2016-09-21"
approved_by = "bureau"
mark = "S"
"""
LICENCE_LIMITS = """
[[licence]]
id = "bureau-licence"
vehicles = "two_axle"
effect = "limit"
cite_zh = "局复函"
cite_en = "letter of the bureau"
source = "letter 2"
effective_from = "2016-09-21"
approved_by = "bureau"
mark = "S"
"""
COUNTED_ONCE = shipped.with_site({"site.toml": ONCE})
BY_LICENCE = shipped.with_site({"site.toml": LICENCE_LIMITS})
FRONT = AxleSet(axles=1, tyres="single", drive=False, trailer=False)
DRIVE = AxleSet(axles=2, tyres="dual", drive=True, trailer=False, spacing_mm=1350)
TRIDEM = AxleSet(axles=3, tyres="dual", drive=False, trailer=True, spacing_mm=1310)

facts_strategy = st.builds(
    VehicleFacts,
    axle_count=st.none() | st.integers(0, 12),
    combination=st.none() | st.booleans(),
    drive_axles=st.none() | st.integers(0, 4),
    single_tyre_axles=st.none() | st.integers(0, 5),
    single_tyre_axles_most=st.none() | st.integers(0, 5),
    air_suspension=st.none() | st.booleans(),
    licence_kg=st.none() | st.integers(1_000, 60_000),
    low_speed=st.none() | st.booleans(),
)


def dual(
    axle_count: int | None = None, *, combination: bool | None = None, drive_axles: int | None = None
) -> VehicleFacts:
    return VehicleFacts(
        axle_count=axle_count, combination=combination, drive_axles=drive_axles, single_tyre_axles=0
    )


def limits(facts: VehicleFacts, *, law: Law = LAW, on: str = "2024-06-01") -> list[int]:
    return [c.limit_kg for c in candidates(facts, law=law, on=on, jurisdiction="370323")]


def words(facts: VehicleFacts, *, law: Law = LAW) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = applicable(facts, law=law, on="2024-06-01", jurisdiction="370323")
    return found.missing, found.notes


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (dual(2), [18_000]),
        (dual(3), [25_000, 27_000]),
        (dual(3, combination=False), [25_000]),
        (dual(3, combination=True), [27_000]),
        (dual(4), [31_000, 36_000]),
        (dual(4, combination=False), [31_000]),
        (dual(5), [43_000]),
        (dual(6), [46_000, 49_000]),
        (dual(6, drive_axles=1), [46_000]),
        (dual(6, combination=True, drive_axles=2), [49_000]),
        (dual(8), [46_000, 49_000]),
        (dual(None), [18_000, 25_000, 27_000, 31_000, 36_000, 43_000, 46_000, 49_000]),
        (dual(None, combination=False), [18_000, 25_000, 31_000]),
        (VehicleFacts(), [18_000, 25_000, 27_000, 31_000, 36_000, 43_000, 46_000, 49_000]),
        (dual(5, combination=False), []),
        (dual(2, combination=True), []),
        (dual(1), []),
    ],
)
def test_every_limit_that_fits_and_no_other(facts: VehicleFacts, expected: list[int]) -> None:
    assert limits(facts) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (VehicleFacts(axle_count=2), [18_000]),
        (VehicleFacts(axle_count=3, combination=True), [24_000, 27_000]),
        (VehicleFacts(axle_count=6, drive_axles=2), [40_000, 49_000]),
        (VehicleFacts(axle_count=6, drive_axles=2, single_tyre_axles_most=1), [46_000, 49_000]),
        (VehicleFacts(axle_count=6), [34_000, 46_000, 49_000]),
        (VehicleFacts(axle_count=6, single_tyre_axles_most=3), [37_000, 46_000, 49_000]),
        (VehicleFacts(axle_count=6, drive_axles=2, single_tyre_axles=3), [40_000]),
        (VehicleFacts(axle_count=6, single_tyre_axles=3), [37_000, 40_000]),
    ],
)
def test_unknown_tyres_add_the_lowest_limit_they_could_lead_to(
    facts: VehicleFacts, expected: list[int]
) -> None:
    assert limits(facts) == expected


def test_single_tyres_may_count_once_where_the_bureau_says_so() -> None:
    facts = VehicleFacts(axle_count=6, drive_axles=2, single_tyre_axles=3)
    assert limits(facts, law=COUNTED_ONCE) == [46_000]
    [candidate] = candidates(facts, law=COUNTED_ONCE, on="2024-06-01", jurisdiction="370323")
    assert candidate.rules == ("order62-3-8", "bureau-once")


def test_a_limit_explains_itself_in_both_languages() -> None:
    [candidate] = candidates(dual(6, drive_axles=1), law=LAW, on="2024-06-01", jurisdiction="370323")
    assert candidate.explain_en == (
        "limit 46 000 kg: six-axle combination, single drive axle, MoT Order 62 Art. 3 (8)"
    )
    assert candidate.explain_zh == (
        "限值46000千克：六轴汽车列车，驱动轴为单轴，《超限运输车辆行驶公路管理规定》第三条第（八）项"
    )


def test_a_reduced_limit_says_by_what() -> None:
    facts = VehicleFacts(axle_count=6, drive_axles=2, single_tyre_axles=3)
    [candidate] = candidates(facts, law=LAW, on="2024-06-01", jurisdiction="370323")
    assert (
        "3 axles with single tyres -9 000 kg, MoT Order 62 Art. 3 (8), MoT Order 62 Art. 3 para. 2 (2)"
        in (candidate.explain_en)
    )
    assert "3轴每侧单轮胎减9000千克" in candidate.explain_zh
    assert candidate.rules == ("order62-3-8", "order62-3-single-tyres")
    [bound, _] = candidates(
        VehicleFacts(axle_count=6, drive_axles=2), law=LAW, on="2024-06-01", jurisdiction="370323"
    )
    assert "tyres to confirm" in bound.explain_en
    assert "轮胎待确认" in bound.explain_zh


def test_more_than_six_axles_are_named_so() -> None:
    [candidate] = candidates(dual(7, drive_axles=2), law=LAW, on="2024-06-01", jurisdiction="370323")
    assert "more than six axles" in candidate.explain_en
    assert "六轴以上" in candidate.explain_zh


@pytest.mark.parametrize(
    ("facts", "missing", "notes"),
    [
        (VehicleFacts(), ("axle_count",), ()),
        (dual(2), (), ()),
        (dual(3), ("combination",), ()),
        (dual(4), ("combination",), ()),
        (dual(5), (), ("combination_assumed",)),
        (dual(5, combination=False), (), ("manual_review",)),
        (dual(6), ("drive_axles",), ("combination_assumed",)),
        (dual(6, combination=True), ("drive_axles",), ()),
        (dual(6, combination=True, drive_axles=2), (), ()),
        (VehicleFacts(axle_count=6, combination=True), ("drive_axles", "tyres"), ()),
        (dual(2, combination=True), (), ("manual_review", "facts_contradict")),
        (dual(6, combination=True, drive_axles=6), (), ("facts_contradict",)),
        (
            VehicleFacts(axle_count=6, combination=True, drive_axles=2, single_tyre_axles=4),
            (),
            ("facts_contradict",),
        ),
    ],
)
def test_what_is_missing_and_what_is_odd_is_named(
    facts: VehicleFacts, missing: tuple[str, ...], notes: tuple[str, ...]
) -> None:
    assert words(facts) == (missing, notes)


def test_before_the_order_there_is_no_row() -> None:
    assert limits(dual(2), on="2016-09-20") == []
    assert limits(dual(2), on="2016-09-21") == [18_000]


def test_a_county_may_set_its_own_limit() -> None:
    own = shipped.texts()["limits.toml"].split("[[limit]]")[1]
    own = "[[limit]]" + own.replace("order62-3-4", "county-2").replace("18000", "16000")
    law = shipped.with_site({"county.toml": own.replace('mark = "S"', 'mark = "S"\njurisdiction = "370323"')})
    assert limits(dual(2), law=law) == [16_000]
    assert [c.limit_kg for c in candidates(dual(2), law=law, on="2024-06-01", jurisdiction="370305")] == [
        18_000
    ]


def test_air_suspension_counts_only_once_seen() -> None:
    seen = VehicleFacts(axle_count=4, combination=False, single_tyre_axles=0, air_suspension=True)
    assert limits(seen) == [32_000]
    assert limits(dual(4, combination=False)) == [31_000]


def test_the_licence_is_the_limit_of_low_speed_trucks_only() -> None:
    assert limits(VehicleFacts(axle_count=2, low_speed=True, licence_kg=4_500)) == [4_500]
    assert limits(VehicleFacts(axle_count=2, low_speed=True)) == []
    assert words(VehicleFacts(axle_count=2, low_speed=True)) == (("licence_kg",), ("limit_by_licence",))
    assert limits(VehicleFacts(axle_count=2, licence_kg=4_500)) == [18_000]


def test_the_licence_may_be_made_the_limit_of_two_axle_trucks() -> None:
    assert limits(VehicleFacts(axle_count=2, licence_kg=4_500), law=BY_LICENCE) == [4_500]
    assert limits(VehicleFacts(axle_count=2, licence_kg=20_000), law=BY_LICENCE) == [18_000]
    assert limits(
        VehicleFacts(axle_count=3, combination=False, licence_kg=4_500, single_tyre_axles=0), law=BY_LICENCE
    ) == [25_000]


def test_the_sum_of_axle_loads_caps_the_limit_when_every_axle_is_known() -> None:
    lone = AxleSet(axles=1, tyres="dual", drive=True, trailer=False)
    five = dual(5, combination=True, drive_axles=1)
    found = applicable(five, law=LAW, on="2024-06-01", jurisdiction="370323", axle_sets=[FRONT, lone, TRIDEM])
    assert [c.limit_kg for c in found.candidates] == [42_500]
    assert "gb1589-tridem-1400" in found.candidates[0].rules
    assert "GB 1589" in found.candidates[0].explain_en
    six = dual(6, combination=True, drive_axles=2)
    found = applicable(six, law=LAW, on="2024-06-01", jurisdiction="370323", axle_sets=[FRONT, DRIVE, TRIDEM])
    assert [c.rules for c in found.candidates] == [("order62-3-8",)]


@pytest.mark.parametrize(
    "sets",
    [
        [],
        [FRONT, AxleSet(axles=2, tyres="dual", drive=True, trailer=False)],
        [FRONT, AxleSet(axles=4, tyres="dual", drive=False, trailer=True, spacing_mm=1300)],
        [AxleSet(axles=3, tyres="dual", drive=False, trailer=True, spacing_mm=1500)],
    ],
)
def test_no_sum_is_made_up_where_an_axle_is_not_known(sets: list[AxleSet]) -> None:
    assert axle_sum(sets, law=LAW, on="2024-06-01", jurisdiction="370323") is None


@pytest.mark.parametrize(
    ("groups", "known", "most"),
    [
        ([(1, "single"), (2, "dual"), (3, "dual")], 0, None),
        ([(1, "single"), (2, "dual"), (3, "single")], None, 3),
        ([(1, "single"), (2, "dual"), (3, None)], None, 3),
        ([(1, "single"), (1, "single"), (1, "dual"), (3, "dual")], 0, None),
        ([(2, "single"), (2, "dual")], 0, None),
        ([(1, None), (1, None), (1, None)], None, 1),
    ],
)
def test_the_wire_bounds_single_tyres_and_never_counts_them(
    groups: list[tuple[int, str | None]], known: int | None, most: int | None
) -> None:
    wire = [AxleGroup(axles=n, group_kg=1, tyres=tyres) for n, tyres in groups]  # type: ignore[arg-type]
    facts = facts_from_wire(sum(n for n, _ in groups), wire)
    assert (facts.single_tyre_axles, facts.single_tyre_axles_most) == (known, most)
    assert (facts.combination, facts.drive_axles, facts.air_suspension) == (None, None, None)
    assert {field for field, _ in facts.sources} == {
        name
        for name in ("axle_count", "single_tyre_axles", "single_tyre_axles_most")
        if getattr(facts, name) is not None
    }


def test_what_the_wire_does_not_say_stays_unknown() -> None:
    assert facts_from_wire(None, ()) == VehicleFacts()
    assert facts_from_wire(6, ()) == VehicleFacts(axle_count=6, sources=(("axle_count", "wire"),))
    disagreeing = [AxleGroup(axles=1, group_kg=1, tyres="dual")]
    assert facts_from_wire(3, disagreeing).single_tyre_axles is None
    assert limits(facts_from_wire(2, ())) == [18_000]
    assert facts_from_wire(2, ()).combination is False


@given(facts_strategy)
def test_there_is_always_a_limit_or_a_reason(facts: VehicleFacts) -> None:
    found = applicable(facts, law=LAW, on="2024-06-01", jurisdiction="370323")
    assert found.candidates or "manual_review" in found.notes or found.missing == ("licence_kg",)
    assert all(c.rules and c.explain_zh and c.explain_en for c in found.candidates)
    assert [c.limit_kg for c in found.candidates] == sorted(c.limit_kg for c in found.candidates)
    assert all(LAW.find(rule) for c in found.candidates for rule in c.rules)


@settings(max_examples=50)
@given(facts_strategy, facts_strategy)
def test_learning_a_fact_never_leaves_the_span_that_was_told(
    facts: VehicleFacts, learnt: VehicleFacts
) -> None:
    before = VehicleFacts(axle_count=facts.axle_count, air_suspension=False)
    after = VehicleFacts(
        axle_count=facts.axle_count,
        combination=learnt.combination,
        drive_axles=learnt.drive_axles,
        single_tyre_axles=learnt.single_tyre_axles,
        air_suspension=False,
    )
    if facts.axle_count is None or not limits(after):
        return
    assert limits(before)[0] <= limits(after)[0]
    assert limits(after)[-1] <= limits(before)[-1]
