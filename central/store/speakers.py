"""Tokens of enrolment, boxes that were certified over the wire, and what is believed no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
from sqlalchemy import Engine, insert, select, update

from central.store import schema
from central.store.engines import Database, upsert


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentToken:
    """Good for one box, until it expires or another key than `public_key` comes with it."""

    token_hash: str
    box: str
    source: str
    hosts: tuple[str, ...]
    made_ms: int
    expires_ms: int
    by: str
    public_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A box's identity key as it was certified last."""

    box: str
    source: str
    public_key: str  # base64
    not_after_ms: int
    by: str
    at_ms: int
    renewed: bool = False
    said: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Nothing of this box any more, or nothing of this journal beyond `size`."""

    box: str
    reason: str
    by: str
    at_ms: int
    journal: str | None = None
    size: int | None = None
    said: bool = False
    id: int = 0


class Speakers:
    """Blocking."""

    def __init__(self, database: Database) -> None:
        self._writer: Engine = database.writer
        self._reader: Engine = database.reader

    def save_token(self, token: EnrolmentToken) -> None:
        row = asdict(token) | {"hosts": msgspec.json.encode(token.hosts).decode()}
        with self._writer.begin() as connection:
            connection.execute(insert(schema.enrolment_token), [row])

    def token(self, token_hash: str) -> EnrolmentToken | None:
        table = schema.enrolment_token
        with self._reader.connect() as connection:
            query = select(table).where(table.c.token_hash == token_hash)
            row = connection.execute(query).mappings().one_or_none()
        return EnrolmentToken(**{**row, "hosts": tuple(msgspec.json.decode(row["hosts"]))}) if row else None

    def redeem(self, token_hash: str, enrolled: Enrolled) -> bool:
        """Spend the token on this key and list the box; False when another key was faster."""
        table, key = schema.enrolment_token, enrolled.public_key
        free = (table.c.public_key.is_(None)) | (table.c.public_key == key)
        with self._writer.begin() as connection:
            spent = connection.execute(
                update(table).where(table.c.token_hash == token_hash, free).values(public_key=key)
            )
            if spent.rowcount != 1:
                return False
            _save(connection, enrolled)
        return True

    def save(self, enrolled: Enrolled) -> None:
        with self._writer.begin() as connection:
            _save(connection, enrolled)

    def enrolled(self) -> tuple[Enrolled, ...]:
        table = schema.enrolled
        with self._reader.connect() as connection:
            rows = connection.execute(select(table).order_by(table.c.box)).mappings()
            return tuple(Enrolled(**row) for row in rows)

    def said(self, enrolled: Enrolled) -> None:
        """There is an entry about it now."""
        table = schema.enrolled
        same = (table.c.box == enrolled.box) & (table.c.not_after_ms == enrolled.not_after_ms)
        with self._writer.begin() as connection:
            connection.execute(update(table).where(same).values(said=True))

    def revoke(self, revocations: Sequence[Revocation]) -> None:
        rows = [{name: value for name, value in asdict(one).items() if name != "id"} for one in revocations]
        with self._writer.begin() as connection:
            connection.execute(insert(schema.revocation), rows)

    def revocations(self) -> tuple[Revocation, ...]:
        table = schema.revocation
        with self._reader.connect() as connection:
            rows = connection.execute(select(table).order_by(table.c.id)).mappings()
            return tuple(Revocation(**row) for row in rows)

    def revocation_said(self, revocation: Revocation) -> None:
        table = schema.revocation
        with self._writer.begin() as connection:
            connection.execute(update(table).where(table.c.id == revocation.id).values(said=True))


def _save(connection: Any, enrolled: Enrolled) -> None:
    row = asdict(enrolled)
    upsert(connection, schema.enrolled, [row], update=[name for name in row if name != "box"])
