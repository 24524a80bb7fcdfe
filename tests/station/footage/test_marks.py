"""Marks stand until they are taken back with a reason, and reach the player as WebVTT whatever their words are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kernel.errors import RefusedError
from kernel.footage.bodies import FootageTagged
from simulators.clock import VirtualClock
from station.footage.index import FootageIndex
from station.footage.ledger import LooseLedger
from station.footage.library import Known
from station.footage.tags import Tag, Tags, stamp, standing, webvtt

DIGEST = "ab" * 32
MOVIE = Known(sha256=DIGEST, kind="original", name="a.mp4", duration_ms=60_000)


class Marking:
    def __init__(self, folder: Path) -> None:
        self.ledger = LooseLedger(FootageIndex(folder / "footage.db"), clock=VirtualClock())
        self.tags = Tags(self.ledger)

    async def mark(self, from_ms: int, to_ms: int, value: str = "看证件", **more: Any) -> None:
        told = {"kind": "note", "by": "li", "key": f"{from_ms}-{to_ms}-{value}"} | more
        await self.tags.tag(MOVIE, from_ms=from_ms, to_ms=to_ms, value=value, **told)

    def all(self) -> list[Tag]:
        return standing(self.ledger.index.of(FootageTagged, sha256=DIGEST))


@pytest.fixture
def marking(quick_path: Path) -> Marking:
    return Marking(quick_path)


async def test_a_mark_is_found_in_the_order_of_footage_and_repeated_only_once(marking: Marking) -> None:
    await marking.mark(5_000, 9_000)
    await marking.mark(1_000, 1_000, "", kind="important")
    await marking.mark(5_000, 9_000)
    assert [(tag.from_ms, tag.kind, tag.value) for tag in marking.all()] == [
        (1_000, "important", ""),
        (5_000, "note", "看证件"),
    ]


async def test_taking_back_needs_a_reason_and_leaves_the_mark_to_be_seen(marking: Marking) -> None:
    await marking.mark(0, 1_000)
    [tag] = marking.all()
    with pytest.raises(RefusedError, match="no_reason"):
        await marking.tags.untag(tag, by="wang", reason="  ")
    assert marking.all()[0].stands
    await marking.tags.untag(tag, by="wang", reason="wrong vehicle")
    await marking.tags.untag(tag, by="li", reason="again")
    [tag] = marking.all()
    assert (tag.stands, tag.taken_back, tag.taken_back_by) == (False, "wrong vehicle", "wang")
    assert webvtt([tag]) == "WEBVTT\n"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ((9_000, 8_000, "x", "note"), "tag_backwards"),
        ((-1, 8_000, "x", "note"), "tag_backwards"),
        ((0, 60_001, "x", "note"), "tag_beyond_the_end"),
        ((0, 1, "dancing", "step"), "no_such_step"),
        ((0, 1, "  ", "note"), "tag_without_words"),
        ((0, 1, "x" * 501, "case"), "tag_too_long"),
    ],
)
async def test_a_mark_that_cannot_be_is_refused_and_nothing_is_written(
    marking: Marking, given: tuple[int, int, str, str], why: str
) -> None:
    from_ms, to_ms, value, kind = given
    with pytest.raises(RefusedError, match=why):
        await marking.mark(from_ms, to_ms, value, kind=kind)
    assert marking.all() == []


async def test_words_cannot_end_a_cue_nor_begin_another(marking: Marking) -> None:
    hostile = "00:00:00.000 --> 00:00:09.000\n\nNOTE <b>&amp;</b>"
    await marking.mark(1_000, 2_500, hostile)
    text = webvtt(marking.all())
    lines = text.split("\n")
    assert lines[0] == "WEBVTT"
    assert lines[3] == "00:00:01.000 --> 00:00:02.500"
    assert text.count("-->") == 1
    assert not {"<", "&"} & set(text)
    assert json.loads(lines[4])["value"] == hostile.replace("\n\n", " ")
    assert lines[5:] == [""]


def test_a_moment_has_hours_and_a_cue_lasts_long_enough_to_be_seen() -> None:
    assert stamp(3_723_004) == "01:02:03.004"
    assert stamp(360_000_000) == "100:00:00.000"
