"""Every setting, act and word of the instrument stands in docs/instruments.md, and every word has words."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from edge.instrument.settings import CertificateSettings, CheckSettings, ReferenceLoad
from edge.weighing.drift import DriftSettings
from kernel import vocabulary
from kernel.events import DriftKind
from kernel.law.instruments import VOIDS

PAGE = Path("docs/instruments.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("settings", [CertificateSettings, CheckSettings, ReferenceLoad, DriftSettings])
def test_every_setting_is_explained(settings: type) -> None:
    assert [field.name for field in fields(settings) if f"`{field.name}`" not in PAGE] == []


def test_every_word_is_explained_and_has_words() -> None:
    drifts = {f"{kind}_drifts" for kind in get_args(DriftKind) if kind != "zero"}
    assert set(VOIDS.values()) | drifts <= set(vocabulary.INSTRUMENT)
    assert [word for word in vocabulary.INSTRUMENT if f"`{word}`" not in PAGE] == []


def test_every_word_of_a_weighing_has_words_for_the_tablet() -> None:
    source = Path("edge/instrument/instrument.py").read_text(encoding="utf-8")
    body = source[source.index("    def words(") : source.index("    # --- what follows from a vehicle")]
    said = set(re.findall(r'^            "(\w+)":', body, re.MULTILINE))
    assert len(said) == 6
    assert said <= set(vocabulary.QUALITY)
    assert [word for word in said if f"`{word}`" not in PAGE] == []
