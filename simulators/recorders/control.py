"""The program that speaks to a simulated recorder, as a maker's would: `control.py STATE VERB`, one JSON object an answer.

Only the standard library, and nothing of ours: a dock starts it for every question.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

REFUSES = 3
NOTHING_THERE = 4
ZONE = timezone(timedelta(hours=8))


def main(arguments: list[str]) -> int:
    state = Path(arguments[0])
    told = json.loads((state / "recorder.json").read_text())
    verb = arguments[1]
    if not told["docked"]:
        return NOTHING_THERE
    if verb == "about":
        return _say(_about(told))
    if verb == "unlock":
        return _unlock(state, told, sys.stdin.read().strip())
    if told["locked"]:
        return REFUSES
    return _open_verbs(state, told, verb, arguments[2:])


def _open_verbs(state: Path, told: dict[str, Any], verb: str, more: list[str]) -> int:
    if verb == "clock":
        return _say({"shows": shown(time.time_ns() // 1_000_000 + told["clock_off_ms"])})
    if verb == "set-clock":
        told["clock_off_ms"] = int(more[0]) - time.time_ns() // 1_000_000
        save(state, told)
        return 0
    if verb == "log":
        sys.stdout.write("".join(f"{line}\n" for line in told["log"]))
        return 0
    return 2


def shown(own_ms: int) -> str:
    """Local and without milliseconds, as such clocks are."""
    return datetime.fromtimestamp(own_ms // 1000, ZONE).strftime("%Y%m%d%H%M%S")


def save(state: Path, told: dict[str, Any]) -> None:
    part = state / "recorder.part"
    part.write_text(json.dumps(told, ensure_ascii=False))
    part.replace(state / "recorder.json")


def digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _about(told: dict[str, Any]) -> dict[str, Any]:
    wanted = ("locked", "number", "officer", "model", "battery_permille")
    return {"present": True} | {name: told[name] for name in wanted}


def _unlock(state: Path, told: dict[str, Any], password: str) -> int:
    """Its storage appears where the dock expects it."""
    if told["password"] and digest(password) != told["password"]:
        return REFUSES
    told["locked"] = False
    save(state, told)
    mount(state, Path(told["docked"]))
    return 0


def mount(state: Path, at: Path) -> None:
    if not at.is_symlink():
        at.symlink_to(state / "volume", target_is_directory=True)


def _say(answer: dict[str, Any]) -> int:
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
