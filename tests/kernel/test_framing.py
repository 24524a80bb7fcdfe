from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import ProtocolError
from kernel.framing import DelimitedBuffer


@given(st.lists(st.binary(max_size=12)), st.data())
def test_frames_are_the_same_for_any_split_and_an_overlong_one_is_one_error(
    frames: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(frame.replace(b"\x00", b"\x01") + b"\x00" for frame in frames)
    cut = data.draw(st.integers(0, len(stream)))
    buffer = DelimitedBuffer(delimiter=0, limit=8)
    got = buffer.feed(stream[:cut]) + buffer.feed(stream[cut:])
    assert [isinstance(item, ProtocolError) for item in got] == [len(frame) > 8 for frame in frames]
    assert [item for item in got if isinstance(item, bytes)] == [
        frame.replace(b"\x00", b"\x01") for frame in frames if len(frame) <= 8
    ]
