"""The sign-in page: one form, checked before the password is, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from web.i18n import mark as _
from web.security import CSRF_FIELD, form_text, origin_allowed
from web.sessions import SignedIn, csrf_token, csrf_valid

if TYPE_CHECKING:
    from web.shell import Shell

FORM_LIFE_S = 3_600


class SignIn:
    """Its form token is bound to a cookie of its own, because nobody has a session yet."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._cookie = f"{shell.cookie}_login"

    def install(self, app: FastAPI) -> None:
        app.add_api_route("/login", self._page, methods=["GET"], include_in_schema=False)
        app.add_api_route("/login", self._sign_in, methods=["POST"], include_in_schema=False)
        app.add_api_route("/logout", self._sign_out, methods=["POST"], include_in_schema=False)

    async def _page(self, request: Request) -> Response:
        if await self._shell.sessions.visitor(request.cookies.get(self._shell.cookie)):
            return RedirectResponse(self._shell.next_path(request), 303)
        return self._form(request)

    async def _sign_in(self, request: Request) -> Response:
        token = request.cookies.get(self._cookie)
        form = await request.form()
        if not origin_allowed(request.headers, self._shell.site.origins):
            raise HTTPException(403)
        if not token or not csrf_valid(token, form_text(form.get(CSRF_FIELD))):
            return self._form(request, problem=_("The form was too old; please sign in again."), status=403)
        answer = await self._shell.sessions.sign_in(
            form_text(form.get("name")).strip().lower(),
            form_text(form.get("password")),
            address=request.client.host if request.client else "",
            agent=request.headers.get("user-agent", ""),
        )
        if isinstance(answer, SignedIn):
            return self._welcome(request, answer)
        if answer.wait_s:
            return self._form(request, wait_s=answer.wait_s, status=429)
        return self._form(request, problem=_("The name or the password is not right."), status=401)

    def _welcome(self, request: Request, signed_in: SignedIn) -> Response:
        response = RedirectResponse(self._shell.next_path(request), 303)
        life_s = (signed_in.session.expires_ms - signed_in.session.made_ms) // 1000
        self._shell.set_cookie(response, self._shell.cookie, signed_in.token, life_s)
        response.delete_cookie(self._cookie, path="/", secure=self._shell.site.tls, httponly=True)
        return response

    def _form(self, request: Request, *, problem: str = "", wait_s: int = 0, status: int = 200) -> Response:
        token = request.cookies.get(self._cookie) or self._shell.sessions.new_token()
        csrf = csrf_token(token)
        response = self._shell.page(
            request,
            "login.html",
            status=status,
            problem=problem,
            wait_s=wait_s,
            login_csrf=csrf,
            next_path=self._shell.next_path(request),
        )
        self._shell.set_cookie(response, self._cookie, token, FORM_LIFE_S)
        return response

    async def _sign_out(self, request: Request) -> Response:
        await self._shell.visitor(request)
        await self._shell.sessions.sign_out(request.cookies[self._shell.cookie])
        response = RedirectResponse("/login", 303)
        response.delete_cookie(self._shell.cookie, path="/", secure=self._shell.site.tls, httponly=True)
        return response
