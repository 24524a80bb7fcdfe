"""The search on a real line: listens at one setting after the other, asks only where all was silent, and concludes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from edge.detecting.asking import Question, questions
from edge.detecting.claims import Claim, claim
from edge.detecting.diagnosis import Trouble, diagnose, likely_speeds
from edge.detecting.evidence import Row
from edge.detecting.lines import ORDER, SPEEDS, Line
from edge.detecting.reading import Heard
from kernel.clock import Clock
from kernel.errors import LinkError
from kernel.links import Link

OpenAt = Callable[[Line], Awaitable[Link]]
Tell = Callable[
    [Line, str | None], None
]  # what is being tried: a setting, and the protocol whose question is asked

_LOOK_MS = 500  # how often what came is looked at, to end early
_SURE_FRAMES = 10
_MOST_BYTES = 1 << 16
_ANSWER_MS = 600
_TIMES = 5  # a device that answers is asked so often
_SETTLED = 3  # bytes: fewer are a spark on the line when it was opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found, or why nothing was; and all that was heard."""

    claim: Claim | None
    troubles: tuple[Trouble, ...]
    heard: tuple[Heard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """`settable` is false where an adapter has the settings of the line: then there is only one to listen at."""

    rows: Sequence[Row]
    open_at: OpenAt
    clock: Clock
    window_ms: int
    tell: Tell
    settable: bool = True

    async def run(self) -> Outcome:
        """LinkError: the line cannot be opened, or went away."""
        heard: list[Heard] = []
        while (line := self._next_line(heard)) is not None:
            self.tell(line, None)
            async with self._opened(line) as link:
                heard.append(await self._hear(link, line, self.window_ms))
            found = claim(heard[-1], self.rows)
            if found is not None:
                return Outcome(claim=found, troubles=(), heard=tuple(heard))
        if all(len(one.data) < _SETTLED for one in heard):
            return await self._asked(heard)
        return Outcome(claim=None, troubles=diagnose(heard, self.rows), heard=tuple(heard))

    def _next_line(self, heard: Sequence[Heard]) -> Line | None:
        """All with eight bits and no parity, which shows parity as well; what the framing points to comes first.

        The speeds that hardly anybody uses are for a line that speaks and was not understood at any other.
        """
        done = {one.line for one in heard}
        usual = [line for line in ORDER if line == Line(line.baud)]
        hinted = [Line(baud) for baud in likely_speeds([one for one in heard if one.data], self.rows)]
        rare = [Line(baud) for baud in SPEEDS] if any(one.data for one in heard) else []
        wanted = [*hinted, *usual, *rare] if self.settable else usual[:1]
        return next((line for line in wanted if line not in done), None)

    async def _asked(self, heard: list[Heard]) -> Outcome:
        """Every question at every setting, until one is answered by frames."""
        for line in ORDER if self.settable else ORDER[:1]:
            try:
                found = await self._asked_at(line, heard)
            except LinkError:
                if line == Line(line.baud):
                    raise
                continue  # not every port can do parity
            if found is not None:
                return Outcome(claim=found, troubles=(), heard=tuple(heard))
        return Outcome(claim=None, troubles=diagnose(heard, self.rows), heard=tuple(heard))

    async def _asked_at(self, line: Line, heard: list[Heard]) -> Claim | None:
        async with self._opened(line) as link:
            for question in questions(self.rows, serial=self.settable):
                self.tell(line, question.protocol)
                answer = await self._ask(link, line, question)
                heard.append(answer)
                found = claim(answer, self.rows) if answer.data and not answer.is_echo else None
                if found is not None:
                    return found
        return None

    async def _ask(self, link: Link, line: Line, question: Question) -> Heard:
        chunks: list[tuple[int, bytes]] = []
        echoed = False
        started = self.clock.mono_ms()
        for _ in range(_TIMES):
            begun = self.clock.mono_ms() - started
            await link.write(question.data)
            answer = await self._hear(link, line, _ANSWER_MS)
            echo, rest = _without_echo(answer.data, question.data)
            echoed = echoed or echo
            if rest:
                chunks.append((begun, rest))
            if not rest:
                break
        if echoed and not chunks:
            chunks.append((0, question.data))
        return Heard(
            line=line,
            chunks=tuple(chunks),
            window_ms=self.clock.mono_ms() - started,
            asked=question.protocol,
            form=question.form,
            is_echo=echoed and chunks == [(0, question.data)],
        )

    async def _hear(self, link: Link, line: Line, window_ms: int) -> Heard:
        started = self.clock.mono_ms()
        heard = Heard(line=line, chunks=(), window_ms=0)
        looked_ms = size = 0
        while heard.window_ms < window_ms and size < _MOST_BYTES:
            data = await link.read()
            now = self.clock.mono_ms() - started
            chunks = (*heard.chunks, (now, data)) if data else heard.chunks
            heard, size = replace(heard, chunks=chunks, window_ms=now), size + len(data)
            if data and now - looked_ms >= _LOOK_MS:
                looked_ms = now
                if self._is_sure(heard):
                    break
        return heard

    def _is_sure(self, heard: Heard) -> bool:
        found = claim(heard, self.rows)
        return found is not None and found.candidates[0].frames >= _SURE_FRAMES

    @asynccontextmanager
    async def _opened(self, line: Line) -> AsyncIterator[Link]:
        link = await self.open_at(line)
        try:
            yield link
        finally:
            await link.close()


def _without_echo(answer: bytes, question: bytes) -> tuple[bool, bytes]:
    """Two wires, or a loop in the plug, bring our own question back before anything else."""
    echoed = answer.startswith(question)
    return echoed, answer[len(question) :] if echoed else answer
