"""Accounts, sessions and API tokens in the centre's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Delete, Engine, delete, insert, select

from central.store import schema
from central.store.engines import Database, upsert
from web.accounts import Account, Role, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A program's key to the API; the secret itself is kept nowhere."""

    name: str
    token_hash: str  # hex SHA-256
    role: Role
    made_ms: int


class CentreAccounts:
    """Implements web.accounts.Accounts, and keeps the tokens.  Blocking."""

    def __init__(self, database: Database) -> None:
        self._writer: Engine = database.writer
        self._reader: Engine = database.reader

    def find_account(self, name: str) -> Account | None:
        rows = self._rows(select(schema.account).where(schema.account.c.name == name))
        return Account(**rows[0]) if rows else None

    def save_account(self, account: Account) -> None:
        row = asdict(account)
        with self._writer.begin() as connection:
            upsert(connection, schema.account, [row], update=[name for name in row if name != "name"])

    def accounts(self) -> Sequence[Account]:
        return [Account(**row) for row in self._rows(select(schema.account).order_by(schema.account.c.name))]

    def save_session(self, session: Session) -> None:
        with self._writer.begin() as connection:
            connection.execute(insert(schema.session), [asdict(session)])

    def find_session(self, token_hash: str) -> Session | None:
        rows = self._rows(select(schema.session).where(schema.session.c.token_hash == token_hash))
        return Session(**rows[0]) if rows else None

    def sessions(self, account: str) -> Sequence[Session]:
        table = schema.session
        rows = self._rows(select(table).where(table.c.account == account).order_by(table.c.made_ms))
        return [Session(**row) for row in rows]

    def revoke_session(self, token_hash: str) -> None:
        self._delete(delete(schema.session).where(schema.session.c.token_hash == token_hash))

    def revoke_sessions(self, account: str) -> None:
        self._delete(delete(schema.session).where(schema.session.c.account == account))

    def forget_expired(self, now_ms: int) -> None:
        self._delete(delete(schema.session).where(schema.session.c.expires_ms <= now_ms))

    def save_token(self, token: Token) -> None:
        """A name that exists gets the new secret; the old one is worth nothing then."""
        row = asdict(token)
        with self._writer.begin() as connection:
            upsert(connection, schema.token, [row], update=[name for name in row if name != "name"])

    def find_token(self, token_hash: str) -> Token | None:
        rows = self._rows(select(schema.token).where(schema.token.c.token_hash == token_hash))
        return Token(**rows[0]) if rows else None

    def revoke_token(self, name: str) -> None:
        self._delete(delete(schema.token).where(schema.token.c.name == name))

    def _rows(self, query: Any) -> Sequence[Mapping[str, Any]]:
        with self._reader.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _delete(self, statement: Delete) -> None:
        with self._writer.begin() as connection:
            connection.execute(statement)
