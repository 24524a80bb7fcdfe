from __future__ import annotations

from edge.drivers.readings import Display, Reading
from edge.drivers.rows import IndicatorOptions
from edge.drivers.scale.yaohua_cont12.protocol import INDICATOR, check_digits
from kernel.errors import ProtocolError

OPTIONS = IndicatorOptions()


def test_the_check_digits_are_those_of_the_manual() -> None:
    assert check_digits(b"+0020002") == b"1B"
    assert INDICATOR.write is not None
    assert INDICATOR.write(Display(mantissa=2000, exponent=-2), OPTIONS) == bytes.fromhex(
        "022b303032303030323142 03"
    )


def test_a_flipped_digit_is_dropped_and_the_next_frame_is_read() -> None:
    assert INDICATOR.write is not None
    good = INDICATOR.write(Display(mantissa=-20), OPTIONS)
    bad = good.replace(b"2", b"4", 1)
    items = INDICATOR.parser(OPTIONS).feed(bad + good)
    assert [type(item) for item in items if not isinstance(item, Reading)] == [ProtocolError] * (
        len(items) - 1
    )
    [reading] = [item for item in items if isinstance(item, Reading)]
    assert (reading.mantissa, reading.exponent, reading.unit, reading.stable) == (-20, 0, None, None)
