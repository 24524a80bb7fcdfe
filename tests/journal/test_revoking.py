"""A station learns what the centre has revoked, believes only its command key, and forgets nothing of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.guests import Listed
from journal.keys import SigningKey
from journal.revoking import Issuer, RevokedList
from kernel.errors import ProtocolError
from kernel.evidence.notes import sign_note
from kernel.evidence.revoked import Revoked
from tests.journal.making import TestClock

COMMAND = SigningKey.generate(kind="command", name="yiyuan-centre")
ISSUER = Issuer(name=COMMAND.name, public_key=COMMAND.public)
JOURNAL = "a" * 32


def listed(revoked: Revoked, *, key: SigningKey = COMMAND) -> str:
    return revoked.signed(issuer=key.name, public_key=key.public, sign=key.sign).format()


class Centre:
    """Answers with what it was told last, and ends the station's life after so many answers."""

    def __init__(self, *answers: str | int) -> None:
        self.asked = 0
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if not self._answers:
            raise asyncio.CancelledError
        answer = self._answers.pop(0)
        return httpx.Response(answer) if isinstance(answer, int) else httpx.Response(200, text=answer)


async def live(file: Path, guests: Listed, *answers: str | int) -> RevokedList:
    revoked = RevokedList(file, issuer=ISSUER, door=guests)
    async with httpx.AsyncClient(transport=httpx.MockTransport(Centre(*answers))) as http:
        with pytest.raises(asyncio.CancelledError):
            await revoked.run("https://centre", http=http, clock=TestClock())
    return revoked


async def test_a_revoked_box_is_shut_out_and_stays_so_after_a_restart(quick_path: Path) -> None:
    file, guests = quick_path / "revoked", Listed(["s01-lane1", "s01-lane2"])
    gone: list[str] = []
    guests.on_shut_out(gone.append)
    note = listed(Revoked(boxes=("s01-lane1",), journals=((JOURNAL, 50),)))
    await live(file, guests, listed(Revoked()), note, note)
    assert gone == ["s01-lane1"]
    assert not guests.admits("s01-lane1")
    again = RevokedList(file, issuer=ISSUER, door=Listed(["s01-lane1"]))
    assert again.bound("s01-lane1", "b" * 32) == 0
    assert again.bound("s01-lane2", JOURNAL) == 50
    assert again.bound("s01-lane2", "b" * 32) is None


async def test_a_list_that_forgets_takes_nothing_back(quick_path: Path) -> None:
    file, guests = quick_path / "revoked", Listed(["s01-lane1"])
    first = listed(Revoked(boxes=("s01-lane1",), journals=((JOURNAL, 50),)))
    later = listed(Revoked(journals=((JOURNAL, 70), ("b" * 32, 7))))
    await live(file, guests, first, later, listed(Revoked()))
    again = RevokedList(file, issuer=ISSUER, door=guests)
    assert again.bound("s01-lane1", "c" * 32) == 0
    assert (again.bound("s01-lane2", JOURNAL), again.bound("s01-lane2", "b" * 32)) == (50, 7)


async def test_a_list_that_could_not_be_written_is_written_later(quick_path: Path) -> None:
    file, guests = quick_path / "later" / "revoked", Listed(["s01-lane1", "s01-lane2"])
    first = listed(Revoked(boxes=("s01-lane1",)))
    second = listed(Revoked(boxes=("s01-lane2",)))
    revoked = RevokedList(file, issuer=ISSUER, door=guests)

    def answer(request: httpx.Request) -> httpx.Response:
        """The folder, as room on a disk, is there again from the third question on."""
        asked.append(request)
        if len(asked) == 3:
            file.parent.mkdir()
        if len(asked) == 4:
            raise asyncio.CancelledError
        return httpx.Response(200, text=first if len(asked) == 1 else second)

    asked: list[httpx.Request] = []
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(asyncio.CancelledError):
            await revoked.run("https://centre", http=http, clock=TestClock())
    again = RevokedList(file, issuer=ISSUER, door=guests)
    assert [again.bound(box, JOURNAL) for box in ("s01-lane1", "s01-lane2")] == [0, 0]


async def test_what_the_command_key_has_not_signed_changes_nothing(quick_path: Path) -> None:
    file, guests = quick_path / "revoked", Listed(["s01-lane1"])
    thief = SigningKey.generate(kind="command", name=COMMAND.name)
    forged = listed(Revoked(boxes=("s01-lane1",)), key=thief)
    true = listed(Revoked(boxes=("s01-lane1",)))
    altered = true.replace("s01-lane1", "s01-lane2", 1)
    await live(file, guests, forged, altered, "noise", 500, 404, "x" * 200_000)
    assert guests.admits("s01-lane1")
    assert not file.exists()


@pytest.mark.broad
@given(
    boxes=st.sets(st.from_regex(r"[a-z0-9-]{3,40}", fullmatch=True), max_size=5),
    journals=st.dictionaries(
        st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
        st.integers(min_value=0, max_value=2**53 - 1),
        max_size=5,
    ),
)
def test_a_list_is_read_as_it_was_written(boxes: set[str], journals: dict[str, int]) -> None:
    said = Revoked(boxes=tuple(sorted(boxes)), journals=tuple(sorted(journals.items())))
    assert Revoked.open(listed(said), issuer=COMMAND.name, public_key=COMMAND.public) == said


@pytest.mark.parametrize("line", ["S01", "a b c", "s01-lane1 5", f"{JOURNAL} -1", f"{JOURNAL} 01", ""])
def test_a_list_with_a_line_that_means_nothing_is_none(line: str) -> None:
    text = f"weighpost-revoked/v1\n{line}\n"
    note = sign_note(text, name=COMMAND.name, public_key=COMMAND.public, sign=COMMAND.sign).format()
    with pytest.raises(ProtocolError):
        Revoked.open(note, issuer=COMMAND.name, public_key=COMMAND.public)
