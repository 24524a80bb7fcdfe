"""Classes of plates 号牌种类 in the order they are tried: the first whose expression matches is the answer."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations

PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
DIGITS = "0123456789"
SERIAL_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # a serial never uses I or O
SERIAL = SERIAL_LETTERS + DIGITS
LETTERS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"  # of the issuing office; O survives on units of a province
NEV_LETTERS = "ABCDEFGHJK"  # 新能源: A-E electric, F-K other
WJ_ENDS = DIGITS + "TDSHBXJ"

Shape = tuple[str, ...]  # the characters allowed at each place


class PlateClass(StrEnum):
    NEV_SMALL = "nev_small"  # 小型新能源
    NEV_LARGE = "nev_large"  # 大型新能源
    TRAILER = "trailer"  # 挂车
    COACH_LEARNER = "coach_learner"  # 教练
    POLICE = "police"  # 警车
    HK_MO = "hk_mo"  # 港澳入出境
    EMBASSY = "embassy"  # 使馆
    CONSULATE = "consulate"  # 领馆
    EMERGENCY = "emergency"  # 应急救援
    WJ = "wj"  # 武警
    TEMP_SPECIAL = "temp_special"  # 试 / 超
    TRACTOR_AGRI = "tractor_agri"  # 拖拉机
    ORDINARY = "ordinary"  # 大型 / 小型 / 低速
    MILITARY = "military"  # 军车


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    """One class: its expression, the same as shapes of fixed length, and its background colours (none: any)."""

    plate_class: PlateClass
    expression: re.Pattern[str] = field(repr=False)
    shapes: tuple[Shape, ...] = field(repr=False)
    colours: tuple[str, ...]


def normalise(text: str) -> str:
    """The plate as it is matched and stored: NFKC, upper case, no spaces and no middle dot."""
    folded = unicodedata.normalize("NFKC", text).upper()
    return "".join(char for char in folded if char not in DOTS and not char.isspace())


def classify(text: str) -> PlateClass | None:
    """The class of a text, normalised here; None when it is no plate."""
    plate = normalise(text)
    return next((row.plate_class for row in CLASSES.values() if row.expression.fullmatch(plate)), None)


def is_trailer(text: str) -> bool:
    return classify(text) is PlateClass.TRAILER


def is_special(text: str) -> bool:
    """Police, armed police, military and emergency vehicles are recorded and never made a case by a machine."""
    return classify(text) in SPECIAL


def colour_fits(plate_class: PlateClass, colour: str) -> bool:
    """Whether a plate of this class may have this background; temporary plates have any."""
    colours = CLASSES[plate_class].colours
    return not colours or colour in colours


def letter_in_doubt(text: str) -> bool:
    """The letter after the province is not known to be issued there: worth a look, never a reason to refuse."""
    plate = normalise(text)
    return len(plate) > 1 and plate[1] in NOT_ISSUED.get(plate[0], "")


DOTS = "·•・‧∙⋅●."
COLOURS = ("yellow", "blue", "green", "yellow_green", "white", "black")  # of the ground

SPECIAL = frozenset({PlateClass.POLICE, PlateClass.WJ, PlateClass.MILITARY, PlateClass.EMERGENCY})

# GA 36-2018 appendix A as far as it is known to us.  O is never in doubt: it is historical everywhere.
NOT_ISSUED = {
    "浙": "IMNPQRSTUVWXYZ",
    "川": "INP",
    "云": "IB",
    "京": "I",
    "津": "I",
    "沪": "I",
    "渝": "I",
}


def _ordinary() -> tuple[Shape, ...]:
    """The sixteen arrangements of five characters with at most two letters."""
    arrangements = [chosen for count in range(3) for chosen in combinations(range(5), count)]
    serials = [
        tuple(SERIAL_LETTERS if place in chosen else DIGITS for place in range(5)) for chosen in arrangements
    ]
    return tuple((PROVINCES, LETTERS, *serial) for serial in serials)


def _tailed(tail: str) -> tuple[Shape, ...]:
    return ((PROVINCES, LETTERS, *[SERIAL] * 4, tail),)


_P = f"[{PROVINCES}]"
_A = "[A-HJ-Z]"
_S = "[A-HJ-NP-Z0-9]"
_D6 = [DIGITS] * 6

_ROWS: tuple[tuple[PlateClass, str, tuple[Shape, ...], tuple[str, ...]], ...] = (
    (
        PlateClass.NEV_SMALL,
        f"{_P}{_A}[ABCDEFGHJK]{_S}[0-9]{{4}}",
        ((PROVINCES, LETTERS, NEV_LETTERS, SERIAL, *[DIGITS] * 4),),
        ("green",),
    ),
    (
        PlateClass.NEV_LARGE,
        f"{_P}{_A}[0-9]{{5}}[ABCDEFGHJK]",
        ((PROVINCES, LETTERS, *[DIGITS] * 5, NEV_LETTERS),),
        ("yellow_green",),
    ),
    (PlateClass.TRAILER, f"{_P}{_A}{_S}{{4}}挂", _tailed("挂"), ("yellow",)),
    (PlateClass.COACH_LEARNER, f"{_P}{_A}{_S}{{4}}学", _tailed("学"), ("yellow",)),
    (PlateClass.POLICE, f"{_P}{_A}{_S}{{4}}警", _tailed("警"), ("white",)),
    (PlateClass.HK_MO, f"粤Z{_S}{{4}}[港澳]", (("粤", "Z", *[SERIAL] * 4, "港澳"),), ("black",)),
    (PlateClass.EMBASSY, "(?:使[0-9]{6}|[0-9]{6}使)", (("使", *_D6), (*_D6, "使")), ("black",)),
    (
        PlateClass.CONSULATE,
        f"{_P}(?:[0-9]{{5}}|[A-HJ-NP-Z]{_S}{{4}})领",
        ((PROVINCES, *[DIGITS] * 5, "领"), (PROVINCES, SERIAL_LETTERS, *[SERIAL] * 4, "领")),
        ("black",),
    ),
    (
        PlateClass.EMERGENCY,
        f"{_P}[XS][0-9]{{4}}应急",
        ((PROVINCES, "XS", *[DIGITS] * 4, "应", "急"),),
        ("white",),
    ),
    (
        PlateClass.WJ,
        f"WJ{_P}?[0-9]{{4}}[0-9TDSHBXJ]",
        (("W", "J", *[DIGITS] * 4, WJ_ENDS), ("W", "J", PROVINCES, *[DIGITS] * 4, WJ_ENDS)),
        ("white",),
    ),
    (PlateClass.TEMP_SPECIAL, f"{_P}{_A}{_S}{{4}}[试超]", _tailed("试超"), ()),
    (
        PlateClass.TRACTOR_AGRI,
        f"{_P}[0-9]{{2}}{_S}[0-9]{{4}}",
        ((PROVINCES, DIGITS, DIGITS, SERIAL, *[DIGITS] * 4),),
        ("green",),
    ),
    (
        PlateClass.ORDINARY,
        f"{_P}{_A}(?=(?:[0-9]*[A-HJ-NP-Z]){{0,2}}[0-9]*$){_S}{{5}}",
        _ordinary(),
        ("yellow", "blue"),
    ),
    (
        PlateClass.MILITARY,
        "[A-HJ-NP-Z]{2}[0-9]{5}",
        ((SERIAL_LETTERS, SERIAL_LETTERS, *[DIGITS] * 5),),
        ("white",),
    ),
)

CLASSES: dict[PlateClass, Class] = {
    name: Class(plate_class=name, expression=re.compile(expression), shapes=shapes, colours=colours)
    for name, expression, shapes, colours in _ROWS
}
