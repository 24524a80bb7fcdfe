from __future__ import annotations

import pytest

from kernel.errors import ConfigError
from simulators.faults import Fault, read_faults

GOOD = """
[[fault]]
at_ms = 5000
for_ms = 1000
device = "lane1.scale"
kind = "unplug"
[[fault]]
at_ms = 100
for_ms = 10
device = "lane2.controller"
kind = "noise"
share = 0.5
"""


def test_faults_come_in_order_of_time() -> None:
    assert read_faults(GOOD) == (
        Fault(at_ms=100, for_ms=10, device="lane2.controller", kind="noise", share=0.5),
        Fault(at_ms=5_000, for_ms=1_000, device="lane1.scale", kind="unplug"),
    )
    assert read_faults("") == ()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (('kind = "unplug"', 'kind = "fire"'), "fault[0].kind"),
        (("at_ms = 5000", "at_ms = -1"), "fault[0].at_ms"),
        (("for_ms = 10\n", "for_ms = 0\n"), "fault[1].for_ms"),
        (('"lane1.scale"', '"lane1"'), "fault[0].device"),
        (("share = 0.5", "share = 2.0"), "fault[1].share"),
        (("[[fault]]", "[[fault"), "faults"),
    ],
)
def test_wrong_faults_are_named(change: tuple[str, str], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_faults(GOOD.replace(*change))
    assert path in [at for at, _ in caught.value.faults]
