from edge.passages import Complete, Opened, PassageAssembler, Passed


def assembler() -> PassageAssembler[str]:
    return PassageAssembler(prefix="b", patience_ms=3_000, longest_ms=60_000)


def test_loop_weight_and_release_are_one_crossing() -> None:
    lane = assembler()
    [opened] = lane.loop(occupied=True, mono_ms=1_000)
    [passed] = lane.loop(occupied=False, mono_ms=3_000)
    [done] = lane.result("w", mono_ms=3_200)
    assert opened == Opened(passage="b-0000001000", mono_ms=1_000)
    assert passed == Passed(passage="b-0000001000", mono_ms=3_000)
    assert done == Complete(
        passage="b-0000001000", arrived_mono_ms=1_000, left_mono_ms=3_000, result="w", quality=()
    )


def test_two_trucks_close_behind_each_other_keep_their_own_weights() -> None:
    lane = assembler()
    lane.loop(occupied=True, mono_ms=1_000)
    lane.loop(occupied=False, mono_ms=3_000)
    lane.loop(occupied=True, mono_ms=3_100)
    [first] = lane.result("first", mono_ms=3_250)
    lane.loop(occupied=False, mono_ms=5_000)
    [second] = lane.result("second", mono_ms=5_200)
    assert isinstance(first, Complete)
    assert isinstance(second, Complete)
    assert (first.arrived_mono_ms, first.result) == (1_000, "first")
    assert (second.arrived_mono_ms, second.result) == (3_100, "second")


def test_a_weight_without_a_loop_opens_its_own_crossing() -> None:
    steps = assembler().result("w", mono_ms=500)
    assert [type(step) for step in steps] == [Opened, Passed, Complete]
    assert isinstance(steps[-1], Complete)
    assert steps[-1].quality == ("loop_missing",)


def test_a_vehicle_whose_weight_never_came_is_said_all_the_same() -> None:
    lane = assembler()
    lane.loop(occupied=True, mono_ms=0)
    lane.loop(occupied=False, mono_ms=1_000)
    assert lane.tick(3_900) == []
    [done] = lane.tick(4_001)
    assert isinstance(done, Complete)
    assert done.result is None
    assert done.quality == ("no_weight",)
    assert lane.current is None


def test_a_loop_that_never_lets_go_does_not_hold_the_lane_for_ever() -> None:
    lane = assembler()
    lane.loop(occupied=True, mono_ms=0)
    assert lane.tick(60_000) == []
    assert len(lane.tick(60_001)) == 1


def test_the_scale_notices_a_vehicle_only_once() -> None:
    lane = assembler()
    assert len(lane.presence(10)) == 1
    assert lane.presence(20) == []
    [passed, done] = lane.result("w", mono_ms=30)
    assert isinstance(passed, Passed)
    assert isinstance(done, Complete)
    assert done.quality == ("loop_missing",)


def test_ids_never_repeat() -> None:
    lane = assembler()
    steps = [lane.loop(occupied=True, mono_ms=7)[0] for _ in range(3)]
    assert len({step.passage for step in steps}) == 3


def test_a_release_at_start_belongs_to_nobody() -> None:
    assert assembler().loop(occupied=False, mono_ms=5) == []


def test_a_vehicle_that_stands_on_the_scale_is_waited_for() -> None:
    lane = assembler()
    lane.loop(occupied=True, mono_ms=0)
    lane.presence(500)
    lane.loop(occupied=False, mono_ms=1_000)
    assert lane.tick(50_000) == []
    [done] = lane.result("w", mono_ms=55_000)
    assert isinstance(done, Complete)
    assert (done.arrived_mono_ms, done.quality) == (0, ())


def test_a_silent_scale_never_gives_one_trucks_weight_to_the_truck_before() -> None:
    lane = assembler()
    lane.loop(occupied=True, mono_ms=0)
    lane.loop(occupied=False, mono_ms=1_000)  # crossed while the scale was silent
    lane.loop(occupied=True, mono_ms=2_000)
    lane.presence(2_500)
    lane.loop(occupied=False, mono_ms=3_000)
    [done] = lane.result("second", mono_ms=3_500)
    assert isinstance(done, Complete)
    assert done.arrived_mono_ms == 2_000
    [unweighed] = lane.tick(5_000)
    assert isinstance(unweighed, Complete)
    assert (unweighed.arrived_mono_ms, unweighed.result) == (0, None)


def test_a_late_weight_is_never_given_to_the_vehicle_that_is_on_the_lane_now() -> None:
    lane = assembler()
    lane.loop(occupied=True, mono_ms=1_000)
    lane.loop(occupied=False, mono_ms=3_000)
    [late] = lane.late("of a vehicle long gone", mono_ms=3_050)
    [now] = lane.result("its own", mono_ms=3_200)
    assert isinstance(late, Complete)
    assert isinstance(now, Complete)
    assert (late.result, late.arrived_mono_ms, late.left_mono_ms) == ("of a vehicle long gone", None, None)
    assert late.quality == ("loop_missing",)
    assert (now.result, now.arrived_mono_ms) == ("its own", 1_000)
    assert late.passage != now.passage


def test_a_vehicle_that_stands_on_the_scale_for_an_hour_is_one_vehicle() -> None:
    lane = assembler()
    lane.loop(occupied=True, mono_ms=1_000)
    lane.presence(1_500)
    lane.loop(occupied=False, mono_ms=2_000)
    for at in range(2_000, 3_600_000, 500):
        lane.still_there(at)
        assert lane.tick(at) == []
    [done] = lane.result("w", mono_ms=3_600_000)
    assert isinstance(done, Complete)
    assert (done.result, done.quality) == ("w", ())
    assert lane.tick(9_000_000) == []


def test_a_scale_that_says_nothing_more_holds_no_vehicle() -> None:
    lane = assembler()
    lane.loop(occupied=True, mono_ms=1_000)
    lane.presence(1_500)
    lane.still_there(30_000)
    assert lane.tick(89_000) == []
    [done] = lane.tick(90_001)
    assert isinstance(done, Complete)
    assert (done.result, done.quality) == (None, ("no_weight",))


def follows(after_ms: int, *, whole: bool = True) -> tuple[str, ...]:
    """What is said of a vehicle on the scale when the loop was taken again so long after it had let it go."""
    lane = assembler()
    lane.loop(occupied=True, mono_ms=1_000)
    lane.presence(1_500)
    lane.loop(occupied=False, mono_ms=3_000)
    lane.loop(occupied=True, mono_ms=3_000 + after_ms)
    if whole:
        lane.loop(occupied=False, mono_ms=4_500 + after_ms)
    lane.still_there(9_000)
    lane.tick(9_000)
    [done] = lane.result("w", mono_ms=9_000)
    assert isinstance(done, Complete)
    return done.quality


def test_a_second_vehicle_that_came_over_the_loop_while_one_was_on_the_scale_is_said() -> None:
    assert follows(2_000) == ("two_vehicles",)


def test_the_next_one_that_waits_on_the_loop_and_a_drawbar_are_no_second_vehicle_on_the_scale() -> None:
    assert (follows(2_000, whole=False), follows(1_000)) == ((), ())
