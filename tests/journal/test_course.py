"""How far a journal is at a destination, by receipts that come late, again, or from a store that has less than it had."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from journal.course import Course
from journal.cursors import Cursor
from journal.keys import SigningKey
from journal.writer import Journal
from kernel.errors import ProtocolError
from kernel.evidence.texts import Receipt
from tests.journal.making import open_journal, said

IDENTITY = SigningKey.generate(kind="box", name="s01-lane1")
STORE = "yiyuan-centre-1"


@pytest.fixture
async def journal(quick_path: Path) -> AsyncIterator[Journal]:
    made = open_journal(quick_path / "journal", identity=IDENTITY)
    for number in range(9):
        await made.append(said(number), source="yiyuan/s01/lane1")
    yield made
    made.close()


async def receipt(journal: Journal, size: int, *, at_ms: int, kept: int = 0, store: str = STORE) -> Receipt:
    root = await journal.root(size)
    return Receipt(journal=journal.id, store=store, size=size, root=root, kept=kept, time_ms=at_ms)


async def test_i6_a_store_that_says_later_that_it_has_less_is_sent_the_rest_again(journal: Journal) -> None:
    course = Course(journal.volumes[-1], Cursor())
    assert await course.take(await receipt(journal, 8, at_ms=100, kept=6)) == 8
    assert await course.take(await receipt(journal, 3, at_ms=101, kept=2)) == 0
    assert (course.cursor.size, course.cursor.kept) == (3, 2)
    frame = await course.next_frame()
    assert frame is not None
    assert frame.start == 3


async def test_i6_an_older_receipt_moves_nothing(journal: Journal) -> None:
    course = Course(journal.volumes[-1], Cursor())
    await course.take(await receipt(journal, 8, at_ms=100, kept=6))
    for at_ms in (99, 100):
        with pytest.raises(ProtocolError):
            await course.take(await receipt(journal, 3, at_ms=at_ms))
    assert (course.cursor.size, course.cursor.kept) == (8, 6)


async def test_a_new_store_begins_at_what_it_states(journal: Journal) -> None:
    course = Course(journal.volumes[-1], Cursor(store=STORE, sent=9, size=9, kept=9))
    assert await course.take(await receipt(journal, 2, at_ms=1, store="yiyuan-centre-2")) == 2
    assert (course.cursor.size, course.cursor.kept) == (2, 0)
