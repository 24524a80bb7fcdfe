"""What tablet and monitoring room say of a picture's suggestion."""

from __future__ import annotations

import msgspec

from kernel.events import VehicleFacts, VehicleHints, VehiclePictured
from tests.station.county import weighed
from web.hints import suggested
from web.i18n import LOCALES, load

TEXTS = load([LOCALES])
HINTS = VehicleHints(
    camera="side",
    picture="side-1.jpg",
    axle_count=6,
    axle_count_permille=914,
    combination=True,
    combination_permille=980,
    lifted_axles=0,
    lifted_axles_permille=900,
)
FIVE = weighed("p1", 44_120, VehicleFacts(axle_count=5), platform=True, at_ms=1_795_000_000_000)


def pictured(hints: VehicleHints | None) -> VehiclePictured:
    return VehiclePictured(passage="p1", weighed=None, weighed_durable_ms=None, hints=hints)


def said(hints: VehicleHints | None, language: str = "zh") -> list[tuple[str, str, str]]:
    texts = TEXTS["en" if language == "en" else "zh"]
    found = suggested([pictured(None), pictured(hints)], FIVE, texts)
    return [(key, name, value.replace("\u00a0", " ")) for key, name, value in found]


def test_one_line_says_what_the_picture_suggests_how_surely_and_what_the_scale_says() -> None:
    assert said(HINTS) == [
        (
            "hints",
            "图像提示（仅供参考）",
            "6 轴 91 % · 汽车列车 98 %；称重设备：5 轴（不一致，请核对图像）",
        )
    ]
    assert said(HINTS, "en") == [
        (
            "hints",
            "Picture suggests",
            "6 axles 91 % · combination vehicle 98 %; scale: 5 axles (they differ: look at the picture)",
        )
    ]


def test_lifted_axles_and_a_load_are_named_and_explain_what_the_scale_lacks() -> None:
    hints = msgspec.structs.replace(HINTS, lifted_axles=1, loaded=False, loaded_permille=850)
    [(_key, _name, value)] = said(hints)
    assert value == "6 轴 91 % · 汽车列车 98 % · 提升桥 1 轴 90 % · 未见载货 85 %；称重设备：5 轴"


def test_a_picture_that_suggests_nothing_has_no_line() -> None:
    assert said(None) == []
    assert said(VehicleHints(camera="side")) == []
    [(_key, _name, alone)] = suggested([pictured(HINTS)], None, TEXTS["zh"])
    assert alone.endswith("98\u00a0%")
