"""Accounts and sessions in one small SQLite file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from web.accounts import Account, Session


class SqliteAccounts:
    """Implements web.accounts.Accounts.  One connection, one lock: sign-ins are few and short."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._database = Database(self._connection)
        self._lock = threading.Lock()
        self._create()

    def _create(self) -> None:
        self._database.table("account").create(
            {"name": str, "shown": str, "role": str, "password_hash": str, "kind": str, "disabled": int},
            pk="name",
            if_not_exists=True,
        )
        self._database.table("session").create(
            {
                "token_hash": str,
                "account": str,
                "made_ms": int,
                "expires_ms": int,
                "address": str,
                "agent": str,
            },
            pk="token_hash",
            if_not_exists=True,
        )
        self._database.table("session").create_index(["account"], if_not_exists=True)

    def find_account(self, name: str) -> Account | None:
        rows = self._rows("account", "name = ?", [name])
        return _account(rows[0]) if rows else None

    def save_account(self, account: Account) -> None:
        with self._lock, self._connection:
            self._database.table("account").upsert(asdict(account), pk="name")

    def accounts(self) -> Sequence[Account]:
        return [_account(row) for row in self._rows("account", "1 = 1", [], order="name")]

    def save_session(self, session: Session) -> None:
        with self._lock, self._connection:
            self._database.table("session").insert(asdict(session), pk="token_hash")

    def find_session(self, token_hash: str) -> Session | None:
        rows = self._rows("session", "token_hash = ?", [token_hash])
        return Session(**rows[0]) if rows else None

    def sessions(self, account: str) -> Sequence[Session]:
        return [Session(**row) for row in self._rows("session", "account = ?", [account], order="made_ms")]

    def revoke_session(self, token_hash: str) -> None:
        self._delete("token_hash = ?", token_hash)

    def revoke_sessions(self, account: str) -> None:
        self._delete("account = ?", account)

    def forget_expired(self, now_ms: int) -> None:
        self._delete("expires_ms <= ?", now_ms)

    def close(self) -> None:
        self._connection.close()

    def _rows(
        self, table: str, where: str, values: list[object], order: str | None = None
    ) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._database.table(table).rows_where(where, values, order_by=order))

    def _delete(self, where: str, value: object) -> None:
        with self._lock, self._connection:
            self._database.table("session").delete_where(where, [value])


def _account(row: dict[str, Any]) -> Account:
    return Account(**{**row, "disabled": bool(row["disabled"])})
