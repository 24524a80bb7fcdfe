"""What belongs to a case stays while it is open and for its days after closing, by the centre's word, and no longer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TypeVar

import pytest

from kernel.errors import FullError, RefusedError
from kernel.events import Body, RecordHeld
from kernel.footage.bodies import CaseNoted, FootageDisposed, FootageTagged
from station.footage.cases import NotingCases, noted_of
from station.footage.index import Said
from tests.station.footage.world import DAY_MS, Footage

T = TypeVar("T", bound=Body)
CASE = "沂交执〔2026〕12号"
SAID = {"case": CASE, "by": "li", "kept_as": "case"}
OF_P1 = SAID | {"box": "s01-lane2", "passage": "p1"}


@pytest.fixture
def footage(quick_path: Path) -> Footage:
    footage = Footage(quick_path)
    footage.outcomes["p1"] = "over_limit"
    return footage


async def told(footage: Footage, **said: str) -> None:
    """A command of the centre, obeyed."""
    noting = NotingCases(note=footage.keeping.note)
    assert await noting.check(said)
    await noting.act(said)


def closed(footage: Footage) -> dict[str, str]:
    return {"closed_ms": str(footage.clock.now_ms())}


class SpeaksInBetween:
    """While the first files are marked, the centre says that a case goes on."""

    def __init__(self, footage: Footage) -> None:
        self.index = footage.index
        self.said: list[str] = []
        self._footage = footage
        self.speaking: asyncio.Task[None] | None = None

    async def say(self, body: T, *, key: str | None = None) -> Said[T]:
        if self.speaking is None:
            self.speaking = asyncio.create_task(told(self._footage, **OF_P1))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        self.said.append(getattr(body, "act", body.stream))
        return await self._footage.ledger.say(body, key=key)


async def after(footage: Footage, days: int) -> None:
    await footage.clock.run_for(days * 86_400)
    await footage.keeping.sweep()


async def test_nothing_is_deleted_once_it_was_said_that_its_case_goes_on(footage: Footage) -> None:
    linked = await footage.take("linked.mp4")
    await footage.link(linked, passage="p1")
    await told(footage, **OF_P1 | closed(footage))
    await after(footage, 3_651)
    await footage.take("other.mp4")
    await footage.clock.run_for(185 * 86_400)
    between = SpeaksInBetween(footage)
    footage.ledger, ledger = between, footage.ledger  # type: ignore[assignment]
    keeping = footage.made_again()
    footage.ledger, footage.keeping = ledger, keeping
    await keeping.sweep()
    assert between.speaking is not None
    await between.speaking
    assert between.said == ["marked", "deleted", "case.noted"]
    assert not footage.has(linked)


@pytest.mark.parametrize(("kept_as", "days"), [("case", 3_650), ("case_long", 10_950)])
async def test_footage_of_a_passage_of_a_case_stays_its_days_after_closing_and_no_longer(
    footage: Footage, kept_as: str, days: int
) -> None:
    linked, other = await footage.take("linked.mp4"), await footage.take("other.mp4")
    for sha256, passage in ((linked, "p1"), (other, "p2")):
        footage.outcomes[passage] = "over_limit"
        await footage.link(sha256, passage=passage)
    await told(footage, **OF_P1)
    await after(footage, 800)
    assert (footage.acts(linked), footage.acts(other)) == ([], ["marked"]), "an open case never ends"
    await told(footage, **OF_P1 | closed(footage) | {"kept_as": kept_as})
    await after(footage, days - 1)
    assert footage.acts(linked) == []
    await after(footage, 1)
    assert footage.acts(linked) == ["marked"]
    rule = footage.index.naming(FootageDisposed, linked)[0].body.rule
    assert rule == f"footage-{kept_as.replace('_', '-')}"
    await after(footage, 7)
    assert (footage.acts(linked), footage.has(linked)) == (["marked", "deleted"], False)


async def test_a_case_that_is_reopened_in_time_keeps_what_was_marked(footage: Footage) -> None:
    sha256 = await footage.take("a.mp4")
    await footage.link(sha256, passage="p1")
    await told(footage, **OF_P1 | closed(footage))
    await after(footage, 3_651)
    assert footage.acts(sha256) == ["marked"]
    await told(footage, **OF_P1)
    await after(footage, 4_000)
    assert (footage.acts(sha256), footage.has(sha256)) == (["marked", "restored"], True)


async def test_what_a_mark_or_a_link_puts_to_a_case_goes_by_its_closing_too(footage: Footage) -> None:
    marked, linked = await footage.take("marked.mp4"), await footage.take("linked.mp4")
    mark = FootageTagged(
        tag="t", act="tagged", sha256=marked, from_ms=0, to_ms=1, kind="case", value=CASE, by="li"
    )
    await footage.ledger.say(mark)
    await footage.link(linked, case=CASE)
    await after(footage, 4_000)
    assert (footage.acts(marked), footage.acts(linked)) == ([], [])
    await told(footage, **SAID | {"closed_ms": str(footage.clock.now_ms() - 3_651 * DAY_MS)})
    await after(footage, 0)
    assert (footage.acts(marked), footage.acts(linked)) == (["marked"], ["marked"])


async def test_a_hold_a_second_case_and_one_kept_for_ever_go_before_a_closing(footage: Footage) -> None:
    held, twice, ever = [await footage.take(name) for name in ("held", "twice", "ever")]
    for sha256, passage in ((held, "p1"), (twice, "p2"), (ever, "p3")):
        footage.outcomes[passage] = "over_limit"
        await footage.link(sha256, passage=passage)
    await footage.keeping.hold(RecordHeld(act="held", passage="p1", by="wang", reason="行政复议"))
    end = closed(footage)
    await told(footage, **OF_P1 | end)
    await told(footage, **OF_P1 | end | {"passage": "p2"})
    await told(footage, **OF_P1 | {"case": "2026-13", "passage": "p2"})
    await told(footage, **OF_P1 | end | {"case": "2026-14", "passage": "p3", "kept_as": "permanent"})
    await after(footage, 20_000)
    assert [footage.acts(sha256) for sha256 in (held, twice, ever)] == [[], [], []]


async def test_the_same_name_of_another_lane_is_another_passage_and_a_short_case_shortens_nothing(
    footage: Footage,
) -> None:
    other, young = await footage.take("other.mp4"), await footage.take("young.mp4")
    await footage.link(other, passage="p1")
    await footage.link(young, passage="p2")
    footage.outcomes["p2"] = "over_limit"
    await told(footage, **OF_P1 | {"box": "s01-lane1"})
    await told(footage, **OF_P1 | {"passage": "p2", "closed_ms": "1000000000000"})
    await after(footage, 729)
    assert (footage.acts(other), footage.acts(young)) == ([], [])
    await after(footage, 1)
    assert (footage.acts(other), footage.acts(young)) == (["marked"], ["marked"])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"case": ""}, "case is not one"),
        ({"case": "a\nb"}, "case is not one"),
        ({"case": "x" * 81}, "case is not one"),
        ({"closed_ms": "-1"}, "closed_ms is not one"),
        ({"closed_ms": "1e12"}, "closed_ms is not one"),
        ({"kept_as": "a week"}, "kept_as is not one"),
        ({"passage": "../../x", "box": "s01-lane2"}, "passage is not one"),
        ({"passage": "p1"}, "named with its box"),
        ({"until_ms": "1"}, "has no until_ms"),
    ],
)
async def test_a_word_that_names_too_little_or_too_much_changes_nothing(
    footage: Footage, said: dict[str, str], why: str
) -> None:
    with pytest.raises(RefusedError, match=why):
        await told(footage, **SAID | said)
    assert footage.index.of(CaseNoted) == []


@pytest.mark.parametrize("name", SAID)
def test_a_word_that_lacks_something_is_refused(name: str) -> None:
    with pytest.raises(RefusedError, match=f"a case says {name}"):
        noted_of({key: value for key, value in SAID.items() if key != name})


async def test_without_room_for_the_entry_nothing_is_known(footage: Footage) -> None:
    footage.ledger.full = True
    with pytest.raises(FullError):
        await told(footage, **SAID)
    assert footage.index.of(CaseNoted) == []
