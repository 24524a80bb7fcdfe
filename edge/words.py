"""Sentences for a person at a terminal, Chinese first; each stands in a table of its module, beside its English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

Table = Mapping[str, tuple[str, str]]  # key: Chinese, English


def said(table: Table, language: Language, key: str, /, **values: object) -> str:
    """The sentence of that key with its {names} filled in."""
    return table[key][LANGUAGES.index(language)].format(**values)
