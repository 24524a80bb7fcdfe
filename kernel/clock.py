"""Time as a dependency, so that tests own it."""

from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """UTC milliseconds since 1970, for stamps that leave the process."""
        ...

    def mono_ms(self) -> int:
        """Milliseconds since this machine started; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None: ...
