"""What every answer carries and every changing request must show: headers, a strict policy, the origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# No unsafe-*, no inline script or style: what a page says in a data block is text, never code.
POLICY = (
    "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
HSTS = "max-age=31536000"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LARGEST_BODY = 64 * 1024  # of a form; only uploads are larger, and they know who they are before they read
UPLOADS = "/v1/files/"


class SecurityHeaders:
    """ASGI layer: sets the headers on every answer; pages are not cached, build-stamped static files for a year."""

    def __init__(self, app: ASGIApp, *, static_path: str, tls: bool) -> None:
        self._app = app
        self._static_path = static_path
        self._tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        static = str(scope["path"]).startswith(self._static_path)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._set(MutableHeaders(scope=message), static=static and message["status"] == 200)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _set(self, headers: MutableHeaders, *, static: bool) -> None:
        for name, value in HEADERS.items():
            headers[name] = value
        if self._tls:
            headers["Strict-Transport-Security"] = HSTS
        headers.setdefault("Cache-Control", "public, max-age=31536000, immutable" if static else "no-store")


class SmallBodies:
    """ASGI layer: a form is read before it is known who sends it, and must fill neither memory nor disk."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limited = RequestBodyLimitMiddleware(app, max_body_size=LARGEST_BODY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        upload = str(scope.get("path", "")).startswith(UPLOADS)
        await (self._app if upload else self._limited)(scope, receive, send)


def origin_allowed(headers: Mapping[str, str], allowed: Sequence[str] = ()) -> bool:
    """Whether a POST or a WebSocket handshake comes from our own pages.  No Origin is no.

    With no list, the origin's host and port must be those the browser asked for.
    """
    origin = headers.get("origin", "")
    if allowed:
        return origin in allowed
    parts = urlsplit(origin) if origin.isascii() else None
    return parts is not None and parts.scheme in ("http", "https") and parts.netloc == headers.get("host", "")


def local_path(text: str | None, default: str = "/") -> str:
    """A path on this site to go on to, or the default: never somebody else's site."""
    if not text or len(text) > 2_000 or not text.startswith("/") or text.startswith(("//", "/\\")):
        return default
    return default if any(ch < " " or ch in "\\\x7f" for ch in text) else text


def form_text(value: object) -> str:
    """A form field as text; a file or nothing is an empty one."""
    return value if isinstance(value, str) else ""
