"""`weighpost-edge instrument`: what a person types becomes an order, the lane's answer is shown, `show` only looks."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tomli_w

from edge.instrument import verb
from edge.instrument.book import Book
from edge.instrument.memory import NAME, Memory
from edge.main import load, main
from edge.orders import FOLDER, Orders
from journal.console import Console
from kernel.errors import ConfigError, RefusedError
from kernel.events import InstrumentCertified, InstrumentChanged
from tests.edge.instrument.rig import HOUR, NOON, PAPER, Desk, DeskClock
from tests.edge.test_lane_program import TABLE, WJ
from tests.edge.test_lane_program import write as lane_toml

CERTIFICATE: dict[str, Any] = json.loads(msgspec.json.encode(PAPER))


class AnsweringLane(DeskClock):
    """While the verb sleeps, the lane looks at its orders."""

    def __init__(self, folder: Path, *, refuses: str = "", away: bool = False) -> None:
        super().__init__()
        self.heard: list[Mapping[str, str]] = []
        self.refuses = refuses
        self.away = away
        self.orders = Orders(folder / FOLDER, perform=self.perform, clock=self)

    async def perform(self, arguments: Mapping[str, str]) -> str:
        self.heard.append(arguments)
        if self.refuses:
            raise RefusedError(self.refuses)
        return "done: abc/7"

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if not self.away:
            await self.orders.look()


def settings_in(folder: Path, **scale: Any) -> Path:
    return lane_toml(folder, data=str(folder / "data"), scale=TABLE["scale"] | scale)


def typed(lane: AnsweringLane, *words: str) -> int:
    parser = argparse.ArgumentParser()
    verb.add(parser.add_subparsers(), load_lane=load)
    given = parser.parse_args(["instrument", *words])
    return int(given.run(given, Console(clock=lane)))


@pytest.fixture
def lane(tmp_path: Path) -> AnsweringLane:
    return AnsweringLane(tmp_path / "data")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("seal-broken", "--seal", "QF-1"),
            {"act": "seal_broken", "seal": "QF-1", "at_ms": str(NOON)},
        ),
        (("cell-replaced", "--at", "2026-11-23 12:00"), {"act": "load_cell_replaced", "at_ms": str(NOON)}),
        (("repaired", "--at", "2026-11-23T04:00:00+00:00"), {"act": "repaired", "at_ms": str(NOON)}),
        (("sealed", "--seal", "QF-2"), {"act": "sealed", "seal": "QF-2", "at_ms": str(NOON)}),
        (("open-shift",), {"act": "open_shift"}),
        (("check-zero",), {"act": "check_zero"}),
    ],
)
def test_what_is_typed_reaches_the_lane_and_its_answer_the_terminal(
    tmp_path: Path,
    lane: AnsweringLane,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: dict[str, str],
) -> None:
    act, *more = words
    assert typed(lane, act, str(settings_in(tmp_path)), *more, "--by", "wang", "--note", "雷击") == 0
    [heard] = lane.heard
    assert {name: value for name, value in heard.items() if name != "id"} == said | {
        "by": "wang",
        "note": "雷击",
    }
    assert capsys.readouterr().out == "done: abc/7\n"


def test_a_reference_and_a_certificate_are_named(tmp_path: Path, lane: AnsweringLane) -> None:
    path = settings_in(tmp_path)
    assert typed(lane, "check-reference", str(path), "truck", "--by", "wang") == 0
    paper = tmp_path / "certificate.toml"
    paper.write_text(tomli_w.dumps(CERTIFICATE))
    assert typed(lane, "certify", str(path), str(paper), "--by", "wang") == 0
    reference, certificate = lane.heard
    assert reference["reference"] == "truck"
    assert json.loads(certificate["certificate"]) == CERTIFICATE


def test_a_refusal_is_said_and_a_lane_that_is_away_does_it_later(
    tmp_path: Path, lane: AnsweringLane, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(settings_in(tmp_path))
    lane.refuses = "something is on the platform"
    with pytest.raises(RefusedError, match="something is on the platform"):
        typed(lane, "check-zero", path, "--by", "wang")
    lane.away = True
    assert typed(lane, "open-shift", path, "--by", "wang") == 0
    assert "is carried out when it runs" in capsys.readouterr().out
    assert len(list((tmp_path / "data" / FOLDER).glob("*.order"))) == 1


def test_a_check_is_made_now_or_not_at_all(tmp_path: Path, lane: AnsweringLane) -> None:
    lane.away = True
    with pytest.raises(RefusedError, match="nothing was checked"):
        typed(lane, "check-zero", str(settings_in(tmp_path)), "--by", "wang")
    assert list((tmp_path / "data" / FOLDER).iterdir()) == []


async def test_a_broken_seal_counts_from_when_it_was_said_however_late_the_lane_hears_it(
    tmp_path: Path, lane: AnsweringLane
) -> None:
    lane.away = True
    given = ["seal-broken", str(settings_in(tmp_path)), "--by", "wang", "--wait", "0"]
    await asyncio.to_thread(typed, lane, *given)
    desk = Desk()
    desk.clock.ms = NOON + 9 * HOUR
    await Orders(tmp_path / "data" / FOLDER, perform=desk.instrument.perform, clock=desk.clock).look()
    [fact] = desk.facts
    assert isinstance(fact, InstrumentChanged)
    assert (fact.change, fact.at_ms) == ("seal_broken", NOON)


@pytest.mark.parametrize(
    ("words", "fault"),
    [(("--at", "noon"), "--at"), (("--by", " "), "needs by"), (("--note", "x" * 501), "note has more")],
)
def test_what_means_nothing_is_refused_before_the_lane_hears_it(
    tmp_path: Path, lane: AnsweringLane, words: tuple[str, ...], fault: str
) -> None:
    with pytest.raises((ConfigError, RefusedError), match=fault):
        typed(lane, "repaired", str(settings_in(tmp_path)), "--by", "wang", *words)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "content",
    [b"\xff", b"number = ", b'number = "JL-1"\n', (tomli_w.dumps(CERTIFICATE) + "axle_clas = 1").encode()],
)
def test_a_certificate_that_does_not_say_enough_is_refused_by_its_faults(
    tmp_path: Path, lane: AnsweringLane, content: bytes
) -> None:
    paper = tmp_path / "certificate.toml"
    paper.write_bytes(content)
    with pytest.raises(ConfigError):
        typed(lane, "certify", str(settings_in(tmp_path)), str(paper), "--by", "wang")


def test_show_tells_what_is_in_force_and_what_is_due(
    tmp_path: Path, lane: AnsweringLane, capsys: pytest.CaptureFixture[str]
) -> None:
    path = settings_in(tmp_path, checks={"wanted": "always"})
    assert typed(lane, "show", str(path)) == 0
    assert "no evidence as pre_check" in capsys.readouterr().out
    book = Book("scale")
    paper = msgspec.structs.replace(PAPER, grades=("pre_check",))
    book.add(InstrumentCertified(device="scale", at_ms=NOON - 1, certificate=paper, by="wang"))
    (tmp_path / "data").mkdir()
    Memory(tmp_path / "data" / NAME, book).save()
    assert typed(lane, "show", str(path)) == 0
    told = capsys.readouterr().out
    assert told.startswith("scale: evidence as pre_check\ncertificate JL-1, class III")
    assert "owes a check: zero" in told
    book.add(InstrumentChanged(device="scale", at_ms=NOON, change="seal_broken", by="wang"))
    Memory(tmp_path / "data" / NAME, book).save()
    assert typed(lane, "show", "--json", str(path)) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["evidence"], shown["reasons"], shown["certificate"]["number"]) == (
        False,
        ["seal_broken"],
        "JL-1",
    )
    assert shown["unchecked"] == ["zero", "reference"]
    assert shown["changes"][0]["by"] == "wang"


def test_the_program_has_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["instrument", "show", str(settings_in(tmp_path))]) == 0
    assert "no_certificate" in capsys.readouterr().out
    assert main(["instrument", "show", str(tmp_path / "nothing.toml")]) == 2


# --- settings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "path"),
    [
        ({"certificate": CERTIFICATE | {"seals": []}}, "scale.certificate.seals"),
        ({"certificate": CERTIFICATE | {"accuracy_class": "B(10)"}}, "scale.certificate.accuracy_class"),
        ({"certificate": "JL-1"}, "scale.certificate"),
        ({"checks": {"shift_starts": ["8 o'clock"]}}, "scale.checks.shift_starts"),
        ({"checks": {"references": [{"name": "a b", "kg": 1}]}}, "scale.checks.references[0].name"),
        ({"checks": {"references": [{"name": "a", "kg": 0}]}}, "scale.checks.references[0].kg"),
        ({"checks": {"references": [{"name": "a", "kg": 1}] * 2}}, "scale.checks.references"),
        ({"drift": {"rezero_divisions": 0}}, "scale.drift.rezero_divisions"),
    ],
)
def test_settings_of_the_instrument_are_named_by_their_faults(
    tmp_path: Path, scale: dict[str, Any], path: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(settings_in(tmp_path, **scale))
    assert [found for found, _ in refused.value.faults] == [path]
    assert load(settings_in(tmp_path, certificate=CERTIFICATE))[0].scale.certificate is not None


MINE = CERTIFICATE | {"grades": ["pre_check"], "division_kg": 50}


@pytest.mark.parametrize(
    ("scale", "path"),
    [
        ({"platform": {"division_kg": 20}}, "scale.platform.division_kg"),
        ({"weighing": "axlewise", "platform": {"division_kg": 50}}, "scale.axlewise.division_kg"),
    ],
)
def test_a_display_of_another_division_than_the_certificates_refuses_the_start(
    tmp_path: Path, scale: dict[str, Any], path: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(settings_in(tmp_path, certificate=MINE, **scale))
    assert refused.value.faults == ((path, "must be that of the certificate, 50, is 20"),)


@pytest.mark.parametrize(
    "scale",
    [
        {"platform": {"division_kg": 50}, "certificate": MINE},
        {"weighing": "axlewise", "axlewise": {"division_kg": 50}, "certificate": MINE},
        {"certificate": MINE | {"grades": ["certified"]}},
        WJ | {"certificate": MINE | {"accuracy_class": "5"}},
    ],
)
def test_no_other_lane_needs_the_division_of_the_certificate(tmp_path: Path, scale: dict[str, Any]) -> None:
    settings, _law = load(settings_in(tmp_path, **scale))
    assert settings.scale.certificate is not None
