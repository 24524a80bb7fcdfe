"""A truck's two ends, drawn flat: the cab as the front camera meets it, the tail as the rear camera sees it leave."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.scene.build import Build, build_of
from simulators.scene.plates import Colour, draw_plate
from simulators.scene.sheet import Bgr, Image, Sheet, shade
from simulators.scene.wear import bent, muddied
from simulators.traffic import Truck

MARGIN_MM = 300  # mirrors stick out
PX_PER_MM = 0.36
TYRE: Bgr = (34, 33, 32)
IRON: Bgr = (52, 50, 48)
CHROME: Bgr = (176, 174, 170)
GLASS: Bgr = (74, 62, 48)
LAMP: Bgr = (238, 236, 228)
AMBER: Bgr = (30, 140, 240)
TAIL: Bgr = (40, 32, 190)
TAPE: tuple[Bgr, Bgr] = ((50, 40, 200), (236, 236, 236))
SKIN: Bgr = (150, 176, 206)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """A light on the face, mm from the sheet's lower left corner."""

    x: int
    y: int
    radius: int
    colour: Bgr


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateSpot:
    """The plate and where it hangs: lower left corner in mm on the sheet."""

    image: Image
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """An end of the truck without its plate, which is lit differently at night."""

    sheet: Sheet
    lamps: tuple[Lamp, ...]
    plate: PlateSpot | None
    half_width_mm: int  # of the body; the sheet is wider


def front_face(truck: Truck) -> Face:
    build = build_of(truck)
    sheet = _sheet(build)
    middle = sheet.width_mm / 2
    _cargo_ahead(sheet, build, truck, middle)
    _front_wheels(sheet, build, middle)
    _cab(sheet, build, build.paint, middle)
    _windscreen(sheet, build, middle)
    _grille(sheet, build, middle)
    lamps = _headlights(sheet, build, middle)
    _mirrors(sheet, build, middle)
    plate = _front_plate(truck, build, middle)
    return Face(sheet=sheet, lamps=lamps, plate=plate, half_width_mm=build.width // 2)


def rear_face(truck: Truck) -> Face:
    build = build_of(truck)
    sheet = _sheet(build)
    middle = sheet.width_mm / 2
    _rear_wheels(sheet, build, middle)
    TAILS[truck.cargo](sheet, build, middle)
    if "dangerous_goods" in truck.traits:
        _placard(sheet, middle, build.top - 1_100)
    lamps = _rear_bumper(sheet, build, middle)
    plate = _rear_plate(truck, build, middle)
    return Face(sheet=sheet, lamps=lamps, plate=plate, half_width_mm=build.width // 2)


def _sheet(build: Build) -> Sheet:
    height = max(build.cab_height, build.top) + 350
    return Sheet(build.width + 2 * MARGIN_MM, height, px_per_mm=PX_PER_MM)


# --- front -----------------------------------------------------------------------------------------------------


def _cargo_ahead(sheet: Sheet, build: Build, truck: Truck, middle: float) -> None:
    """What stands out above the cab."""
    half, bottom = build.width / 2, 1_100
    if truck.cargo in ("box", "tarp"):
        sheet.box(middle - half, bottom, build.width, build.top - bottom, build.cargo_colour, radius=70)
        sheet.fade(middle - half, bottom, build.width, build.top - bottom, top=0.95, bottom=0.6)
    elif truck.cargo == "tank":
        sheet.oval(
            middle, (build.top + build.floor) / 2, half, (build.top - build.floor) / 2, (200, 204, 206)
        )
    elif truck.cargo == "machine":
        sheet.box(middle - 700, 2_200, 1_300, build.top - 2_200, (24, 160, 232), radius=120)
        sheet.box(middle - 560, 2_900, 900, build.top - 3_050, GLASS, radius=40)
    elif truck.cargo == "gravel":
        sheet.box(middle - half, bottom, build.width, build.top - 450 - bottom, shade(build.paint, 0.8))
        heap = [(-1_050, -450), (-700, -160), (-250, 10), (120, -40), (600, -120), (1_050, -450)]
        sheet.poly([(middle + x, build.top + y) for x, y in heap], (108, 122, 130))
    else:
        sheet.box(middle - half, bottom, build.width, 2_000 - bottom, IRON)


def _front_wheels(sheet: Sheet, build: Build, middle: float) -> None:
    for side in (-1, 1):
        x = middle + side * (build.cab_width / 2 - 210) - 160
        sheet.box(x, 0, 320, 2 * build.wheel, TYRE, radius=70)
        for groove in (70, 150, 230):
            sheet.box(x + groove, 12, 14, 500, (18, 18, 18))
    sheet.box(middle - build.cab_width / 2 + 380, 240, build.cab_width - 760, 420, (26, 25, 24))


def _cab(sheet: Sheet, build: Build, paint: Bgr, middle: float) -> None:
    half, top = build.cab_width / 2, build.cab_height
    shell = [
        (-half, 620),
        (-half, top - 900),
        (-half + 70, top - 160),
        (-half + 230, top),
        (half - 230, top),
        (half - 70, top - 160),
        (half, top - 900),
        (half, 620),
    ]
    sheet.poly([(middle + x, y) for x, y in shell], paint)
    sheet.fade(middle - half, 620, 2 * half, top - 620, top=1.12, bottom=0.72)
    sheet.box(middle - half, 360, 2 * half, 560, shade(paint, 0.45), radius=110)
    sheet.box(middle - half + 60, 380, 2 * half - 120, 90, IRON, radius=40)
    for side in (-1, 1):
        sheet.line(
            [(middle + side * (half - 190), 950), (middle + side * (half - 190), top - 950)],
            shade(paint, 0.6),
            width=14,
        )
        sheet.box(middle + side * (half - 120) - 60, top - 60, 120, 50, AMBER, radius=20)


def _windscreen(sheet: Sheet, build: Build, middle: float) -> None:
    half, top = build.cab_width / 2, build.cab_height
    low, high = 0.56 * top, 0.885 * top
    glass = [(-half + 110, low), (-half + 160, high), (half - 160, high), (half - 110, low)]
    sheet.poly([(middle + x * 1.02, y) for x, y in glass], (22, 22, 22))
    sheet.poly([(middle + x * 0.97, y * 0.998 + 8) for x, y in glass], GLASS)
    _driver(sheet, middle + 0.22 * build.cab_width, low)
    sheet.fade(middle - half + 170, low + 20, 2 * half - 340, high - low - 30, top=1.55, bottom=0.8)
    glint = [
        (-half + 420, low + 40),
        (-half + 640, low + 40),
        (-half + 900, high - 40),
        (-half + 720, high - 40),
    ]
    sheet.poly([(middle + x, y) for x, y in glint], shade(GLASS, 1.65))
    sheet.box(middle - half + 140, high - 30, 2 * half - 280, 150, (30, 30, 32), radius=50)  # sun visor
    for x in (-520, 130):
        sheet.line([(middle + x, low + 20), (middle + x + 430, low + 210)], (16, 16, 16), width=22)


def _driver(sheet: Sheet, x: float, low: float) -> None:
    sheet.box(x - 240, low + 20, 480, 270, (92, 80, 70), radius=110)
    sheet.oval(x, low + 390, 100, 130, SKIN)
    sheet.oval(x, low + 470, 108, 70, (34, 32, 32))
    sheet.oval(x, low + 90, 230, 60, (20, 20, 20))
    sheet.oval(x, low + 90, 195, 40, (80, 70, 62))


def _grille(sheet: Sheet, build: Build, middle: float) -> None:
    half, bottom, top = 0.33 * build.cab_width, 0.315 * build.cab_height, 0.5 * build.cab_height
    sheet.box(middle - half, bottom, 2 * half, top - bottom, (28, 28, 30), radius=60)
    for n in range(4):
        y = bottom + (n + 0.7) * (top - bottom) / 4.6
        sheet.box(middle - half + 50, y, 2 * half - 100, 44, CHROME if n % 2 else (92, 92, 92), radius=20)
    sheet.disc(middle, (bottom + top) / 2, 120, CHROME)
    sheet.disc(middle, (bottom + top) / 2, 88, (60, 52, 160))


def _headlights(sheet: Sheet, build: Build, middle: float) -> tuple[Lamp, ...]:
    lamps = []
    for side in (-1, 1):
        x, y = middle + side * (build.cab_width / 2 - 260), 0.275 * build.cab_height
        sheet.box(x - 210, y - 120, 420, 240, (60, 58, 56), radius=80)
        sheet.box(x - 190, y - 100, 380, 200, (188, 186, 182), radius=70)
        sheet.disc(x - side * 70, y, 84, LAMP)
        sheet.disc(x + side * 95, y, 60, AMBER)
        sheet.disc(x, 0.188 * build.cab_height, 55, (206, 204, 200))
        lamps.append(Lamp(x=round(x - side * 70), y=round(y), radius=90, colour=(252, 252, 250)))
    return tuple(lamps)


def _mirrors(sheet: Sheet, build: Build, middle: float) -> None:
    for side in (-1, 1):
        x, y = middle + side * (build.cab_width / 2 + 150), 0.6 * build.cab_height
        sheet.line([(middle + side * (build.cab_width / 2 - 40), y + 560), (x, y + 500)], IRON, width=45)
        sheet.box(x - 110, y, 220, 520, (30, 30, 30), radius=60)
        sheet.box(x - 85, y + 30, 170, 460, (70, 66, 62), radius=40)


def _front_plate(truck: Truck, build: Build, middle: float) -> PlateSpot | None:
    if truck.plate_front is None:
        return None
    image = draw_plate(truck.plate_front, colour=_colour(truck), seed=build.seed, dirt=_dirt(build))
    image = _worn(image, truck, seed=build.seed)
    height, width = image.shape[:2]
    return PlateSpot(
        image=image, x=round(middle - width / 2), y=round(0.21 * build.cab_height), width=width, height=height
    )


def _colour(truck: Truck) -> Colour:
    return "foreign" if "foreign_plate" in truck.traits else truck.plate_colour


def _dirt(build: Build) -> float:
    """Most plates are clean enough; some carry the road."""
    return (0.0, 0.1, 0.2, 0.35)[build.seed // 7 % 4]


def _worn(plate: Image, truck: Truck, *, seed: int) -> Image:
    if "bent_plate" in truck.traits:
        plate = bent(plate, seed=seed)
    return muddied(plate, seed=seed) if "dirty_plate" in truck.traits else plate


# --- rear ------------------------------------------------------------------------------------------------------


def _rear_wheels(sheet: Sheet, build: Build, middle: float) -> None:
    for side in (-1, 1):
        for inner in (0, 330):
            x = middle + side * (build.width / 2 - 180 - inner) - 145
            sheet.box(x, 0, 290, 2 * build.wheel, TYRE, radius=60)
        flap = middle + side * (build.width / 2 - 345) - 330
        sheet.box(flap, 260, 660, build.floor - 330, (40, 39, 38))
    sheet.box(middle - 480, 480, 960, build.floor - 480, (24, 23, 22))


def _box_tail(sheet: Sheet, build: Build, middle: float) -> None:
    half, bottom, paint = build.width / 2, build.floor - 60, build.cargo_colour
    sheet.box(middle - half, bottom, build.width, build.top - bottom, shade(paint, 0.6))
    for side in (-1, 1):
        x = middle - half + 60 if side < 0 else middle + 8
        sheet.box(x, bottom + 70, half - 68, build.top - bottom - 150, paint)
    sheet.fade(middle - half, bottom, build.width, build.top - bottom, top=1.05, bottom=0.82)
    for x in (-0.78, -0.3, 0.3, 0.78):
        sheet.line([(middle + x * half, bottom + 60), (middle + x * half, build.top - 70)], CHROME, width=38)
        sheet.box(middle + x * half - 45, bottom + 620, 90, 170, IRON, radius=20)
    for side in (-1, 1):
        for y in (0.15, 0.5, 0.85):
            sheet.box(middle + side * (half - 75) - 55, bottom + y * (build.top - bottom), 110, 70, CHROME)
    _tape(sheet, middle - half + 70, bottom + 90, build.width - 140)
    _tape(sheet, middle - half + 70, build.top - 200, build.width - 140)


def _tarp_tail(sheet: Sheet, build: Build, middle: float) -> None:
    half, bottom, cloth = build.width / 2, build.floor - 60, build.cargo_colour
    outline = [(-half, bottom), (-half, build.top - 420), (-half * 0.6, build.top - 80), (0, build.top)]
    sheet.poly([(middle + x, y) for x, y in outline + [(-x, y) for x, y in reversed(outline[:-1])]], cloth)
    for n in range(9):
        x = middle + (n - 4) * half / 4.4
        sheet.line(
            [(x, bottom + 500), (x + (n - 4) * -18, build.top - 260)],
            shade(cloth, 0.8 + 0.08 * (n % 3)),
            width=60,
        )
    sheet.fade(middle - half, bottom, build.width, build.top - bottom, top=1.2, bottom=0.75)
    for side in (-1, 1):
        for low, high in ((650, 1_500), (1_350, 2_250)):
            rope = [(middle - side * half * 0.95, bottom + low), (middle + side * half * 0.95, bottom + high)]
            sheet.line(rope, (150, 190, 214), width=26)
    sheet.box(middle - half, bottom, build.width, 560, (70, 92, 140))
    sheet.hatch(middle - half, bottom, build.width, 560, [(66, 88, 134), (78, 102, 152)], pitch=250)
    _tape(sheet, middle - half + 40, bottom + 80, build.width - 80)


def _tank_tail(sheet: Sheet, build: Build, middle: float) -> None:
    half, centre, high = build.width / 2, (build.top + build.floor) / 2, (build.top - build.floor) / 2
    sheet.oval(middle, centre, half, high, (150, 154, 156))
    sheet.oval(middle, centre + 25, half - 70, high - 80, (206, 210, 212))
    sheet.fade(middle - half, build.floor, build.width, build.top - build.floor, top=1.12, bottom=0.6)
    sheet.box(
        middle - half + 30, centre - 60, build.width - 60, 120, (40, 120, 236)
    )  # orange band of tankers
    for x in (-330, 330):
        sheet.line(
            [(middle + x * 0.35 - 700, build.floor - 150), (middle + x * 0.35 - 700, build.top - 350)],
            CHROME,
            width=36,
        )
    for n in range(7):
        y = build.floor + n * 270
        sheet.line([(middle - 815, y), (middle - 585, y)], CHROME, width=30)
    sheet.box(middle - half + 120, build.floor - 150, build.width - 240, 150, IRON)
    _tape(sheet, middle - half + 130, build.floor - 110, build.width - 260)


def _gravel_tail(sheet: Sheet, build: Build, middle: float) -> None:
    half, bottom, gate = build.width / 2, build.floor - 80, build.top - 450
    heap = [(-1_150, 0), (-820, 250), (-330, 430), (90, 390), (520, 310), (900, 200), (1_150, 0)]
    sheet.poly([(middle + x * half / 1_250, gate - 20 + y) for x, y in heap], (104, 118, 128))
    for x, y in ((-500, 190), (-100, 280), (260, 200), (610, 120), (-760, 90), (0, 130)):
        sheet.oval(middle + x, gate + y, 85, 45, (134, 148, 156))
    paint = shade(build.cargo_colour, 0.75)
    sheet.box(middle - half, bottom, build.width, gate - bottom, paint)
    sheet.fade(middle - half, bottom, build.width, gate - bottom, top=1.1, bottom=0.75)
    for n in range(6):
        sheet.box(
            middle - half + 40 + n * (build.width - 180) / 5, bottom, 100, gate - bottom, shade(paint, 0.7)
        )
    sheet.box(middle - half, gate - 110, build.width, 110, shade(paint, 0.6))
    _tape(sheet, middle - half + 40, bottom + 60, build.width - 80)


def _machine_tail(sheet: Sheet, build: Build, middle: float) -> None:
    digger: Bgr = (22, 158, 236)
    for side in (-1, 1):
        sheet.box(middle + side * 800 - 250, build.floor - 20, 500, 720, (40, 40, 42), radius=140)
    sheet.box(middle - 1_000, build.floor + 560, 2_000, 950, digger, radius=180)
    sheet.fade(middle - 1_000, build.floor + 560, 2_000, 950, top=1.1, bottom=0.75)
    sheet.box(middle - 960, build.floor + 640, 1_920, 130, (36, 36, 38))
    sheet.box(middle - 820, build.floor + 1_500, 820, 900, digger, radius=80)
    sheet.box(middle - 740, build.floor + 1_620, 660, 640, GLASS, radius=40)
    sheet.box(middle + 240, build.floor + 1_400, 300, 900, shade(digger, 0.85), radius=60)
    _flat_tail(sheet, build, middle)


def _flat_tail(sheet: Sheet, build: Build, middle: float) -> None:
    half = build.width / 2
    sheet.box(middle - half, build.floor - 330, build.width, 330, (58, 60, 66))
    sheet.box(middle - half, build.floor - 60, build.width, 60, (84, 98, 116))
    _tape(sheet, middle - half + 40, build.floor - 230, build.width - 80)


def _empty_tail(sheet: Sheet, build: Build, middle: float) -> None:
    half = build.width / 2
    sheet.box(middle - half + 60, build.floor, build.width - 120, 700, (92, 88, 84))  # headboard far in front
    sheet.box(middle - half + 160, build.floor + 80, build.width - 320, 540, (120, 116, 110))
    for side in (-1, 1):
        sheet.box(middle + side * (half - 55) - 45, build.floor, 90, 620, IRON)
    _flat_tail(sheet, build, middle)


TAILS = {
    "box": _box_tail,
    "tarp": _tarp_tail,
    "tank": _tank_tail,
    "gravel": _gravel_tail,
    "machine": _machine_tail,
    "empty": _empty_tail,
}


def _tape(sheet: Sheet, x: float, y: float, width: float) -> None:
    """Reflective tape 车身反光标识."""
    sheet.hatch(x, y, width, 60, TAPE, pitch=150)


def _placard(sheet: Sheet, middle: float, y: float) -> None:
    """The orange diamond of dangerous goods 危险货物."""
    x = middle + 520
    sheet.poly([(x - 230, y), (x, y + 230), (x + 230, y), (x, y - 230)], (28, 28, 28))
    sheet.poly([(x - 205, y), (x, y + 205), (x + 205, y), (x, y - 205)], (20, 120, 240))
    sheet.text("危", x - 110, y - 85, size=210, colour=(24, 24, 24))


def _rear_bumper(sheet: Sheet, build: Build, middle: float) -> tuple[Lamp, ...]:
    half, y, lamps = build.width / 2, 0.7 * build.floor, []
    sheet.box(middle - half + 20, y - 15, build.width - 40, 0.15 * build.floor, IRON)
    sheet.box(middle - half + 60, 420, build.width - 120, 130, (64, 62, 60))
    sheet.hatch(middle - half + 60, 440, build.width - 120, 90, TAPE, pitch=200)
    for side in (-1, 1):
        x = middle + side * (half - 330)
        sheet.box(x - 250, y - 5, 500, 160, (30, 28, 30), radius=30)
        sheet.box(x + side * 20 - 110, y + 15, 220, 120, TAIL, radius=20)
        sheet.box(x + side * 180 - 50, y + 15, 100, 120, AMBER, radius=20)
        sheet.box(x - side * 160 - 50, y + 15, 100, 120, (196, 194, 190), radius=20)
        lamps.append(Lamp(x=round(x + side * 20), y=round(y + 75), radius=90, colour=(90, 70, 250)))
    return tuple(lamps)


def _rear_plate(truck: Truck, build: Build, middle: float) -> PlateSpot | None:
    if truck.plate_rear is None:
        return None
    colour = _colour(truck)
    if colour != "foreign" and build.trailer_from is not None:
        colour = "yellow"
    two_rows = truck.rear_two_rows or truck.plate_rear.endswith("挂")
    if colour == "foreign":
        two_rows = False
    image = draw_plate(
        truck.plate_rear, colour=colour, two_rows=two_rows, seed=build.seed + 1, dirt=_dirt(build) * 1.3
    )
    image = _worn(image, truck, seed=build.seed + 1)
    height, width = image.shape[:2]
    return PlateSpot(
        image=image,
        x=round(middle - width / 2),
        y=round(0.672 * build.floor) - height // 2,
        width=width,
        height=height,
    )
