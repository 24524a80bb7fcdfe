"""Which message keys a folder of Python, templates and modules uses, so that tests can hold catalogues against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from babel.messages.extract import extract

METHODS: Mapping[str, str] = {".py": "python", ".js": "javascript", ".html": "jinja2.ext:babel_extract"}
KEYWORDS: Mapping[str, None] = {"_": None}
OPTIONS: Mapping[str, Any] = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}


def used_keys(folder: Path) -> set[str]:
    """Every key marked with `_` below this folder."""
    return {key for path in sorted(folder.rglob("*")) if path.suffix in METHODS for key in keys_of(path)}


def keys_of(path: Path) -> Iterator[str]:
    method = METHODS[path.suffix]
    options = dict(OPTIONS) if path.suffix == ".html" else {}
    with path.open("rb") as source:
        for found in extract(method, source, keywords=dict(KEYWORDS), options=options):
            yield str(found[1])
