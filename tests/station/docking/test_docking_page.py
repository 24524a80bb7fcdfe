"""What a dock shows is in words, Chinese first, and says what a person can do."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

import station
from kernel.footage.bodies import ImportState
from station.docking.board import DockView, State
from station.docking.room import DockingRoom, open_docking
from station.footage.index import FootageIndex
from station.footage.ledger import LooseLedger
from station.footage.settings import Footage
from station.pages.docking import PROBLEMS, STATES, TONES, card_of, cards_of
from tests.station.docking.docks import Clock
from web.i18n import LOCALES, VOCABULARY, load

TEXTS = load([LOCALES, VOCABULARY, Path(station.__file__).parent / "pages" / "locales"])
DOCS = Path(station.__file__).parents[1] / "docs" / "footage.md"


@pytest.fixture
async def room(quick_path: Path) -> DockingRoom:
    clock = Clock()
    ledger = LooseLedger(FootageIndex(quick_path / "footage.db"), clock=clock)
    return open_docking(Footage(), folder=quick_path, ledger=ledger, clock=clock)


def test_every_state_and_problem_has_words_and_is_in_the_docs() -> None:
    assert set(STATES) == set(TONES) == set(get_args(State))
    told = DOCS.read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in told for name in (*PROBLEMS, *get_args(ImportState)))


async def test_a_recorder_that_is_taken_in(room: DockingRoom) -> None:
    view = DockView(
        dock="dock-1",
        state="importing",
        recorder="3700123",
        model="h8-series",
        clock_off_ms=-137_420,
        clock_err_ms=61,
        clock_set=True,
        free_kb=3 << 20,
        total_kb=31 << 20,
        battery_permille=640,
        files=4,
        done_files=1,
        new_files=1,
        size=4_000 << 20,
        done=1_000 << 20,
        name="a.mp4",
        problems=(("holder_unknown", 1), ("truncated", 2)),
    )
    card = card_of(view, room, TEXTS["zh"])
    assert (card.state, card.shape, card.bar) == ("正在采集", "▶", 250)
    assert card.progress == "文件 1/4，1000/4000 MB，新增 1"
    assert card.clock == "时钟慢 2:17，±0.1 秒 · 已校时"
    assert card.room == "存储卡剩余 3.0/31.0 GB"
    assert card.problems == "文件不完整（被截断） ×2"


@pytest.mark.parametrize(
    ("off_ms", "words"),
    [
        (820, "clock 0.8 s fast"),
        (-7_384_000, "clock 2:03:04 slow"),
        (-837_820_800_000, "clock 9697 d 0:00:00 slow"),
    ],
)
async def test_how_far_a_clock_is_off(room: DockingRoom, off_ms: int, words: str) -> None:
    view = DockView(dock="d", state="collected", recorder="1", clock_off_ms=off_ms, clock_err_ms=100)
    assert card_of(view, room, TEXTS["en"]).clock.startswith(words)


@pytest.mark.parametrize("state", get_args(State))
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_nothing_of_a_recorder_is_said_that_is_not_known(
    room: DockingRoom, state: State, language: str
) -> None:
    view = DockView(dock="dock-1", state=state, model="unknown" if state == "locked" else None)
    card = card_of(view, room, TEXTS[language])  # type: ignore[index]
    assert card.clock == card.room == card.battery == card.progress == ""
    assert bool(card.hint) is (state in ("locked", "pulled", "no_room", "unreadable"))


async def test_a_station_without_docks_shows_none(room: DockingRoom) -> None:
    assert cards_of(room, TEXTS["zh"]).cards == ()
    assert room.tasks() == {}
