"""Takes evidence out of the centre: the package of one crossing or case, noted before it is sent."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from central.parts import Parts


async def take_package(parts: Parts, *, box: str, passage: str, by: str) -> FileResponse:
    """The zip as an attachment.  RefusedError: why there is none yet."""
    await parts.access.took(by=by, what="package", passage=passage)
    return await _packed(partial(parts.packages.write, box, passage), f"{passage}.zip")


async def take_case(parts: Parts, *, case: str, by: str) -> FileResponse:
    """The same of everything that belongs to a case."""
    await parts.access.took(by=by, what="package", wanted=f"case={case}")
    return await _packed(partial(parts.packages.write_case, case), f"{case}.zip")


async def take_journal(parts: Parts, *, journal: str, by: str) -> FileResponse:
    """A whole journal as a file for weighpost-verify.  RefusedError: it is not held."""
    await parts.access.took(by=by, what="export", wanted=f"journal={journal}")
    return await _packed(partial(parts.exports.write, journal), f"{journal}.db", "application/vnd.sqlite3")


async def _packed(
    write: Callable[[Path], object], name: str, media_type: str = "application/zip"
) -> FileResponse:
    folder = tempfile.TemporaryDirectory(prefix="weighpost-package-")
    path = Path(folder.name) / "taken"
    try:
        await asyncio.to_thread(write, path)
    except BaseException:
        await asyncio.to_thread(folder.cleanup)
        raise
    return FileResponse(
        path,
        media_type=media_type,
        filename=name,
        background=BackgroundTask(folder.cleanup),
    )
