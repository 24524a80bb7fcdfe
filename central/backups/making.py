"""Makes a backup beside the running centre; only when all of it was read again does anything count as kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from central.backups.contents import Contents, Vault, forget_cached, sync, write_files
from central.backups.dumping import dump
from central.keyring import CentreKeys
from central.settings import Settings
from central.store.engines import Database
from central.store.findings import Backup
from central.store.safekeeping import keep
from journal.files import digest_of
from journal.keys import sync_folder
from journal.lock import FolderLock
from journal.receiving.blobs import BlobFolder
from kernel.errors import RefusedError
from kernel.evidence.notes import encode_base64


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A finished backup; `missing` files are named by the store and not on its disk."""

    name: str
    sha256: str
    journals: int
    entries: int
    files: int
    bytes: int
    new_files: int
    new_bytes: int
    missing: int
    removed: int
    same_disk: bool


def make(
    folder: Path,
    *,
    settings: Settings,
    keys: CentreKeys,
    database: Database,
    software: str,
    now_ms: int,
    keep_last: int,
) -> Made:
    """Blocking.  RefusedError: another backup is under way, or what was written cannot be read again."""
    vault = Vault(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FolderLock(folder)
    try:
        vault.prepare()
        part = vault.begin(now_ms)
        dumped = dump(database, part)
        copied = _Copied(vault, BlobFolder(settings.folder / "files"))
        held = list(copied.each(dumped.files))
        contents = Contents(
            store=settings.store_id,
            made_ms=now_ms,
            software=software,
            engine="sqlite" if database.reader.dialect.name == "sqlite" else "postgresql",
            revision=dumped.revision,
            cosigner=encode_base64(keys.cosigner.public),
            pieces=(*dumped.pieces, write_files(part, held)),
            journals=dumped.journals,
            files=len(held),
            file_bytes=sum(size for _, size in held),
        )
        place, digest = vault.finish(part, contents)
        finished = _remembered(database, contents, digest, held)
        removed = vault.rotate(keep_last)
    finally:
        lock.release()
    return Made(
        name=place.name,
        sha256=digest,
        journals=finished.journals,
        entries=finished.entries,
        files=finished.files,
        bytes=finished.bytes,
        new_files=copied.files,
        new_bytes=copied.bytes,
        missing=copied.missing,
        removed=removed,
        same_disk=folder.stat().st_dev == settings.folder.stat().st_dev,
    )


def _remembered(
    database: Database, contents: Contents, digest: str, held: Sequence[tuple[str, int]]
) -> Backup:
    """From here on what it holds counts as kept."""
    finished = as_backup(contents, digest)
    sizes = {each.journal: each.size for each in contents.journals}
    keep(database, finished, sizes=sizes, files={sha256 for sha256, _ in held})
    return finished


def as_backup(contents: Contents, digest: str) -> Backup:
    """As the store remembers it."""
    return Backup(
        sha256=digest,
        store=contents.store,
        made_ms=contents.made_ms,
        journals=len(contents.journals),
        entries=contents.entries,
        files=contents.files,
        bytes=contents.bytes,
    )


class _Copied:
    """Files by digest: what is there already is not copied again."""

    def __init__(self, vault: Vault, blobs: BlobFolder) -> None:
        self._vault = vault
        self._blobs = blobs
        self.files = self.bytes = self.missing = 0

    def each(self, files: tuple[tuple[str, int], ...]) -> Iterator[tuple[str, int]]:
        """Those that the backup holds in the end."""
        folders: set[Path] = set()
        for sha256, size in files:
            place = self._vault.place(sha256)
            if place.exists() and place.stat().st_size == size:
                yield sha256, size
                continue
            source = self._blobs.path(sha256)
            if source is None or not _copy(source, place, (sha256, size)):
                self.missing += 1
                continue
            self.files, self.bytes = self.files + 1, self.bytes + size
            folders.add(place.parent)
            yield sha256, size
        for folder in {*folders, *(folder.parent for folder in folders)}:
            sync_folder(folder)


def _copy(source: Path, place: Path, wanted: tuple[str, int]) -> bool:
    """False when it went away meanwhile, or is not what its name says."""
    place.parent.mkdir(exist_ok=True, mode=0o700)
    part = place.with_name(f"{place.name}.part")
    try:
        shutil.copyfile(source, part)
    except FileNotFoundError:
        return False
    part.chmod(0o600)
    sync(part)
    forget_cached(part)
    if digest_of(part) != wanted:
        part.unlink()
        if digest_of(source) == wanted:
            raise RefusedError(f"{part.parent} does not keep what is written to it")
        return False
    part.replace(place)
    return True
