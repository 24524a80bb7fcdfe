"""What is odd about a wire stands in every detail of its device, whatever state it is in, and is said once."""

from __future__ import annotations

import logging

import pytest

from edge.drivers.pulse import Pulse
from kernel.events import DeviceHealth
from simulators.clock import VirtualClock

ODD = "7E1 line read as 8N1: set bits 7, parity even"


def test_a_note_stays_through_every_state_until_it_is_taken_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pulse = Pulse(device="scale", kind="scale", silent_ms=2_000, clock=VirtualClock())
    changes: list[DeviceHealth] = []
    pulse.changed = changes.append
    pulse.note("")
    assert changes == []
    pulse.beat()
    pulse.note(ODD)
    pulse.note(ODD)
    assert (pulse.state, pulse.snapshot().detail) == ("up", ODD)
    pulse.lost("unplugged")
    assert pulse.snapshot().detail == f"unplugged; {ODD}"
    pulse.beat()
    pulse.note("")
    assert (pulse.state, pulse.snapshot().detail) == ("up", "")
    assert [change.detail for change in changes] == ["", ODD, f"unplugged; {ODD}", ODD, ""]
    said = [record.message for record in caplog.records if record.message.startswith("line is")]
    assert said == ["line is odd", "line is as set"]
