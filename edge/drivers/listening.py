"""The reading loop that scale drivers share: bytes to the parser, every item to the pulse, silence to the watchdog."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, TypeVar

from edge.drivers.pulse import Pulse
from kernel.errors import LinkError, ProtocolError
from kernel.links import Link

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class SilentError(LinkError):
    """The wire is there, but the device says nothing that can be understood."""


class FedParser(Protocol[T_co]):
    def feed(self, data: bytes, /) -> Sequence[T_co | ProtocolError]: ...


async def listen(
    link: Link, parser: FedParser[T], *, pulse: Pulse, reopen_ms: int
) -> AsyncIterator[T | ProtocolError | None]:
    """Yield what the parser makes of the wire, and None after every read.

    A silent TCP peer gives no error at all, so a wire without a valid frame for `reopen_ms` is opened anew.
    """
    pulse.opened()
    while True:
        data = await link.read()
        for item in parser.feed(data):
            yield item
        pulse.tick(heard=bool(data))
        if pulse.without_frame_ms() >= reopen_ms:
            raise SilentError(f"no valid frame for {reopen_ms // 1000} s")
        yield None
