"""Links that are away, slow, far, or break."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from tests.faults import counting
from tests.faults.machines import CLOCK, until
from tests.faults.rows import Found
from tests.faults.site import Ground, Run, Site, site
from tests.support.ports import free_port
from tests.support.proxy import Link, Proxy, Way

BACKLOG = 600  # ten minutes of a busy lane
GROWN_KB = 20_000


async def broker_away(run: Run) -> Found:
    """The broker is away, and ten minutes of crossings come meanwhile."""
    async with site(run) as here:
        await here.through()
        await here.stop(here.broker)
        away_ms = CLOCK.mono_ms() + (60_000 if run.full else 4_000)
        await here.scribe.backlog(BACKLOG)
        await CLOCK.sleep(max(0, away_ms - CLOCK.mono_ms()) / 1000)
        back_ms = CLOCK.mono_ms()
        await here.start(here.broker)
        await here.settle()
        here.recover_s.append(round((CLOCK.mono_ms() - back_ms) / 1000, 2))
        return await here.found(1)


async def long_away(run: Run) -> Found:
    """A month off line, and the box's certificate ends meanwhile: all of it drains in order, and memory does not grow."""
    soon_ms = CLOCK.now_ms() + 6_000
    async with site(run, Ground(certified_until_ms=soon_ms)) as here:
        await here.through()
        await here.stop(here.broker)
        await here.scribe.backlog(run.rounds(1_500, 30_000))
        before_kb = here.box.rss_kb()
        await until(lambda: CLOCK.now_ms() > soon_ms, "the certificate has ended")
        await here.start(here.broker)
        await here.settle()
        grown_kb = here.box.rss_kb() - before_kb
        assert grown_kb < GROWN_KB, f"the box has grown by {grown_kb} kB while it sent"
        found = await here.found(1)
        assert counting.in_order(here.database), "not in order"
        return found


async def resets(run: Run) -> Found:
    """Connections are reset again and again, and a piece in fifty ends its own."""
    bad = Way(reset_permille=20)
    rounds = run.rounds(4, 40)
    async with _behind(run, Link(up=bad, down=bad, seed=run.dice.randrange(1000))) as (here, link):
        async with here.scribe.traffic():
            for _ in range(rounds):
                await run.calm(0.3, 0.9)
                link.reset()
        link.become(up=Way(), down=Way())
        return await here.found(rounds)


async def far_away(run: Run) -> Found:
    """300 ms each way, and a router that swallows everything for a while and tells nobody."""
    far = Way(delay_ms=300)
    async with _behind(run, Link(up=far, down=far)) as (here, link):
        async with here.scribe.traffic(every=30):
            await run.calm()
            link.stall()
            await CLOCK.sleep(20 if run.full else 2)
            link.mend()
            await run.calm()
        return await here.found(1)


async def narrow(run: Run) -> Found:
    """64 kbit/s, shared by facts and pictures."""
    thin = Way(bit_s=64_000, delay_ms=100, queue_bytes=8_192)
    async with _behind(run, Link(up=thin, down=thin)) as (here, _link):
        await here.scribe.backlog(run.rounds(30, 400))
        await here.scribe.many(run.rounds(2, 20), files=(4_000,))
        return await here.found(1)


async def shaped(run: Run) -> Found:
    """A network namespace whose only way is shaped to 256 kbit/s by the kernel (tbf), with packets dropped at its queue."""
    with _namespace(f"weighpost-{free_port()}") as name:
        async with site(run, Ground(netns=name)) as here:
            await here.scribe.backlog(run.rounds(40, 400))
            await here.scribe.many(run.rounds(3, 20), files=(4_000,))
            return await here.found(1)


@asynccontextmanager
async def _behind(run: Run, link: Link) -> AsyncIterator[tuple[Site, Link]]:
    """A site whose box reaches broker and uploads through this link only."""
    broker_port, files_port = free_port(), free_port()
    async with (
        Proxy(("127.0.0.1", broker_port), link=link) as broker,
        Proxy(("127.0.0.1", files_port), link=link) as files,
    ):
        ground = Ground(
            mqtt=f"mqtt://127.0.0.1:{broker.port}",
            files=f"http://127.0.0.1:{files.port}",
            broker_port=broker_port,
            files_port=files_port,
        )
        async with site(run, ground) as here:
            yield here, link


@contextmanager
def _namespace(name: str) -> Iterator[str]:
    ip, tc = shutil.which("ip") or "/usr/sbin/ip", shutil.which("tc") or "/usr/sbin/tc"
    subprocess.run([ip, "netns", "add", name], check=True)
    inside = [ip, "netns", "exec", name]
    shape = ["rate", "256kbit", "burst", "4kb", "limit", "16kb"]
    try:
        subprocess.run([*inside, ip, "link", "set", "lo", "up", "mtu", "1500"], check=True)
        subprocess.run([*inside, tc, "qdisc", "add", "dev", "lo", "root", "tbf", *shape], check=True)
        yield name
    finally:
        subprocess.run([ip, "netns", "delete", name], check=True)
