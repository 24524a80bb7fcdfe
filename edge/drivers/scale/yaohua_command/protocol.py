r"""Yaohua XK3190 command mode (tF=1) 指令方式, pure: both sides of it.

    host      STX AD CMD XH XL ETX                      AD 'A'..'Z' is address 1..26; XOR of AD .. the last data byte
    answer    STX AD CMD sign dddddd p XH XL ETX        p decimal places; or a point among the six digits, and no p
              STX AD CMD XH XL ETX                      without data; CMD is EOT for a command that it does not know

B is the gross weight everywhere.  What C and D are depends on the maker's papers: an option says it.
Source: XK3190-DS1 p.8-9, -A9+ p.10, -A23p p.26; RS485 notes of belt scales.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import msgspec

from edge.drivers.framing import FrameParser
from edge.drivers.readings import Display, FedParser, Kind, Reading, Reply, described, described_reply, number
from edge.drivers.rows import Doubt, Indicator, IndicatorOptions, check_times
from edge.drivers.scale.yaohua_cont12.protocol import check_digits
from kernel.errors import ConfigError, ProtocolError, RefusedError
from kernel.settings import Fault, must, refuse

Roles = Mapping[str, Kind]

EOT = "\x04"
GROSS_ONLY: Roles = {"B": "gross"}
_COMMAND = re.compile(rb"\x02([A-Z])([\x21-\x7e])([0-9A-F]{2})\x03")
_ANSWER = re.compile(rb"\x02([A-Z])(?:([BCD])([+-])([0-9.]{7})|([A-Za-z\x04]))([0-9A-F]{2})\x03")
_LONGEST = 14
_ROLE = re.compile(r"([BCD]) (gross|tare|net)")


# --- what the papers say ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What the commands of one maker's papers mean.

    `roles` are the weights that commands read, `acks` what an answer without data carries in the command's place,
    `orders` the commands for zero and tare.  `pointed`: the device writes a point.
    """

    roles: Roles
    acks: Mapping[str, str]
    orders: Mapping[str, str]
    pointed: bool = False


def roles_in(text: str) -> Roles:
    """Which weight each command reads, from "A9: B gross, C tare, D net"; what stands before the colon is a remark.

    ConfigError for anything else, and for a command or a weight named twice.
    """
    parts = [_ROLE.fullmatch(part.strip()) for part in text.rpartition(":")[2].split(",")]
    roles = {each[1]: cast(Kind, each[2]) for each in parts if each}
    if not len(parts) == len(roles) == len(set(roles.values())):
        raise ConfigError.one("roles", f'must be like "B gross, C tare, D net", is {text!r}')
    return roles


def dialect(options: CommandOptions) -> Dialect:
    """Only the papers in which C is net document commands for zero and tare."""
    roles = GROSS_ONLY if options.roles is None else roles_in(options.roles)
    orders = {"tare": "E", "zero": "F"} if roles.get("C") == "net" else {}
    acks = {"A": "A"} | {letter: letter.lower() for letter in orders.values()}
    return Dialect(roles=roles, acks=acks, orders=orders, pointed=options.variant == "explicit-point")


def address_fault(address: int) -> Fault:
    return must(1 <= address <= 26, "address", f"must be from 1 to 26, is {address}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOptions(IndicatorOptions):
    """What the indicator is set to, and what its papers say.

    `address` is its own on the bus.  `command` is the question for the weight.  `roles` says what B, C and D read, as
    in "A9: B gross, C tare, D net"; without it only B is understood.  `variant` is how answers write the point: with
    "digits-dp" the last character counts the decimal places, with "explicit-point" a point stands among the digits;
    unset, either is read.  `direction` "host->indicator" reads the host's commands instead of the answers.
    """

    address: int = 1
    command: Literal["B", "C", "D"] = "B"
    roles: str | None = None
    variant: Literal["digits-dp", "explicit-point"] | None = None
    direction: Literal["indicator->host", "host->indicator"] = "indicator->host"

    def __post_init__(self) -> None:
        check_times(self)
        kind = dialect(self).roles.get(self.command)
        refuse(
            address_fault(self.address),
            must(kind is not None, "roles", f"must say what {self.command} reads: papers disagree"),
            must(
                kind != "tare", "command", f"{self.command} reads the tare, which is no weight of a vehicle"
            ),
        )


# --- the wire -----------------------------------------------------------------------------------------------------


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What the host asks."""

    command: str
    address: int
    raw: bytes = b""


class Answer(Reading, frozen=True, kw_only=True):
    """A weight, and the address that it came from."""

    address: int


def framed(address: int, body: bytes) -> bytes:
    """A frame of either side; `body` is the command and its data."""
    data = bytes([64 + address]) + body
    return b"\x02" + data + check_digits(data) + b"\x03"


def command_parser() -> FrameParser[Command]:
    return FrameParser(_COMMAND, longest=6, decode=_command)


def answer_parser(spoken: Dialect, address: int, variant: str | None = None) -> FrameParser[Answer | Reply]:
    def decode(found: re.Match[bytes], _repeated: bool) -> Answer | Reply:
        sender = _sender(found)
        letter, sign, digits, bare = found.groups()[1:5]
        if bare is not None:
            return _without_data(bare.decode(), spoken, found[0])
        kind = spoken.roles.get(letter.decode())
        mantissa, exponent = _value(digits, variant, found[0])
        return Answer(
            mantissa=-mantissa if sign == b"-" else mantissa,
            exponent=exponent,
            kind=kind or "unknown",
            checked=True,
            confirmed=True,
            doubt="roles" if kind is None else "" if sender == address else "address",
            raw=found[0],
            address=sender,
        )

    return FrameParser(_ANSWER, longest=_LONGEST, decode=decode)


def _command(found: re.Match[bytes], _repeated: bool) -> Command:
    return Command(command=found[2].decode(), address=_sender(found), raw=found[0])


def _sender(found: re.Match[bytes]) -> int:
    """The address, if the check digits hold."""
    raw = found[0]
    if check_digits(raw[1:-3]) != raw[-3:-1]:
        raise ProtocolError("wrong checksum", raw)
    return raw[1] - 64


def _value(digits: bytes, variant: str | None, raw: bytes) -> tuple[int, int]:
    pointed = b"." in digits
    if variant is not None and pointed != (variant == "explicit-point"):
        raise ProtocolError(f"not of the variant {variant}", raw)
    if pointed:
        return number(digits)
    places = digits[6] - ord("0")
    if places > 4:
        raise ProtocolError("more than four decimal places", raw)
    return int(digits[:6]), -places


def _without_data(command: str, spoken: Dialect, raw: bytes) -> Reply:
    if command == EOT:
        return Reply(status="unknown_command", raw=raw)
    if command in spoken.acks.values():
        return Reply(status="ready" if command == "A" else "done", raw=raw)
    raise ProtocolError("the host's own question came back: switch off the echo of the adapter", raw)


def describe(item: Reading | Reply | Command) -> dict[str, object]:
    if isinstance(item, Command):
        return {"command": item.command, "address": item.address, "checksum": "ok"}
    if isinstance(item, Reply):
        return described_reply(item)
    return described(item) | ({"address": item.address} if isinstance(item, Answer) else {})


# --- the device's side --------------------------------------------------------------------------------------------


class Server:
    """Answers commands for its address as an indicator does; silent to others."""

    def __init__(self, spoken: Dialect, address: int) -> None:
        self._spoken = spoken
        self._address = address
        self._commands = command_parser()

    def feed(self, data: bytes, shown: Display, /) -> bytes:
        """ValueError when the value does not fit the frame."""
        asked = self._commands.feed(data)
        mine = [each for each in asked if isinstance(each, Command) and each.address == self._address]
        return b"".join(framed(self._address, self._answer(each.command, shown)) for each in mine)

    def _answer(self, command: str, shown: Display) -> bytes:
        spoken = self._spoken
        kind = spoken.roles.get(command)
        if kind is not None:
            return command.encode() + _value_bytes(_weight(shown, kind), shown.exponent, spoken.pointed)
        return spoken.acks.get(command, EOT).encode()


def _weight(shown: Display, kind: Kind) -> int:
    gross = shown.mantissa + shown.tare if shown.net else shown.mantissa
    return {"gross": gross, "tare": shown.tare}.get(kind, gross - shown.tare)


def _value_bytes(mantissa: int, exponent: int, pointed: bool) -> bytes:
    if not 0 <= -exponent <= 4 or abs(mantissa) > 999_999:
        raise ValueError(f"{mantissa}e{exponent} does not fit the frame")
    digits = b"%06d" % abs(mantissa)
    tail = digits[: 6 + exponent] + b"." + digits[6 + exponent :] if pointed else digits + b"%d" % -exponent
    return (b"-" if mantissa < 0 else b"+") + tail


# --- the row ------------------------------------------------------------------------------------------------------


def parser(options: CommandOptions) -> FedParser[Any]:
    if options.direction == "host->indicator":
        return command_parser()
    return answer_parser(dialect(options), options.address, options.variant)


def poll(options: CommandOptions) -> bytes:
    return framed(options.address, options.command.encode())


def serve(options: CommandOptions) -> Server:
    return Server(dialect(options), options.address)


def _order(what: str) -> Callable[[CommandOptions], bytes]:
    def command(options: CommandOptions) -> bytes:
        letter = dialect(options).orders.get(what)
        if letter is None:
            raise RefusedError(
                f"these papers document no command for {what}: only those in which C is net do"
            )
        return framed(options.address, letter.encode())

    return command


INDICATOR = Indicator(
    name="yaohua-command",
    title="Yaohua XK3190 command mode 耀华指令方式",
    makers="Yaohua XK3190 A9, A9+, DS1, DS3, A23p with tF=1; belt scales on RS485",
    frame="14 bytes",
    lines=("9600 8N1", "4800 8N1", "2400 8N1", "1200 8N1", "600 8N1"),
    says=frozenset({"checksum", "gross_net"}),
    options=CommandOptions,
    parser=parser,
    describe=describe,
    poll=poll,
    serve=serve,
    orders={"zero": _order("zero"), "tare": _order("tare")},
    doubts=(
        Doubt(option="unit", why="the answer does not send it"),
        Doubt(
            option="roles", why="C is tare and D net in one maker's papers, the other way round in another's"
        ),
        Doubt(option="address", why="an answer from another address is another scale's weight"),
    ),
    kin=frozenset({"keli"}),
    wiring="RS-232: RXD, TXD, GND; or RS-485: A, B, several indicators on one pair",
    source="XK3190-DS1 p.8-9, A9+ p.10, A23p p.26; RS485 notes of belt scales",
)
