"""The reserve: held for the journal alone, given up when it finds no other room, made again when there is some."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from journal.files import FileStore
from journal.reserve import Reserve, with_reserve
from kernel.errors import FullError
from tests.journal.making import TestClock


def held(folder: Path, size: int = 1 << 20) -> Reserve:
    reserve = Reserve(folder / "reserve", size=size)
    assert reserve.make()
    return reserve


def test_it_takes_real_room_and_gives_it_back(quick_path: Path) -> None:
    reserve = held(quick_path)
    assert reserve.path.stat().st_blocks * 512 >= reserve.size
    assert Reserve(reserve.path, size=reserve.size).held, "a restart finds it"
    assert not Reserve(reserve.path, size=2 * reserve.size).held, "one that was cut short is none"
    assert reserve.give_up()
    assert (reserve.held, reserve.path.exists()) == (False, False)
    assert not reserve.give_up(), "there is nothing more to give"
    assert reserve.make()
    assert reserve.held


def test_it_is_not_made_where_it_would_take_the_last_room(quick_path: Path) -> None:
    reserve = Reserve(quick_path / "reserve", size=1 << 50)
    assert not reserve.make()
    assert not reserve.path.exists()


def test_a_tiny_disk_gives_a_part_of_itself_and_none_is_none(quick_path: Path) -> None:
    small = Reserve.beside(quick_path / "journal", mb=64)
    assert 0 < small.size <= 64 << 20
    none = Reserve.beside(quick_path / "journal", mb=0)
    assert (none.size, none.held, none.give_up(), none.held) == (0, True, False, True)


@pytest.mark.parametrize("error", [FullError("full"), OSError(errno.ENOSPC, "full")])
def test_work_without_room_is_done_again_with_the_reserves(quick_path: Path, error: Exception) -> None:
    reserve, tries = held(quick_path), list[bool]()

    def work() -> int:
        tries.append(reserve.held)
        if reserve.held:
            raise error
        return 7

    assert with_reserve(work, reserve) == 7
    assert tries == [True, False]


@pytest.mark.parametrize("reserve", [False, True])
def test_what_is_still_too_large_is_the_callers_error(quick_path: Path, reserve: bool) -> None:
    def work() -> int:
        raise FullError("full")

    with pytest.raises(FullError):
        with_reserve(work, held(quick_path) if reserve else None)


def test_another_error_costs_no_reserve(quick_path: Path) -> None:
    reserve = held(quick_path)

    def work() -> int:
        raise PermissionError(errno.EACCES, "not yours")

    with pytest.raises(PermissionError):
        with_reserve(work, reserve)
    assert reserve.held


async def test_files_are_refused_while_the_reserve_is_given_up(quick_path: Path) -> None:
    reserve = held(quick_path)
    files = FileStore(quick_path / "files", clock=TestClock(), may_write=lambda: reserve.held)
    await files.put([("front.jpg", b"one")])
    reserve.give_up()
    with pytest.raises(FullError, match="the journal's"):
        await files.put([("front.jpg", b"two")])
    reserve.make()
    await files.put([("front.jpg", b"two")])
    assert len(list(files.names())) == 2
