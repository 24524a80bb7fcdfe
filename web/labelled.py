"""A folder of crops whose plates people have said, kept exactly as the store says: what the store forgets leaves it too.

Crops are files named by their digest; only such files, `labels.jsonl` and `manifest.json` are ever written or removed.
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

_CROP = re.compile(r"[0-9a-f]{64}\.(jpg|jpeg|png)")


class LabelledFolder:
    """Blocking.  OSError: the folder is as it was, or some of the crops are in it already; the next call goes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hold(self, labels: Sequence[Label], path_of: PathOf) -> int:
        """Exactly these, as far as their bytes are here; how many.  The list never names a file that is not there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        wanted = sorted({label.file: label for label in labels}.values(), key=lambda label: label.file)
        here = [label for label in wanted if self._copy(label, path_of)]
        names = {label.file for label in here}
        gone = [path for path in self._crops() if path.name not in names]
        self._write("labels.jsonl", texts.lines(here))
        self._write("manifest.json", texts.manifest(here))
        for path in gone:
            path.unlink(missing_ok=True)
        return len(here)

    def _crops(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if _CROP.fullmatch(path.name)]

    def _copy(self, label: Label, path_of: PathOf) -> bool:
        source, target = path_of(label.sha256), self._folder / label.file
        if source is None or not _CROP.fullmatch(label.file):
            return False
        if not target.exists():
            part = target.with_suffix(".part")
            try:
                shutil.copyfile(source, part)
            except FileNotFoundError:  # erased in this moment
                return False
            part.replace(target)
        return True

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
