from journal.timekeeping import LAYOUT, ask_kernel, check_clock, clock_state


def timex(*, offset: int = 0, max_error_us: int, status: int) -> bytes:
    return LAYOUT.pack(0, offset, 0, max_error_us, 0, status).ljust(256, b"\0")


def test_a_synchronised_clock_states_its_offset_and_error() -> None:
    checked = check_clock(lambda: timex(offset=-3_200_000, max_error_us=12_500, status=0x2001))
    assert (checked.reference, checked.offset_ms, checked.err_ms, checked.state) == ("ntp", -4, 12, "ok")


def test_a_clock_that_nobody_set_has_no_error_that_could_be_believed() -> None:
    ask = lambda: timex(max_error_us=16_000_000, status=0x40)  # noqa: E731
    assert check_clock(ask).state == "unset"
    assert clock_state(ask).err_ms is None


def test_a_clock_that_lost_its_reference_holds_over() -> None:
    checked = check_clock(lambda: timex(offset=5, max_error_us=900_000, status=0x40))
    assert (checked.state, checked.err_ms) == ("holdover", 900)


def test_the_kernel_answers() -> None:
    assert check_clock(ask_kernel).err_ms >= 1
