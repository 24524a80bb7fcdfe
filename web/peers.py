"""HTTP whose requests know the certificate of their connection: in the scope, where no header can reach."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

TLS = "tls"  # name of the ASGI extension


class PeerProtocol(H11Protocol):
    """`scope["extensions"]["tls"]["client_cert"]` is what getpeercert() says; None when none was shown."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        self.app = _Shown(self.app, connection.getpeercert() if connection is not None else None)


class _Shown:
    def __init__(self, app: Any, peer: Any) -> None:
        self._app = app
        self._peer = peer or None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        extensions = {**scope.get("extensions", {}), TLS: {"client_cert": self._peer}}
        await self._app({**scope, "extensions": extensions}, receive, send)
