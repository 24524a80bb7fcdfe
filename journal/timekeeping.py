"""How good the machine's clock is, as the kernel knows it: synchronised or not, and within which error."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable

from kernel.events import ClockChecked
from kernel.evidence.header import ClockState

UNSYNCHRONISED = 0x0040  # STA_UNSYNC
NANOSECONDS = 0x2000  # STA_NANO
# struct timex, adjtimex(2): modes, offset, freq, maxerror, esterror, status; the rest is of no interest here.
LAYOUT = struct.Struct("@Illlli")
SIZE = 256
HOLDOVER_ERR_MS = 60_000

AskKernel = Callable[[], bytes]


def ask_kernel() -> bytes:
    """The kernel's struct timex, nothing changed."""
    buffer = ctypes.create_string_buffer(SIZE)
    ctypes.CDLL(None, use_errno=True).ntp_adjtime(buffer)
    return buffer.raw


def check_clock(ask: AskKernel = ask_kernel) -> ClockChecked:
    """`err_ms` is the kernel's bound on the error; `unset` when nothing has ever set this clock right."""
    _modes, offset, _freq, max_error_us, _estimate, status = LAYOUT.unpack_from(ask())
    err_ms = max(1, max_error_us // 1000)
    if status & UNSYNCHRONISED:
        state = "holdover" if err_ms < HOLDOVER_ERR_MS and offset else "unset"
        return ClockChecked(
            reference="none", offset_ms=None, err_ms=err_ms, state="unset" if state == "unset" else "holdover"
        )
    offset_ms = offset // (1_000_000 if status & NANOSECONDS else 1_000)
    return ClockChecked(reference="ntp", offset_ms=offset_ms, err_ms=err_ms, state="ok")


def clock_state(ask: AskKernel = ask_kernel) -> ClockState:
    """What a header says of its clock."""
    checked = check_clock(ask)
    return ClockState(err_ms=checked.err_ms if checked.state != "unset" else None, state=checked.state)
