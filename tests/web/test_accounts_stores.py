"""A store of accounts: what it must do, over every store there is here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kernel.errors import ConfigError
from tests.web.playing import MemoryAccounts, person
from web.accounts import Account, Accounts, Session
from web.sqlite_accounts import SqliteAccounts


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Accounts]:
    if request.param == "memory":
        yield MemoryAccounts()
        return
    sqlite = SqliteAccounts(tmp_path / "accounts.db")
    yield sqlite
    sqlite.close()


def session(token_hash: str = "a" * 64, *, account: str = "li", expires_ms: int = 1000) -> Session:
    return Session(
        token_hash=token_hash, account=account, made_ms=1, expires_ms=expires_ms, address="10.0.0.7"
    )


def test_an_account_comes_back_as_it_was_saved(store: Accounts) -> None:
    saved = person(kind="device", role="viewer", disabled=True)
    store.save_account(saved)
    assert store.find_account("li") == saved
    assert store.find_account("wang") is None


def test_saving_again_replaces(store: Accounts) -> None:
    store.save_account(person())
    store.save_account(person(shown="李娜娜"))
    assert [account.shown for account in store.accounts()] == ["李娜娜"]


def test_accounts_come_in_order_of_name(store: Accounts) -> None:
    for name in ("wang", "li", "zhao"):
        store.save_account(person(name))
    assert [account.name for account in store.accounts()] == ["li", "wang", "zhao"]


def test_a_revoked_session_is_gone_and_revoking_again_is_no_error(store: Accounts) -> None:
    store.save_session(session())
    assert store.find_session("a" * 64) == session()
    store.revoke_session("a" * 64)
    store.revoke_session("a" * 64)
    assert store.find_session("a" * 64) is None


def test_all_sessions_of_one_account_are_revoked_and_no_others(store: Accounts) -> None:
    store.save_session(session("a" * 64))
    store.save_session(session("b" * 64))
    store.save_session(session("c" * 64, account="wang"))
    assert len(store.sessions("li")) == 2
    store.revoke_sessions("li")
    assert store.sessions("li") == []
    assert [left.token_hash for left in store.sessions("wang")] == ["c" * 64]


def test_ended_sessions_are_forgotten(store: Accounts) -> None:
    store.save_session(session("a" * 64, expires_ms=1000))
    store.save_session(session("b" * 64, expires_ms=1001))
    store.forget_expired(1000)
    assert [left.token_hash for left in store.sessions("li")] == ["b" * 64]


def test_sqlite_keeps_accounts_over_a_restart(tmp_path: Path) -> None:
    first = SqliteAccounts(tmp_path / "accounts.db")
    first.save_account(person())
    first.save_session(session())
    first.close()
    second = SqliteAccounts(tmp_path / "accounts.db")
    assert second.find_account("li") == person(password_hash=second.accounts()[0].password_hash)
    assert second.find_session("a" * 64) == session()
    second.close()


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": "Li"}, "name"),
        ({"name": "l"}, "name"),
        ({"name": "li'; drop table account"}, "name"),
        ({"role": "root"}, "role"),
        ({"kind": "device", "role": "operator"}, "role"),
    ],
)
def test_an_account_that_cannot_be_is_refused_with_its_path(changes: dict[str, str], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        person(**changes)
    assert caught.value.faults[0][0] == path


def test_roles_include_those_below() -> None:
    reviewer: Account = replace(person(), role="reviewer")
    assert [reviewer.may(role) for role in ("viewer", "operator", "reviewer", "admin")] == [
        True,
        True,
        True,
        False,
    ]
