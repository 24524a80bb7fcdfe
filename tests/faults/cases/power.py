"""Power cuts: what the devices hold while the writer stands still is all that there is afterwards."""

from __future__ import annotations

from tests.faults.rows import Found
from tests.faults.site import Ground, Run, Site, site
from tests.support.disks import LoopDisk, loop_disk


async def cut(run: Run) -> Found:
    """Power cut of the box at random moments, with pictures, every second time off line; its files have a disk of their own."""
    rounds = run.rounds(4, 50)
    with loop_disk(run.folder, "disk") as disk, loop_disk(run.folder, "media") as media:
        async with site(run, Ground(data=disk.path / "box", media=media.path / "files")) as here:
            for number in range(rounds):
                if away := bool(number % 2):
                    await here.stop(here.broker)
                async with here.scribe.traffic():
                    await run.calm(0.2, 0.8)
                    # The last word before the lights go out is about pictures.
                    await here.scribe.say(files=(4_000, 4_000))
                    await _lights_out(here, disk, media)
                if away:
                    await here.start(here.broker)
            found = await here.found(rounds)
            await here.stop(here.box)
        return found


async def _lights_out(here: Site, *disks: LoopDisk) -> None:
    await here.box.freeze()
    images = [disk.crash_image() for disk in disks]
    await here.stop(here.box)
    for disk, image in zip(disks, images, strict=True):
        disk.become(image)
    await here.start(here.box)
