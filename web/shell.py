"""What every page shares: signing in, the frame around a page, words in the reader's language, the live socket.

A site makes one Shell and calls `install(app)` once; its routes depend on `shell.visitor` or `shell.at_least(role)`
and answer with `shell.page(...)`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, WebSocket
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocketDisconnect

from kernel.clock import Clock
from web import i18n, numbers, times
from web.accounts import Role
from web.live import Hub
from web.security import (
    CSRF_FIELD,
    CSRF_HEADER,
    HEADERS,
    SAFE_METHODS,
    SecurityHeaders,
    SmallBodies,
    form_text,
    local_path,
    origin_allowed,
)
from web.sessions import Sessions, Visitor, csrf_valid
from web.signing import SignIn

log = logging.getLogger(__name__)
HERE = Path(__file__).parent
_ = i18n.mark

PROBLEMS = {
    400: _("The request could not be understood."),
    403: _("You may not do this."),
    404: _("There is nothing at this address."),
    409: _("Somebody else was faster; look at the page again."),
    413: _("That is too much at once."),
    422: _("Something in the request is missing or wrong."),
    429: _("Too many attempts; wait a little."),
    500: _("Something went wrong here; it has been written down."),
    503: _("This part is not available at the moment."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One place in the header; `key` is a message key."""

    path: str
    key: str
    role: Role = "viewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What makes one process's pages its own."""

    name: str  # token in cookie names: two sites on one host share the browser's cookies, ports do not part them
    title_zh: str
    title_en: str
    home: str
    links: tuple[Link, ...] = ()
    templates: tuple[Path, ...] = ()
    locales: tuple[Path, ...] = ()
    static: tuple[tuple[str, Path], ...] = ()  # (name in the address, folder)
    tls: bool = False  # people come by https, whoever ends it
    origins: tuple[str, ...] = ()  # empty: the host that the browser asked for
    software: str = ""

    def title(self, language: i18n.Language) -> str:
        return self.title_zh if language == "zh" else self.title_en or self.title_zh


class Blank:
    """An item of which every field is an empty text: what a row's template is rendered with for `bind.js`."""

    def __getattr__(self, _name: str) -> str:
        return ""


class SignedOut(Exception):  # noqa: N818  (a state of the visitor, answered with a redirection)
    """The page needs somebody; the handler sends the browser to the login."""


async def _nobody_asks(_visitor: Visitor) -> None:
    """Nothing personal goes over this site's live socket."""


class Shell:
    def __init__(
        self,
        site: Site,
        *,
        sessions: Sessions,
        hub: Hub,
        clock: Clock,
        on_live: Callable[[Visitor], Awaitable[None]] = _nobody_asks,
    ) -> None:
        """`on_live` is told who opens the live socket, before anything is sent on it."""
        self.site = site
        self.sessions = sessions
        self.hub = hub
        self._clock = clock
        self._on_live = on_live
        self.build = hub.build
        self._folders = {"web": HERE / "static", **dict(site.static)}
        self.catalogues = i18n.load([i18n.LOCALES, *site.locales])
        self._script_keys = {key for folder in self._folders.values() for key in i18n.script_keys(folder)}
        self._templates = self._environment()
        secure = "__Host-" if site.tls else ""
        self.cookie = f"{secure}weighpost_{site.name}"

    # --- installing -------------------------------------------------------------------------------------------

    def install(self, app: FastAPI) -> None:
        """Static files, sign-in and -out, language, the live socket, error pages and headers."""
        for name, folder in self._folders.items():
            app.mount(f"/static/{self.build}/{name}", StaticFiles(directory=folder), name=f"static {name}")
        SignIn(self).install(app)
        app.add_api_route("/language/{code}", self._language, methods=["GET"], include_in_schema=False)
        app.add_api_route("/session", self._session, methods=["GET"], include_in_schema=False)
        app.add_api_websocket_route("/live", self._live)
        app.add_exception_handler(SignedOut, self._signed_out)
        app.add_exception_handler(HTTPException, self._problem)
        app.add_exception_handler(RequestValidationError, self._unreadable)
        app.add_exception_handler(Exception, self._problem)
        app.add_middleware(SmallBodies)
        app.add_middleware(SecurityHeaders, static_path="/static/", tls=self.site.tls)

    # --- for routes -------------------------------------------------------------------------------------------

    async def visitor(self, request: Request) -> Visitor:
        """Dependency: who is signed in.  A request that changes something must also show origin and form token."""
        visitor = await self.sessions.visitor(request.cookies.get(self.cookie))
        if visitor is None:
            raise SignedOut
        if request.method not in SAFE_METHODS:
            await self._check_form(request, request.cookies[self.cookie])
        return visitor

    def at_least(self, role: Role) -> Callable[[Request], Awaitable[Visitor]]:
        """Dependency: somebody who may do what this role may."""

        async def visitor(request: Request) -> Visitor:
            found = await self.visitor(request)
            if not found.may(role):
                raise HTTPException(403)
            return found

        return visitor

    def texts(self, request: Request) -> i18n.Texts:
        return self.catalogues[i18n.choose(request.cookies.get(i18n.COOKIE))]

    def page(
        self,
        request: Request,
        template: str,
        *,
        visitor: Visitor | None = None,
        status: int = 200,
        **values: Any,
    ) -> HTMLResponse:
        """Render a template inside the frame."""
        texts = self.texts(request)
        html = self._templates.get_template(template).render(
            _=texts,
            texts=texts,
            lang=texts.language,
            html_lang=texts.html_lang,
            other_language=next(code for code in i18n.LANGUAGES if code != texts.language),
            script_texts=texts.only(sorted(self._script_keys)),
            site=self.site,
            site_title=self.site.title(texts.language),
            links=[link for link in self.site.links if visitor and visitor.may(link.role)],
            visitor=visitor,
            csrf=visitor.csrf if visitor else "",
            here=request.url.path,
            here_query=_path_and_query(request),
            now_ms=self._clock.now_ms(),
            **values,
        )
        return HTMLResponse(
            html, status_code=status, headers={"Content-Language": texts.html_lang, "Vary": "Cookie"}
        )

    def problem(
        self,
        request: Request,
        status: int,
        *,
        visitor: Visitor | None = None,
        detail: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """A page in words for people, JSON with the detail for programs.  Touches no store."""
        if not _wants_html(request):
            return JSONResponse({"detail": detail}, status, headers=dict(headers or {}))
        words = PROBLEMS.get(status, PROBLEMS[500])
        page = self.page(request, "problem.html", visitor=visitor, status=status, code=status, problem=words)
        # A fault is answered outside of the layer that sets these.
        page.headers.update(HEADERS | dict(headers or {}))
        return page

    def static(self, path: str) -> str:
        """Address of a static file, such as web/styles.css; it changes with the build."""
        return f"/static/{self.build}/{path}"

    # --- routes -----------------------------------------------------------------------------------------------

    async def _language(self, request: Request, code: str) -> Response:
        response = RedirectResponse(self.next_path(request), 303)
        response.set_cookie(
            i18n.COOKIE,
            i18n.choose(code),
            max_age=400 * 86_400,
            samesite="lax",
            secure=self.site.tls,
            path="/",
        )
        return response

    async def _session(self, request: Request) -> Response:
        """Whether the cookie is still good, for a page whose socket does not open."""
        visitor = await self.sessions.visitor(request.cookies.get(self.cookie))
        return JSONResponse({"build": self.build}, 200 if visitor else 401)

    async def _live(self, socket: WebSocket) -> None:
        token = socket.cookies.get(self.cookie)
        visitor = await self.sessions.visitor(token)
        if visitor is None or not origin_allowed(socket.headers, self.site.origins):
            await socket.close(1008)
            return
        await self._on_live(visitor)

        async def still() -> bool:
            return await self.sessions.visitor(token) is not None

        try:
            await self.hub.serve(socket, may=visitor.may, still=still)
        except WebSocketDisconnect:
            log.debug("browser gone")

    async def _signed_out(self, request: Request, _error: Exception) -> Response:
        if _wants_html(request) and request.method in SAFE_METHODS:
            return RedirectResponse(f"/login?next={quote(_path_and_query(request))}", 303)
        return JSONResponse({"detail": "sign in first"}, 401)

    async def _unreadable(self, request: Request, error: Exception) -> Response:
        """A request that does not fit its route: a page for people, FastAPI's own answer for programs."""
        if isinstance(error, RequestValidationError) and not _wants_html(request):
            return await request_validation_exception_handler(request, error)
        return await self._problem(request, HTTPException(422))

    async def _problem(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            return self.problem(request, 500)
        visitor = None
        if error.status_code < 500 and _wants_html(request):
            visitor = await self.sessions.visitor(request.cookies.get(self.cookie))
        return self.problem(
            request, error.status_code, visitor=visitor, detail=error.detail, headers=error.headers
        )

    # --- inside -----------------------------------------------------------------------------------------------

    async def _check_form(self, request: Request, token: str) -> None:
        if not origin_allowed(request.headers, self.site.origins):
            raise HTTPException(403, "origin")
        given = request.headers.get(CSRF_HEADER)
        if given is None:
            given = form_text((await request.form()).get(CSRF_FIELD))
        if not csrf_valid(token, given):
            raise HTTPException(403, "form token")

    def set_cookie(self, response: Response, name: str, value: str, life_s: int) -> None:
        response.set_cookie(
            name, value, max_age=life_s, path="/", httponly=True, samesite="lax", secure=self.site.tls
        )

    def next_path(self, request: Request) -> str:
        return local_path(request.query_params.get("next"), self.site.home)

    def _environment(self) -> Environment:
        loaders = [FileSystemLoader([*self.site.templates, HERE / "templates"])]
        environment = Environment(
            loader=ChoiceLoader(loaders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.globals.update(static=self.static, build=self.build, blank=Blank())
        environment.filters.update(
            grouped=numbers.grouped,
            size=numbers.size,
            short=numbers.short,
            stamp=times.stamp,
            precise=times.precise,
            clock=times.clock,
            machine=times.machine,
        )
        return environment


def build_id(folders: Sequence[Path], software: str = "") -> str:
    """Changes whenever a template, a module or a style does, so that open pages know they are old."""
    digest = hashlib.sha256(software.encode())
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _path_and_query(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
