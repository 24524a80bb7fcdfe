"""A link moves bytes and knows nothing of their meaning."""

from typing import Protocol


class Link(Protocol):
    """A duplex byte stream.  Every method raises LinkError once the wire is gone."""

    async def read(self) -> bytes:
        """Wait for bytes and return what is there; b"" when the line was silent for the link's patience."""
        ...

    async def write(self, data: bytes) -> None: ...
    async def close(self) -> None: ...
