"""Takes frames and hellos from anywhere in the event loop, commits them in batches in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TypeVar

from journal import checking
from journal.checking import Inspected, Trust
from journal.custody import Answer, Bound, Custody, Welcome, unbounded
from journal.keys import SigningKey
from journal.logs import is_worth_a_line
from journal.store import Accepted, Head, ReceiverStore
from journal.turns import Turns
from kernel.clock import Clock
from kernel.errors import LinkError, ProtocolError
from kernel.evidence import frames
from kernel.evidence.frames import Hello

log = logging.getLogger(__name__)

BATCH = 1024  # entries a transaction: a few frames of a backlog, or whatever waits of live ones
WAITING = 256  # frames that may wait, 24 MB at most
BOXES = 1024  # counted by name; names come from a broker and may be made up
STRANGERS = "?"

T = TypeVar("T")

Committed = Callable[[Sequence[Accepted]], None]
Registered = Callable[[Head], None]
Greeted = Callable[[str, Hello, Welcome], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The last thing of a box that was refused, or came too fast."""

    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    box: str
    frame: Inspected
    answer: asyncio.Future[Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Greeting:
    box: str
    hello: Hello
    answer: asyncio.Future[Welcome]


class Receiver:
    """One per store.  `accept` and `hello` answer after the commit; LinkError: the store failed, come again."""

    def __init__(
        self,
        store: ReceiverStore,
        *,
        key: SigningKey,
        trust: Trust,
        clock: Clock,
        kept_after_ms: int | None = 14 * 86_400_000,
        bound: Bound = unbounded,
        centre: str | None = None,
    ) -> None:
        self.refusals: dict[str, Refusal] = {}
        self.refused: Counter[str] = Counter()  # frames and hellos, by box
        self.committed = 0  # entries since the start
        self._custody = Custody(
            store,
            key=key,
            trust=trust,
            clock=clock,
            kept_after_ms=kept_after_ms,
            bound=bound,
            centre=centre,
        )
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._jobs: Turns[_Job | _Greeting] = Turns()
        self._room = asyncio.Semaphore(WAITING)
        self._on_committed: list[Committed] = []
        self._on_registered: list[Registered] = []
        self._on_hello: list[Greeted] = []
        self._closed = False
        self._failing = False
        self._thread = threading.Thread(target=self._work, name="receiver", daemon=True)
        self._thread.start()

    def on_committed(self, callback: Committed) -> None:
        """Called in the event loop after each commit with the entries that are new."""
        self._on_committed.append(callback)

    def on_registered(self, callback: Registered) -> None:
        """Called in the event loop when a journal was met for the first time."""
        self._on_registered.append(callback)

    def on_hello(self, callback: Greeted) -> None:
        """Called in the event loop with box, hello (its nonce is what commands must carry) and what was answered."""
        self._on_hello.append(callback)

    async def accept(self, box: str, journal: str, frame: bytes) -> Answer:
        try:
            inspected = checking.inspect(box, journal, frame, received_ms=self._clock.now_ms())
        except ProtocolError as error:
            return self._refuse(box, Answer(journal=journal, receipt=None, refused=str(error)))
        async with self._room:
            answer: asyncio.Future[Answer] = self._loop.create_future()
            self._put(_Job(box=box, frame=inspected, answer=answer))
            return self._refuse(box, await answer)

    async def hello(self, box: str, payload: bytes) -> Welcome:
        try:
            hello = frames.decode_hello(payload)
        except ProtocolError as error:
            self._count(box, str(error))
            return Welcome(receipts=(), registered=(), refused=(str(error),))
        async with self._room:
            answer: asyncio.Future[Welcome] = self._loop.create_future()
            self._put(_Greeting(box=box, hello=hello, answer=answer))
            welcome = await answer
        for problem in welcome.refused:
            self._count(box, problem)
        for head in welcome.registered:
            for registered in self._on_registered:
                registered(head)
        for greeted in self._on_hello:
            greeted(box, hello, welcome)
        return welcome

    def mono_ms(self) -> int:
        """Of its clock, for those who limit what comes here."""
        return self._clock.mono_ms()

    def refuse(self, box: str, reason: str) -> None:
        """Count what was turned away before it came here."""
        self._count(box, reason)

    def close(self) -> None:
        """Finish what waits."""
        if self._closed:
            return
        self._closed = True
        self._jobs.close()
        self._thread.join()

    def _put(self, job: _Job | _Greeting) -> None:
        if self._closed:
            raise LinkError("the receiver is closed")
        self._jobs.put(job.box, job)

    def _refuse(self, box: str, answer: Answer) -> Answer:
        if answer.refused:
            self._count(box, answer.refused)
        return answer

    def _count(self, box: str, reason: str) -> None:
        if box not in self.refused and len(self.refused) >= BOXES:
            box = STRANGERS
        self.refused[box] += 1
        self.refusals[box] = Refusal(reason=reason, at_ms=self._clock.now_ms())
        if is_worth_a_line(self.refused[box]):
            log.warning("refused", extra={"box": box, "reason": reason, "count": self.refused[box]})

    def _told(
        self, answers: Sequence[tuple[asyncio.Future[Answer], Answer]], entries: Sequence[Accepted]
    ) -> None:
        _settle(answers)
        self.committed += len(entries)
        for committed in self._on_committed if entries else ():
            committed(entries)

    # --- in the receiver's thread ------------------------------------------------------------------------------

    def _work(self) -> None:
        while jobs := self._jobs.take(BATCH, weigh=_weight):
            for _, run in groupby(jobs, key=type):
                together = list(run)
                self._take([job for job in together if isinstance(job, _Job)])
                for job in together:
                    if isinstance(job, _Greeting):
                        self._greet(job)

    def _take(self, jobs: Sequence[_Job]) -> None:
        if not jobs:
            return
        try:
            taken = self._custody.take([job.frame for job in jobs])
        except Exception as error:  # noqa: BLE001 - whatever the store's engine raises
            self._fail(jobs, error)
            return
        self._failing = False
        answers = [(job.answer, answer) for job, answer in zip(jobs, taken.answers, strict=True)]
        self._call(partial(self._told, answers, taken.entries))

    def _greet(self, job: _Greeting) -> None:
        try:
            welcome = self._custody.greet(job.box, job.hello)
        except Exception as error:  # noqa: BLE001 - whatever the store's engine raises
            self._fail([job], error)
            return
        self._call(partial(_settle, [(job.answer, welcome)]))

    def _fail(self, jobs: Sequence[_Job | _Greeting], error: Exception) -> None:
        """Nothing was committed and nothing is answered: the senders come again."""
        if not self._failing:
            log.error("store failed", exc_info=error)
        self._failing = True
        for job in jobs:
            self._call(partial(_break, job, LinkError(f"the store failed: {error}")))

    def _call(self, callback: Callable[[], None]) -> None:
        # The loop may be gone at shutdown; what is committed is committed.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)


def _weight(job: _Job | _Greeting) -> int:
    return len(job.frame.entries) if isinstance(job, _Job) else 1


def _settle(answers: Sequence[tuple[asyncio.Future[T], T]]) -> None:
    for future, answer in answers:
        if not future.done():
            future.set_result(answer)


def _break(job: _Job | _Greeting, error: Exception) -> None:
    if not job.answer.done():
        job.answer.set_exception(error)
