"""What tablet and monitoring room say of a weighing beside its mass."""

from __future__ import annotations

import msgspec

from kernel.events import DeckMass, Silhouette, VehicleFacts, VehicleWeighed
from tests.station.county import weighed
from web.i18n import LOCALES, load
from web.weighings import beside_the_mass, silhouette

TEXTS = load([LOCALES])


def body(**more: object) -> VehicleWeighed:
    plain = weighed("p1", 44_120, VehicleFacts(axle_count=6), platform=True, at_ms=1_795_000_000_000)
    return msgspec.structs.replace(plain, **more)


def test_the_empty_scale_and_every_deck_are_shown() -> None:
    decks = (DeckMass(deck="front", deck_kg=17_220), DeckMass(deck="rear", deck_kg=26_900))
    said = list(beside_the_mass(body(zero_kg=-20, decks=decks), TEXTS["zh"]))
    assert said == [
        ("zero", "上秤前空秤示值", "-20\u00a0kg"),
        ("deck-1", "秤台 front", "17\u00a0220\u00a0kg"),
        ("deck-2", "秤台 rear", "26\u00a0900\u00a0kg"),
    ]


def test_kinds_of_vehicle_are_all_named_and_what_is_open_is_said_to_be() -> None:
    kinds = (
        Silhouette(axles=(1, 2, 3), combination=True, drive_axles=(1, 2)),
        Silhouette(axles=(2, 1), combination=False, drive_axles=(1,)),
    )
    [(_key, name, value)] = beside_the_mass(body(silhouettes=kinds), TEXTS["zh"])
    assert (name, value) == ("符合的轴型", "汽车列车 1+2+3（驱动轴 1/2 个，待确认） · 货车 2+1")
    english = silhouette(kinds[0], TEXTS["en"])
    assert english == "combination 1+2+3 with 1/2 drive axles, to confirm"


def test_a_weighing_that_tells_no_more_than_its_mass_says_nothing() -> None:
    assert list(beside_the_mass(body(), TEXTS["zh"])) == []
