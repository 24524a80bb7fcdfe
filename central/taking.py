"""Takes evidence out of the centre: the package of one crossing, noted before it is sent."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from central.parts import Parts


async def take_package(parts: Parts, *, box: str, passage: str, by: str) -> FileResponse:
    """The zip as an attachment.  RefusedError: why there is none yet."""
    await parts.access.took(by=by, what="package", passage=passage)
    folder = tempfile.TemporaryDirectory(prefix="weighpost-package-")
    path = Path(folder.name) / "package.zip"
    try:
        await asyncio.to_thread(parts.packages.write, box, passage, path)
    except BaseException:
        await asyncio.to_thread(folder.cleanup)
        raise
    return FileResponse(
        path,
        media_type="application/zip",
        filename=f"{passage}.zip",
        background=BackgroundTask(folder.cleanup),
    )
