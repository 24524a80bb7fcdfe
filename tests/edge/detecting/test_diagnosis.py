"""What is said of a line on which nothing was recognised."""

from __future__ import annotations

import pytest

from edge.detecting.claims import claim, kin_of
from edge.detecting.diagnosis import Trouble, diagnose
from edge.detecting.evidence import best_evidence
from edge.detecting.lines import Line
from edge.detecting.reading import Heard
from edge.detecting.uart import sampled, wave
from tests.edge.detecting.played import BY_NAME, ROWS, displays

FRAMES = displays(BY_NAME["yaohua-cont12"], 13)
UNKNOWN = b"ID 17;weight about four tons;\r\n"  # of no protocol


def heard(*chunks: tuple[int, bytes], line: str = "9600 8N1", asked: str | None = None) -> Heard:
    return Heard(line=Line.of(line), chunks=chunks, window_ms=3_000, asked=asked)


def words(*those: Heard) -> list[str]:
    assert all(claim(one, ROWS) is None for one in those)
    return [trouble.word for trouble in diagnose(those, ROWS)]


def seen(data: bytes, *, sent: str, at: str) -> Heard:
    return heard((100, sampled(wave([(data, 30)] * 4, Line.of(sent)), Line.of(at))), line=at)


def test_nothing_at_all() -> None:
    assert words(heard(), heard(line="4800 8N1"), heard(asked="mt-sics")) == ["nothing"]


def test_our_own_bytes() -> None:
    echo = Heard(line=Line(9600), chunks=((0, b"SI\r\n"),), window_ms=600, asked="mt-sics", is_echo=True)
    assert words(heard(), echo) == ["echo"]


def test_a_line_held_low() -> None:
    assert words(heard((5, b"\x00")), heard((5, b"\x00\x00"), line="4800 8N1")) == ["held_low"]


@pytest.mark.parametrize("times", [(1_400,), (200, 2_500)])
def test_one_or_two_displays_in_a_silent_line_are_somebody_pressing_print(times: tuple[int, ...]) -> None:
    [trouble] = diagnose([heard(*((at, FRAMES[3]) for at in times))], ROWS)
    assert trouble.word == "print_only"
    assert trouble.protocol in {"yaohua-cont12"} | kin_of(BY_NAME["yaohua-cont12"])


def test_two_good_frames_in_a_steady_stream_of_bad_ones_are_too_few() -> None:
    bad = FRAMES[4].replace(b"+", b"-")
    frames = [FRAMES[3], FRAMES[4], bad]
    [trouble] = diagnose([heard(*((n * 900, frame) for n, frame in enumerate(frames)))], ROWS)
    assert (trouble.word, trouble.frames) == ("too_few", 2)


@pytest.mark.broad
def test_a_wrong_speed_is_named() -> None:
    device = b"".join(FRAMES)
    [trouble, sample] = diagnose([seen(device, sent="2400 8N1", at="9600 8N1")], ROWS)
    assert (trouble.word, trouble.speeds[0], trouble.line) == ("wrong_speed", 2400, Line(9600))
    assert sample.word == "unknown_protocol"


def test_speeds_heard_at_several_settings_agree() -> None:
    device = b"".join(FRAMES)
    those = [seen(device, sent="600 8N1", at=at) for at in ("9600 8N1", "4800 8N1", "2400 8N1", "1200 8N1")]
    assert diagnose(those, ROWS)[0].speeds == (600,)


def test_an_unknown_protocol_is_shown_by_its_bytes() -> None:
    [trouble] = diagnose([heard((100, UNKNOWN * 4))], ROWS)
    assert trouble.word == "unknown_protocol"
    assert trouble.sample == (UNKNOWN * 4)[:48]


@pytest.mark.parametrize(("form", "eighth"), [("7E1", "even"), ("7O1", "odd"), ("7N2", "mark")])
def test_parity_of_an_unknown_protocol_is_named(form: str, eighth: str) -> None:
    first, second = diagnose([seen(UNKNOWN * 4, sent=f"9600 {form}", at="9600 8N1")], ROWS)
    assert (first.word, first.eighth) == ("parity", eighth)
    assert second.word == "unknown_protocol"


def test_four_spoiled_frames_of_six_are_no_claim() -> None:
    bad = FRAMES[4].replace(b"+", b"-")
    one = heard((0, FRAMES[3] + bad + bad + FRAMES[5] + bad + bad))
    best = best_evidence(BY_NAME["yaohua-cont12"], one)
    assert best is not None
    assert (best.vouched, best.spoiled, best.convinces) == (2, 4, False)


def test_no_claim_has_always_its_reason() -> None:
    for data in (b"x", b"\x00", b"\xff" * 300, bytes(range(256)), FRAMES[3][:7]):
        assert isinstance(diagnose([heard((10, data))], ROWS)[0], Trouble)
