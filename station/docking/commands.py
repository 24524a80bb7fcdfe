"""Runs a program that speaks to a recorder; its secret goes to its standard input, and neither argument nor log shows it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from kernel.errors import ConfigError, LinkError, RefusedError

REFUSES = 3  # exit code of a recorder that wants a password, or another one
LARGEST = 4 << 20


def answer_of(command: Sequence[str], *, secret: str | None, patience_s: int) -> bytes:
    """Its standard output.  LinkError: no recorder, or no answer in time; RefusedError: the recorder refuses.

    Why a program fails is told by its exit code alone: what it writes may hold its secret.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command
            list(command), input=_secret(secret), capture_output=True, timeout=patience_s, check=False
        )
    except OSError as error:
        raise LinkError(f"{command[0]} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise LinkError(f"{command[0]} gave no answer in {patience_s} s") from None
    if done.returncode == REFUSES:
        raise RefusedError("the recorder refuses: its password is wanted, or another one")
    if done.returncode:
        raise LinkError(f"{command[0]} ended with {done.returncode}")
    return done.stdout[:LARGEST]


def _secret(path: str | None) -> bytes:
    if path is None:
        return b""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError.one("footage.docks.secret", f"cannot be read: {error.strerror}") from error
