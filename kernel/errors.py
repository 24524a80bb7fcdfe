"""What can go wrong, named by what the caller can do about it."""

from __future__ import annotations

from collections.abc import Sequence


class WeighpostError(Exception):
    """Root of every error raised on purpose."""


class ConfigError(WeighpostError):
    """The operator must change the configuration; retrying cannot help.

    Carries every fault found, each as (path of the key, what is wrong), not only the first.
    """

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{path}: {problem}" for path, problem in faults))
        self.faults = tuple(faults)

    @classmethod
    def one(cls, path: str, problem: str) -> ConfigError:
        return cls([(path, problem)])


class LinkError(WeighpostError):
    """The wire is gone; close, wait, open again."""


class ProtocolError(WeighpostError):
    """The peer sent something outside the protocol; drop it, count it, go on."""

    def __init__(self, problem: str, frame: bytes = b"") -> None:
        super().__init__(f"{problem}: {frame[:64].hex(' ')}" if frame else problem)
        self.problem = problem
        self.frame = frame


class RefusedError(WeighpostError):
    """The caller has no right to this, or it does not fit what is already known; ask a person, do not retry."""


class RestartError(WeighpostError):
    """This process cannot go on with what it holds; end it, its next start can."""


class FullError(WeighpostError):
    """No room left for what must be kept; nothing was written."""
