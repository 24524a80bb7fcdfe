"""What a lane holds is known at its station: the newest word on a crossing stands."""

from __future__ import annotations

from kernel.events import RecordHeld
from kernel.footage.keeping import Hold
from tests.station.desk import Desk


def held(act: str, passage: str | None, **more: object) -> RecordHeld:
    return RecordHeld(act=act, passage=passage, by="centre", reason="诉讼", **more)  # type: ignore[arg-type]


async def test_a_hold_is_known_until_it_is_released(desk: Desk) -> None:
    first, second = desk.weighed(48_000), desk.weighed(58_000)
    for passage in (first, second):
        desk.platform._journal.say(held("held", passage, until_ms=9))
    desk.platform._journal.say(held("held", None, files=("ab" * 32,)))
    desk.platform.put()
    hold = Hold(by="centre", reason="诉讼", until_ms=9)
    assert desk.queries.held() == {first: hold, second: hold}
    desk.platform._journal.say(held("released", first))
    desk.platform.put()
    assert desk.queries.held() == {second: hold}
    assert desk.queries.passage("s01-lane2", first) is not None
