"""Every word that a camera, its pictures and its clips may have stands in the page, and so does every setting."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from edge.camera_verbs import _WORDS
from edge.cameras.acceptance import StreamFacts, complaints, listed
from edge.cameras.looking import PATIENCE
from edge.cameras.settings import (
    BurstSettings,
    CameraSettings,
    CheckSettings,
    LightSettings,
    RecorderSettings,
)
from kernel import vocabulary

PAGE = (Path(__file__).parents[3] / "docs" / "cameras.md").read_text()
SETTINGS = CameraSettings(name="front", url="rtsp://x", role="front")
WORST = StreamFacts(
    codec="h264", width=1, height=1, fps_milli=1, gop_ms=99_000, ahead_ms=99_000, behind_ms=99_000
)


def test_every_word_is_explained() -> None:
    words = {*vocabulary.CAMERA, *vocabulary.PICTURE_FLAGS, *vocabulary.PICTURED}
    assert [word for word in sorted(words) if f"`{word}`" not in PAGE] == []


def test_whatever_is_said_of_a_camera_has_words_in_both_languages() -> None:
    assert set(complaints(WORST, SETTINGS)) | set(PATIENCE) == set(vocabulary.CAMERA)


def test_every_line_of_the_acceptance_list_has_words_and_is_explained() -> None:
    lines = [item.word for item in listed(WORST, SETTINGS)]
    assert [word for word in lines if word not in _WORDS or f"`{word}`" not in PAGE] == []


@pytest.mark.parametrize(
    "table", [CameraSettings, BurstSettings, CheckSettings, LightSettings, RecorderSettings]
)
def test_every_setting_is_explained(table: type) -> None:
    assert [field.name for field in fields(table) if f"`{field.name}`" not in PAGE] == []
