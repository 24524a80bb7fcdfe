"""What the variable sign says to the driver.  It never names a fine, and an unattended lane only suspects."""

from __future__ import annotations

from firmware_bridge.protocol import Colour
from kernel.events import Outcome, VehicleWeighed

Lines = tuple[str, ...]


def sign_lines(body: VehicleWeighed, *, plate: str | None = None) -> Lines:
    """Two or three short lines in Chinese: plate if known, mass, what to do."""
    head = (plate,) if plate else ()
    return (*head, _mass(body), _advice(body))


REVERSED: Lines = ("车辆倒车", "称重作废 请重新过磅")


def sign_colour(body: VehicleWeighed) -> Colour:
    """The words carry the meaning, the colour only repeats it."""
    colours: dict[Outcome, Colour] = {"within": "green", "over_limit": "red"}
    return colours.get(body.verdict.outcome, "amber")


def _mass(body: VehicleWeighed) -> str:
    return "未取得重量" if body.gross_kg is None else f"总重{body.gross_kg}千克"


def _advice(body: VehicleWeighed) -> str:
    outcome = body.verdict.outcome
    if outcome == "over_limit":
        return "疑似超限 请进站检测" if body.verdict.suspected else "超限 请听从指挥"
    if outcome == "within":
        return "请通行"
    return "待确认 请进站检测" if not body.attended else "请停车等候"
