from hypothesis import given, settings
from hypothesis import strategies as st

from edge.cameras.bitstream import GopDigests, Normaliser

AVCC = bytes([1, 0x42, 0xC0, 0x1F, 0xFF, 0xE1, 0])
# A unit never contains a start code nor ends in zero (emulation prevention): letters stand for the rest.
UNITS = st.lists(st.binary(min_size=1, max_size=40).map(lambda b: bytes(1 + x % 255 for x in b)), min_size=1)


def annex_b(units: list[bytes], zeros: int) -> bytes:
    return b"".join(bytes(2 + zeros % 2) + b"\x01" + unit for unit in units) + bytes(zeros)


def by_length(units: list[bytes]) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


@settings(max_examples=40, deadline=None)
@given(UNITS, st.integers(0, 3))
def test_both_ways_of_cutting_have_one_normal_form(units: list[bytes], zeros: int) -> None:
    behind_codes = Normaliser("h264", b"\0\0\0\1g").normal(annex_b(units, zeros))
    assert behind_codes == Normaliser("h264", AVCC).normal(by_length(units)) == by_length(units)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=60))
def test_hostile_packets_have_a_normal_form_too(packet: bytes) -> None:
    for head in (b"", AVCC):
        assert isinstance(Normaliser("h264", head).normal(packet), bytes)


def test_stills_stay_as_they_are() -> None:
    assert Normaliser("mjpeg", b"").normal(b"\xff\xd8\0\0\1") == b"\xff\xd8\0\0\1"


def test_a_digest_covers_its_group_only_and_every_byte_of_it() -> None:
    digests, other = GopDigests(Normaliser("mjpeg", b"")), GopDigests(Normaliser("mjpeg", b""))
    for packet, key in ((b"K1", True), (b"p", False), (b"K2", True), (b"p", False)):
        digests.add(packet, key=key)
    for packet, key in ((b"K1", True), (b"q", False), (b"K2", True), (b"p", False)):
        other.add(packet, key=key)
    (a1, a2), (b1, b2) = digests.finish(), other.finish()
    assert a1 != b1
    assert a2 == b2


def test_the_head_of_a_picture_is_found_whichever_way_it_is_cut() -> None:
    units = [b"\x67size", b"\x68\x01", b"\x65picture"]
    assert Normaliser("h264", b"").picture_head(annex_b(units, 1)) == (b"\x67size",)
    assert Normaliser("h264", AVCC).picture_head(by_length(units)) == (b"\x67size",)
    assert Normaliser("hevc", b"").picture_head(annex_b([b"\x40v", b"\x42s", b"\x26i"], 0)) == (b"\x42s",)
    assert Normaliser("mjpeg", b"").picture_head(b"\x67") == ()
