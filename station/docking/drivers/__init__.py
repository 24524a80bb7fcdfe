"""Drivers of docks.  A new one is a folder here, a row in DRIVERS, a name in station.docking.settings, its simulator and its tests."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from station.docking.contract import RecorderDock
from station.docking.settings import Dock

DRIVERS = {
    "folder": "station.docking.drivers.folder.driver:FolderDock",
    "program": "station.docking.drivers.program.driver:ProgramDock",
}


def open_dock(dock: Dock) -> RecorderDock:
    module, _colon, name = DRIVERS[dock.driver].partition(":")
    make = cast(Callable[[Dock], RecorderDock], getattr(import_module(module), name))
    return make(dock)
