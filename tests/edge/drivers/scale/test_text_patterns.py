r"""Lines by a user's pattern: what it means, and that no pattern and no line can make it slow."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.making import make_driver
from edge.drivers.readings import Display, Reading
from edge.drivers.scale.text.grammar import LINE_LIMIT, expression, longest, parsed
from edge.drivers.scale.text.protocol import TextOptions, parser, write
from kernel.errors import ConfigError, ProtocolError
from kernel.settings import read
from simulators.clock import VirtualClock

WHOLE = (
    r"(?:(?P<stable>ST)|(?P<moving>US)|(?P<overload>OL)|(?P<invalid>ER)),(?:(?P<gross>GS)|(?P<net>NT)|(?P<tare>TR)),"
    r"(?P<sign>[+-])(?P<weight>[ 0-9.]{7})(?P<unit>kg|t |lb)"
)


def found(data: bytes, pattern: str = WHOLE, **options: Any) -> list[Reading]:
    items = parser(TextOptions(pattern=pattern, **options)).feed(data)
    return [item for item in items if not isinstance(item, ProtocolError)]


def refused(pattern: str, **options: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        TextOptions(pattern=pattern, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "weight", "kind", "stable", "valid", "unit"),
    [
        (b"ST,GS,+  18460kg\r\n", (18_460, 0), "gross", True, True, "kg"),
        (b"US,NT,-  18.46t \r\n", (-1_846, -2), "net", False, True, "t"),
        (b"ST,TR,+    340kg\r\n", (340, 0), "tare", True, True, "kg"),
        (b"OL,GS,+       kg\r\n", (None, 0), "gross", None, False, "kg"),
        (b"ER,GS,+  18460kg\r\n", (18_460, 0), "gross", None, False, "kg"),
    ],
)
def test_the_names_of_the_groups_are_what_they_mean(
    line: bytes, weight: tuple[int | None, int], kind: str, stable: bool | None, valid: bool, unit: str
) -> None:
    [item] = found(line)
    assert (item.mantissa, item.exponent) == weight
    assert (item.kind, item.stable, item.valid, item.unit) == (kind, stable, valid, unit)
    assert item.over_range == line.startswith(b"OL")


def test_a_pattern_that_says_nothing_of_motion_leaves_it_open() -> None:
    [item] = found(b"W=-12,5\r", r"W=(?P<weight>-?[0-9]{1,6}(?:,[0-9])?)", terminator="\r", decimal=",")
    assert (item.mantissa, item.exponent, item.stable, item.kind, item.unit) == (
        -125,
        -1,
        None,
        "displayed",
        None,
    )


@pytest.mark.parametrize(
    ("pattern", "line"),
    [("(?P<moving>M)?=(?P<weight>[0-9]+)", b"=12\r\n"), ("(?P<stable>S)?=(?P<weight>[0-9]+)", b"S=12\r\n")],
)
def test_the_absence_of_one_motion_word_is_the_other(pattern: str, line: bytes) -> None:
    [still] = found(line, pattern)
    [moving] = found(b"M=12\r\n" if "moving" in pattern else b"=12\r\n", pattern)
    assert (still.stable, moving.stable) == (True, False)


@pytest.mark.parametrize("number", [b"12.3.4 ", b"  1 2  ", b"       ", b"    .5 ", b"  12,5 "])
def test_what_is_no_number_is_no_weight(number: bytes) -> None:
    assert found(b"ST,GS,+" + number + b"kg\r\n") == []


def test_noise_before_a_line_costs_it_not_and_a_line_that_is_too_long_is_none() -> None:
    assert len(found(b"\xff\x80ST,GS,+  18460kg\r\n")) == 1
    assert found(b"ST,GS,+" + b" " * 200 + b"18460kg\r\n") == []


@pytest.mark.parametrize(
    "line", [b"-20kg\r\n", b"118460kg\r\n", b"G=20kg\r\n", b" 20kg\r\n", b"12345.20kg\r\n"]
)
def test_a_pattern_is_the_whole_line_and_not_the_end_of_a_longer_one(line: bytes) -> None:
    pattern, good = "(?P<weight>[0-9]{1,5})kg", b"18460kg\r\n"
    assert found(line * 2, pattern) == []
    reader = parser(TextOptions(pattern=pattern))
    items = [item for byte in good + line * 5 + good * 2 for item in reader.feed(bytes([byte]))]
    assert [item.mantissa for item in items if isinstance(item, Reading)] == [18_460] * 3


def test_a_line_may_follow_a_terminator_of_letters() -> None:
    assert [item.mantissa for item in found(b"20;40;", "(?P<weight>[0-9]{1,6})", terminator=";")] == [20, 40]


def test_the_same_byte_lost_twice_confirms_nothing() -> None:
    pattern, whole, short = "=(?P<weight>[0-9]{1,7})", b"=18460\r\n", b"=1846\r\n"
    said = found(whole * 2 + short * 2 + whole * 2, pattern)
    assert [item.mantissa for item in said if item.confirmed] == [18_460, 18_460]


def test_bytes_and_sets_are_written_as_usual() -> None:
    [item] = found(
        b"\x02\t+ 12\xff3\x03", r"[\x01-\x02]\t[+\-]\s(?P<weight>\d{2})[^0-9\t]3", terminator="\x03"
    )
    assert item.mantissa == 12


# The first seven are the classics that take ages in a general engine.
@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(?P<weight>([0-9]+)+)", "may be optional, but not repeat"),
        (r"(?P<weight>([0-9]*)*)", "may be optional, but not repeat"),
        (r"(?P<weight>([0-9]|[0-9][0-9])*)", "may be optional, but not repeat"),
        (r"(?P<weight>[0-9]+[0-9]+)", "may begin with the same byte: '0'"),
        (r"(?P<weight>[0-9]*)[0-9]*x", "may begin with the same byte: '0'"),
        (r"(?P<weight>[0-9]+\.?[0-9]*)", "may begin with the same byte: '0'"),
        (r".*(?P<weight>[0-9]+)", "may begin with the same byte: '0'"),
        (r" *(?P<weight>[ 0-9]{7})", "may begin with the same byte: ' '"),
        (r"(?:1|12)(?P<weight>[0-9])", "two ways of a group may begin with the same byte: '1'"),
        (r"(?:1)?(?P<weight>[0-9])", "two ways of a group may begin with the same byte: '1'"),
        (r"(?P<weight>[0-9])(x|)x", "two ways of a group may begin with the same byte: 'x'"),
        (r"(?P<weight>[0-9])\1", "no such escape"),
        (r"(?P<weight>[0-9])(?P=weight)", "a back reference is not allowed"),
        (r"(?=1)(?P<weight>[0-9])", "looking ahead is not allowed"),
        (r"(?<!1)(?P<weight>[0-9])", "looking behind is not allowed"),
        (r"(?P<weight>[0-9]++)", "a repetition of a repetition"),
        (r"(?P<weight>[0-9]+?)", "a repetition of a repetition"),
        (r"(?P<weight>[0-9]{2}{3})", "a repetition of a repetition"),
        (r"(?P<weight>[0-9]{3,2})", "is no number of times"),
        (r"(?P<weight>[0-9]{0})", "is no number of times"),
        (r"x{111}(?P<weight>[0-9]+)", "can match 129 bytes: at most 128 with the terminator"),
        (r"(?P<weight>[0-9]+)[^,]?", "may begin with the same byte: '0'"),
        (r"(?P<weight>[0-9])\r", "can match the terminator"),
        (r"^(?P<weight>[0-9])$", "no anchor is needed"),
        (r"(?P<weight>[0-9]", "a group is not closed"),
        (r"(?P<weight>[0-9", "a set is not closed"),
        (r"(?P<weight>[])", "a set is empty"),
        (r"(?P<weight>[9-0])", "is no range"),
        (r"(?P<weight>[\d-9])", "is no range"),
        (r"(?P<weight>[0-9]))", "a closing bracket without an opening one"),
        (r"(?i)(?P<weight>[0-9])", "is no group of this language"),
        (r"*(?P<weight>[0-9])", "there is nothing to repeat"),
        ("(?P<weight>[0-9])\\", "nothing is escaped"),
        (r"\w(?P<weight>[0-9])", "no such escape"),
        (r"毛重(?P<weight>[0-9])", "not ASCII"),
        ("x" * 301, "longer than 300"),
        ("(" * 9 + "(?P<weight>[0-9])" + ")" * 9, "more than 8 groups in each other"),
        (r"[0-9]", "has no group (?P<weight>..)"),
        (r"(?P<weight>[0-9])(?P<colour>x)", "unknown groups colour"),
        (r"(?P<weight>[0-9])(?P<unit>k)(?P<unit>g)", "a group is named twice"),
        (r"(?P<weight>[0-9a]{3})", "the weight may hold digits"),
    ],
)  # fmt: skip
def test_a_pattern_that_could_be_slow_or_means_nothing_is_refused(pattern: str, why: str) -> None:
    problem = refused(pattern)
    assert problem.startswith("pattern: ")
    assert why in problem


@pytest.mark.parametrize("terminator", ["", "\r\r", "abcde", "。"])
def test_a_terminator_that_cannot_end_a_line_is_refused(terminator: str) -> None:
    assert refused("(?P<weight>[0-9])", terminator=terminator).startswith("terminator: ")


@pytest.mark.parametrize(
    ("example", "why"),
    [("W={weight}", "the pattern does not read it"), ("=123456", "no example line with {weight}")],
)
def test_an_example_that_the_pattern_does_not_read_is_refused(example: str, why: str) -> None:
    assert why in refused("=(?P<weight>[0-9]{6})", example=example)


def test_the_patterns_of_the_manual_are_what_it_says() -> None:
    manual = (Path(__file__).parents[4] / "docs/scales.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"pattern = '(.+?)' }", manual)
    assert [item.kind for item in found(b"ST,+  18460kg\r\n", shown)] == ["displayed"]
    [(bad, good), (overlapping, alone)] = re.findall(r"`([^`]+)` is refused, `([^`]+)` is not", manual)
    assert "same byte" in problem_of(bad)
    assert "same byte" in problem_of(overlapping)
    assert [problem_of(good), problem_of(alone)] == ["", ""]


def test_a_pattern_without_an_example_cannot_be_played() -> None:
    with pytest.raises(ValueError, match="no example line"):
        write(Display(mantissa=1), TextOptions(pattern="=(?P<weight>[0-9]{6})"))


def test_the_example_is_written_with_sign_zeros_and_decimals() -> None:
    options = TextOptions(
        pattern=r"=(?P<sign>[+-])(?P<weight>[0-9.]{7})", example="={sign}{weight:07}", terminator="\n"
    )
    assert write(Display(mantissa=-1_846, exponent=-2), options) == b"=-0018.46\n"


def test_the_driver_names_the_faults_of_a_pattern_by_their_path() -> None:
    with pytest.raises(ConfigError) as caught:
        make_driver("text", {"pattern": "([0-9]+)+", "unit": "kg"}, device="scale", clock=VirtualClock())
    assert [path for path, _ in caught.value.faults] == ["options.pattern"]
    with pytest.raises(ConfigError, match=r"options\.unit: is required"):
        make_driver("text", {"pattern": "(?P<weight>[0-9])"}, device="scale", clock=VirtualClock())
    with pytest.raises(ConfigError, match="pattern: is required"):
        read(TextOptions, {})


ACCEPTED = [
    WHOLE,
    r"(?P<weight>[0-9]{1,32}(?:\.[0-9]{1,5})?) *(?P<unit>[a-z]{0,3})",
    r" *(?P<weight>-?[0-9]+)[A-Z]*[a-z]*\.*#?",
    r".{16}=(?P<weight>\d+)",
    r"(?:A(?:B(?:C(?:D)?)?)?)?(?P<weight>[0-9]+)",
]


@pytest.mark.parametrize("pattern", ACCEPTED)
@pytest.mark.parametrize("line", [b"0", b" ", b"A", b"ABCD", b"0a", b"   -0A", b"ST,GS,+ 1", b"=", b"1.1.1 "])
def test_hostile_lines_take_no_more_time_than_others(pattern: str, line: bytes) -> None:
    stream = line * (40_000 // len(line))
    reader = parser(TextOptions(pattern=pattern))
    began = time.process_time()
    assert all(isinstance(item, ProtocolError) for item in reader.feed(stream))
    assert time.process_time() - began < 1.5  # a slow pattern would take years


def test_an_accepted_pattern_means_what_the_usual_engine_makes_of_it() -> None:
    dice = random.Random(5)
    for pattern in ACCEPTED:
        ours = re.compile(expression(parsed(pattern, terminator=b"\r\n")))
        usual = re.compile(pattern.encode())
        for _ in range(400):
            line = bytes(dice.choices(b" 0123.-+=ABCDGKSTNagkx,", k=dice.randrange(12)))
            assert bool(ours.fullmatch(line)) == bool(usual.fullmatch(line)), (pattern, line)


def problem_of(pattern: str) -> str:
    try:
        parsed(pattern, terminator=b"\n")
    except ConfigError as error:
        return str(error)
    return ""


@given(pattern=st.text(alphabet="01ab ()[]{}?*+|.,\\-^:P<weight>", max_size=40))
def test_any_text_is_a_fast_pattern_or_refused(pattern: str) -> None:
    if problem_of(pattern):
        return
    whole = parsed(pattern, terminator=b"\n")
    assert longest(whole) < LINE_LIMIT
    compiled = re.compile(expression(whole) + b"\n")
    for hostile in (b"0" * 300, b"a" * 300, b"01ab " * 60, b"11" * 150 + b"b"):
        assert compiled.search(hostile) is None


@given(
    atoms=st.lists(
        st.tuples(st.sampled_from("0ab."), st.sampled_from(["", "?", "*", "+", "{2}", "{1,3}"])), max_size=9
    )
)
def test_whatever_is_accepted_is_decided_by_the_next_byte(atoms: list[tuple[str, str]]) -> None:
    pattern = "".join(atom + times for atom, times in atoms)
    overlapping = any(
        times not in ("", "{2}") and follows(atom, atoms[place + 1 :])
        for place, (atom, times) in enumerate(atoms)
    )
    problem = problem_of(pattern)
    assert ("the same byte" in problem) == overlapping or "can match" in problem


def follows(atom: str, rest: list[tuple[str, str]]) -> bool:
    """Whether the same byte may come next, past whatever may be left out."""
    for other, times in rest:
        if "." in (atom, other) or atom == other:
            return True
        if times not in ("?", "*"):
            return False
    return False
