"""How far one journal is at one destination: what it has receipted, and what is on its way there."""

from __future__ import annotations

from dataclasses import replace

from journal.agreeing import agree
from journal.cursors import Cursor
from journal.volume import Volume
from kernel.errors import ProtocolError
from kernel.evidence.frames import Frame
from kernel.evidence.notes import Note
from kernel.evidence.texts import Checkpoint, Receipt


class Course:
    def __init__(self, volume: Volume, cursor: Cursor) -> None:
        self.volume = volume
        self.cursor = cursor
        self.saved = cursor
        self.answered = False  # in this session
        self._sent = 0
        self._said_ms = 0  # when the newest receipt that counted was signed
        self._roots: dict[int, bytes] = {}  # at the ends of the frames under way

    @property
    def done(self) -> bool:
        """It is closed, and this session's receipt says that the destination has all of it."""
        return self.volume.closed and self.answered and self.cursor.size == self.volume.size

    @property
    def under_way(self) -> int:
        """Frames without a receipt."""
        return len(self._roots)

    def forget_session(self) -> None:
        self.answered = False
        self._roots.clear()

    def go_back(self) -> None:
        """Send again from what was receipted last."""
        self._sent = self.cursor.size
        self._roots.clear()

    async def next_frame(self) -> Frame | None:
        return await self.volume.frame(self._sent)

    def has_sent(self, frame: Frame) -> None:
        self._sent = frame.end
        self._roots[frame.end] = Checkpoint.parse(Note.parse(frame.checkpoint).text).root

    async def take(self, receipt: Receipt) -> int:
        """How many entries more it has, by a receipt whose signature is checked.

        ProtocolError: it is older than one we had.  RestartError: it tells another story of this journal.
        """
        await agree(self.volume, receipt, root=self._roots.get(receipt.size))
        before = self._before(receipt)
        if receipt.store != self.cursor.store:
            # Put back from a backup, or new: what it lacks goes again, and nothing counts as kept but what it says.
            self.forget_session()
        if not self.answered or before != self.cursor:
            self.answered, self._sent = True, receipt.size
        self._sent = max(self._sent, receipt.size)
        self._roots = {end: root for end, root in self._roots.items() if end > receipt.size}
        self.cursor = Cursor(
            store=receipt.store, sent=self._sent, size=receipt.size, kept=max(before.kept, receipt.kept)
        )
        self._said_ms = max(self._said_ms, receipt.time_ms)
        return receipt.size - before.size

    def _before(self, receipt: Receipt) -> Cursor:
        """What this receipt is to be compared with; ProtocolError: it is older than one we had."""
        before = self.cursor
        if receipt.store != before.store:
            return replace(before, size=0, kept=0)
        if receipt.size >= before.size:
            return before
        if receipt.time_ms <= self._said_ms:
            raise ProtocolError("a receipt older than one we had")
        # The store itself says later that it has less: it was put back under its old name, or two answer to that name.
        # Sending again is safe, and standing still would leave it without the rest for ever.
        return replace(before, size=receipt.size, kept=0)
