"""The serial ports of this machine 串口, by the names that stay when cables are moved or the machine starts anew."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from serial.tools.list_ports import comports

LASTING = (Path("/dev/serial/by-id"), Path("/dev/serial/by-path"))


def serial_ports(*, lasting: Iterable[Path] = LASTING, known: Iterable[str] | None = None) -> list[str]:
    """Each once: by its id, by its place, or as the kernel calls it.  `known` is what the system lists."""
    devices = sorted(known if known is not None else (port.device for port in comports()))
    names: dict[Path, Path] = {}
    for folder in lasting:
        for link in sorted(folder.glob("*")):
            names.setdefault(link.resolve(), link)
    for device in devices:
        names.setdefault(Path(device).resolve(), Path(device))
    return sorted(map(str, names.values()))
