"""Opens a link by its URL, for this process alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from edge.links.devices import SerialSettings, find_device, open_device, open_remote
from edge.links.holding import Claim
from edge.links.port import Port, PortLink
from edge.links.tcp import AdapterPort, Doors, dial
from edge.links.urls import Address, check_url, parse
from kernel.errors import LinkError

__all__ = ["SerialSettings", "check_url", "open_link"]

_WAKE_S = 0.2  # how long the reader thread may sit in one read before it looks whether the link was closed


async def open_link(
    url: str, *, line: SerialSettings, holder: str, locks: Path | None = None, doors: Doors | None = None
) -> PortLink:
    """Open `url` for this process alone; raises LinkError with the reason, and who holds the port if somebody does.

    `holder` is how this process calls itself in that message to the next one.  With `doors` the port of a
    tcp-server:// goes on listening while its link is opened anew; without, it ends with the link.
    """
    address = parse(url)
    match address.scheme:
        case "device" | "hwgrep":
            return await _open_device(url, address, line, holder, locks)
        case "tcp-server":
            return await _open_door(url, address, line, doors)
        case "rfc2217":
            return _link(await asyncio.to_thread(open_remote, url, line, wake_s=_WAKE_S), url, line)
        case "socket":
            return _link(await asyncio.to_thread(_dial, url, address), url, line)


def _link(
    port: Port, url: str, line: SerialSettings, on_close: Callable[[], None] = lambda: None
) -> PortLink:
    return PortLink(port, name=url, patience_s=line.patience_ms / 1000, on_close=on_close)


def _dial(url: str, address: Address) -> Port:
    try:
        return dial(address.host, address.port, wake_s=_WAKE_S)
    except OSError as error:
        raise LinkError(f"{url}: {error}") from error


async def _open_device(
    url: str, address: Address, line: SerialSettings, holder: str, locks: Path | None
) -> PortLink:
    path = Path(address.path) if address.path else await asyncio.to_thread(find_device, address)
    claim = await asyncio.to_thread(_claim, path, holder, locks)
    try:
        port = await asyncio.to_thread(open_device, path, line, wake_s=_WAKE_S)
    except LinkError:
        claim.release()
        raise
    return _link(port, url, line, claim.release)


def _claim(path: Path, holder: str, locks: Path | None) -> Claim:
    if not path.exists():
        raise LinkError(f"{path} is not there: unplugged?")
    try:
        return Claim(path, holder=holder, folder=locks)
    except OSError as error:
        raise LinkError(f"{path}: cannot lock: {error}") from error


async def _open_door(url: str, address: Address, line: SerialSettings, doors: Doors | None) -> PortLink:
    keeper = Doors() if doors is None else doors
    door = keeper.enter(address.host, address.port)

    def leave() -> None:
        door.held = False
        if doors is None:
            keeper.close()

    try:
        peer, name = await door.newest()
    except BaseException:
        leave()
        raise
    return _link(AdapterPort(peer, address=name, door=door, wake_s=_WAKE_S), url, line, leave)
