"""Who calls the API: a signed-in person by cookie, or a program by bearer token; anybody else is refused."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request
from starlette.exceptions import HTTPException

from central.parts import Parts
from central.store.accounts import Token
from web.accounts import Role, may
from web.security import SAFE_METHODS, origin_allowed
from web.sessions import csrf_valid, token_hash

CSRF_HEADER = "x-csrf-token"
_BEARER = "bearer "


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """`name` as it stands in the access log; programs are `token:NAME`."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        return may(self.role, role)


Depends = Callable[[Request], Awaitable[Caller]]


def at_least(parts: Parts, role: Role) -> Depends:
    """A dependency: the caller, if the role is at least this."""

    async def caller(request: Request) -> Caller:
        found = await _bearer(parts, request) or await _cookie(parts, request)
        if found is None:
            raise HTTPException(401, "sign in, or send a bearer token", {"WWW-Authenticate": "Bearer"})
        if not found.may(role):
            raise HTTPException(403, f"needs the role {role}")
        return found

    return caller


def new_token(name: str, *, role: Role, now_ms: int) -> tuple[str, Token]:
    """A secret, shown once, and what is kept of it."""
    secret = secrets.token_urlsafe(32)
    return secret, Token(name=name, token_hash=token_hash(secret), role=role, made_ms=now_ms)


async def _bearer(parts: Parts, request: Request) -> Caller | None:
    header = request.headers.get("authorization", "")
    if not header.lower().startswith(_BEARER) or len(header) > 200:
        return None
    hashed = token_hash(header[len(_BEARER) :].strip())
    token = await asyncio.to_thread(parts.accounts.find_token, hashed)
    return Caller(name=f"token:{token.name}", role=token.role) if token else None


async def _cookie(parts: Parts, request: Request) -> Caller | None:
    cookie = request.cookies.get(parts.cookie)
    visitor = await parts.sessions.visitor(cookie)
    if visitor is None or cookie is None:
        return None
    if request.method not in SAFE_METHODS:
        _check_form(request, cookie)
    return Caller(name=visitor.account.name, role=visitor.account.role)


def _check_form(request: Request, cookie: str) -> None:
    """A cookie is sent by the browser whoever made the page: a change must also show that it is ours."""
    if not origin_allowed(request.headers) or not csrf_valid(cookie, request.headers.get(CSRF_HEADER)):
        raise HTTPException(403, "origin or form token")
