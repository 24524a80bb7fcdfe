"""A folder of crops whose plates people have said, kept exactly as the store says: what the store forgets leaves it too.

Crops are files named by their digest; only such files, `labels.jsonl` and `manifest.json`, and the `.part` of each while
it is written, are ever written or removed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from kernel.clock import Clock
from kernel.plates import labels as texts
from kernel.plates.labels import Label

log = logging.getLogger(__name__)

EVERY_S = 60.0
PathOf = Callable[[str], Path | None]  # where the bytes of a digest lie, None when they are not here

_LISTS = ("labels.jsonl", "manifest.json")
_CROP = re.compile(r"[0-9a-f]{64}\.(jpg|jpeg|png)")
_PART = re.compile(r"([0-9a-f]{64}|labels\.jsonl|manifest\.json)\.part")  # left by a fault


class LabelledFolder:
    """Blocking.  OSError: what must go has gone all the same, some of the crops are in it already; the next call goes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hold(self, labels: Sequence[Label], path_of: PathOf) -> int:
        """Exactly these, as far as their bytes are here; how many.  The list never names a file that is not there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        sources = {label.sha256: source for label in labels if (source := path_of(label.sha256)) is not None}
        here = {label.file: label for label in labels if label.sha256 in sources}
        wanted = sorted(here.values(), key=lambda label: label.file)
        self._forget(wanted)
        copied = [label for label in wanted if self._copy(label, sources[label.sha256])]
        self._list(copied)
        return len(copied)

    def _forget(self, wanted: Sequence[Label]) -> None:
        """Before anything is copied: a full disk keeps neither what has expired nor a list that names it."""
        names = {label.file for label in wanted}
        crops = self._named(_CROP)
        gone = [path for name, path in crops.items() if name not in names]
        if gone:
            try:
                self._list([label for label in wanted if label.file in crops])
            except OSError:  # said by the next try, when this has made room
                gone = [*(self._folder / name for name in _LISTS), *gone]
        for path in (*gone, *self._named(_PART).values()):
            path.unlink(missing_ok=True)

    def _named(self, pattern: re.Pattern[str]) -> dict[str, Path]:
        return {path.name: path for path in self._folder.iterdir() if pattern.fullmatch(path.name)}

    def _copy(self, label: Label, source: Path) -> bool:
        target = self._folder / label.file
        if not _CROP.fullmatch(label.file):
            return False
        if not target.exists():
            part = target.with_suffix(".part")
            try:
                shutil.copyfile(source, part)
                part.replace(target)
            except FileNotFoundError:  # erased in this moment
                return False
            finally:
                part.unlink(missing_ok=True)
        return True

    def _list(self, here: Sequence[Label]) -> None:
        for name, text in zip(_LISTS, (texts.lines(here), texts.manifest(here)), strict=True):
            self._write(name, text)

    def _write(self, name: str, text: str) -> None:
        target, data = self._folder / name, text.encode()
        if target.exists() and target.read_bytes() == data:
            return
        part = self._folder / f"{name}.part"
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)


async def label_for_ever(
    labels: Callable[[], Sequence[Label]],
    folder: LabelledFolder,
    path_of: PathOf,
    *,
    faults: tuple[type[Exception], ...],
    clock: Clock,
) -> NoReturn:
    """For a task beside the others: the folder is as the store says, a minute later at most.

    `labels` blocks; after one of `faults`, of the store or the disk, it is tried again.
    """
    while True:
        try:
            await asyncio.to_thread(lambda: folder.hold(labels(), path_of))
        except faults as error:
            log.warning("labelled crops not kept", extra={"reason": str(error)})
        await clock.sleep(EVERY_S)
