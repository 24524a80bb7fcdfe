"""Enrolment and renewal over HTTPS, at the gate.

GET   /v1/enrolment         what anybody may know: root, enrolment key, TLS authority
POST  /v1/enrolment         a token and a signed request: certificates
POST  /v1/enrolment/renew   certificates that end and a signed request: new ones
GET   /v1/revoked           what nobody shall believe any more, signed by the command key
400: not a request.  403: refused, with the reason.  413: too long.  429: too many tries, Retry-After says how long.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from central.enrolment.admission import Admission
from central.enrolment.service import Enrolment, TooManyError
from journal.enrolling import LARGEST, PATH, RENEW, Asked, Granted
from journal.keys import SigningKey
from journal.revoking import PATH as REVOKED
from kernel.errors import ProtocolError, RefusedError

_decoder = msgspec.json.Decoder(Asked)


class EnrolmentGate:
    """The routes.  `command` signs the list of what is revoked."""

    def __init__(self, enrolment: Enrolment, admission: Admission, *, command: SigningKey) -> None:
        self._enrolment = enrolment
        self._admission = admission
        self._command = command

    def routes(self) -> list[Route]:
        return [
            Route(PATH, self._offer, methods=["GET"]),
            Route(PATH, self._enrol, methods=["POST"]),
            Route(RENEW, self._renew, methods=["POST"]),
            Route(REVOKED, self._revoked, methods=["GET"]),
        ]

    async def _offer(self, _request: Request) -> Response:
        try:
            return _json(self._enrolment.offer())
        except RefusedError as error:
            return PlainTextResponse(f"{error}\n", 403)

    async def _revoked(self, _request: Request) -> Response:
        key = self._command
        note = self._admission.known.signed(issuer=key.name, public_key=key.public, sign=key.sign)
        return PlainTextResponse(note.format())

    async def _enrol(self, request: Request) -> Response:
        return await self._answer(request, self._enrolment.enrol)

    async def _renew(self, request: Request) -> Response:
        return await self._answer(request, self._enrolment.renew)

    async def _answer(self, request: Request, work: Callable[..., Awaitable[Granted]]) -> Response:
        body = await _read(request)
        if body is None:
            return PlainTextResponse("too long\n", 413)
        try:
            asked = _decoder.decode(body)
            granted = await work(asked, address=request.client.host if request.client else "")
        except (msgspec.MsgspecError, RecursionError):
            return PlainTextResponse("not a request for certificates\n", 400)
        except TooManyError as error:
            return PlainTextResponse(f"{error}\n", 429, {"Retry-After": str(error.wait_s)})
        except (ProtocolError, RefusedError) as error:
            return PlainTextResponse(f"{error}\n", 403)
        return _json(granted)


async def _read(request: Request) -> bytes | None:
    """None when it is longer than any request can be."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            return None
    return bytes(body)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
