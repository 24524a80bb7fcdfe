"""A zip made to confuse, to climb out of a folder or to fill a disk never proves anything and never raises."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verify.making import NOW_MS, as_json, draft, trust_toml, zipped
from verify.package import FALSE, NOT_PROVEN, Line, ProofError, read_package, read_trust, verify

pytestmark = pytest.mark.broad

TRUST = read_trust(trust_toml())
CLEAN = draft().zipped()


def only_line(data: bytes, tmp_path: Path) -> Line:
    path = tmp_path / "package.zip"
    path.write_bytes(data)
    report = verify(path, TRUST, NOW_MS)
    assert not report.proven
    assert len(report.lines) == 1
    return report.lines[0]


def rows() -> list[tuple[str, bytes]]:
    made = draft()
    return [("package.json", as_json(made.manifest)), *made.parts.items()]


def test_no_changed_byte_of_the_zip_is_ever_proven() -> None:
    assert read_package(io.BytesIO(CLEAN))
    for at in range(0, len(CLEAN), 13):
        data = bytearray(CLEAN)
        data[at] ^= 0x20
        with pytest.raises(ProofError):
            read_package(io.BytesIO(bytes(data)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice(tmp_path: Path) -> None:
    line = only_line(zipped([*rows(), ("checkpoint.txt", b"another")]), tmp_path)
    assert line.verdict == FALSE
    assert "twice" in line.en


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../up.txt",
        "files/../../up.txt",
        "a\\b.txt",
        "C:/x.txt",
        ".hidden",
        "files//x",
        "x\x01y",
        "a b",
    ],
)
def test_a_name_that_leads_elsewhere(tmp_path: Path, name: str) -> None:
    line = only_line(zipped([*rows(), (name, b"x")]), tmp_path)
    assert line.verdict == FALSE
    assert "not allowed" in line.en


def packed(compression: int, comment: bytes = b"", date: int = 1980) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.comment = comment
        for name, data in rows():
            info = zipfile.ZipInfo(name, (date, 1, 1, 0, 0, 0))
            info.compress_type = compression
            info.create_system = 3
            archive.writestr(info, data)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [packed(zipfile.ZIP_DEFLATED), packed(zipfile.ZIP_STORED, date=2024)],
    ids=["compressed", "other dates"],
)
def test_packed_again_is_not_proven_and_says_so(tmp_path: Path, data: bytes) -> None:
    line = only_line(data, tmp_path)
    assert line.verdict == NOT_PROVEN
    assert "packed again" in line.en


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("package.json", bytes(20_000_000))
    assert only_line(out.getvalue(), tmp_path).verdict == NOT_PROVEN


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        b"PK\x05\x06" + bytes(18),
        CLEAN[:-1],
        CLEAN[:500],
        CLEAN + b"\x00",
        b"#!/bin/sh\n" + CLEAN,
        packed(zipfile.ZIP_STORED, comment=b"hello"),
        zipped([]),
        zipped([("package.json", b"[]")]),
        zipped([("package.json", bytes(2 << 20))]),
        zipped([(f"f{n}", b"") for n in range(4_001)]),
    ],
)
def test_what_is_no_package_is_refused(tmp_path: Path, data: bytes) -> None:
    assert only_line(data, tmp_path).check == "package"


def test_a_part_larger_than_its_kind_may_be(tmp_path: Path) -> None:
    made = draft()
    made.parts["entries/000003.header.json"] = b" " * 5_000
    assert "too large" in only_line(made.zipped(), tmp_path).en


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, len(CLEAN)), noise=st.binary(max_size=60), at=st.integers(0, len(CLEAN)))
def test_noise_never_raises_anything_else(cut: int, noise: bytes, at: int) -> None:
    data = CLEAN[:at] + noise + CLEAN[at:][: cut or None]
    try:
        package = read_package(io.BytesIO(data))
    except ProofError:
        return
    assert data == CLEAN
    assert package.seq == 3


def retouched(at: bytes, offset: int, value: bytes, data: bytes = CLEAN) -> bytes:
    """`value` written `offset` bytes after the last place where `at` stands."""
    place = data.rindex(at) + offset
    return data[:place] + value + data[place + len(value) :]


MODE = 38  # of a directory row: external attributes


@pytest.mark.parametrize(
    "data",
    [
        retouched(b"PK\x01\x02", MODE, (0o120777 << 16).to_bytes(4, "little")),  # a symbolic link
        retouched(b"PK\x01\x02", MODE, (0o040755 << 16).to_bytes(4, "little")),  # a folder
        retouched(b"PK\x01\x02", 8, b"\x01\x00"),  # encrypted
        retouched(b"PK\x01\x02", 6, b"\x2d\x00"),  # made for zip64
        retouched(b"PK\x01\x02", 20, b"\xff" * 8),  # sizes that stand elsewhere, as in zip64
        retouched(b"PK\x01\x02", 42, b"\x00" * 4),  # a second row for the first file: an overlapping bomb
        retouched(b"PK\x05\x06", 8, b"\xff\xff\xff\xff"),  # a number of files that stands elsewhere
        retouched(b"PK\x05\x06", 12, b"\xff\xff\xff\xff"),  # a directory of 4 GB
        retouched(b"PK\x05\x06", 16, b"\xff\xff\xff\xff"),  # a directory beyond the end
        retouched(b"PK\x03\x04", 26, b"\xff\xff"),  # a local name of 64 kB
        CLEAN.replace(b"PK\x05\x06", b"PK\x06\x07" + bytes(16) + b"PK\x05\x06"),  # a zip64 locator
    ],
    ids=range(11),
)
def test_what_other_readers_would_read_otherwise_is_not_read(tmp_path: Path, data: bytes) -> None:
    assert only_line(data, tmp_path).check == "package"


def test_a_wrong_crc_is_false(tmp_path: Path) -> None:
    at = CLEAN.index(b"PK\x03\x04") + 14
    row = CLEAN.index(b"PK\x01\x02") + 16
    data = bytearray(CLEAN)
    data[at] ^= 1
    data[row] ^= 1
    line = only_line(bytes(data), tmp_path)
    assert (line.verdict, "CRC" in line.en) == (FALSE, True)


def test_a_hundred_thousand_members_are_refused_before_any_is_read(tmp_path: Path) -> None:
    row = b"PK\x01\x02" + bytes(42)
    count, directory = 0xFFFF, row * 100_000
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(directory), 0, 0)
    assert "too large" in only_line(directory + end, tmp_path).en


def test_much_text_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(zipped([(f"entries/{n:06d}.header.json", b" " * 60_000) for n in range(1_200)]))
    tracemalloc.start()
    try:
        report = verify(path, TRUST, NOW_MS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "too much text" in report.lines[0].en
    assert peak < 80 << 20
