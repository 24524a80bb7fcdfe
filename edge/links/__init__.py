"""Links opened by URL: serial devices, TCP peers that are dialled or that dial, RFC 2217 servers."""

from edge.links.opening import SerialSettings, open_link
from edge.links.port import PortLink

__all__ = ["PortLink", "SerialSettings", "open_link"]
