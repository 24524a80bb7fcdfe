"""What the lane and its plate reader's process say to each other: length-prefixed msgpack over pipes."""

from __future__ import annotations

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

LENGTH = 4
MAX_MESSAGE = 32 * 1024 * 1024


class Ask(Struct, frozen=True, kw_only=True):
    """Read this picture.  `region` is x, y, width, height in permille."""

    number: int
    jpeg: bytes
    region: tuple[int, int, int, int]


class Reading(Struct, frozen=True, kw_only=True):
    """One thing that looks like a plate in one picture.

    `sure` says that the score passed; a reading that is not sure has its text for candidates only.
    """

    kind: str  # plate, foreign, unclear
    text: str
    plate_class: str | None = None
    colour: str | None = None
    score_permille: int = 0
    chars_permille: tuple[int, ...] = ()
    sure: bool = False
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    corners: tuple[tuple[int, int], ...] = ()  # of the text, clockwise from the upper left
    crop: bytes = b""  # a JPEG of this plate and of no other


class Answer(Struct, frozen=True, kw_only=True):
    """Readings best first."""

    number: int
    readings: tuple[Reading, ...] = ()
    cpu_ms: int = 0
    rss_kb: int = 0
    problem: str = ""
    reader: str = ""  # which models read it


encode = Encoder().encode
decode_ask = Decoder(Ask).decode
decode_answer = Decoder(Answer).decode


def framed(message: Ask | Answer) -> bytes:
    data = encode(message)
    return len(data).to_bytes(LENGTH, "big") + data
