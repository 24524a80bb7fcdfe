"""The access log: written before anything is shown, once in a while for the same look, and without a plate in it."""

from __future__ import annotations

import pytest

from journal.access import AccessLog, hidden, narrowed
from kernel.errors import FullError
from kernel.events import Body, RecordAccessed
from tests.journal.making import TestClock


async def test_the_same_look_is_written_once_and_another_filter_is_another_look() -> None:
    written: list[Body] = []

    async def append(body: Body) -> None:
        written.append(body)

    log = AccessLog(append, clock=TestClock())
    for wanted in ("", "", "lane=lane1", "lane=lane1", "lane=lane2"):
        await log.looked(by="li", what="list", wanted=wanted)
    await log.looked(by="wang", what="list")
    for _ in range(2):
        await log.took(by="li", what="package", passage="p1")
    told = [(each.by, each.what, each.filter) for each in written if isinstance(each, RecordAccessed)]
    assert told == [
        ("li", "list", ""),
        ("li", "list", "lane=lane1"),
        ("li", "list", "lane=lane2"),
        ("wang", "list", ""),
        ("li", "package", ""),
        ("li", "package", ""),
    ]


async def test_a_look_that_could_not_be_written_is_tried_again_at_the_next() -> None:
    full = [True]
    written: list[Body] = []

    async def append(body: Body) -> None:
        if full[0]:
            raise FullError("no room")
        written.append(body)

    log = AccessLog(append, clock=TestClock())
    with pytest.raises(FullError):
        await log.looked(by="li", what="list")
    full[0] = False
    await log.looked(by="li", what="list")
    assert len(written) == 1


def test_what_a_list_was_narrowed_to_hides_the_plate_and_has_an_end() -> None:
    assert narrowed(plate="鲁C12345", lane="lane1", station=None, cursor="") == "lane=lane1 plate=鲁C*****"
    assert narrowed() == ""
    assert (hidden("鲁C12345"), hidden("鲁"), hidden("")) == ("鲁C*****", "鲁", "")
    assert len(narrowed(cursor="x" * 1000)) == 300
