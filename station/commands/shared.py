"""What the station's verbs share: its settings."""

from __future__ import annotations

import argparse
from pathlib import Path

from journal import console
from station.settings import Settings


def load_settings(path: Path) -> Settings:
    """ConfigError with every fault of the file."""
    return console.read_settings(Settings, path)


def needs_settings(parser: argparse.ArgumentParser) -> None:
    console.needs_settings(parser, "station.toml")
