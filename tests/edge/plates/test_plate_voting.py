import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.plates.voting import decided, edits, vote
from edge.plates.wire import Answer, Reading
from kernel.plates import classify


def plate(text: str, *, score: int = 900, province: int = 900, sure: bool = True) -> Reading:
    return Reading(
        kind="plate",
        text=text,
        plate_class=str(classify(text)),
        colour="yellow",
        score_permille=score,
        chars_permille=(province, *[score] * (len(text) - 1)),
        sure=sure,
        box=(10, 20, 100, 30),
    )


def frames(*readings: Reading | None) -> dict[int, Answer]:
    return {
        n: Answer(number=n + 1, readings=() if reading is None else (reading,))
        for n, reading in enumerate(readings)
    }


def test_two_readings_that_agree_are_a_plate() -> None:
    voted = vote("front", frames(plate("鲁C12345", score=700), None, plate("鲁C12345", score=950)))
    assert (voted.read.status, voted.read.text, voted.read.plate_class) == ("read", "鲁C12345", "ordinary")
    assert (voted.read.agreeing, voted.read.frames, voted.frame) == (2, 3, 2)


def test_one_of_several_frames_is_a_candidate_and_no_reading() -> None:
    read = vote("front", frames(plate("鲁C12345"), None, None)).read
    assert (read.status, read.text, read.candidates) == ("unsure", None, ("鲁C12345",))


def test_the_only_frame_there_is_may_speak_alone() -> None:
    assert vote("front", frames(plate("鲁C12345"))).read.text == "鲁C12345"


def test_an_unsure_reading_may_agree_and_never_decide() -> None:
    sure, unsure = plate("鲁C12345"), plate("鲁C12345", score=300, sure=False)
    assert vote("front", frames(sure, unsure)).read.status == "read"
    assert vote("front", frames(unsure, unsure)).read.status == "unsure"


def test_a_blurred_province_is_outvoted_by_clear_ones() -> None:
    voted = vote("front", frames(plate("鲁C12345"), plate("皖C12345", province=300), plate("鲁C12345")))
    assert voted.read.text == "鲁C12345"
    assert voted.read.agreeing == 2


def test_a_province_that_stays_in_doubt_is_not_forced() -> None:
    read = vote("front", frames(plate("鲁C12345"), plate("皖C12345"))).read
    assert read.status == "unsure"
    assert read.province_permille == 500
    assert set(read.candidates) == {"鲁C12345", "皖C12345"}


def test_a_whole_plate_that_only_one_frame_shows_is_no_reading() -> None:
    read = vote(
        "front", frames(plate("鲁C12345", score=950), plate("豫C12345", score=820, province=620))
    ).read
    assert (read.status, read.text, read.agreeing) == ("unsure", None, 1)


def test_two_plates_seen_as_often_and_as_large_are_nobody_s() -> None:
    one, other = plate("鲁C11111"), plate("豫A98765", score=800)
    read = vote("front", frames(one, other, one, other)).read
    assert (read.status, set(read.candidates)) == ("unsure", {"鲁C11111", "豫A98765"})
    near = msgspec.structs.replace(other, box=(10, 20, 200, 60))
    assert vote("front", frames(one, near, one, near)).read.status == "unsure"
    both = {n: Answer(number=n, readings=(one, other)) for n in range(3)}
    assert vote("front", both).read.status == "unsure"
    far = msgspec.structs.replace(one, box=(10, 20, 40, 12), score_permille=850)
    nearer = {n: Answer(number=n, readings=(near, far)) for n in range(3)}
    assert vote("front", nearer).read.text == "豫A98765"


def test_the_crop_is_of_the_plate_that_was_voted() -> None:
    other = msgspec.structs.replace(plate("豫N88888", score=970), crop=b"other")
    own = msgspec.structs.replace(plate("鲁C12345", score=960), crop=b"own")
    answers = {
        0: Answer(number=0, readings=(other, own)),
        1: Answer(number=1, readings=(plate("鲁C12345", score=900),)),
        2: Answer(number=2, readings=(plate("鲁C12345", score=900),)),
    }
    voted = vote("front", answers)
    assert (voted.read.text, voted.frame, voted.crop) == ("鲁C12345", 0, b"own")


def test_a_slip_in_one_frame_joins_its_cluster_and_loses() -> None:
    read = vote("rear", frames(plate("鲁C1234挂"), plate("鲁C1284挂"), plate("鲁C1234挂"))).read
    assert (read.role, read.text, read.plate_class) == ("rear", "鲁C1234挂", "trailer")


def test_two_against_two_is_unsure_and_reading_goes_on() -> None:
    answers = frames(plate("蒙B52J19"), plate("蒙B52319"), plate("蒙B52J19"), plate("蒙B52319"))
    read = vote("front", answers).read
    assert (read.status, set(read.candidates)) == ("unsure", {"蒙B52J19", "蒙B52319"})
    assert not decided(frames(plate("蒙B52J19"), plate("蒙B52319"), plate("蒙B52J19")))
    assert vote("front", {**answers, 4: answers[0]}).read.text == "蒙B52J19"


def test_the_truck_behind_does_not_win_over_the_one_in_most_frames() -> None:
    behind = plate("豫N88888", score=990)
    read = vote("front", frames(plate("鲁C12345"), plate("鲁C12345"), behind)).read
    assert read.text == "鲁C12345"


def test_foreign_unclear_and_nothing_are_three_different_answers() -> None:
    foreign = Reading(kind="foreign", text="AB123C", score_permille=800)
    unclear = Reading(kind="unclear", text="")
    said = vote("front", frames(foreign, foreign, None)).read
    assert (said.status, said.text, said.candidates) == ("foreign", None, ("AB123C",))
    assert vote("front", frames(foreign, None, None)).read.status == "unread"
    assert vote("front", frames(unclear, unclear, None)).read.status == "unread"
    assert vote("front", frames(None, None, unclear)).read.status == "no_plate"
    assert vote("front", frames(None, None)).read.status == "no_plate"
    assert vote("front", {}).read.status == "unread"


def test_reading_ends_when_two_certain_readings_agree() -> None:
    assert decided(frames(plate("鲁C12345"), plate("鲁C12345")))
    assert not decided(frames(plate("鲁C12345"), plate("鲁C12346")))
    assert not decided(frames(plate("鲁C12345", score=700), plate("鲁C12345", score=700)))


@settings(max_examples=40, deadline=None)
@given(st.text("AB12", max_size=6), st.text("AB12", max_size=6))
def test_edit_distance_is_a_distance(a: str, b: str) -> None:
    assert edits(a, b) == edits(b, a)
    assert (edits(a, b) == 0) == (a == b)
    assert abs(len(a) - len(b)) <= edits(a, b) <= max(len(a), len(b))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([None, "鲁C12345", "鲁C12346", "皖C12345", "豫N88888"]), max_size=6))
def test_a_text_is_only_given_when_enough_frames_agree_on_it(texts: list[str | None]) -> None:
    read = vote("front", frames(*(plate(text) if text else None for text in texts))).read
    if read.text is None:
        assert read.status != "read"
    else:
        assert read.text in texts
        assert read.agreeing >= min(2, len(texts))
