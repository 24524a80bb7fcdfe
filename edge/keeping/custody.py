"""What the destination with custody has said about entries and files: the only word on which anything leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edge.keeping.planning import Lying, Named
from edge.keeping.register import FileRow, Row
from journal.cursors import Cursors
from kernel.clock import Clock


class Custody:
    """Blocking.  `told_ms` is when that destination signed its newest receipt, by its own clock."""

    def __init__(
        self,
        cursors: Cursors,
        *,
        destination: str,
        takes_files: bool,
        told_ms: Callable[[], int | None],
        clock: Clock,
    ) -> None:
        self._cursors = cursors
        self._destination = destination
        self._takes_files = takes_files
        self._told_ms = told_ms
        self._clock = clock

    @property
    def today_ms(self) -> int | None:
        """The day by which ages are counted: never later than what it has signed, so that no clock of ours can jump.

        None: it has not been reached since the start, and nothing is old.
        """
        told = self._told_ms()
        return None if told is None else min(told, self._clock.now_ms())

    def keeps(self, row: Row) -> bool:
        """The entry is out of danger there, where it was first said or where a successor said it again."""
        return any(ref.seq < self._kept(ref.journal) for ref in row.refs)

    def lying(self, files: Mapping[str, Sequence[FileRow]]) -> list[Lying]:
        """What is known of these files, by digest and all entries that name each."""
        uploads = self._cursors.uploads(list(files), destination=self._destination)
        found = []
        for sha256, rows in files.items():
            upload = uploads.get(sha256)
            on_demand = not self._takes_files or (upload is not None and upload.state == "on_demand")
            found.append(
                Lying(
                    sha256=sha256,
                    size=max(row.size for row in rows),
                    kept=upload is not None and upload.state == "done" and upload.kept,
                    asked=not on_demand,
                    named=tuple(self._named(row) for row in rows),
                )
            )
        return found

    def _named(self, file: FileRow) -> Named:
        return Named(
            what=file.what,
            outcome=file.row.outcome,
            since_ms=file.row.since_ms,
            kept=self.keeps(file.row),
            held=file.row.held,
        )

    def _kept(self, journal: str) -> int:
        return self._cursors.cursor(journal=journal, destination=self._destination).kept
