"""A browser's place in front of wall and tablet: when did each passage come into sight there?"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import httpx
import websockets

from kernel.clock import Clock

PASSAGE = re.compile(rb"[a-z0-9-]{3,40}-[0-9a-f]{6}-[0-9]{10}")
TOKEN = re.compile(r'name="csrf"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="csrf"')


class Watcher:
    """Signed in at one site; `seen` is when (UTC ms) a passage first came over its live socket."""

    def __init__(self, url: str, *, user: str, password: str, topics: Sequence[str], clock: Clock) -> None:
        self._url = url
        self._user = user
        self._password = password
        self._topics = list(topics)
        self._clock = clock
        self.seen: dict[str, int] = {}
        self.messages = 0

    async def run(self) -> None:
        """Until cancelled; a site that is away is tried again, with a new sign-in."""
        while True:
            try:
                await self._watch(await self._cookies())
            except (OSError, httpx.HTTPError, websockets.WebSocketException):
                await self._clock.sleep(1.0)

    async def _cookies(self) -> str:
        """The session's cookies, as a browser would send them."""
        async with httpx.AsyncClient(base_url=self._url, follow_redirects=False) as http:
            page = await http.get("/login")
            found = TOKEN.search(page.text)
            token = (found[1] or found[2]) if found else ""
            answer = await http.post(
                "/login",
                data={"name": self._user, "password": self._password, "csrf": token},
                headers={"Origin": self._url},
            )
            if answer.status_code != 303:
                raise httpx.HTTPError(f"not signed in at {self._url}: {answer.status_code}")
            return "; ".join(f"{name}={value}" for name, value in http.cookies.items())

    async def _watch(self, cookies: str) -> None:
        address = self._url.replace("http", "ws", 1) + "/live"
        headers = {"Cookie": cookies}
        async with websockets.connect(address, origin=self._url, additional_headers=headers) as socket:  # type: ignore[arg-type]
            await socket.send(json.dumps({"want": self._topics}))
            async for message in socket:
                self._note(message if isinstance(message, bytes) else message.encode())

    def _note(self, message: bytes) -> None:
        self.messages += 1
        now_ms = self._clock.now_ms()
        for name in PASSAGE.findall(message):
            self.seen.setdefault(name.decode(), now_ms)
