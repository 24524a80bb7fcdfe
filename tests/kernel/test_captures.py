"""A capture of a line is read back as it was written; a damaged one is refused with its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.captures import Capture, CaptureHead, Passed, counted_from, is_capture, read_capture
from kernel.errors import ProtocolError

HEAD = CaptureHead(
    box="s01-lane1",
    device="scale",
    driver="yaohua-cont12",
    options={"unit": "kg"},
    url="/dev/serial/by-path/x",
    line="9600 8N1",
    begin_ms=1_790_000_000_000,
)
GOLDEN = (
    b'{"weighpost_capture":1,"box":"s01-lane1","device":"scale","url":"/dev/serial/by-path/x","line":"9600 8N1",'
    b'"begin_ms":1790000000000,"driver":"yaohua-cont12","options":{"unit":"kg"}}\n'
    b'{"ms":0,"note":"opened"}\n'
    b'{"ms":12,"in":"022b303030303030303142"}\n'
    b'{"ms":13,"in":"03"}\n'
    b'{"ms":40,"out":"024141303003"}\n'
)
PASSED = (
    Passed(0, "note", b"opened"),
    Passed(12, "in", bytes.fromhex("022b303030303030303142")),
    Passed(13, "in", b"\x03"),
    Passed(40, "out", bytes.fromhex("024141303003")),
)


def test_the_file_is_as_documented_and_reads_back() -> None:
    capture = Capture(head=HEAD, passed=PASSED)
    assert capture.to_bytes() == GOLDEN
    assert read_capture(GOLDEN) == capture
    assert capture.incoming == b"\x02+00000001B\x03"


pieces = st.builds(
    Passed,
    st.integers(0, 600_000),
    st.sampled_from(["in", "out"]),
    st.binary(max_size=60),
)


@given(st.lists(pieces, max_size=20).map(lambda one: sorted(one, key=lambda piece: piece.ms)))
def test_whatever_passed_reads_back(passed: list[Passed]) -> None:
    capture = Capture(head=HEAD, passed=tuple(passed))
    assert read_capture(capture.to_bytes()) == capture


@given(st.text('ab\n\r\x00\u2028\x85é挂"\\', max_size=20))
def test_notes_stay_on_their_line(text: str) -> None:
    capture = Capture(head=HEAD, passed=(Passed(0, "note", text.encode()),))
    assert read_capture(capture.to_bytes()) == capture


def test_only_captures_are_taken_for_captures() -> None:
    assert is_capture(GOLDEN)
    assert is_capture(b"\xef\xbb\xbf" + GOLDEN)
    assert is_capture(GOLDEN.replace(b'":1,', b'" : 2 , ', 1))
    assert is_capture(b'{"box":"b","weighpost_capture":null}')
    assert not is_capture(b'{"box":"b"}\n' + GOLDEN)
    assert not is_capture(b'{"box":' + b"[" * 100_000)
    assert not is_capture(b"\x02+00000001B\x03")
    assert not is_capture(b"")


def test_a_mark_of_byte_order_is_no_harm() -> None:
    assert read_capture(b"\xef\xbb\xbf" + GOLDEN) == read_capture(GOLDEN)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a capture"),
        (b"\x02+00000001B\x03", "not a capture"),
        (
            GOLDEN.replace(b'"weighpost_capture":1', b'"weighpost_capture":2'),
            "version 2; this program reads version 1",
        ),
        (GOLDEN.replace(b'"weighpost_capture":1', b'"weighpost_capture":null'), "version 'null'"),
        (GOLDEN.replace(b'{"unit":"kg"}', b"[" * 100_000), "not a capture"),
        (GOLDEN + b"[" * 100_000, "line 6"),
        (GOLDEN.replace(b'"device":"scale",', b""), "not a capture"),
        (GOLDEN + b'{"ms":50,"in":"0"}\n', "line 6"),
        (GOLDEN + b'{"ms":50,"in":"zz"}\n', "line 6"),
        (GOLDEN + b'{"ms":50}\n', "line 6 of a capture: must hold one of in, out, note"),
        (GOLDEN + b'{"ms":50,"in":"00","out":"00"}\n', "must hold one of in, out, note"),
        (GOLDEN + b'{"ms":600041,"in":"00"}\n', "gap of 600001 ms"),
        (GOLDEN + b'{"ms":1' + b"0" * 30 + b',"in":"00"}\n', "gap of|line 6"),
        (GOLDEN + b'{"ms":50,"inn":"00"}\n', "line 6"),
        (GOLDEN + b'{"ms":"x","in":"00"}\n', "line 6"),
        (GOLDEN[:-9], "line 5"),
        (GOLDEN + b'{"ms":39,"in":"00"}\n', "time goes back"),
        (GOLDEN.replace(b'{"ms":0,', b'{"ms":-1,'), "before its beginning"),
    ],
)
def test_a_damaged_one_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        read_capture(data)


@given(st.binary(max_size=300))
def test_rubbish_is_refused_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_capture(data)


def test_times_count_from_the_beginning() -> None:
    assert counted_from(500, [Passed(500, "in", b"a"), Passed(730, "in", b"b")]) == (
        Passed(0, "in", b"a"),
        Passed(230, "in", b"b"),
    )
