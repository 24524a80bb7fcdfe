"""A verb reaches the station of its own machine, wherever that listens and whatever proxies its user has."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from kernel.settings import read
from station.commands.asking import _client
from station.settings import Settings
from tests.station.county import County


@pytest.mark.parametrize(
    ("listens", "asked"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("fd00::7", "http://[fd00::7]:8080"),
        ("station.local", "http://station.local:8080"),
    ],
)
def test_the_address_of_a_station(listens: str, asked: str, quick_path: Path) -> None:
    settings = read(Settings, tomllib.loads(County.make(quick_path).toml()))
    web = replace(settings.web, host=listens, port=8080)
    with _client(replace(settings, web=web), "token") as client:
        assert str(client.base_url).rstrip("/") == asked
        assert client.headers["Origin"] == asked
        assert not client.trust_env
