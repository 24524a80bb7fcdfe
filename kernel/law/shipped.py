"""The rows that come with the software: the only module that reads the law's package data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from kernel.law.law import Law, parse

FILES = (
    "allowances.toml",
    "axle_loads.toml",
    "footage.toml",
    "instruments.toml",
    "limits.toml",
    "tariffs.toml",
)


@cache
def texts() -> Mapping[str, str]:
    folder = resources.files("kernel.law")
    return {name: folder.joinpath(name).read_text(encoding="utf-8") for name in FILES}


@cache
def national() -> Law:
    """The law as shipped: the nation's rows and those provinces' that differ."""
    return parse(texts())


def with_site(site: Mapping[str, str]) -> Law:
    """The shipped law under a site's own texts, file name to TOML."""
    return parse(texts(), site)
