"""Links opened by URL: a device path such as /dev/ttyUSB0 or a pty, or socket://host:port."""

from edge.links.opening import SerialSettings, open_link
from edge.links.port import PortLink

__all__ = ["PortLink", "SerialSettings", "open_link"]
