"""Text files that a person names: read whole, or refused with words."""

from __future__ import annotations

from pathlib import Path

from kernel.errors import ConfigError


def text_of(path: Path) -> str:
    """ConfigError under the file's path: it cannot be read, or is no UTF-8."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError.one(str(path), error.strerror or str(error)) from error
    except ValueError as error:
        raise ConfigError.one(str(path), f"must be text in UTF-8: {error}") from error
