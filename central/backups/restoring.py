"""Puts a store back from a backup, under its next name; what came later is still on the boxes and comes again.

The cosigner's memory and the centre's own journal are never put back: a journal that went back would say two things
in one place, and a cosigner would sign both.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import BigInteger, Connection, Integer, delete, func, select, text
from sqlalchemy import inspect as inspect_tables

from central.backups.contents import Contents, Vault, read, read_files, sync
from central.backups.dumping import SQLITE, TABLES, copy_in
from central.backups.making import as_backup
from central.keyring import CentreKeys
from central.settings import Settings
from central.store import schema
from central.store.engines import Database, connect
from central.store.migrate import migrate
from central.store.partitions import make_ahead
from central.store.safekeeping import keep_in
from journal.clock import boot_id
from journal.keys import sync_folder
from journal.lock import FolderLock
from journal.receiving.blobs import BlobFolder
from journal.recovering import recover
from journal.shelf import Rules, open_current
from journal.stamping import Stamper, unknown_clock
from journal.vouching import follows, next_name
from journal.witnessing import remembers
from journal.writer import Journal
from kernel.clock import Clock
from kernel.errors import ConfigError, ProtocolError, RefusedError
from kernel.events import Predecessor, StoreRestored
from kernel.evidence.notes import encode_base64

SURVIVES = ("journal", "cosigner", "files")  # may lie in the data folder already


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """`damaged` files are named by the backup and not in it any more; `own` is the centre's journal from now on."""

    backup: str
    store: str
    before: str
    backup_ms: int
    journals: int
    entries: int
    files: int
    damaged: tuple[str, ...]
    own: str
    vouched: bool  # boxes believe the new name by its certificate; otherwise each must pin its key


def restore(
    folder: Path, *, name: str | None, settings: Settings, keys: CentreKeys, software: str, clock: Clock
) -> Restored:
    """Blocking.  RefusedError or ConfigError: why not, and nothing was changed."""
    backup = _chosen(Vault(folder), name)
    contents, digest = read(backup)
    _check(contents, settings, keys)
    own = settings.folder / "journal"
    own.mkdir(parents=True, exist_ok=True)
    FolderLock(own).release()  # a running centre holds it
    database = connect(settings.database_url)
    try:
        _refuse_if_used(database, settings)
        damaged = _files_back(folder, backup, settings)
        part = _Database(contents, digest, damaged)
        predecessor = part.fill(database, backup, settings, now_ms=clock.now_ms())
    finally:
        database.close()
    succession = _Succession(own, settings=settings, keys=keys, software=software, clock=clock)
    opened = asyncio.run(succession.declare(contents, predecessor))
    part.finish(settings)
    return Restored(
        backup=backup.name,
        store=settings.store_id,
        before=contents.store,
        backup_ms=contents.made_ms,
        journals=len(contents.journals),
        entries=contents.entries,
        files=contents.files - len(damaged),
        damaged=tuple(damaged),
        own=opened,
        vouched=bool(keys.store_certs),
    )


# --- whether it may be -----------------------------------------------------------------------------------------


def _chosen(vault: Vault, name: str | None) -> Path:
    if name is not None:
        return vault.folder / name
    finished = vault.finished()
    if not finished:
        raise RefusedError(f"{vault.folder} holds no finished backup")
    return finished[-1]


def _check(contents: Contents, settings: Settings, keys: CentreKeys) -> None:
    faults: list[tuple[str, str]] = []
    if not follows(settings.store_id, contents.store):
        wanted = next_name(contents.store)
        faults.append(
            (
                "store_id",
                f"must be a later name of {contents.store}, such as {wanted}, with a key of its own: enrol --store {wanted}",
            )
        )
    memory = settings.folder / "cosigner" / "heads.db"
    if contents.cosigner == encode_base64(keys.cosigner.public) and not remembers(memory):
        faults.append(
            (
                "keys.cosigner",
                f"has lost its memory ({memory}) and must not sign again: put that file back from the old disk,"
                " or enrol a cosigner under another name and name it here and in trust.toml",
            )
        )
    wanted_engine = "sqlite" if settings.database_url.startswith("sqlite") else "postgresql"
    if contents.engine != wanted_engine:
        faults.append(("database.url", f"is {wanted_engine}, the backup is of {contents.engine}"))
    if faults:
        raise ConfigError(faults)


def _refuse_if_used(database: Database, settings: Settings) -> None:
    left = sorted(
        path.name
        for path in settings.folder.iterdir()
        if path.name not in SURVIVES and not path.name.endswith(".part")
    )
    if left:
        raise RefusedError(f"{settings.folder} is not empty: {', '.join(left[:5])}; move it away first")
    if database.writer.dialect.name == "sqlite":
        path = Path(settings.database_url.removeprefix("sqlite:///"))
        if path.exists():
            raise RefusedError(f"{path} is there already; move it away first")
    else:
        with database.writer.connect() as connection:
            if (
                inspect_tables(connection).has_table("head")
                and connection.execute(select(func.count()).select_from(schema.head)).scalar_one()
            ):
                raise RefusedError("database.url is not empty: it holds journals")


# --- files -----------------------------------------------------------------------------------------------------


def _files_back(folder: Path, backup: Path, settings: Settings) -> list[str]:
    """Every file of the backup, checked by its digest; those that are damaged."""
    vault, blobs = Vault(folder), BlobFolder(settings.folder / "files")
    damaged: list[str] = []
    for sha256, _size in read_files(backup):
        try:
            blobs.take(sha256, vault.place(sha256))
        except (OSError, ProtocolError):
            damaged.append(sha256)
    return damaged


# --- the database ----------------------------------------------------------------------------------------------


class _Database:
    """Filled beside, and in its place only at the end."""

    def __init__(self, contents: Contents, digest: str, damaged: Sequence[str]) -> None:
        self._contents = contents
        self._digest = digest
        self._damaged = damaged

    def fill(
        self, database: Database, backup: Path, settings: Settings, *, now_ms: int
    ) -> Predecessor | None:
        """How far it holds the centre's own journal."""
        if self._contents.engine == "postgresql":
            return self._fill_postgresql(database, backup, settings, now_ms)
        part = _beside(settings)
        shutil.copyfile(backup / SQLITE, part)
        beside = connect(f"sqlite:///{part}")
        try:
            migrate(beside)
            with beside.writer.begin() as connection:
                predecessor = self._amend(connection, backup, settings)
        finally:
            beside.close()
        with closing(sqlite3.connect(part)) as db:
            db.execute("PRAGMA journal_mode=DELETE")  # all of it in the one file that is renamed
        return predecessor

    def finish(self, settings: Settings) -> None:
        """After this it is the centre's."""
        if self._contents.engine == "sqlite":
            part = _beside(settings)
            sync(part)
            part.replace(part.with_suffix(""))
            sync_folder(part.parent)

    def _fill_postgresql(
        self, database: Database, backup: Path, settings: Settings, now_ms: int
    ) -> Predecessor | None:
        migrate(database, to=self._contents.revision)
        make_ahead(database, now_ms=now_ms)
        with database.writer.begin() as connection:
            for piece in self._contents.pieces:
                if piece.columns:
                    copy_in(connection, piece, backup)
                    _count_on(connection, piece.name.removeprefix(f"{TABLES}/"))
        migrate(database)
        make_ahead(database, now_ms=now_ms)
        with database.writer.begin() as connection:
            return self._amend(connection, backup, settings)

    def _amend(self, connection: Connection, backup: Path, settings: Settings) -> Predecessor | None:
        """What it holds is in a backup; what the backup has lost is not here."""
        stored, head = schema.stored_file, schema.head
        for sha256 in self._damaged:
            connection.execute(delete(stored).where(stored.c.sha256 == sha256))
        keep_in(
            connection,
            as_backup(self._contents, self._digest),
            sizes={journal.journal: journal.size for journal in self._contents.journals},
            files={sha256 for sha256, _size in read_files(backup)},
        )
        row = connection.execute(
            select(head.c.journal, head.c.size, head.c.root).where(
                head.c.box == settings.box, head.c.process == "central", head.c.state == "open"
            )
        ).one_or_none()
        return Predecessor(id=row.journal, size=row.size, root=row.root.hex()) if row else None


def _beside(settings: Settings) -> Path:
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    return path.with_name(f"{path.name}.part")


def _count_on(connection: Connection, table: str) -> None:
    """Numbers that the database itself gives go on after the highest."""
    for column in schema.metadata.tables[table].primary_key:
        if isinstance(column.type, Integer) and not isinstance(column.type, BigInteger):
            query = (
                f"SELECT setval(pg_get_serial_sequence('{table}', '{column.name}'),"  # noqa: S608 - our own names
                f" (SELECT coalesce(max({column.name}), 0) + 1 FROM {table}), false)"
            )
            connection.execute(text(query))


# --- the centre's own journal ----------------------------------------------------------------------------------


class _Succession:
    """The centre's own journal as it is after a restore: the old one where it survived, else one that names it."""

    def __init__(
        self, folder: Path, *, settings: Settings, keys: CentreKeys, software: str, clock: Clock
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._identity = keys.identity.key
        self._software = software
        self._clock = clock

    async def declare(self, contents: Contents, predecessor: Predecessor | None) -> str:
        """Say that the store was restored; whose journal says it."""
        self._begin(predecessor)
        journal = Journal.open(
            self._folder,
            box=self._settings.box,
            process="central",
            software=self._software,
            identity=self._identity,
            clock=self._clock,
            boot=boot_id(),
        )
        try:
            store = self._settings.store_id
            body = StoreRestored(
                store=store, before=contents.store, backup_ms=contents.made_ms, entries=contents.entries
            )
            await journal.append(body, source=self._settings.source, key=f"restored/{store}")
        finally:
            journal.close()
        return journal.id

    def _begin(self, predecessor: Predecessor | None) -> None:
        stamper = Stamper(
            box=self._settings.box,
            process="central",
            software=self._software,
            identity=self._identity,
            clock=self._clock,
            boot=boot_id(),
            source_clock=unknown_clock,
        )
        lock = FolderLock(self._folder)
        try:
            rules = Rules(
                genesis=lambda key, said: stamper.genesis(key, said or predecessor),
                owns=stamper.owns,
                recover=partial(recover, cursors=self._folder, stamper=stamper),
            )
            opened = open_current(self._folder, rules)
            opened.file.close()
        finally:
            lock.release()
