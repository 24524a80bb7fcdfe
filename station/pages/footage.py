"""The addresses of footage: present only where the station takes in recorders."""

from __future__ import annotations

from fastapi import FastAPI

from station.footage.room import FootageRoom
from station.pages import clock, docking, footage_links, recorders, steps, supervising
from station.pages.player import Player
from station.parts import Parts


def install(app: FastAPI, parts: Parts, room: FootageRoom) -> None:
    """Each page of footage adds its addresses."""
    steps.install(app, parts, room)
    supervising.install(app, parts, room)
    docking.install(app, parts, room.docking)
    clock.install(app, parts)
    recorders.Pages(parts, room).install(app)
    footage_links.Pages(parts, room).install(app)
    Player(parts, room).install(app)
