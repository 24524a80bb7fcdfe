"""Opens a link by its URL, for this process alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge.links.devices import SerialSettings, find_device, is_terminal, open_device, open_remote
from edge.links.holding import Claim
from edge.links.port import Port, PortLink
from edge.links.tcp import AdapterPort, Doors, dial
from edge.links.urls import Address, check_url, parse
from kernel.errors import LinkError

__all__ = ["SerialSettings", "check_url", "open_link"]

Opened = tuple[Port, Callable[[], None]]  # and what is to be done once it is closed

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
            port, leave = await _opened(partial(_open_device, address, line, holder, locks))
        case "rfc2217":
            port, leave = await _opened(lambda: (open_remote(url, line, wake_s=_WAKE_S), _nothing))
        case "socket":
            port, leave = await _opened(lambda: (_dial(url, address), _nothing))
        case "tcp-server":
            port, leave = await _open_door(address, doors)
    return PortLink(port, name=url, patience_s=line.patience_ms / 1000, on_close=leave)


def _nothing() -> None:
    """What is to be done after closing most ports."""


async def _opened(opening: Callable[[], Opened]) -> Opened:
    """In a thread; a port that comes when nobody waits for it any more is closed again."""
    coming = asyncio.ensure_future(asyncio.to_thread(opening))
    try:
        return await asyncio.shield(coming)
    except asyncio.CancelledError:
        coming.add_done_callback(_close_unwanted)
        raise


def _close_unwanted(came: asyncio.Future[Opened]) -> None:
    if came.cancelled() or came.exception() is not None:
        return
    port, leave = came.result()
    port.close()
    leave()


def _dial(url: str, address: Address) -> Port:
    try:
        return dial(address.host, address.port, wake_s=_WAKE_S)
    except OSError as error:
        raise LinkError(f"{url}: {error}") from error


def _open_device(address: Address, line: SerialSettings, holder: str, locks: Path | None) -> Opened:
    path = Path(address.path) if address.path else find_device(address)
    claim = _claim(path, holder, locks)
    try:
        return open_device(path, line, wake_s=_WAKE_S), claim.release
    except LinkError:
        claim.release()
        raise


def _claim(path: Path, holder: str, locks: Path | None) -> Claim:
    try:
        if not path.exists():
            raise LinkError(f"{path} is not there: unplugged?")
        if not is_terminal(path.stat()):
            raise LinkError(f"{path} is no serial port")
        return Claim(path, holder=holder, folder=locks)
    except OSError as error:
        raise LinkError(f"{path}: cannot lock: {error.strerror}") from error


async def _open_door(address: Address, doors: Doors | None) -> Opened:
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
    return AdapterPort(peer, address=name, door=door, wake_s=_WAKE_S), leave
