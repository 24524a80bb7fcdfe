from __future__ import annotations

from dataclasses import replace

import pytest

from edge.weighing.moving import MovingSettings, MovingWeighing
from edge.weighing.values import VehicleRecord, VehicleReversed
from kernel.errors import ConfigError
from kernel.events import Axle, AxleGroup

SETTINGS = MovingSettings(tyres="type_code")
SIX_AXLES = VehicleRecord(
    key="k",
    serial=13,
    by="axle",
    axle_count=6,
    weights_kg=(6_540, 9_980, 9_870, 8_020, 8_100, 7_990),
    type_codes=(1, 5, 9),
    dual_flags=(0, 0, 0),
    flags=0,
    speed_dkmh=143,
    axle_speed_raw=(14, 14, 14, 13, 13, 13),
    at_ms=1_000,
    mono_ms=50,
    raw=b"\xff\x00",
    spacings_mm=(3_450, 1_360, 6_400, 1_310, 1_310),
    axle_speeds_dkmh=(140, 140, 140, 130, 130, 130),
    accel_mms2=200,
)


def test_the_gross_is_the_records_own_sum_and_groups_follow_the_type_codes() -> None:
    weighed = MovingWeighing(SETTINGS).record(SIX_AXLES)
    assert weighed.gross_kg == 50_500
    assert weighed.groups == (
        AxleGroup(axles=1, group_kg=6_540, tyres="single"),
        AxleGroup(axles=2, group_kg=19_850, tyres="dual"),
        AxleGroup(axles=3, group_kg=24_110, tyres="dual"),
    )
    assert weighed.axles[0] == Axle(axle_kg=6_540, spacing_mm=None, speed_dkmh=140, tyres="single")
    assert weighed.axles[3] == Axle(axle_kg=8_020, spacing_mm=6_400, speed_dkmh=130, tyres="dual")
    assert (weighed.facts.axle_count, weighed.facts.single_tyre_axles) == (6, 0)
    assert weighed.quality == ()
    assert weighed.record_hex == "ff00"


def test_what_the_wire_does_not_say_stays_unknown() -> None:
    weighed = MovingWeighing(MovingSettings()).record(
        replace(
            SIX_AXLES,
            spacings_mm=None,
            axle_speeds_dkmh=None,
            accel_mms2=None,
            words=("spacing_unit_unknown",),
        )
    )
    assert {axle.spacing_mm for axle in weighed.axles} == {None}
    assert {axle.tyres for axle in weighed.axles} == {None}
    assert (weighed.facts.single_tyre_axles, weighed.facts.combination, weighed.facts.drive_axles) == (
        None,
    ) * 3
    assert weighed.accel_mms2 is None
    assert weighed.quality == ("spacing_unit_unknown",)


def test_groups_that_the_device_says_itself_need_no_codes_and_no_setting() -> None:
    told = replace(
        SIX_AXLES, type_codes=(), dual_flags=(), group_axles=(1, 2, 3), group_dual=(False, True, False)
    )
    weighed = MovingWeighing(MovingSettings()).record(told)
    assert [(group.axles, group.tyres) for group in weighed.groups] == [
        (1, "single"),
        (2, "dual"),
        (3, "single"),
    ]
    assert weighed.quality == ()
    untold = MovingWeighing(MovingSettings()).record(replace(told, group_dual=None))
    assert {group.tyres for group in untold.groups} == {None}
    wrong = MovingWeighing(MovingSettings()).record(replace(told, group_axles=(1, 2)))
    assert (wrong.groups, wrong.quality) == ((), ("groups_do_not_add_up",))


def test_a_device_that_weighs_whole_groups_gives_no_axles() -> None:
    record = replace(SIX_AXLES, by="group", weights_kg=(6_540, 19_850, 24_110))
    weighed = MovingWeighing(SETTINGS).record(record)
    assert weighed.axles == ()
    assert [group.group_kg for group in weighed.groups] == [6_540, 19_850, 24_110]
    assert (weighed.gross_kg, weighed.quality) == (50_500, ("groups_only",))


@pytest.mark.parametrize("codes", [(1, 5), (1, 5, 12), (0, 5, 9)])
def test_groups_that_do_not_add_up_are_left_out(codes: tuple[int, ...]) -> None:
    weighed = MovingWeighing(SETTINGS).record(
        replace(SIX_AXLES, type_codes=codes, dual_flags=(0,) * len(codes))
    )
    assert weighed.groups == ()
    assert weighed.quality == ("groups_do_not_add_up",)
    assert len(weighed.axles) == 6


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"speed_dkmh": 3}, "speed_out_of_range"),
        ({"speed_dkmh": 900}, "speed_out_of_range"),
        ({"axle_speed_raw": (14, 14, 6, 13, 13, 13)}, "stop_and_go"),
        ({"accel_mms2": -1_600}, "accelerating"),
        ({"weights_kg": (6_540, 9_980, 0, 8_020, 8_100, 7_990)}, "axle_out_of_range"),
        ({"weights_kg": (6_540, 39_980, 10, 8_020, 8_100, 7_990)}, "axle_out_of_range"),
        ({"asked": True}, "late_record"),
        ({"flags": 0x02}, "reverse"),
        ({"flags": 0x21}, "device_flags_20"),
    ],
)
def test_what_speaks_against_a_record_is_said(change: dict[str, object], word: str) -> None:
    settings = MovingSettings(flag_words=("over_range", "reverse"))
    weighed = MovingWeighing(settings).record(replace(SIX_AXLES, **change))  # type: ignore[arg-type]
    assert word in weighed.quality
    assert weighed.gross_kg is not None


def test_a_weight_from_a_stop_on_the_weigher_can_be_refused() -> None:
    stopped = replace(SIX_AXLES, axle_speed_raw=(14, 14, 0, 3, 13, 13))
    weighed = MovingWeighing(MovingSettings(stop_and_go="refuse")).record(stopped)
    assert weighed.gross_kg is None
    assert weighed.axles


def test_a_record_without_weight_is_no_weight() -> None:
    weighed = MovingWeighing(SETTINGS).record(replace(SIX_AXLES, weights_kg=(0,) * 6))
    assert weighed.gross_kg is None
    assert "no_weight" in weighed.quality


def test_high_nibbles_tell_the_tyres_when_they_are_set_to() -> None:
    record = replace(SIX_AXLES, dual_flags=(0, 1, 0))
    weighed = MovingWeighing(MovingSettings(tyres="high_nibble")).record(record)
    assert [group.tyres for group in weighed.groups] == ["single", "dual", "single"]
    assert weighed.facts.single_tyre_axles is None


def test_a_reversal_is_handed_on() -> None:
    event = VehicleReversed(at_ms=1, mono_ms=2)
    assert MovingWeighing(SETTINGS).feed(event) == [event]


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        MovingSettings(flag_words=("x",) * 9, speed_min_dkmh=500, reverse_within_ms=-1, clock_tolerance_ms=-1)
    faults = ["flag_words", "speed_min_dkmh", "reverse_within_ms", "clock_tolerance_ms"]
    assert [path for path, _ in caught.value.faults] == faults
