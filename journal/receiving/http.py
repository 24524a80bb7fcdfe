"""Uploads over HTTP: by digest, resumed at an offset, taken only when an accepted entry of that box names the file.

HEAD  /v1/files/{sha256}                      200, Upload-Offset: how many bytes are here, Upload-Length
PATCH /v1/files/{sha256}  Upload-Offset: n    204 with the new Upload-Offset, or, when the file is whole,
                                              200 with a signed file receipt
The box is the one that the certificate of the connection names; where there is no TLS, Basic authentication with
its name and secret.  404: no accepted entry of this box names it.  409: another
offset, said in Upload-Offset.  413: more bytes than the entry says.  422: the bytes have another digest, start again.
423: this file of this box is being uploaded already.  507: no room.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from journal.guests import Guests, Listed
from journal.keys import SigningKey
from journal.receiving.blobs import BlobFolder
from journal.store import Declared, ReceiverStore
from journal.tls import Peer, peer_name
from kernel.clock import Clock
from kernel.errors import FullError, ProtocolError
from kernel.evidence.texts import FileReceipt

log = logging.getLogger(__name__)

DIGEST = re.compile(r"[0-9a-f]{64}")
PIECE = 256 * 1024
STRANGERS = "?"  # in the counts: whoever is no box of ours


class FileIntake:
    """Takes the files of boxes into `blobs`; `kept` says that what is here is also out of danger."""

    def __init__(
        self,
        *,
        store: ReceiverStore,
        blobs: BlobFolder,
        key: SigningKey,
        secrets: Mapping[str, str] | None = None,
        guests: Guests | None = None,
        clock: Clock,
        kept: bool = False,
        largest: int = 512 << 20,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._key = key
        self._secrets = secrets or {}
        self._guests = guests or Listed(())
        self._clock = clock
        self._kept = kept
        self._largest = largest
        self._busy: set[tuple[str, str]] = set()
        self.refused: Counter[str] = Counter()  # by box

    def routes(self) -> list[Route]:
        return [Route("/v1/files/{sha256}", self._answer, methods=["HEAD", "PATCH"])]

    async def _answer(self, request: Request) -> Response:
        box = self._who(request)
        if box is None:
            return PlainTextResponse("who are you?\n", 401, {"WWW-Authenticate": 'Basic realm="weighpost"'})
        sha256 = str(request.path_params["sha256"])
        declared = await self._declared(box, sha256)
        if declared is None:
            return self._refuse(box, 404, "no accepted entry of this box names such a file")
        if declared.size > self._largest:
            return self._refuse(box, 413, f"larger than {self._largest} bytes")
        if request.method == "HEAD":
            return await self._state(box, declared)
        if (box, sha256) in self._busy:
            return Response(status_code=423)
        self._busy.add((box, sha256))
        try:
            return await self._take(request, box, declared)
        finally:
            self._busy.discard((box, sha256))

    async def _state(self, box: str, declared: Declared) -> Response:
        offset = await asyncio.to_thread(self._offset, box, declared)
        return Response(headers=_progress(offset, declared))

    async def _take(self, request: Request, box: str, declared: Declared) -> Response:
        offset = await asyncio.to_thread(self._offset, box, declared)
        if request.headers.get("Upload-Offset") != str(offset):
            return Response(status_code=409, headers=_progress(offset, declared))
        try:
            async for piece in _pieces(request):
                if offset + len(piece) > declared.size:
                    await asyncio.to_thread(self._blobs.forget, box, declared.sha256)
                    return self._refuse(box, 413, f"the entry says {declared.size} bytes")
                offset = await asyncio.to_thread(self._blobs.grow, box, declared.sha256, piece)
            if offset < declared.size:
                return Response(status_code=204, headers=_progress(offset, declared))
            return await self._finish(box, declared)
        except ClientDisconnect:
            return Response(status_code=204)  # nobody reads it; what came is kept
        except FullError:
            log.error("no room for files", extra={"box": box})  # noqa: TRY400 - the disk is at fault
            return Response(status_code=507)

    async def _finish(self, box: str, declared: Declared) -> Response:
        try:
            await asyncio.to_thread(self._store_whole, box, declared)
        except ProtocolError as error:
            return self._refuse(box, 422, str(error))
        receipt = FileReceipt(
            store=self._store.store_id, kept=self._kept, files=((declared.sha256, declared.size),)
        )
        note = receipt.signed(public_key=self._key.public, sign=self._key.sign)
        return PlainTextResponse(note.format())

    def _store_whole(self, box: str, declared: Declared) -> None:
        if self._blobs.path(declared.sha256) is None:
            self._blobs.finish(box, declared.sha256)
        self._store.file_stored(box, declared.sha256, at_ms=self._clock.now_ms())

    def _offset(self, box: str, declared: Declared) -> int:
        if self._blobs.path(declared.sha256) is not None:
            return declared.size
        return self._blobs.offset(box, declared.sha256)

    async def _declared(self, box: str, sha256: str) -> Declared | None:
        if not DIGEST.fullmatch(sha256):
            return None
        return await asyncio.to_thread(self._store.declared, box, sha256)

    def _who(self, request: Request) -> str | None:
        peer = request.scope.get("extensions", {}).get("tls")
        return self._by_secret(request) if peer is None else self._by_certificate(peer["client_cert"])

    def _by_certificate(self, peer: Peer | None) -> str | None:
        """What a request says of itself counts for nothing here: the name is the connection's."""
        box = peer_name(peer)
        if box is None or not self._guests.admits(box):
            self.refused[STRANGERS] += 1
            return None
        return box

    def _by_secret(self, request: Request) -> str | None:
        box, secret = _basic(request.headers.get("Authorization", ""))
        wanted = self._secrets.get(box)
        if wanted is None or not hmac.compare_digest(wanted.encode(), secret.encode()):
            # Names that a stranger makes up are not counted one by one: they would fill the memory.
            self.refused[box if wanted is not None else STRANGERS] += 1
            return None
        return box

    def _refuse(self, box: str, status: int, why: str) -> Response:
        self.refused[box] += 1
        log.warning("upload refused", extra={"box": box, "reason": why})
        return PlainTextResponse(f"{why}\n", status)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces that are worth a write each."""
    held = bytearray()
    try:
        async for data in request.stream():
            held += data
            if len(held) >= PIECE:
                yield bytes(held)
                held.clear()
    except ClientDisconnect:
        if held:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)


def _progress(offset: int, declared: Declared) -> dict[str, str]:
    return {"Upload-Offset": str(offset), "Upload-Length": str(declared.size), "Cache-Control": "no-store"}


def _basic(value: str) -> tuple[str, str]:
    kind, _, encoded = value.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        user, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, secret
