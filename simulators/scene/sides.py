"""A truck from its right side, true to scale along its length: axles where they are, wheels single or dual, cargo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.scene.build import Build, build_of, dual, raised
from simulators.scene.faces import AMBER, CHROME, GLASS, IRON, TAPE, TYRE
from simulators.scene.sheet import Bgr, Point, Sheet, shade
from simulators.traffic import Truck

PX_PER_MM = 0.12
RAISED_MM = 170


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where the cargo sits, mm from the rear end of the truck."""

    rear: float
    front: float

    @property
    def length(self) -> float:
        return self.front - self.rear


def side(truck: Truck) -> Sheet:
    """The front bumper is at the right edge of the sheet, the rear end at the left."""
    build = build_of(truck)
    sheet = Sheet(build.length, max(build.cab_height, build.top) + 300, px_per_mm=PX_PER_MM)
    span = _span(build)
    _chassis(sheet, build)
    CARGO[truck.cargo](sheet, build, span)
    _cab(sheet, build, build.paint)
    for axle, back in enumerate(build.axle_mm):
        lift = RAISED_MM if raised(truck, axle) else 0
        _wheel(sheet, build.length - back, build.wheel + lift, build.wheel, dual_tyres=dual(truck, axle))
    return sheet


def _span(build: Build) -> Span:
    """A trailer overhangs its tractor; a rigid truck's body begins behind the cab."""
    gap = 550 if build.trailer_from is not None else 160
    return Span(rear=0, front=build.length - build.cab_length - gap)


def _chassis(sheet: Sheet, build: Build) -> None:
    length, floor = build.length, build.floor
    if build.trailer_from is None:
        sheet.box(60, floor - 330, length - 700, 200, IRON)
    else:
        tractor_end = length - build.axle_mm[build.trailer_from - 1] - 800
        sheet.box(tractor_end, floor - 480, length - tractor_end - 600, 190, IRON)
        sheet.box(40, floor - 260, length - build.cab_length - 600, 200, IRON)
        leg = max(tractor_end - 900, 300)
        sheet.box(leg, 380, 110, floor - 620, (70, 68, 66))  # landing leg
    _tanks(sheet, build)
    sheet.box(130, 430, 70, build.floor - 600, IRON)
    sheet.box(60, 420, 160, 130, TAPE[0])  # underride guard


def _tanks(sheet: Sheet, build: Build) -> None:
    """Fuel tank between the first axle and the one behind it, side guard over the longest gap."""
    ends = build.axle_mm
    gaps = sorted(zip(ends[1:], ends[:-1], strict=True), key=lambda pair: pair[1] - pair[0])
    behind, ahead = gaps[0]
    left, right = build.length - behind + build.wheel + 120, build.length - ahead - build.wheel - 120
    if right - left > 500:
        for y in (460, 700):
            sheet.box(left, y, right - left, 110, (150, 150, 152))
    first = build.length - ends[0] - build.wheel - 150
    second = build.length - ends[1] + build.wheel + 100
    if first - second > 900:
        sheet.box(second + 100, 480, min(first - second - 200, 1_100), 480, (140, 142, 146), radius=110)


def _cab(sheet: Sheet, build: Build, paint: Bgr) -> None:
    front, top, length = build.length, build.cab_height, build.cab_length
    shell = [
        (front - length, 560),
        (front - length, top - 120),
        (front - length + 260, top),
        (front - 420, top),
        (front - 120, 0.62 * top),
        (front - 30, 0.5 * top),
        (front - 30, 380),
        (front - 500, 380),
        (front - 700, 560),
    ]
    sheet.poly(shell, paint)
    sheet.fade(front - length, 380, length, top - 380, top=1.12, bottom=0.75)
    _door(sheet, build, paint)
    sheet.box(front - 520, 360, 500, 440, shade(paint, 0.45), radius=80)
    sheet.box(front - 210, 0.25 * top, 190, 180, (200, 198, 194), radius=50)
    sheet.box(front - 120, 0.6 * top, 190, 520, (30, 30, 30), radius=50)
    arch = front - build.axle_mm[0]
    sheet.disc(arch, build.wheel + 20, build.wheel + 110, (24, 23, 22))
    sheet.box(front - 560, top - 20, 140, 50, AMBER)


def _door(sheet: Sheet, build: Build, paint: Bgr) -> None:
    front, top, length = build.length, build.cab_height, build.cab_length
    window = [
        (front - 0.72 * length, 0.58 * top),
        (front - 0.72 * length, 0.87 * top),
        (front - 0.26 * length, 0.87 * top),
        (front - 0.12 * length, 0.58 * top),
    ]
    sheet.poly(window, GLASS)
    sheet.poly(
        [(x - 20, y - 12) for x, y in window[1:3]] + [(x - 40, y - 260) for x, y in window[2:0:-1]],
        shade(GLASS, 1.4),
    )
    for x in (0.76, 0.1):
        seam = front - x * length
        sheet.line([(seam, 0.3 * top), (seam, 0.56 * top)], shade(paint, 0.55), width=18)
    sheet.box(front - 0.7 * length, 0.5 * top, 170, 45, shade(paint, 0.5))


def _wheel(sheet: Sheet, x: float, y: float, radius: float, *, dual_tyres: bool) -> None:
    """Single wheels show a bulging hub, dual ones a deep dish."""
    sheet.disc(x, y, radius, TYRE)
    sheet.disc(x, y, radius * 0.62, (120, 122, 124) if dual_tyres else (176, 178, 180))
    if dual_tyres:
        sheet.disc(x, y, radius * 0.52, (44, 43, 42))
        sheet.disc(x, y, radius * 0.28, (104, 106, 108))
    else:
        sheet.disc(x, y, radius * 0.3, (110, 112, 114))
        for turn in np.arange(8) * np.pi / 4:
            sheet.disc(x + 0.46 * radius * np.cos(turn), y + 0.46 * radius * np.sin(turn), 30, (60, 60, 60))
    sheet.disc(x, y, radius * 0.13, (170, 170, 168))


# --- cargo -----------------------------------------------------------------------------------------------------


def _box(sheet: Sheet, build: Build, span: Span) -> None:
    bottom, high, paint = build.floor - 60, build.top - build.floor + 60, build.cargo_colour
    sheet.box(span.rear, bottom, span.length, high, paint)
    stripes = [paint, shade(paint, 0.93), shade(paint, 0.86), shade(paint, 0.95)]
    sheet.hatch(span.rear, bottom, span.length, high, stripes, pitch=95)
    sheet.box(span.rear, build.top - 70, span.length, 70, shade(paint, 0.7))
    sheet.box(span.rear, bottom, span.length, 110, shade(paint, 0.6))
    sheet.fade(span.rear, bottom, span.length, high, top=1.04, bottom=0.86)
    if span.length > 5_000:
        sheet.text(
            "沂蒙物流",
            span.rear + span.length * 0.3,
            bottom + high * 0.42,
            size=min(900, span.length / 8),
            colour=(150, 70, 40),
        )
    _tape(sheet, span, bottom + 20)


def _tarp(sheet: Sheet, build: Build, span: Span) -> None:
    bottom, cloth = build.floor - 60, build.cargo_colour
    humps = [
        (span.rear + span.length * part, build.top - 120 + 130 * float(np.sin(9 * part + build.seed % 7)))
        for part in np.linspace(0, 1, 16)
    ]
    sheet.poly([(span.rear, bottom), *humps, (span.front, bottom)], cloth)
    for n in range(int(span.length // 420)):
        x = span.rear + 210 + n * 420
        sheet.line(
            [(x, bottom + 500), (x + 60, build.top - 260)], shade(cloth, 0.78 + 0.1 * (n % 3)), width=90
        )
    sheet.fade(span.rear, bottom, span.length, build.top - bottom, top=1.2, bottom=0.75)
    for n in range(int(span.length // 1_300)):
        x = span.rear + 100 + n * 1_300
        zigzag: list[Point] = [(x, bottom + 560), (x + 650, build.top - 420), (x + 1_300, bottom + 560)]
        sheet.line(zigzag, (150, 190, 214), width=28)
    sheet.hatch(span.rear, bottom, span.length, 560, [(66, 88, 134), (78, 102, 152)], pitch=330)
    _tape(sheet, span, bottom + 40)


def _tank(sheet: Sheet, build: Build, span: Span) -> None:
    low, high = build.floor + 20, build.top - build.floor - 20
    sheet.box(span.rear + 60, low, span.length - 120, high, (206, 210, 212), radius=high * 0.46)
    sheet.fade(span.rear, low + high * 0.5, span.length, high * 0.5, top=0.82, bottom=1.15)
    sheet.fade(span.rear, low, span.length, high * 0.5, top=1.15, bottom=0.5)
    sheet.box(span.rear + 60, low + high * 0.45, span.length - 120, 130, (40, 120, 236))
    for part in (0.3, 0.5, 0.7):
        sheet.box(span.rear + part * span.length - 220, build.top - 30, 440, 130, IRON, radius=40)
    sheet.text("危险品", span.rear + span.length * 0.42, low + high * 0.62, size=480, colour=(40, 40, 190))
    sheet.box(span.rear + 300, build.floor - 200, span.length - 600, 220, IRON)
    _tape(sheet, Span(rear=span.rear + 300, front=span.front - 300), build.floor - 120)


def _gravel(sheet: Sheet, build: Build, span: Span) -> None:
    bottom, rim = build.floor - 80, build.top - 450
    paint = shade(build.cargo_colour, 0.75)
    shape = (0, 260, 400, 330, 440, 380, 420, 250, 0)
    heap = [(span.rear + 150 + (span.length - 300) * n / 8, rim - 40 + y) for n, y in enumerate(shape)]
    sheet.poly(heap, (104, 118, 128))
    sheet.poly([(span.rear + 120, bottom), (span.rear, rim), (span.front, rim), (span.front, bottom)], paint)
    sheet.fade(span.rear, bottom, span.length, rim - bottom, top=1.1, bottom=0.75)
    for n in range(int(span.length // 620)):
        sheet.box(span.rear + 160 + n * 620, bottom, 110, rim - bottom, shade(paint, 0.68))
    sheet.box(span.rear, rim - 120, span.length, 120, shade(paint, 0.58))
    _tape(sheet, span, bottom + 40)


def _machine(sheet: Sheet, build: Build, span: Span) -> None:
    """An excavator on a low bed, boom folded towards the rear."""
    digger: Bgr = (22, 158, 236)
    _bed(sheet, build, span)
    middle, floor = span.rear + span.length * 0.55, build.floor
    sheet.box(middle - 1_900, floor, 3_800, 760, (40, 40, 42), radius=370)
    sheet.box(middle - 1_650, floor + 160, 3_300, 440, (74, 76, 78), radius=210)
    sheet.box(middle - 1_250, floor + 800, 2_700, 800, digger, radius=140)
    sheet.box(middle - 200, floor + 1_400, 1_050, 1_000, digger, radius=110)
    sheet.box(middle - 110, floor + 1_560, 860, 700, GLASS, radius=60)
    boom = [(middle - 600, floor + 1_250), (middle - 2_500, floor + 2_150), (middle - 4_200, floor + 1_250)]
    sheet.line(boom, shade(digger, 0.92), width=330)
    sheet.line([boom[2], (middle - 3_700, floor + 380)], shade(digger, 0.85), width=250)
    bucket = [(-4_000, 420), (-3_350, 560), (-3_150, 130), (-3_700, 60)]
    sheet.poly([(middle + x, floor + y) for x, y in bucket], (58, 60, 62))


def _bed(sheet: Sheet, build: Build, span: Span) -> None:
    sheet.box(span.rear, build.floor - 300, span.length, 240, (58, 60, 66))
    sheet.box(span.rear, build.floor - 70, span.length, 70, (84, 98, 116))
    _tape(sheet, span, build.floor - 220)


def _empty(sheet: Sheet, build: Build, span: Span) -> None:
    _bed(sheet, build, span)
    sheet.box(span.front - 120, build.floor, 120, 1_500, IRON)
    for n in range(int(span.length // 1_500)):
        sheet.box(span.rear + 100 + n * 1_500, build.floor, 90, 620, CHROME)


CARGO = {"box": _box, "tarp": _tarp, "tank": _tank, "gravel": _gravel, "machine": _machine, "empty": _empty}


def _tape(sheet: Sheet, span: Span, y: float) -> None:
    """Reflective tape 车身反光标识 along the side."""
    for n in range(int(span.length // 600)):
        sheet.box(span.rear + 60 + n * 600, y, 300, 60, TAPE[n % 2])
