"""The bench of the scales has a subject for every row, and its simple readers are fair: a clean line they can read."""

from __future__ import annotations

import pytest

from edge.drivers import DRIVERS
from tests.bench.scale_bench import Subject, compared, read_all, spoiled, subjects

SUBJECTS = subjects()
FRAMES = 60
# The pattern for a pair of bytes, or for a frame without a mark at its end, is found within others too.
AMBIGUOUS = {"modbus-tcp", "modbus-rtu", "yaohua-eq-fwd", "yaohua-eq-rev"}


def test_every_driver_is_measured() -> None:
    assert {subject.name.split()[0] for subject in SUBJECTS} == {*DRIVERS, "lane"}


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_everybody_reads_a_clean_line(subject: Subject) -> None:
    frames = [subject.frame(n) for n in range(FRAMES)]
    values = [value for value, _ in frames]
    stream = b"".join(frame for _, frame in frames)
    assert compared(read_all(subject.ours(), stream), frames, values) == (1.0, 0.0)
    for name, make in subject.baselines.items():
        share, _ = compared(read_all(make(), stream), frames, values)
        assert share > 0.9 or (subject.name in AMBIGUOUS and name == "a regex"), (name, share)


def test_every_hundredth_byte_is_hit_and_the_intact_frames_are_known() -> None:
    frames = [(n, b"%08d" % n) for n in range(5_000)]
    stream, intact = spoiled(frames, seed=1)
    assert 0.99 < len(stream) / 40_000 < 0.9975
    assert 0.90 < len(intact) / 5_000 < 0.945
    assert all(b"%08d" % n in stream for n in intact)
