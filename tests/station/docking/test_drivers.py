"""Every driver keeps the contract of a dock, over its simulator: the same recorder, seen in the two ways."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from kernel.errors import LinkError, ProtocolError, RefusedError
from simulators.demo.clock import RealClock
from simulators.recorders.recorder import Recorder
from station.docking.clocks import hold_against
from station.docking.commands import answer_of
from station.docking.contract import RecorderDock
from station.docking.docking import Docking
from station.docking.drivers import DRIVERS, open_dock
from station.docking.drivers.program import protocol
from station.docking.settings import Dock
from station.docking.threads import OwnThreads
from tests.station.docking.docks import Bench

OFF_MS = -137_423
ASK = OwnThreads(1, name="test")
Make = Callable[..., tuple[Recorder, RecorderDock]]
wire = pytest.mark.wire


@pytest.fixture(params=sorted(DRIVERS))
def docked(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Recorder, RecorderDock]:
    recorder = Recorder(tmp_path / "state", clock=RealClock(), clock_off_ms=OFF_MS)
    (recorder.volume / "DCIM" / "a.mp4").write_bytes(b"film")
    program = recorder.program if request.param == "program" else ()
    return recorder, open_dock(
        Dock(name="dock-1", path=str(tmp_path / "at"), driver=request.param, program=program)
    )


@wire
async def test_a_dock_is_empty_then_has_a_recorder_then_is_empty(
    docked: tuple[Recorder, RecorderDock],
) -> None:
    recorder, dock = docked
    assert dock.presence() == "absent"
    recorder.dock(dock.top)
    assert dock.presence() == "open"
    about = dock.about()
    assert about.total_kb
    assert about.number in ("3700123", None)
    recorder.pull()
    assert dock.presence() == "absent"
    with pytest.raises(LinkError):
        dock.about()


@wire
async def test_a_clock_is_read_to_a_part_of_its_second_and_set(docked: tuple[Recorder, RecorderDock]) -> None:
    recorder, dock = docked
    recorder.dock(dock.top)
    clock = RealClock()
    anchor = await hold_against(dock, clock=clock, ask=ASK)
    if anchor is None:
        assert not dock.set_clock(clock.now_ms())  # a plain folder has no clock
        return
    assert abs(anchor.own_ms - anchor.true_ms - OFF_MS) <= anchor.err_ms
    assert dock.set_clock(clock.now_ms())
    anchor = await hold_against(dock, clock=clock, ask=ASK)
    assert anchor is not None
    # A second more for a machine that is busy between taking the time and setting it.
    assert abs(anchor.own_ms - anchor.true_ms) <= anchor.err_ms + 1_000


@wire
async def test_the_log_is_what_the_recorder_has(docked: tuple[Recorder, RecorderDock]) -> None:
    recorder, dock = docked
    recorder.dock(dock.top)
    assert dock.log() in (None, b"power on\nrecord start\nrecord stop\n")


@wire
async def test_a_locked_recorder_opens_by_its_secret_which_no_log_shows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    recorder = Recorder(tmp_path / "state", clock=RealClock(), password="geheim-8888")
    (recorder.volume / "DCIM" / "a.mp4").write_bytes(b"film")
    (tmp_path / "wrong").write_text("geheim-7777\n")
    (tmp_path / "right").write_text("geheim-8888\n")
    recorder.dock(tmp_path / "at")
    bench = Bench(tmp_path)

    def docking(secret: str, **more: object) -> Docking:
        settings = Dock(
            name="dock1",
            path=str(tmp_path / "at"),
            driver="program",
            program=recorder.program,
            secret=str(tmp_path / secret),
            **more,  # type: ignore[arg-type]
        )
        return bench.docking(open_dock(settings))  # type: ignore[arg-type]

    await docking("wrong").step()
    assert bench.said() == []
    await docking("nowhere").step()  # a file that is not there is told, and nothing ends
    assert bench.said() == []
    await docking("right").step()
    assert "a.mp4" in {body.name for body in bench.said()}
    assert "stays locked" in caplog.text
    assert "geheim" not in caplog.text + "".join(capfd.readouterr())


@wire
async def test_a_folder_is_opened_by_a_command_of_the_settings(tmp_path: Path) -> None:
    """What is plugged in is seen by its socket, as the system shows it."""
    socket = tmp_path / "1-1.2"
    socket.mkdir()
    settings = Dock(
        name="dock-1", path=str(tmp_path / "at"), usb=str(socket), unlock=("mkdir", str(tmp_path / "at"))
    )
    dock = open_dock(settings)
    assert dock.presence() == "absent"
    (socket / "idVendor").write_text("1234\n")
    (socket / "idProduct").write_text("abcd\n")
    assert (dock.presence(), dock.usb()) == ("locked", "1234:abcd")
    assert dock.unlock()
    assert not open_dock(Dock(name="dock-1", path="/nowhere", usb=str(socket))).unlock()


@wire
@pytest.mark.parametrize(
    ("command", "error"),
    [
        (["/nowhere/program"], LinkError),
        (["sh", "-c", "exit 3"], RefusedError),
        (["sh", "-c", "cat; exit 4"], LinkError),
        (["sleep", "60"], LinkError),
    ],
)
def test_a_program_that_fails_says_what_the_caller_can_do(
    command: list[str], error: type[Exception], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("geheim")
    with pytest.raises(error) as raised:
        answer_of(command, secret=str(tmp_path / "secret"), patience_s=1)
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    "answer", [b"", b"null", b"[]", b"\xff", b'{"shows": "now"}', b'{"shows": "20261301000000"}']
)
def test_nonsense_of_a_program_is_a_protocol_error(answer: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.read_clock(answer)


def test_a_clock_with_milliseconds_is_read_to_them() -> None:
    reading = protocol.read_clock(b'{"shows": "20260601100000250"}')
    assert (reading.own_ms, reading.step_ms) == (1_780_279_200_250, 1)


@pytest.mark.parametrize("number", ['"../x"', '""', '"' + "9" * 60 + '"', "7"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    with pytest.raises(ProtocolError):
        protocol.read_about(f'{{"number": {number}}}'.encode())
