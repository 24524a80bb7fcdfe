from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.making import make_driver
from edge.drivers.readings import Display, Reading, Reply
from edge.drivers.scale.yaohua_command.protocol import (
    INDICATOR,
    CommandOptions,
    Server,
    dialect,
    framed,
    parser,
    poll,
    roles_in,
    serve,
)
from kernel.errors import ConfigError, LinkError, ProtocolError, RefusedError
from simulators.clock import VirtualClock
from simulators.links import ScriptedLink

A9 = "A9: B gross, C tare, D net"
RS485 = "RS485 note: B gross, C net, D tare"
SHOWN = Display(mantissa=11_460, net=True, tare=7_000)


def heard(data: bytes, **options: Any) -> list[Any]:
    return list(parser(CommandOptions(**options)).feed(data))


def asked(letter: bytes, shown: Display = SHOWN, **options: Any) -> Any:
    """What the host reads when an indicator that shows this was asked."""
    settings = CommandOptions(**options)
    sent = serve(settings).feed(framed(settings.address, letter), shown)
    [item] = heard(sent, **options)
    return item


def test_the_questions_are_those_of_the_manual() -> None:
    assert poll(CommandOptions()) == bytes.fromhex("024142303303")
    assert poll(CommandOptions(command="C", roles=RS485)) == bytes.fromhex("024143303203")
    assert poll(CommandOptions(command="D", roles=A9)) == bytes.fromhex("024144303503")


def test_the_roles_of_c_and_d_are_those_of_the_papers() -> None:
    read = {
        (letter, roles): asked(letter, roles=roles)
        for letter, roles in itertools.product((b"B", b"C", b"D"), (A9, RS485))
    }
    assert {each.mantissa for (letter, _), each in read.items() if letter == b"B"} == {18_460}
    assert (read[b"C", A9].kind, read[b"C", A9].mantissa) == ("tare", 7_000)
    assert (read[b"C", RS485].kind, read[b"C", RS485].mantissa) == ("net", 11_460)
    assert (read[b"D", A9].kind, read[b"D", RS485].kind) == ("net", "tare")


def test_without_roles_only_b_is_a_weight() -> None:
    sent = serve(CommandOptions(roles=A9)).feed(framed(1, b"B") + framed(1, b"C"), SHOWN)
    gross, other = heard(sent)
    assert (gross.kind, gross.doubt) == ("gross", "")
    assert (other.kind, other.doubt) == ("unknown", "roles")


@pytest.mark.parametrize(
    "roles", ["", "A9", "B gross, C", "B gross, C gross", "B gross, B tare", "B brutto", "E gross"]
)
def test_roles_that_say_nothing_or_too_much_are_refused(roles: str) -> None:
    with pytest.raises(ConfigError, match=r"B gross, C tare, D net"):
        roles_in(roles)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"command": "D"}, "roles"),
        ({"command": "C", "roles": A9}, "command"),
        ({"address": 27}, "address"),
        ({"address": 0}, "address"),
    ],
)
def test_a_question_for_no_weight_and_an_impossible_address_are_refused(
    options: dict[str, Any], path: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        CommandOptions(**options)
    assert [each for each, _ in caught.value.faults] == [path]


def test_the_weight_of_another_address_is_doubted() -> None:
    sent = serve(CommandOptions(address=4)).feed(framed(4, b"B"), SHOWN)
    [mine] = heard(sent, address=4)
    [other] = heard(sent)
    assert (mine.doubt, other.doubt, other.address) == ("", "address", 4)


def test_the_variant_only_restricts() -> None:
    counted = serve(CommandOptions()).feed(framed(1, b"B"), SHOWN)
    pointed = serve(CommandOptions(variant="explicit-point")).feed(framed(1, b"B"), SHOWN)
    assert (counted[3:-3], pointed[3:-3]) == (b"+0184600", b"+018460.")
    for variant, wanted in (("digits-dp", counted), ("explicit-point", pointed)):
        items = heard(counted + pointed, variant=variant)
        assert [item.raw for item in items if isinstance(item, Reading)] == [wanted]
    assert [item.mantissa for item in heard(counted + pointed)] == [18_460] * 2


def test_five_decimal_places_are_none() -> None:
    [error, *_] = heard(framed(1, b"B+0184605"))
    assert isinstance(error, ProtocolError)


def test_a_command_that_it_does_not_know_is_answered_with_eot() -> None:
    assert asked(b"Q") == Reply(status="unknown_command", raw=framed(1, b"\x04"))
    assert asked(b"E", roles=A9).status == "unknown_command"
    assert asked(b"A").status == "ready"


def test_others_on_the_bus_are_left_alone() -> None:
    assert Server(dialect(CommandOptions()), 2).feed(framed(1, b"B"), SHOWN) == b""


def test_zero_and_tare_are_ordered_only_where_papers_have_them() -> None:
    zero, tare = INDICATOR.orders["zero"], INDICATOR.orders["tare"]
    notes = CommandOptions(roles=RS485)
    assert zero(notes) == framed(1, b"F")
    assert tare(notes) == framed(1, b"E")
    assert serve(notes).feed(tare(notes) + zero(notes), SHOWN) == b"\x02Ae24\x03\x02Af27\x03"
    assert [item.status for item in heard(b"\x02Ae24\x03\x02Af27\x03", roles=RS485)] == ["done", "done"]
    for order in (zero, tare):
        with pytest.raises(RefusedError, match="no command"):
            order(CommandOptions(roles=A9))


def test_an_adapter_that_echoes_is_named_and_does_not_hide_the_answer() -> None:
    sent = poll(CommandOptions()) + serve(CommandOptions()).feed(poll(CommandOptions()), SHOWN)
    items = heard(sent)
    assert "echo" in str(items[0])
    assert [item.mantissa for item in items if isinstance(item, Reading)] == [18_460]


@given(
    st.integers(-999_999, 999_999),
    st.integers(-4, 0),
    st.integers(1, 26),
    st.sampled_from(["digits-dp", "explicit-point"]),
)
def test_every_value_survives_the_answer(mantissa: int, exponent: int, address: int, variant: Any) -> None:
    got = asked(
        b"B", Display(mantissa=mantissa, exponent=exponent), address=address, variant=variant, roles=A9
    )
    assert (got.mantissa, got.exponent, got.address) == (mantissa, exponent, address)
    assert (got.checked, got.confirmed) == (True, True)


def test_a_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        serve(CommandOptions()).feed(framed(1, b"B"), Display(mantissa=1_000_000))


@given(
    st.lists(
        st.one_of(
            st.sampled_from([framed(1, b"B+0184600"), framed(3, b"C-00.1500"), framed(1, b"\x04"), b"\x02A"]),
            st.binary(max_size=9),
        ),
        max_size=8,
    ),
    st.data(),
)
def test_any_split_of_answers_gives_the_same(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    one, other = parser(CommandOptions(roles=A9)), parser(CommandOptions(roles=A9))
    pieces = [
        item
        for start, end in itertools.pairwise((0, *sorted(cuts), len(stream)))
        for item in one.feed(stream[start:end])
    ]
    whole = other.feed(stream)
    assert [item for item in pieces if not isinstance(item, ProtocolError)] == [
        item for item in whole if not isinstance(item, ProtocolError)
    ]


async def test_a_doubted_answer_is_never_a_weight() -> None:
    clock = VirtualClock()
    driver = make_driver("yaohua-command", {"unit": "kg"}, device="scale", clock=clock)
    mine, other = framed(1, b"B+0184600"), framed(4, b"B+0284600")
    link = ScriptedLink([mine, other, framed(1, b"C+0070000"), mine], clock=clock)
    got: list[Any] = []

    async def listen() -> None:
        async for event in driver.readings(link):
            got.append(event)  # noqa: PERF401 - the end of the link ends it with an error

    task = asyncio.create_task(listen())
    await clock.run_for(60)
    with pytest.raises(LinkError):
        await task
    assert [event.kg for event in got] == [18_460, 18_460]
    assert driver.pulse.dropped == 2
