"""One golden JSON per body: old entries stay readable for ever, so changing one of these files is a decision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest

from kernel.events import STREAMS, Body

GOLDEN = Path(__file__).parent / "golden"


def golden(stream: str) -> bytes:
    return (GOLDEN / f"{stream}.json").read_bytes()


def contains(now: Any, then: Any) -> bool:
    """All that was written then is said now, unchanged; fields may have been added."""
    if isinstance(then, dict):
        return isinstance(now, dict) and all(key in now and contains(now[key], then[key]) for key in then)
    if isinstance(then, list) and isinstance(now, list):
        return len(now) == len(then) and all(contains(a, b) for a, b in zip(now, then, strict=True))
    return type(now) is type(then) and bool(now == then)


def test_every_body_has_one_golden_file_and_no_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(STREAMS)


@pytest.mark.parametrize("stream", STREAMS)
def test_the_written_form_stays_readable_and_is_written_again(stream: str) -> None:
    body = msgspec.json.decode(golden(stream), type=STREAMS[stream].body)
    assert contains(json.loads(msgspec.json.encode(body)), json.loads(golden(stream)))


@pytest.mark.parametrize("stream", STREAMS)
def test_the_golden_form_shows_values_and_not_only_defaults(stream: str) -> None:
    written = json.loads(golden(stream))
    kind = STREAMS[stream].body
    defaults = {f.encode_name: f.default for f in msgspec.structs.fields(kind) if not f.required}
    told = {
        name for name, value in written.items() if name not in defaults or value not in (defaults[name], [])
    }
    assert told == set(written)
    assert len(written) >= len(kind.__struct_fields__) - 2  # the newest fields may wait for the next decision


@pytest.mark.parametrize("stream", STREAMS)
def test_a_newer_peers_extra_field_is_ignored(stream: str) -> None:
    newer = json.dumps({**json.loads(golden(stream)), "from_the_future": {"a": [1]}}).encode()
    kind = STREAMS[stream].body
    assert msgspec.json.decode(newer, type=kind) == msgspec.json.decode(golden(stream), type=kind)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_body_without_a_needed_field_is_refused(stream: str) -> None:
    kind = STREAMS[stream].body
    needed = [f.encode_name for f in msgspec.structs.fields(kind) if f.required]
    assert needed
    for name in needed:
        table = json.loads(golden(stream))
        del table[name]
        with pytest.raises(msgspec.ValidationError, match=name):
            msgspec.json.decode(json.dumps(table), type=kind)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("bad", [b"", b"[]", b"{}", b"\xff", b"null"])
def test_rubbish_is_refused(stream: str, bad: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(bad, type=STREAMS[stream].body)


def test_a_mass_is_never_a_fraction() -> None:
    halved = golden("vehicle.weighed").replace(b'"gross_kg":52340', b'"gross_kg":52340.5')
    assert halved != golden("vehicle.weighed")
    with pytest.raises(msgspec.ValidationError, match="gross_kg"):
        msgspec.json.decode(halved, type=STREAMS["vehicle.weighed"].body)


def test_every_stream_names_itself_and_says_what_it_is() -> None:
    assert all(name == row.body.stream for name, row in STREAMS.items())
    assert all(row.says and row.keep_days > 0 for row in STREAMS.values())
    assert len({row.body for row in STREAMS.values()}) == len(STREAMS)


def test_bodies_are_frozen_and_hold_no_float() -> None:
    for row in STREAMS.values():
        assert issubclass(row.body, Body)
        assert row.body.__struct_config__.frozen
        assert not any("float" in str(hint) for hint in get_type_hints(row.body).values())
