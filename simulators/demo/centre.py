"""The centre as any outside program sees it: its API with a token."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

PAGE = 200
Answer = dict[str, Any]


class CentreApi:
    """Raises httpx.HTTPError when the centre does not answer or refuses."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def passages(self) -> list[Answer]:
        """Every crossing, all pages."""
        rows: list[Answer] = []
        cursor: str | None = None
        while True:
            query: dict[str, str | int] = {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
            page = await self._get("/events", query)
            rows += page["rows"]
            cursor = page["cursor"]
            if cursor is None:
                return rows

    async def passage(self, name: str) -> Answer:
        return await self._get(f"/passages/{name}", {})

    async def sources(self) -> list[Answer]:
        return await self._list("/sources")

    async def alarms(self) -> list[Answer]:
        return await self._list("/alarms")

    async def ask_for_clips(self, passage: str) -> None:
        (await self._http.post(f"/passages/{passage}/clip")).raise_for_status()

    async def file(self, sha256: str) -> bytes:
        response = await self._http.get(f"/files/{sha256}")
        response.raise_for_status()
        return response.content

    async def package(self, passage: str, path: Path) -> None:
        response = await self._http.get(f"/passages/{passage}/package")
        response.raise_for_status()
        await asyncio.to_thread(path.write_bytes, response.content)

    async def _list(self, path: str) -> list[Answer]:
        response = await self._http.get(path)
        response.raise_for_status()
        answer: list[Answer] = response.json()
        return answer

    async def _get(self, path: str, query: dict[str, str | int]) -> Answer:
        response = await self._http.get(path, params=query)
        response.raise_for_status()
        answer: Answer = response.json()
        return answer
