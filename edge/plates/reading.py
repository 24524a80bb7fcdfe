"""Everything plate-like in one picture: locate text, straighten, decode over the grammar, judge.

Each line of text is tried as a single row, and, where its shape or its text says so, as part of a two-row plate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from msgspec.structs import replace

from edge.cameras.settings import PlateSettings
from edge.plates import own, rectify
from edge.plates.colours import colour, has_red, stands_out
from edge.plates.decode import Decoded
from edge.plates.locate import Finder, Image, Line
from edge.plates.models import FINDER, model
from edge.plates.recognising import Recognised, Recognisers
from edge.plates.sessions import Floats, Model
from edge.plates.wire import Reading
from kernel.plates import CLASSES, PlateClass, colour_fits

PP_OCR = "pp-ocr-v4"
MOST_LINES = 6
MOST_PLATES = 3
LEAST_HEIGHT_PX = 9
SINGLE_ROW = 2.5  # a line less elongated than this may be two rows in one
TIGHT_LEFT = -0.03  # of the line's width: inside the plate's border
CLEAR = 0.9  # a score that needs no second look
PLATE_LIKE = 0.25  # score from which something is at least worth mentioning
WRONG_COLOUR = 4.0  # log P
FOREIGN_CERTAIN = 0.6  # the weakest character of a text that is no Chinese plate
Unstack = tuple[Callable[..., Image], Callable[..., Image]]  # for PP-OCR and for ours
BOTH_ROWS: Unstack = (rectify.from_both_rows, rectify.from_both_rows)
LOWER_ROW: Unstack = (rectify.from_lower_row, rectify.of_lower_row)
RED_CLASSES = (PlateClass.WJ, PlateClass.MILITARY)
_LOWER_ROW = re.compile(r"[^A-Z0-9]?[A-Z0-9]{4}[A-Z0-9挂学警]")
_FOREIGN = re.compile(r"(?=.*[A-Z])(?=(?:.*[0-9]){2})[A-Z0-9]{5,9}")
_OVERLAY = re.compile(r"(19|20)\d\d[-/.年]?(0\d|1[0-2])|\d\d:\d\d|CAM|LANE|KM/?H|KG", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A reading and the straight crop it came from."""

    reading: Reading
    corners: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Try:
    """One crop through the recognisers."""

    seen: Recognised
    ground: str | None

    @property
    def province_lost(self) -> bool:
        """All is clear but the first character: 川 beside the plate's border reads as another stroke of it."""
        decoded = self.seen.decoded
        return decoded is not None and decoded.chars[0] < 0.5 <= min(decoded.chars[1:])


class PictureReader:
    """Holds the models; for one thread of a process of its own."""

    def __init__(self, settings: PlateSettings) -> None:
        self._settings = settings
        self._recognisers = Recognisers()
        self.name = f"{PP_OCR}+{own.version()}"
        self._detector = own.Detector(long_side_px=settings.long_side_px)
        self._finder = Finder(Model(model(FINDER)), long_side_px=settings.long_side_px)

    def read(self, picture: Image, *, region: Sequence[int] = (0, 0, 1000, 1000)) -> list[Found]:
        """Readings best first; boxes are in the picture's pixels."""
        x, y, part = _part(picture, region)
        found = self._by_plates(part)
        if not any(one.reading.sure for one in found):
            found += [one for line in self._promising(part) if (one := self._line(part, line))]
        moved = [_moved(one, x, y) for one in _distinct(found)]
        return sorted(moved, key=lambda one: (one.reading.kind != "plate", -one.reading.score_permille))

    def _by_plates(self, part: Image) -> list[Found]:
        """Plates that our detector finds whole; a reading of it that is not sure is no reason to look no further."""
        quads = self._detector.plates(part)[:MOST_PLATES]
        return [one for quad in quads if (one := self._plate_at(part, quad)) and one.reading.kind == "plate"]

    def _plate_at(self, part: Image, quad: own.Quad) -> Found | None:
        crop = (rectify.of_two_rows if quad.two_rows else rectify.of_one_row)(part, quad.corners)
        if not self._recognisers.plate_like(crop):
            return None
        look = self._try(crop, crop, colour(rectify.straight(part, quad.corners)))
        reading = self._judge(part, Line(corners=quad.corners, score=quad.score), look)
        return Found(reading=reading, corners=quad.corners) if reading else None

    def _promising(self, part: Image) -> list[Line]:
        lines = [
            line for line in self._finder.lines(part) if line.height >= LEAST_HEIGHT_PX and line.aspect < 9
        ]
        return sorted(lines, key=lambda line: -_promise(part, line))[:MOST_LINES]

    def _line(self, part: Image, line: Line) -> Found | None:
        best = max(self._tries(part, line), key=lambda one: one.seen.score)
        reading = self._judge(part, line, best)
        return Found(reading=reading, corners=line.corners) if reading else None

    def _tries(self, part: Image, line: Line) -> Iterator[_Try]:
        ground = colour(rectify.straight(part, line.corners))
        if line.aspect < SINGLE_ROW:
            yield from self._two_rows(BOTH_ROWS, part, line, ground)
            if line.aspect < SINGLE_ROW * 0.6:
                return
        close = rectify.row(part, rectify.closer(line), left=0.2)
        single = self._try(rectify.row(part, line), close, ground)
        yield single
        if single.province_lost:
            close = rectify.row(part, rectify.closer(line), left=0.0)
            yield self._try(rectify.row(part, line, left=TIGHT_LEFT), close, ground)
        if single.seen.score < CLEAR and _LOWER_ROW.fullmatch(single.seen.free):
            yield from self._two_rows(LOWER_ROW, part, line, ground)

    def _two_rows(self, unstack: Unstack, part: Image, line: Line, ground: str | None) -> Iterator[_Try]:
        """Slim upper characters first; some letters read better broad."""
        loosely, closely = unstack
        for squeeze in (rectify.SLIM, rectify.BROAD):
            close = closely(part, rectify.closer(line), squeeze=squeeze)
            one = self._try(loosely(part, line, squeeze=squeeze), close, ground)
            yield one
            if one.seen.score >= CLEAR:
                return

    def _try(self, loose: Image, close: Image, ground: str | None) -> _Try:
        """`loose` as PP-OCR was trained to see a row, `close` as ours was."""
        penalties = _penalties(ground, red=has_red(loose))
        return _Try(seen=self._recognisers.look(loose, close, penalties), ground=ground)

    def _judge(self, part: Image, line: Line, best: _Try) -> Reading | None:
        seen, box = best.seen, _box(line)
        if _OVERLAY.search(seen.free) and seen.score < CLEAR:
            return None
        if seen.decoded and seen.score * 1000 >= self._settings.min_score_permille:
            return self._plate(seen.decoded, best.ground, line)
        if _FOREIGN.fullmatch(seen.free) and seen.free_least >= FOREIGN_CERTAIN and stands_out(part, line):
            return Reading(
                kind="foreign",
                text=seen.free,
                colour=best.ground,
                score_permille=round(seen.free_least * 1000),
                box=box,
            )
        if seen.decoded and seen.score >= PLATE_LIKE:
            return self._plate(seen.decoded, best.ground, line)
        if sum(char.isascii() and char.isalnum() for char in seen.free) >= 4 and stands_out(part, line):
            return Reading(kind="unclear", text="", colour=best.ground, box=box)
        return None

    def _plate(self, decoded: Decoded, ground: str | None, line: Line) -> Reading:
        chars = tuple(round(char * 1000) for char in decoded.chars)
        score = round(decoded.score * 1000)
        return Reading(
            kind="plate",
            text=decoded.text,
            plate_class=decoded.plate_class,
            colour=ground,
            score_permille=score,
            chars_permille=chars,
            sure=score >= self._settings.min_score_permille
            and min(chars) >= self._settings.min_char_permille,
            box=_box(line),
        )


def enlarged(found: Found, scale: int) -> Found:
    """In the pixels of a picture `scale` times as large."""
    left, top, width, height = (scale * side for side in found.reading.box)
    corners = found.corners * scale
    whole = tuple((round(float(x)), round(float(y))) for x, y in corners)
    return Found(
        reading=replace(found.reading, box=(left, top, width, height), corners=whole), corners=corners
    )


def crop_jpeg(picture: Image, found: Found) -> bytes:
    """A small straight picture of the plate, for people."""
    wide = rectify.stretched(found.corners, left=0.3, right=0.1, up=0.9, down=0.3)
    crop = rectify.straight(picture, wide)
    good, data = cv2.imencode(".jpg", cv2.resize(crop, None, fx=2, fy=2), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return data.tobytes() if good else b""


def _part(picture: Image, region: Sequence[int]) -> tuple[int, int, Image]:
    height, width = picture.shape[:2]
    x, y, wide, tall = region
    left, top = width * x // 1000, height * y // 1000
    return (
        left,
        top,
        picture[top : top + max(1, height * tall // 1000), left : left + max(1, width * wide // 1000)],
    )


def _promise(part: Image, line: Line) -> float:
    """Large, as elongated as a plate, on a coloured ground: first come those that may be plates."""
    shape = 1.0 if 1.3 <= line.aspect <= 6.5 else 0.3
    ground = colour(rectify.straight(part, line.corners))
    coloured = 2.0 if ground in ("yellow", "blue", "green", "yellow_green") else 1.0
    return shape * coloured * line.score * float(np.sqrt(line.height * min(line.width, 400)))


def _penalties(ground: str | None, *, red: bool) -> dict[str, float]:
    """Classes on offer: those with red characters only where there is red, others dearer on the wrong ground."""
    offered = [name for name in CLASSES if red or name not in RED_CLASSES]
    return {
        str(name): 0.0 if ground is None or colour_fits(name, ground) else WRONG_COLOUR
        for name in offered
        if name not in RED_CLASSES or ground in (None, "white")
    }


def _box(line: Line) -> tuple[int, int, int, int]:
    left, top = line.corners.min(axis=0)
    right, bottom = line.corners.max(axis=0)
    return max(0, int(left)), max(0, int(top)), int(right - left), int(bottom - top)


def _moved(found: Found, x: int, y: int) -> Found:
    left, top, width, height = found.reading.box
    reading = replace(found.reading, box=(left + x, top + y, width, height))
    return Found(reading=reading, corners=found.corners + np.array([x, y], np.float32))


def _distinct(found: Sequence[Found]) -> list[Found]:
    """One of each text: a two-row plate may have been read from both its rows."""
    best: dict[str, Found] = {}
    for n, one in enumerate(found):
        key = one.reading.text or f"unclear {n}"
        if key not in best or one.reading.score_permille > best[key].reading.score_permille:
            best[key] = one
    return list(best.values())
