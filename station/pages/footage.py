"""The addresses of footage: present only where the station takes in recorders."""

from __future__ import annotations

from fastapi import FastAPI

from station.footage.room import FootageRoom
from station.pages import clock, footage_links, recorders
from station.parts import Parts


def install(app: FastAPI, parts: Parts, room: FootageRoom) -> None:
    """Each page of footage adds its addresses."""
    clock.install(app, parts)
    recorders.Pages(parts, room).install(app)
    footage_links.Pages(parts, room).install(app)
