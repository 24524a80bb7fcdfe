"""The instrument of a lane: certificate, shift checks, drift, known vehicles; each an entry, and it survives a restart."""

from __future__ import annotations

import msgspec
import pytest

from edge.instrument.instrument import checks_of
from edge.instrument.settings import CheckSettings
from kernel.errors import FullError, RefusedError
from kernel.events import InstrumentCertified, InstrumentChanged, ScaleChecked, ScaleDrifted, ShiftOpened
from kernel.law.rows import china_day
from tests.edge.instrument.rig import CHECKS, DAY, HOUR, NOON, PAPER, D, Desk


@pytest.fixture
async def desk() -> Desk:
    """Certified, and checked in this shift."""
    made = Desk()
    await made.certify()
    made.shows(0)
    await made.say("check_zero")
    made.shows(20_000, empty=False)
    await made.say("check_reference", reference="weights")
    made.crosses(20_000)
    made.shows(0)
    made.facts.clear()
    return made


# --- certificate -----------------------------------------------------------------------------------------------


async def test_a_lane_without_a_certificate_yields_no_evidence_and_says_so() -> None:
    desk = Desk()
    found = desk.instrument.in_force(40_000)
    assert (found.evidence, found.reasons, found.certificate) == (False, ("no_certificate",), None)
    assert desk.due() == ("no_certificate", "shift_not_checked")
    [device] = desk.instrument.health()
    assert (device.kind, device.state) == ("instrument", "due")


async def test_a_certificate_is_an_entry_and_stands_on_every_weighing_after_it() -> None:
    desk = Desk()
    await desk.certify()
    [fact] = desk.facts
    assert isinstance(fact, InstrumentCertified)
    assert (fact.certificate, fact.by, fact.at_ms) == (PAPER, "wang", NOON)
    found = desk.crosses(40_000).instrument
    assert found is not None
    assert (found.evidence, found.certificate, found.accuracy_class) == (True, "JL-1", "III")
    assert (found.division_kg, found.min_kg, found.max_kg, found.seals) == (20, 400, 100_000, ("QF-1",))


async def test_a_certificate_for_another_grade_is_none_for_this_lane() -> None:
    desk = Desk(grade="pre_check")
    await desk.certify()
    assert desk.instrument.in_force(40_000).reasons == ("certificate_not_for_grade",)


async def test_the_mass_must_be_within_the_capacity_of_the_certificate(desk: Desk) -> None:
    assert desk.instrument.words(100_000) == ()
    assert desk.instrument.words(100_020) == ("over_capacity",)
    assert desk.instrument.words(380) == ("below_capacity",)
    assert desk.instrument.in_force(100_020).reasons == ("over_capacity",)


@pytest.mark.parametrize(
    ("act", "why"),
    [
        ("seal_broken", "seal_broken"),
        ("load_cell_replaced", "load_cell_replaced"),
        ("repaired", "repaired_unverified"),
    ],
)
async def test_who_touches_it_ends_its_evidence_from_that_moment(desk: Desk, act: str, why: str) -> None:
    assert desk.instrument.in_force(40_000).evidence
    await desk.say(act, at_ms=str(NOON - HOUR), note="雷击")
    [fact] = desk.facts
    assert isinstance(fact, InstrumentChanged)
    assert (fact.at_ms, fact.note) == (NOON - HOUR, "雷击")
    assert desk.instrument.in_force(40_000).reasons == (why,)
    await desk.say("sealed", seal="QF-2")
    assert desk.instrument.in_force(40_000).reasons == (why,)
    desk.clock.ms += DAY
    await desk.certify(
        msgspec.structs.replace(PAPER, number="JL-2", valid_from=china_day(desk.clock.ms), seals=("QF-2",))
    )
    assert desk.instrument.in_force(40_000).evidence


async def test_an_act_that_is_said_twice_is_one_entry(desk: Desk) -> None:
    await desk.say("seal_broken", id="order-0000001")
    await desk.say("seal_broken", id="order-0000001")
    assert len(desk.facts) == 1


@pytest.mark.parametrize(("kg", "empty"), [(-400, True), (40_000, False)])
async def test_a_check_that_is_said_twice_is_answered_by_what_it_found(
    desk: Desk, kg: int, empty: bool
) -> None:
    first = await desk.say("check_zero", id="order-0000001")
    desk.shows(kg, empty=empty)
    assert await desk.say("check_zero", id="order-0000001") == first
    assert first.startswith("zero: 0 kg for 0 kg, within 20 kg")
    assert len(desk.facts) == 1


async def test_a_command_is_refused_before_it_is_written_and_checks_are_made_at_the_box(desk: Desk) -> None:
    said = {"act": "seal_broken", "id": "order-0000001", "by": "li"}
    assert await desk.instrument.check(said)
    assert desk.facts == []
    await desk.instrument.act(said)
    await desk.instrument.act(said)
    assert len(desk.facts) == 1
    for act, more in (("check_zero", {}), ("check_reference", {"reference": "weights"})):
        with pytest.raises(RefusedError, match="at the box"):
            await desk.instrument.check(said | {"act": act} | more)


async def test_what_a_reading_needs_of_a_long_history_is_worked_out_once_and_never_too_old(
    desk: Desk,
) -> None:
    for number in range(3):
        await desk.say("sealed", seal=f"QF-{number}")
    first = desk.instrument.standing()
    desk.shows(0)
    assert desk.instrument.standing() is first
    await desk.say("seal_broken", at_ms=str(desk.clock.ms + 30_000))
    assert desk.instrument.standing().evidence
    desk.clock.ms += 30_000
    assert desk.instrument.standing().reasons == ("seal_broken",)
    desk.clock.ms -= 1
    assert desk.instrument.standing().evidence
    desk.clock.ms += 400 * DAY
    assert "certificate_expired" in desk.instrument.standing().reasons


async def test_a_certificate_that_ends_soon_is_due_before_it_ends(desk: Desk) -> None:
    desk.checks = CheckSettings(wanted="never")
    desk.kinds = ()
    desk.facts = list(desk.book.facts())
    desk.start()
    assert desk.due() == ()
    desk.clock.ms = NOON + 280 * DAY
    assert desk.due() == ("certificate_ends_soon",)
    desk.clock.ms = NOON + 301 * DAY
    assert desk.due() == ("certificate_expired",)


async def test_the_certificate_of_the_settings_is_taken_into_use_once() -> None:
    desk = Desk()
    await desk.instrument.take_into_use(PAPER)
    await desk.instrument.take_into_use(PAPER)
    desk.start()
    await desk.instrument.take_into_use(PAPER)
    [fact] = desk.facts
    assert isinstance(fact, InstrumentCertified)
    assert fact.by == "settings"


@pytest.mark.parametrize("other", [{"division_kg": 50}, {"number": "JL-2"}])
async def test_settings_that_were_put_back_are_taken_into_use_again(other: dict[str, object]) -> None:
    desk = Desk()
    for paper in (PAPER, msgspec.structs.replace(PAPER, **other), PAPER):
        await desk.instrument.take_into_use(paper)
        assert desk.instrument.standing().certificate == paper
        desk.clock.ms += 1
        desk.start()
    await desk.instrument.take_into_use(PAPER)
    assert len(desk.facts) == 3


async def test_a_correction_that_a_person_made_outlives_the_settings() -> None:
    desk = Desk()
    await desk.instrument.take_into_use(PAPER)
    desk.clock.ms += 1
    await desk.certify(msgspec.structs.replace(PAPER, max_kg=80_000))
    desk.start()
    await desk.instrument.take_into_use(PAPER)
    assert desk.instrument.in_force(90_000).reasons == ("over_capacity",)


async def test_an_old_paper_in_the_settings_does_not_mend_a_broken_seal(desk: Desk) -> None:
    await desk.say("seal_broken")
    with pytest.raises(RefusedError, match="another verification has another number"):
        await desk.instrument.take_into_use(msgspec.structs.replace(PAPER, valid_from=china_day(NOON)))
    await desk.instrument.take_into_use(msgspec.structs.replace(PAPER, issued_by="市计量所"))
    assert desk.instrument.in_force(40_000).reasons == ("seal_broken",), "a correction is no verification"


async def test_a_scale_does_not_shed_a_broken_seal_with_its_name(desk: Desk) -> None:
    other = InstrumentCertified(device="old-name", at_ms=NOON, certificate=PAPER, by="settings")
    desk.facts = [other]
    desk.start()
    assert desk.instrument.in_force(40_000).reasons == ("no_certificate",)
    for restart in (False, True):
        if restart:
            desk.facts = list(desk.book.facts())
            desk.start()
        with pytest.raises(RefusedError, match="JL-1 was taken into use for old-name"):
            await desk.instrument.take_into_use(PAPER)
        with pytest.raises(RefusedError, match="old-name"):
            await desk.certify()


async def test_a_class_that_no_row_of_the_law_knows_is_refused() -> None:
    with pytest.raises(RefusedError, match="class B\\(10\\)"):
        await Desk().certify(msgspec.structs.replace(PAPER, accuracy_class="B(10)"))


async def test_a_certificate_of_another_division_than_the_platform_is_read_in_is_refused() -> None:
    desk = Desk(display_kg=50)
    with pytest.raises(RefusedError, match="its division is 20 kg, and the settings of the lane say 50 kg"):
        await desk.certify()
    await desk.certify(msgspec.structs.replace(PAPER, grades=("pre_check",)))
    await desk.certify(msgspec.structs.replace(PAPER, number="JL-2", division_kg=50))
    assert desk.instrument.in_force(40_000).evidence


async def test_a_certificate_with_more_seals_than_an_entry_holds_is_refused() -> None:
    desk = Desk()
    with pytest.raises(RefusedError, match="seals must be at most 50, are 2500"):
        await desk.certify(msgspec.structs.replace(PAPER, seals=tuple(f"QF-{n:06}" for n in range(2_500))))
    assert desk.facts == []


# --- weighings that come late ----------------------------------------------------------------------------------


async def verified_again(desk: Desk) -> None:
    """The seal was broken an hour ago; it is verified now."""
    await desk.say("seal_broken", at_ms=str(desk.clock.ms - HOUR))
    desk.clock.ms += DAY
    await desk.certify(msgspec.structs.replace(PAPER, number="JL-2", valid_from=china_day(desk.clock.ms)))
    desk.clock.ms += 1


async def test_a_late_weighing_stands_on_what_was_in_force_when_it_was_made(desk: Desk) -> None:
    await verified_again(desk)
    assert desk.instrument.in_force(40_000).evidence
    broken = desk.instrument.in_force(40_000, late=True, made_ms=desk.clock.ms - HOUR)
    assert (broken.evidence, broken.reasons, broken.certificate) == (False, ("seal_broken",), "JL-1")


async def test_a_late_weighing_of_an_unknown_time_is_no_evidence(desk: Desk) -> None:
    found = desk.instrument.in_force(40_000, late=True)
    assert (found.evidence, found.reasons, found.certificate) == (False, ("moment_unknown",), "JL-1")


async def test_a_late_weighing_is_neither_the_awaited_reference_nor_a_known_vehicle(desk: Desk) -> None:
    await desk.say("check_reference", reference="truck")
    assert desk.instrument.words(48_000, late=True, made_ms=NOON) == ()
    desk.crosses(48_000, tractor="鲁C12345", more=("late_record",))
    body = desk.crosses(30_000)
    assert "reference_check" in body.quality
    [fact] = await desk.written(1)
    assert isinstance(fact, ScaleChecked)
    assert (fact.kind, fact.passage) == ("reference", body.passage)


# --- checks of the shift ---------------------------------------------------------------------------------------


async def test_a_shift_begins_with_a_zero_and_a_reference_check_or_weighings_are_flagged() -> None:
    desk = Desk()
    await desk.certify()
    assert desk.instrument.words(40_000) == ("shift_not_checked",)
    desk.shows(0)
    assert await desk.say("check_zero") == f"zero: 0 kg for 0 kg, within 20 kg: {'a' * 32}/2"
    assert desk.instrument.unchecked == ("reference",)
    desk.shows(20_040, empty=False)
    told = await desk.say("check_reference", reference="weights")
    assert "20040 kg for 20000 kg, within 40 kg" in told
    assert desk.last_check.shift_ms == NOON - 4 * HOUR
    assert desk.crosses(20_040).quality == ("reference_check",), "the weights are no vehicle"
    assert desk.crosses(40_000).quality == ()


async def test_a_check_that_found_no_room_did_not_happen(desk: Desk) -> None:
    desk.shows(20_000, empty=False)
    desk.refuse = 1
    with pytest.raises(FullError):
        await desk.say("check_reference", reference="weights")
    assert desk.crosses(20_000).quality == ()


async def test_a_check_that_is_not_within_its_limit_is_an_entry_and_none(desk: Desk) -> None:
    desk.shows(20_060, empty=False)
    assert "NOT within 40 kg" in await desk.say("check_reference", reference="weights")
    assert not desk.last_check.within
    desk.crosses(20_060)
    assert desk.crosses(40_000).quality == ("shift_not_checked",)


async def test_the_next_shift_owes_its_own_checks(desk: Desk) -> None:
    assert desk.crosses(40_000).quality == ()
    desk.clock.ms = NOON + 20 * HOUR
    assert desk.crosses(40_000).quality == ("shift_not_checked",)
    assert desk.due() == ("shift_not_checked",)


async def test_whoever_opens_a_shift_owes_its_checks_too(desk: Desk) -> None:
    desk.clock.ms += 1
    await desk.say("open_shift")
    assert isinstance(desk.facts[-1], ShiftOpened)
    assert desk.instrument.words(40_000) == ("shift_not_checked",)


async def test_checks_and_seals_survive_a_restart(desk: Desk) -> None:
    desk.facts = list(desk.book.facts())
    desk.start()
    assert (desk.instrument.words(40_000), desk.instrument.in_force(40_000).evidence) == ((), True)
    await desk.say("seal_broken")
    desk.start()
    assert desk.instrument.in_force(40_000).reasons == ("seal_broken",)


async def test_a_reference_that_crosses_the_scale_is_waited_for(desk: Desk) -> None:
    """As on a moving-axle weigher, which shows nothing while nobody crosses."""
    assert await desk.say("check_reference", reference="truck") == "waiting for truck to cross the scale"
    assert desk.facts == []
    body = desk.crosses(30_040, tractor="鲁C12345")
    assert body.quality == ("reference_check",)
    [fact] = await desk.written(1)
    assert isinstance(fact, ScaleChecked)
    assert (fact.kind, fact.expected_kg, fact.shown_kg, fact.within) == ("reference", 30_000, 30_040, True)
    assert (fact.passage, fact.by, fact.reference) == (body.passage, "wang", "truck")
    assert desk.crosses(40_000).quality == ()


async def restarted(desk: Desk, *, after_ms: int = 1_000) -> None:
    """With what the file beside the journal keeps."""
    awaited, desk.facts = desk.book.awaited, list(desk.book.facts())
    desk.clock.ms += after_ms
    desk.start()
    desk.book.awaited = awaited
    await desk.instrument.wait_on()


async def test_a_restart_does_not_forget_what_was_waited_for(desk: Desk) -> None:
    remembered = desk.remembered
    await desk.say("check_reference", reference="truck", id="order-0000001")
    assert desk.remembered == remembered + 1
    await restarted(desk)
    assert "reference_check" in desk.crosses(30_040).quality
    fact = (await desk.written(len(desk.facts) + 1))[-1]
    assert isinstance(fact, ScaleChecked)
    assert (fact.kind, fact.shown_kg, fact.by) == ("reference", 30_040, "wang")
    assert desk.book.awaited is None
    told = await desk.say("check_reference", reference="truck", id="order-0000001")
    assert told.startswith("reference: 30040 kg for 30000 kg"), "it has crossed"


async def test_a_restart_does_not_wait_for_what_has_crossed_or_is_over(desk: Desk) -> None:
    await desk.say("check_reference", reference="truck", id="order-0000001")
    awaited = desk.book.awaited
    await restarted(desk, after_ms=CHECKS.wait_s * 1_000)
    assert "reference_check" not in desk.instrument.words(30_000)
    desk.clock.ms = NOON
    desk.book.awaited = awaited
    await restarted(desk)
    assert "reference_check" in desk.crosses(30_000).quality
    await desk.written(len(desk.facts) + 1)
    desk.book.awaited = awaited  # the file was not written after the entry
    await restarted(desk)
    assert "reference_check" not in desk.instrument.words(30_000)


async def test_it_is_not_waited_for_all_day(desk: Desk) -> None:
    await desk.say("check_reference", reference="truck")
    desk.clock.ms += CHECKS.wait_s * 1_000 + 1
    assert desk.crosses(30_000).quality == ()
    assert desk.facts == []


@pytest.mark.parametrize(
    ("shown", "empty", "act", "why"),
    [
        ((0, 300), True, "check_zero", "does not stand still"),
        ((None,), True, "check_zero", "says nothing"),
        ((5_000,), False, "check_zero", "something is on the platform"),
        ((20_000, 20_300), False, "check_reference", "does not stand still"),
    ],
)
async def test_a_check_takes_no_reading_that_means_nothing(
    desk: Desk, shown: tuple[int | None, ...], empty: bool, act: str, why: str
) -> None:
    desk.shows(*shown, empty=empty)
    more = {"reference": "weights"} if act == "check_reference" else {}
    with pytest.raises(RefusedError, match=why):
        await desk.say(act, **more)
    assert [fact for fact in desk.facts if isinstance(fact, ScaleChecked)] == []


@pytest.mark.parametrize("rate", [1, 10, 160, 427, 1_280])
async def test_a_check_of_zero_works_on_a_line_of_any_speed(desk: Desk, rate: int) -> None:
    desk.reads(rate, 20, 0)
    assert (await desk.say("check_zero")).startswith("zero: ")
    desk.reads(rate, 0, 0, 0, 60)
    with pytest.raises(RefusedError, match="does not stand still"):
        await desk.say("check_zero")


async def test_one_swing_of_the_display_on_a_fast_line_is_seen(desk: Desk) -> None:
    desk.reads(1_280, *[0] * 1_280, 60, *[0] * 1_279, seconds=2)
    with pytest.raises(RefusedError, match="does not stand still"):
        await desk.say("check_zero")


@pytest.mark.parametrize("rate", [160, 1_280])
async def test_zero_is_watched_on_a_fast_line_too(desk: Desk, rate: int) -> None:
    desk.reads(rate, 3 * D, seconds=10)
    assert desk.due() == ("rezero_needed",)


async def test_a_reading_of_before_says_nothing_about_now(desk: Desk) -> None:
    desk.clock.ms += 5_000
    with pytest.raises(RefusedError, match="says nothing"):
        await desk.say("check_zero")


async def test_a_tared_display_is_no_zero(desk: Desk) -> None:
    desk.shows(0, net=True)
    with pytest.raises(RefusedError, match="says nothing"):
        await desk.say("check_zero")


async def test_without_a_certificate_there_is_nothing_to_check_against() -> None:
    desk = Desk()
    desk.shows(0)
    for act, more in (("check_zero", {}), ("check_reference", {"reference": "weights"})):
        with pytest.raises(RefusedError, match="no certificate"):
            await desk.say(act, **more)


async def test_a_reference_that_the_settings_do_not_name_is_refused(desk: Desk) -> None:
    with pytest.raises(RefusedError, match="the settings name weights, truck"):
        await desk.say("check_reference", reference="elephant")


async def test_nothing_is_said_of_the_future_and_only_changes_of_the_past(desk: Desk) -> None:
    with pytest.raises(RefusedError, match="future"):
        await desk.say("seal_broken", at_ms=str(desk.clock.ms + HOUR))
    with pytest.raises(RefusedError, match="takes no at_ms"):
        await desk.say("open_shift", at_ms=str(NOON - HOUR))


def test_what_a_shift_owes_depends_on_the_weigher_and_on_who_is_there() -> None:
    assert checks_of("static_platform", CheckSettings(), attended=True) == ("zero", "reference")
    assert checks_of("moving_axles", CheckSettings(), attended=True) == ("reference",)
    assert checks_of("static_platform", CheckSettings(), attended=False) == ()
    assert checks_of("moving_axles", CheckSettings(wanted="always"), attended=False) == ("reference",)
    assert checks_of("static_platform", CheckSettings(wanted="never"), attended=True) == ()


# --- drift -----------------------------------------------------------------------------------------------------


async def test_zero_that_drifted_flags_weighings_until_it_is_put_back(desk: Desk) -> None:
    for level in (D, 2 * D, 3 * D):
        desk.shows(level)
    [fact] = await desk.written(1)
    assert isinstance(fact, ScaleDrifted)
    assert (fact.kind, fact.state, fact.measured_kg, fact.limit_kg) == ("zero", "begun", 60, 40)
    assert desk.crosses(40_000).quality == ("rezero_needed",)
    assert desk.due() == ("rezero_needed",)
    desk.shows(0)
    [_, over] = await desk.written(2)
    assert isinstance(over, ScaleDrifted)
    assert over.state == "over"
    assert desk.crosses(40_000).quality == ()


async def test_the_demand_survives_a_restart(desk: Desk) -> None:
    desk.shows(3 * D)
    desk.facts = [*desk.book.facts(), *await desk.written(1)]
    desk.start()
    assert desk.crosses(40_000).quality == ("rezero_needed",)
    before = len(desk.facts)
    desk.shows(0)
    assert len(await desk.written(before + 1)) == before + 1


async def test_a_word_on_the_scale_waits_for_room(desk: Desk) -> None:
    desk.shows(3 * D)
    desk.refuse = 3
    [fact] = await desk.written(1)
    assert isinstance(fact, ScaleDrifted)
    desk.refuse = 1
    with pytest.raises(FullError):
        await desk.say("seal_broken")
    assert desk.instrument.in_force(40_000).evidence, "what could not be written did not happen"


async def test_a_vehicle_of_known_mass_is_a_check_at_every_passage(desk: Desk) -> None:
    desk.crosses(30_020, tractor="鲁C12345")
    desk.crosses(40_000, tractor="鲁C54321")
    desk.crosses(None, tractor="鲁C12345")
    [fact] = await desk.written(1)
    assert isinstance(fact, ScaleChecked)
    assert (fact.kind, fact.reference, fact.shown_kg, fact.by) == ("known_vehicle", "truck", 30_020, "lane")
    assert "12345" not in str(fact), "a plate is in no entry of the instrument"


async def test_known_masses_alarm_before_the_scale_is_out_of_its_class(desk: Desk) -> None:
    for gross_kg in (30_000, 30_040, 30_040, 30_040):
        desk.crosses(gross_kg, tractor="鲁C12345")
    facts = await desk.written(5)
    [drift] = [fact for fact in facts if isinstance(fact, ScaleDrifted)]
    assert (drift.kind, drift.measured_kg, drift.limit_kg) == ("known_vehicle", 40, 20)
    assert all(fact.within for fact in facts if isinstance(fact, ScaleChecked))
    assert desk.crosses(40_000).quality == ("scale_drifts",)
    assert desk.due() == ("known_vehicle_drifts",)


async def test_a_scale_without_a_division_is_not_watched() -> None:
    desk = Desk()
    desk.shows(500)
    assert "rezero_needed" not in desk.due()
