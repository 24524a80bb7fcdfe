import signal
import sys
from pathlib import Path

import pytest

from simulators.demo.processes import Child, stop_all

pytestmark = pytest.mark.wire


def child(tmp_path: Path, code: str) -> Child:
    return Child("sleeper", (Path(sys.executable).name, "-c", code), tmp_path / "log")


def test_a_child_runs_is_measured_and_ends_on_request(tmp_path: Path) -> None:
    sleeper = child(tmp_path, "import time; print('here', flush=True); time.sleep(60)")
    sleeper.start()
    assert sleeper.exit_code is None
    assert sleeper.watch_memory() >= 0
    assert stop_all([sleeper], say=lambda _text: None) == []
    assert sleeper.exit_code == -signal.SIGTERM


def test_a_child_that_will_not_listen_is_killed_and_named(tmp_path: Path) -> None:
    sleeper = child(
        tmp_path,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
    )
    sleeper.start()
    while "deaf" not in sleeper.last_words():
        assert not sleeper.wait(0.05)
    assert stop_all([sleeper], say=lambda _text: None, patience_s=0.3) == ["sleeper"]
    assert sleeper.exit_code == -signal.SIGKILL


def test_what_it_said_last_is_kept(tmp_path: Path) -> None:
    failing = child(tmp_path, "raise SystemExit('no such key: scale.url')")
    failing.start()
    assert failing.wait(20)
    assert failing.exit_code == 1
    assert "no such key" in failing.last_words()
