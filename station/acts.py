"""What an officer does: checked, written to the station's own journal, and only then shown as done.

A tap that is repeated, by a finger or by a network, is one act: its key is looked up before any rule.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from journal.database import StoredEntry
from journal.own import first_said_of
from journal.volume import Volume
from journal.writer import Appended, Journal
from kernel.errors import ProtocolError
from kernel.events import (
    EntryRef,
    JointMode,
    PassageDecided,
    PlateCorrected,
    ReleaseGrounds,
    VehicleFacts,
    Verdict,
)
from kernel.law.law import Law
from kernel.law.rows import china_day
from station import confirming, releasing
from station.confirming import Seen
from station.queries import Queries
from station.releasing import Grounds, Refusal
from station.store import OwnAct, StationStore
from station.views import Act, Detail, Passage

log = logging.getLogger(__name__)

REMEMBERED = 10_000
AT_ONCE = 256

_OWN: dict[str, type[PassageDecided] | type[PlateCorrected]] = {
    body.stream: body for body in (PassageDecided, PlateCorrected)
}

Told = Callable[[str, str], None]  # box, passage
Keeps = Callable[[Detail], bool]  # blocking


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """Who pressed what, and the key that makes a repetition harmless."""

    box: str
    passage: str
    by: str
    key: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The entry that holds the act; `again` when the tap was a repetition."""

    ref: EntryRef
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why it was not done; `finding` is the crossing that stands in the way."""

    why: Refusal | str
    finding: Passage | None = None


Answer = Done | Refused | None  # None: there is no such crossing


class Officers:
    """The only writer of `passage.decided` at this station."""

    def __init__(
        self,
        journal: Journal,
        store: StationStore,
        queries: Queries,
        *,
        law: Law,
        source: str,
        joint_mode: JointMode,
        told: Told,
        keeps: Keeps = lambda _detail: False,
    ) -> None:
        """`keeps`: whether steps that must be recorded stand in the way of a release."""
        self._journal = journal
        self._store = store
        self._queries = queries
        self._law = law
        self._source = source
        self._joint_mode = joint_mode
        self._told = told
        self._keeps = keeps
        self._one = asyncio.Lock()
        self._taps: OrderedDict[str, Done] = OrderedDict()

    async def catch_up(self) -> None:
        """Bring acts into the views that were written when the process died."""
        for volume in self._journal.volumes:
            await self._catch_up_with(volume)

    async def _catch_up_with(self, volume: Volume) -> None:
        start = await asyncio.to_thread(self._store.own_size, volume.id)
        while start < volume.size:
            entries = await volume.read(start, AT_ONCE)
            start += len(entries)
            acts = [act for entry in entries if (act := _own_act(entry)) is not None]
            await asyncio.to_thread(self._store.project_own, acts, journal=volume.id, size=start)

    async def preview(self, box: str, passage: str, seen: Seen) -> Verdict | None:
        """The verdict that these facts would give; nothing is written."""
        detail = await asyncio.to_thread(self._queries.detail, box, passage)
        return self._judged(detail, seen)[1] if detail and detail.weighed else None

    async def confirm(self, tap: Tap, seen: Seen) -> Answer:
        """The officer has looked at the vehicle: the law is applied again with what was seen."""

        def body(detail: Detail) -> PassageDecided | Refused:
            if not seen.answered:
                return Refused(why="nothing_answered")
            if (why := releasing.over(detail.row)) is not None:
                return Refused(why=why)
            facts, verdict = self._judged(detail, seen)
            return _with_facts(_decided(tap, detail, "confirmed"), facts=facts, verdict=verdict)

        return await self._act(tap, "confirmed", body)

    async def hold(self, tap: Tap) -> Answer:
        """扣留: the vehicle stays."""

        def body(detail: Detail) -> PassageDecided | Refused:
            if (why := releasing.over(detail.row)) is not None:
                return Refused(why=why)
            return _decided(tap, detail, "held")

        return await self._act(tap, "held", body)

    async def release(self, tap: Tap, grounds: Grounds, *, reweigh: tuple[str, str] | None = None) -> Answer:
        """放行, when the rules allow it.  `reweigh` names the crossing at which it was weighed again."""

        def body(detail: Detail) -> PassageDecided | Refused:
            again = self._queries.passage(*reweigh) if reweigh else None
            if reweigh and again is None:
                return Refused(why="no_such_reweigh")
            put = replace(grounds, reweigh=again)
            findings = releasing.open_findings(detail.row, self._queries.stay(detail.row))
            why = releasing.refusal(detail.row, put, joint_mode=self._joint_mode, findings=findings)
            if why is not None:
                return Refused(why=why, finding=findings[0] if findings else None)
            if put.override is None and self._keeps(detail):
                return Refused(why="steps_open")
            return _with_grounds(_decided(tap, detail, "released"), put)

        return await self._act(tap, "released", body)

    async def say(self, body: PlateCorrected, key: str) -> Done:
        """Something else that an officer says of a crossing, in its place among the acts."""
        async with self._one:
            if (known := self._taps.get(key)) is not None:
                return replace(known, again=True)
            return await self._write(body, key)

    async def _act(self, tap: Tap, act: Act, make: Callable[[Detail], PassageDecided | Refused]) -> Answer:
        key = f"{act}/{tap.box}/{tap.passage}/{tap.by}/{tap.key}"
        async with self._one:
            if (known := self._taps.get(key)) is not None:
                return replace(known, again=True)
            detail = await asyncio.to_thread(self._queries.detail, tap.box, tap.passage)
            if detail is None:
                return None
            if (same := _same_act(detail, act, tap.by)) is not None:
                return same
            if detail.row.weighed is None:
                return Refused(why="not_arrived")
            body = await asyncio.to_thread(make, detail)
            if isinstance(body, Refused):
                return body
            done = await self._write(body, key)
            stay = await asyncio.to_thread(self._queries.stay, detail.row)
        for row in (detail.row, *stay):  # a release closes what was weighed of the vehicle before
            self._told(row.box, row.passage)
        return done

    async def _write(self, body: PassageDecided | PlateCorrected, key: str) -> Done:
        appended = await self._journal.append(body, source=self._source, key=key)
        # Only catching up counts: what was written before this, and not shown, is not passed over.
        act = _act_of(appended, body)
        await asyncio.to_thread(self._store.project_own, [act], journal=appended.journal, size=0)
        done = Done(ref=appended.ref)
        self._taps[key] = done
        while len(self._taps) > REMEMBERED:
            self._taps.popitem(last=False)
        log.info("officer acted", extra={"act": _name(body), "by": body.by, "passage": body.passage})
        return done

    def _judged(self, detail: Detail, seen: Seen) -> tuple[VehicleFacts, Verdict]:
        """From the newest confirmed facts on, so that a second form adds to the first."""
        weighed = detail.weighed
        if weighed is None:
            raise ValueError("judged before it was weighed")
        known = next((a.body.facts for a in reversed(detail.acts) if a.body.facts is not None), weighed.facts)
        facts = confirming.merged(known, seen)
        return facts, confirming.judged(weighed, facts, law=self._law, on=china_day(detail.row.shown_ms))


def _with_facts(body: PassageDecided, *, facts: VehicleFacts, verdict: Verdict) -> PassageDecided:
    return msgspec.structs.replace(body, facts=facts, verdict=verdict)


def current_verdict(detail: Detail) -> Verdict | None:
    """The lane's, or that of the newest confirmed facts."""
    confirmed = next((a.body.verdict for a in reversed(detail.acts) if a.body.act == "confirmed"), None)
    return confirmed or (detail.weighed.verdict if detail.weighed else None)


def _decided(tap: Tap, detail: Detail, act: Act) -> PassageDecided:
    if detail.row.weighed is None:
        raise ValueError("an act on a crossing that was not weighed")
    return PassageDecided(
        passage=tap.passage,
        weighed=detail.row.weighed,
        act=act,
        by=tap.by,
        verdict=current_verdict(detail),
        note=tap.note,
    )


def _with_grounds(body: PassageDecided, grounds: Grounds) -> PassageDecided:
    override = grounds.override
    said = ReleaseGrounds(
        reweigh=grounds.reweigh.weighed if grounds.reweigh else None,
        police_result=grounds.police_result.strip(),
        override_role=override.role if override else "",
        override_reason=override.reason.strip() if override else "",
    )
    return msgspec.structs.replace(body, grounds=said) if said != ReleaseGrounds() else body


def _same_act(detail: Detail, act: Act, by: str) -> Done | None:
    """After a restart the keys are forgotten, the acts are not: what this officer has just done is done."""
    last = detail.acts[-1] if detail.acts else None
    if act == "confirmed" or last is None or (last.body.act, last.body.by) != (act, by):
        return None
    return Done(ref=last.ref, again=True)


def _name(body: PassageDecided | PlateCorrected) -> str:
    return body.act if isinstance(body, PassageDecided) else body.stream


def _act_of(appended: Appended, body: PassageDecided | PlateCorrected) -> OwnAct:
    return OwnAct(ref=appended.ref, at_ms=appended.at, body=body)


def _own_act(entry: StoredEntry) -> OwnAct | None:
    try:
        head, body, ref = first_said_of(entry)
        kind = _OWN.get(head.stream)
        if kind is None or body is None:
            return None
        decided = msgspec.json.decode(body, type=kind)
    except (ProtocolError, msgspec.MsgspecError):
        log.exception("own entry unreadable")
        return None
    return OwnAct(ref=ref, at_ms=head.at, body=decided)
