"""The canonical form: what is written has one form, what is read is taken no looser."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.errors import ProtocolError
from kernel.events import STREAMS
from kernel.evidence import canonical

KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INTEGERS = st.integers(-canonical.LARGEST, canonical.LARGEST)
LEAVES = st.none() | st.booleans() | INTEGERS | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=30)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_round_trip(value: dict[str, object]) -> None:
    assert canonical.decode(canonical.encode(value)) == value


@settings(max_examples=30)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_one_form_whatever_the_order(value: dict[str, object]) -> None:
    assert canonical.encode(dict(reversed(value.items()))) == canonical.encode(value)


@settings(max_examples=30)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_agrees_with_an_independent_writer(value: dict[str, object]) -> None:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert canonical.encode(value) == text.encode()


def test_golden() -> None:
    value = {"z": [1, -2, {}], "a": '治超\n\u0001"', "B": None, "b": True}
    assert canonical.encode(value) == '{"B":null,"a":"治超\\n\\u0001\\"","b":true,"z":[1,-2,{}]}'.encode()


@pytest.mark.parametrize(
    "value",
    [
        {"mass": 1.0},
        {"mass": 1e300},
        {"deep": [[{"x": 0.5}]]},
        {"n": 2**53},
        {"n": -(2**53)},
        {"n": 2**70},
        {"重量": 1},
        {"deep": [{"é": 1}]},
        {"s": "\ud800"},
    ],
)
def test_refuses_to_write(value: object) -> None:
    with pytest.raises(ProtocolError):
        canonical.encode(value)


class _Inner(msgspec.Struct):
    mass: int
    names: dict[str, int]


def test_refuses_a_struct_that_lies_about_its_types() -> None:
    with pytest.raises(ProtocolError):
        canonical.encode(_Inner(mass=0.5, names={}))  # type: ignore[arg-type]
    with pytest.raises(ProtocolError):
        canonical.encode(_Inner(mass=1, names={"车": 1}))


@pytest.mark.parametrize("text", ["a:1.5", ",12345678901234567890", "x[9e9", '中":', '\\"é":'])
def test_looks_like_trouble_inside_a_string_is_none(text: str) -> None:
    assert canonical.decode(canonical.encode({"text": text, "more": "重"})) == {"text": text, "more": "重"}


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":9007199254740993}',
        b'{"a":-9007199254740992}',
        b'{"a":-0}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        '{"é":1}'.encode(),
        b"[1]",
        b"1",
        b"",
        b"{",
        b'{"a":1}x',
        b"[" * 28_000,
        b'{"a":' * 5_000,
        b'{"a":' + b"9" * 20_000 + b"}",
        '{"a":1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
    ],
)
def test_refuses_to_read(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        canonical.decode(data)


@given(st.binary(max_size=60))
def test_noise_is_refused_or_read_never_anything_else(data: bytes) -> None:
    try:
        value = canonical.decode(data)
    except ProtocolError:
        return
    assert canonical.decode(canonical.encode(value)) == value


class _Sums(msgspec.Struct):
    n: int | None
    more: tuple[int, ...] = ()
    text: str = ""


@pytest.mark.parametrize("value", [_Sums(n=2**53), _Sums(n=None, more=(1, -(2**53)))])
def test_refuses_a_struct_with_integers_out_of_range(value: _Sums) -> None:
    with pytest.raises(ProtocolError):
        canonical.encode(value)


def test_not_a_number_is_refused_or_written_as_unknown_never_as_a_number() -> None:
    value = _Sums(n=float("nan"))  # type: ignore[arg-type]
    assert canonical.decode(canonical.encode(value))["n"] is None


def test_long_digits_inside_strings_are_no_integers() -> None:
    value = _Sums(n=1, text="1234567890123456789", more=(canonical.LARGEST, -canonical.LARGEST))
    assert canonical.decode(canonical.encode(value))["text"] == value.text


def test_bodies_of_the_contract_take_the_short_way() -> None:
    """So that writing an entry costs microseconds; a float or a free key in a body would show here."""
    for stream in STREAMS.values():
        assert canonical._decoder(stream.body) is not None, stream.body.stream
