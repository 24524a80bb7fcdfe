"""Keeps one device going: open, read, and after a lost wire wait and open again, for ever."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import NoReturn, Protocol, TypeVar, cast

from edge.drivers.listening import SilentError
from edge.drivers.pulse import Pulse
from kernel.clock import Clock
from kernel.errors import LinkError
from kernel.links import Link

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

_FIRST_S, _LONGEST_S = 0.5, 10.0


class Supervised(Protocol[T_co]):
    @property
    def pulse(self) -> Pulse: ...
    def readings(self, link: Link, /) -> AsyncIterator[T_co]: ...


async def supervise(
    driver: Supervised[T],
    *,
    open_link: Callable[[], Awaitable[Link]],
    take: Callable[[T], None],
    clock: Clock,
) -> NoReturn:
    """Hand every reading to `take`; only cancellation, a wrong setting or a bug ends it.

    What is lost and back again is logged by the driver's pulse, once each.
    """
    wait = _FIRST_S
    while True:
        before = driver.pulse.good
        try:
            async with aclosing(_readings(driver, open_link)) as readings:
                async for reading in readings:
                    take(reading)
        except SilentError:
            wait = _FIRST_S  # the pulse already says silent or noisy, which is more than down
        except LinkError as error:
            driver.pulse.lost(str(error))
        if driver.pulse.good > before:
            wait = _FIRST_S
        await clock.sleep(wait)
        wait = min(2 * wait, _LONGEST_S)


async def _readings(
    driver: Supervised[T], open_link: Callable[[], Awaitable[Link]]
) -> AsyncGenerator[T, None]:
    link = await open_link()
    try:
        async with aclosing(cast(AsyncGenerator[T, None], driver.readings(link))) as readings:
            async for reading in readings:
                yield reading
    finally:
        await link.close()
