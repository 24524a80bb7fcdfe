"""What a decoded picture took is the system's again, though smaller things were made beside it and stay."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.wire

PICTURES = """
import sys
from pathlib import Path
from edge.heap import keep_small

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

assert sys.argv[1] == "as it is" or keep_small()
before = resident()
bytearray(3_000_000)
pictures, kept = [], []
for _ in range(20):
    pictures.append(bytearray(3_000_000))
    kept.append(bytes(100_000))  # too large for any hole that the interpreter's start has left
del pictures
print((resident() - before) // 1_000_000)
"""


@pytest.mark.parametrize(("how", "most_mb"), [("as it is", None), ("small", 5)])
def test_the_memory_of_pictures_goes_back_to_the_system(how: str, most_mb: int | None) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PICTURES, how], capture_output=True, check=True, text=True, timeout=30
    )
    kept_mb = int(done.stdout)
    assert kept_mb > 30 if most_mb is None else kept_mb < most_mb
