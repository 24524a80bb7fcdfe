"""The addresses of the monitoring room: each reads, notes who looked, and renders."""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlencode

import msgspec
from fastapi import Depends, FastAPI, Form, Query, Request
from fastapi import Path as InPath
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from central.acts.desk import Who
from central.pages import closing, wording
from central.pages.closing import ClosingForm
from central.pages.county import trunk
from central.pages.event import event_view
from central.pages.feed import Feed
from central.pages.lines import line
from central.pages.naming import Names
from central.pages.plates import PlatePages, seen_before
from central.pages.wall import HOURS, SLOT, chips
from central.parts import SITE, Parts
from central.store.queries import Filter
from central.taking import take_case, take_package
from central.views import EntryView, PassageDetail
from journal.access import narrowed
from kernel.errors import ConfigError, FullError, RefusedError
from kernel.events import EntryRef
from web import times
from web.i18n import VOCABULARY, word
from web.i18n import mark as _
from web.lifespan import run_with
from web.live import Hub
from web.plates import form_words
from web.sessions import Visitor
from web.shell import HERE as WEB
from web.shell import Link, Shell, Site, build_id

log = logging.getLogger(__name__)
HERE = Path(__file__).parent
PER_PAGE = 50
JournalId = Annotated[str, InPath(pattern="^[0-9a-f]{32}$")]
Seq = Annotated[int, InPath(ge=0, lt=2**53)]
CaseId = Annotated[str, InPath(max_length=80)]
Digest = Annotated[str, Form(pattern="^[0-9a-f]{64}$")]
Asked = Annotated[str, Query(max_length=80)]
ACCESSES = 500
OUTCOMES = {
    "over_limit": _("over limit or suspected"),
    "undetermined": _("to be confirmed"),
    "within": _("within limit"),
    "not_weighed": _("not weighed"),
}
LINKS = (
    Link(path="/wall", key=_("Wall")),
    Link(path="/events", key=_("Crossings")),
    Link(path="/plates", key=_("Plates")),
    Link(path="/sources", key=_("Devices")),
    Link(path="/quarantine", key=_("Quarantine")),
    Link(path="/accesses", key=_("Accesses"), role="auditor"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The filter form as it was filled in; what cannot be read narrows nothing and is shown again."""

    station: str = ""
    lane: str = ""
    outcome: str = ""
    plate: str = ""
    since: str = ""
    until: str = ""

    def filter(self) -> Filter:
        since_ms, until_ms = times.parse_day(self.since), times.parse_day(self.until)
        return Filter(
            station=self.station or None,
            lane=self.lane or None,
            outcome=self.outcome if self.outcome in OUTCOMES else None,
            plate=self.plate.strip().upper() or None,
            from_ms=since_ms,
            to_ms=None if until_ms is None else until_ms + times.DAY_MS,
        )

    def query(self, **more: str) -> str:
        names = ("station", "lane", "outcome", "plate", "since", "until")
        return urlencode({name: getattr(self, name) for name in names if getattr(self, name)} | more)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewForm:
    """What a reviewer sends; the key makes a second tap the same act."""

    outcome: Annotated[Literal["confirmed", "rejected", "returned"], Form()]
    key: Annotated[str, Form(pattern="^[A-Za-z0-9-]{8,64}$")]
    reason: Annotated[str, Form(max_length=500)] = ""


def mount(app: FastAPI, parts: Parts) -> None:
    """Add the pages to the centre's application, with the task that keeps the walls live."""
    Pages(parts).install(app)


class Pages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._names = Names(parts.settings.stations, parts.settings.county)
        folders = [HERE / "templates", HERE / "static", HERE / "locales", VOCABULARY]
        build = build_id([*folders, WEB / "templates", WEB / "static", WEB / "locales"])
        self._shell = Shell(
            Site(
                name=SITE,
                title_zh="治超监控中心",
                title_en="Overload control centre",
                home="/wall",
                links=LINKS,
                templates=(HERE / "templates",),
                locales=(VOCABULARY, HERE / "locales"),
                static=(("central", HERE / "static"),),
                tls=parts.tls,
            ),
            sessions=parts.sessions,
            hub=Hub(build=build, clock=parts.clock),
            clock=parts.clock,
            on_live=self._on_live,
        )
        self._feed = Feed(parts, hub=self._shell.hub, catalogues=self._shell.catalogues, names=self._names)

    def install(self, app: FastAPI) -> None:
        self._shell.install(app)
        self._install_packages(app)
        PlatePages(self._parts, shell=self._shell, names=self._names).install(app)
        looks, acts = Depends(self._shell.at_least("viewer")), Depends(self._shell.at_least("operator"))
        self._install_acts(app)

        @app.get("/", include_in_schema=False)
        async def first() -> Response:
            return RedirectResponse("/wall", 303)

        @app.get("/wall", include_in_schema=False)
        async def wall(request: Request, visitor: Visitor = looks) -> Response:
            return await self._wall(request, visitor)

        @app.get("/events", include_in_schema=False)
        async def events(
            request: Request, search: Annotated[Search, Depends()], cursor: str = "", visitor: Visitor = looks
        ) -> Response:
            return await self._events(request, visitor, search, cursor)

        @app.get("/events/{journal}/{seq}", include_in_schema=False)
        async def event(request: Request, journal: JournalId, seq: Seq, visitor: Visitor = looks) -> Response:
            return await self._event(request, visitor, journal, seq)

        @app.post("/events/{journal}/{seq}/clip", include_in_schema=False)
        async def clip(journal: JournalId, seq: Seq, sha256: Digest, visitor: Visitor = acts) -> Response:
            return await self._clip(visitor, journal, seq, sha256)

        @app.get("/sources", include_in_schema=False)
        async def sources(request: Request, visitor: Visitor = looks) -> Response:
            return await self._sources(request, visitor)

        @app.get("/quarantine", include_in_schema=False)
        async def quarantine(request: Request, visitor: Visitor = looks) -> Response:
            return await self._quarantine(request, visitor)

        for error in (FullError, RefusedError, SQLAlchemyError):
            app.add_exception_handler(error, self._unavailable)
        run_with(app, self._feed.run, name="wall feed")

    def _install_acts(self, app: FastAPI) -> None:
        reviews, audits = Depends(self._shell.at_least("reviewer")), Depends(self._shell.at_least("auditor"))

        @app.post("/events/{journal}/{seq}/review", include_in_schema=False)
        async def review(
            request: Request,
            journal: JournalId,
            seq: Seq,
            said: Annotated[ReviewForm, Depends()],
            visitor: Visitor = reviews,
        ) -> Response:
            return await self._review(request, visitor, (journal, seq), said)

        @app.post("/events/{journal}/{seq}/cases/{case}/closing", include_in_schema=False)
        async def close(
            request: Request,
            journal: JournalId,
            seq: Seq,
            case: CaseId,
            said: Annotated[ClosingForm, Depends()],
            visitor: Visitor = reviews,
        ) -> Response:
            return await self._close(request, visitor, (journal, seq), case, said)

        @app.get("/accesses", include_in_schema=False)
        async def accesses(
            request: Request, by: Asked = "", passage: Asked = "", day: Asked = "", visitor: Visitor = audits
        ) -> Response:
            return await self._accesses(request, visitor, by=by, passage=passage, day=day)

    def _install_packages(self, app: FastAPI) -> None:
        acts = Depends(self._shell.at_least("operator"))

        @app.get("/events/{journal}/{seq}/package", include_in_schema=False)
        async def package(
            request: Request, journal: JournalId, seq: Seq, visitor: Visitor = acts
        ) -> Response:
            return await self._package(request, visitor, journal, seq)

        @app.get("/events/{journal}/{seq}/cases/{case}/package", include_in_schema=False)
        async def case_package(
            request: Request, journal: JournalId, seq: Seq, case: CaseId, visitor: Visitor = acts
        ) -> Response:
            return await self._case_package(request, visitor, (journal, seq), case)

    # --- pages ------------------------------------------------------------------------------------------------

    async def _wall(self, request: Request, visitor: Visitor) -> Response:
        await self._parts.access.looked(by=visitor.account.name, what="list")
        language = self._shell.texts(request).language
        return self._shell.page(
            request,
            "wall.html",
            visitor=visitor,
            lines=(await self._feed.newest(language)).lines,
            state=await self._feed.state(language),
            roads=self._names.county.roads or (trunk(),),
            hours=[(f"{hour:02d}", hour * SLOT) for hour in range(HOURS)],
        )

    async def _events(self, request: Request, visitor: Visitor, search: Search, cursor: str) -> Response:
        wanted = search.filter()
        # Two plates may look the same here: whoever searches for one is written down every time.
        note = self._parts.access.took if wanted.plate else self._parts.access.looked
        told = narrowed(**asdict(wanted), cursor=cursor)
        await note(by=visitor.account.name, what="list", wanted=told)
        queries, texts = self._parts.queries, self._shell.texts(request)
        try:
            found = await asyncio.to_thread(queries.passages, wanted, limit=PER_PAGE, cursor=cursor or None)
        except ConfigError as error:
            raise HTTPException(422, "cursor") from error
        sources = await asyncio.to_thread(queries.sources, self._parts.clock.now_ms())
        name = self._names(texts.language)
        return self._shell.page(
            request,
            "events.html",
            visitor=visitor,
            search=search,
            lines=[line(row, texts, name) for row in found.rows],
            older=search.query(cursor=found.cursor) if found.cursor else None,
            newest=search.query() if cursor else None,
            stations=[(station, name(station)) for station in self._names.stations(sources)],
            lanes=[
                (lane, wording.lane_name(lane, texts)) for lane in sorted({source.lane for source in sources})
            ],
            outcomes=OUTCOMES,
        )

    async def _event(self, request: Request, visitor: Visitor, journal: str, seq: int) -> Response:
        entry, detail = await self._find(journal, seq)
        if detail is not None:
            return await self._show(request, visitor, entry, detail)
        await self._looked(visitor, entry)
        return self._shell.page(request, "entry.html", visitor=visitor, entry=entry)

    async def _looked(self, visitor: Visitor, entry: EntryView, passage: str | None = None) -> None:
        about = EntryRef(journal=entry.journal, seq=entry.seq, leaf=entry.leaf)
        await self._parts.access.looked(by=visitor.account.name, what="event", passage=passage, about=about)

    async def _show(
        self,
        request: Request,
        visitor: Visitor,
        entry: EntryView,
        detail: PassageDetail,
        *,
        refusal: str = "",
        reason: str = "",
        refused: closing.Refused | None = None,
    ) -> Response:
        """The crossing, whatever led there: whoever sees it has looked."""
        await self._looked(visitor, entry, detail.row.passage)
        texts, queries = self._shell.texts(request), self._parts.queries
        seen = await asyncio.to_thread(seen_before, detail, self._parts.readings)
        cases = await asyncio.to_thread(closing.cases_shown, detail.cases, queries, texts, refused)
        return self._shell.page(
            request,
            "event.html",
            visitor=visitor,
            status=409 if refusal else 200,
            event=event_view(detail, texts, self._names(texts.language), seen=seen),
            row=detail.row,
            can_act=visitor.may("operator"),
            can_review=visitor.may("reviewer"),
            plate_form=form_words(texts),
            review_key=uuid.uuid4().hex,
            cases=cases,
            closing=closing.choices(texts),
            refusal=refusal,
            reason=reason,
        )

    async def _review(
        self, request: Request, visitor: Visitor, place: tuple[str, int], said: ReviewForm
    ) -> Response:
        """The act and its page; what was refused stands in the form again with the reason why."""
        entry, detail = await self._find(*place)
        if detail is None:
            raise HTTPException(404)
        row, who = detail.row, Who(by=visitor.account.name, key=said.key)
        try:
            await self._parts.desk.review(row.box, row.passage, said.outcome, who=who, reason=said.reason)
        except RefusedError as error:
            why = wording.refusal(error, self._shell.texts(request))
            return await self._show(request, visitor, entry, detail, refusal=why, reason=said.reason)
        return RedirectResponse(f"/events/{place[0]}/{place[1]}#review", 303)

    async def _close(
        self, request: Request, visitor: Visitor, place: tuple[str, int], case: str, said: ClosingForm
    ) -> Response:
        """The end of a case, from the page of a crossing of it; why not, in the place of that."""
        entry, detail = await self._find(*place)
        if detail is None or case not in detail.cases:
            raise HTTPException(404)
        who = Who(by=visitor.account.name, key=said.key)
        try:
            await closing.say(self._parts.closings, case, said, who=who)
        except RefusedError as error:
            why = wording.refusal(error, self._shell.texts(request), closing.REFUSALS)
            refused = closing.Refused(case=case, said=said)
            return await self._show(request, visitor, entry, detail, refusal=why, refused=refused)
        return RedirectResponse(f"/events/{place[0]}/{place[1]}#review", 303)

    async def _accesses(
        self, request: Request, visitor: Visitor, *, by: str, passage: str, day: str
    ) -> Response:
        told = narrowed(by=by, passage=passage, day=day)
        await self._parts.access.looked(by=visitor.account.name, what="accesses", wanted=told)
        since_ms = times.parse_day(day)
        rows = await asyncio.to_thread(
            self._parts.queries.accesses,
            by=by or None,
            passage=passage or None,
            from_ms=since_ms,
            to_ms=None if since_ms is None else since_ms + times.DAY_MS,
            limit=ACCESSES,
        )
        return self._shell.page(
            request, "accesses.html", visitor=visitor, rows=rows, by=by, passage=passage, day=day
        )

    async def _package(self, request: Request, visitor: Visitor, journal: str, seq: int) -> Response:
        """The zip; or, while there is none, a page that says why and leads here again."""
        _entry, detail = await self._find(journal, seq)
        if detail is None:
            raise HTTPException(404)
        row, by, event = detail.row, visitor.account.name, f"/events/{journal}/{seq}"
        try:
            return await take_package(self._parts, box=row.box, passage=row.passage, by=by)
        except RefusedError as error:
            return self._no_package(request, visitor, error, event=event, again=f"{event}/package")

    async def _case_package(
        self, request: Request, visitor: Visitor, place: tuple[str, int], case: str
    ) -> Response:
        """The same of a case that the crossing belongs to."""
        _entry, detail = await self._find(*place)
        if detail is None or case not in detail.cases:
            raise HTTPException(404)
        try:
            return await take_case(self._parts, case=case, by=visitor.account.name)
        except RefusedError as error:
            event = f"/events/{place[0]}/{place[1]}"
            again = f"{event}/cases/{quote(case)}/package"
            return self._no_package(request, visitor, error, event=event, again=again)

    def _no_package(
        self, request: Request, visitor: Visitor, error: RefusedError, *, event: str, again: str
    ) -> Response:
        why = word(wording.NO_PACKAGE, str(error), self._shell.texts(request))
        return self._shell.page(
            request, "package.html", visitor=visitor, status=409, why=why, event=event, again=again
        )

    async def _clip(self, visitor: Visitor, journal: str, seq: int, sha256: str) -> Response:
        _entry, detail = await self._find(journal, seq)
        if detail is None or sha256 not in {file.sha256 for file in detail.files}:
            raise HTTPException(404)
        await self._parts.requests.request(sha256, by=visitor.account.name)
        return RedirectResponse(f"/events/{journal}/{seq}#footage", 303)

    async def _sources(self, request: Request, visitor: Visitor) -> Response:
        texts, now_ms = self._shell.texts(request), self._parts.clock.now_ms()
        found = await asyncio.to_thread(self._parts.queries.sources, now_ms)
        name = self._names(texts.language)
        lanes = [(source, *chips([source], texts, name)) for source in found]
        return self._shell.page(
            request, "sources.html", visitor=visitor, lanes=[(lane[0], lane[1], lane[2:]) for lane in lanes]
        )

    async def _quarantine(self, request: Request, visitor: Visitor) -> Response:
        rows = await asyncio.to_thread(self._parts.queries.quarantine)
        count = await asyncio.to_thread(self._parts.queries.quarantined)
        return self._shell.page(request, "quarantine.html", visitor=visitor, rows=rows, count=count)

    async def _on_live(self, visitor: Visitor) -> None:
        await self._parts.access.looked(by=visitor.account.name, what="live")

    async def _unavailable(self, request: Request, error: Exception) -> Response:
        """What cannot be written is not shown either: a look that is no entry is no look."""
        log.error("a page or an answer failed", extra={"reason": str(error)})
        return self._shell.problem(
            request, 503, detail="the centre cannot write or read now; try again in a moment"
        )

    # --- inside -----------------------------------------------------------------------------------------------

    async def _find(self, journal: str, seq: int) -> tuple[EntryView, PassageDetail | None]:
        """The entry and the crossing it belongs to; None for an entry that belongs to none."""
        entry = await asyncio.to_thread(self._parts.queries.entry, journal, seq)
        if entry is None:
            raise HTTPException(404)
        passage = passage_of(entry)
        if passage is None:
            return entry, None
        return entry, await asyncio.to_thread(self._parts.queries.passage, entry.box, passage)


class _SpeaksOfPassage(msgspec.Struct, frozen=True):
    passage: str | None = None


def passage_of(entry: EntryView) -> str | None:
    """The crossing an entry speaks of, if its body is here and can be read."""
    if entry.body is None or entry.quarantined is not None:
        return None
    try:
        return msgspec.json.decode(entry.body, type=_SpeaksOfPassage).passage
    except msgspec.DecodeError:
        return None
