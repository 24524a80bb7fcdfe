"""Signing in, staying in, being thrown out, and guessing getting slower."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from kernel.errors import ConfigError
from tests.web.playing import CHEAP, PASSWORD, HandClock, MemoryAccounts, person
from web.accounts import ROLES, may
from web.passwords import LONGEST, Passwords
from web.sessions import Lifetimes, NotSignedIn, Sessions, SignedIn, csrf_token, csrf_valid, token_hash
from web.throttle import Patience, Throttle

HERE = "10.0.0.7"


class Door:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.store = MemoryAccounts()
        self.store.save_account(person())
        self.sessions = Sessions(
            self.store,
            clock=self.clock,
            passwords=Passwords(CHEAP),
            lifetimes=Lifetimes(person_s=60, device_s=600),
        )

    async def enter(self, name: str = "li", password: str = PASSWORD, address: str = HERE) -> SignedIn:
        answer = await self.sessions.sign_in(name, password, address=address, agent="Tablet")
        assert isinstance(answer, SignedIn)
        return answer


@pytest.fixture
def door() -> Door:
    return Door()


async def test_the_right_password_opens_and_the_store_never_sees_the_token(door: Door) -> None:
    answer = await door.enter()
    visitor = await door.sessions.visitor(answer.token)
    assert visitor is not None
    assert visitor.account.name == "li"
    assert (visitor.session.address, visitor.session.agent) == (HERE, "Tablet")
    assert list(door.store.held) == [token_hash(answer.token)]
    assert answer.token not in repr(door.store.held)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("li", "wrong"),
        ("li", ""),
        ("nobody", PASSWORD),
        ("LI", PASSWORD),
        ("", ""),
        ("li", "x" * (LONGEST + 1)),
    ],
)
async def test_anything_else_does_not_and_says_no_more(door: Door, name: str, password: str) -> None:
    assert await door.sessions.sign_in(name, password, address=HERE) == NotSignedIn()
    assert door.store.held == {}


async def test_a_disabled_account_neither_enters_nor_stays(door: Door) -> None:
    answer = await door.enter()
    door.store.save_account(replace(person(), disabled=True))
    assert await door.sessions.visitor(answer.token) is None
    assert await door.sessions.sign_in("li", PASSWORD, address=HERE) == NotSignedIn()


async def test_a_session_ends_at_its_hour_however_much_it_is_used(door: Door) -> None:
    answer = await door.enter()
    door.clock.move(59)
    assert await door.sessions.visitor(answer.token) is not None
    door.clock.move(1)
    assert await door.sessions.visitor(answer.token) is None


async def test_a_wall_display_stays_longer(door: Door) -> None:
    door.store.save_account(person("wall-1", kind="device", role="viewer"))
    answer = await door.sessions.issue("wall-1", address="cli")
    door.clock.move(599)
    visitor = await door.sessions.visitor(answer.token)
    assert visitor is not None
    assert not visitor.may("operator")


async def test_no_session_is_issued_to_nobody(door: Door) -> None:
    with pytest.raises(ConfigError):
        await door.sessions.issue("nobody", address="cli")


async def test_signing_out_and_revoking(door: Door) -> None:
    first, second = await door.enter(), await door.enter()
    await door.sessions.sign_out(first.token)
    assert await door.sessions.visitor(first.token) is None
    assert await door.sessions.visitor(second.token) is not None
    await door.sessions.revoke_all("li")
    assert await door.sessions.visitor(second.token) is None


@pytest.mark.parametrize("token", [None, "", "x", "x" * 101, "\x00", "汉" * 40])
async def test_a_made_up_token_is_nobody(door: Door, token: str | None) -> None:
    assert await door.sessions.visitor(token) is None


async def test_guessing_gets_slower_even_with_the_right_password(door: Door) -> None:
    for _ in range(5):
        assert await door.sessions.sign_in("li", "wrong", address=HERE) == NotSignedIn()
    refused = await door.sessions.sign_in("li", PASSWORD, address="10.0.0.8")
    assert isinstance(refused, NotSignedIn)
    assert refused.wait_s > 0
    door.clock.move(refused.wait_s)
    await door.enter(address="10.0.0.8")


async def test_one_address_trying_many_names_gets_slower_too(door: Door) -> None:
    for n in range(5):
        await door.sessions.sign_in(f"name{n}", "wrong", address=HERE)
    refused = await door.sessions.sign_in("li", PASSWORD, address=HERE)
    assert isinstance(refused, NotSignedIn)
    assert refused.wait_s > 0


def test_waits_double_and_have_an_end() -> None:
    clock = HandClock()
    throttle = Throttle(clock, Patience(free=1, first_s=5, longest_s=60))
    waits = []
    for _ in range(8):
        waits.append(throttle.wait_s(["a"]))
        throttle.missed(["a"])
    assert waits == [0, 0, 5, 10, 20, 40, 60, 60]
    clock.move(3_601)
    assert throttle.wait_s(["a"]) == 0


def test_a_success_clears_the_account_and_memory_is_bounded() -> None:
    throttle = Throttle(HandClock(), Patience(free=0, remembered=3))
    for n in range(10):
        throttle.missed([f"k{n}"])
    assert [throttle.wait_s([f"k{n}"]) > 0 for n in (0, 6, 7, 8, 9)] == [False, False, True, True, True]
    throttle.succeeded("k9")
    assert throttle.wait_s(["k9"]) == 0


def test_a_form_token_fits_its_session_only() -> None:
    assert csrf_valid("token", csrf_token("token"))
    assert not csrf_valid("token", csrf_token("other"))
    assert not csrf_valid("token", "")
    assert not csrf_valid("token", None)
    assert not csrf_valid("token", "汉字")
    assert "token" not in csrf_token("token")


async def test_a_broken_hash_is_no_password() -> None:
    passwords = Passwords(CHEAP)
    assert not await passwords.check("not a hash", PASSWORD)
    assert not await passwords.check(None, "nobody has this password")


async def test_guessing_all_at_once_is_no_faster(door: Door) -> None:
    guesses = [door.sessions.sign_in("li", f"guess {n}", address=HERE) for n in range(50)]
    answers = await asyncio.gather(*guesses)
    looked_at = [answer for answer in answers if answer == NotSignedIn()]
    assert len(looked_at) <= Patience().free + 1
    assert all(isinstance(answer, NotSignedIn) for answer in answers)


async def test_signing_in_often_is_no_guessing(door: Door) -> None:
    for _ in range(3 * Patience().free):
        await door.enter()
    for _ in range(Patience().free):
        assert await door.sessions.sign_in("li", "wrong", address=HERE) == NotSignedIn()
    await door.enter()


def test_the_auditor_looks_and_audits_and_stands_on_no_rung() -> None:
    assert [wanted for wanted in ROLES if may("auditor", wanted)] == ["viewer", "auditor"]
    assert [held for held in ROLES if may(held, "auditor")] == ["admin", "auditor"]
    assert [held for held in ROLES if may(held, "reviewer")] == ["reviewer", "admin"]
