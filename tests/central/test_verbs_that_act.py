"""Case, hold, erase and keep as they are typed: acts of the running centre, and every byte of a plate gone at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.central.county import (
    LANE,
    SOURCE,
    County,
    Desk,
    desk,
    found,
    listed,
    running_centre,
    running_lane,
    until,
    verb,
)
from tests.central.made import pictured, weighed
from tests.central.test_instruments import certified, changed

pytestmark = [pytest.mark.wire, pytest.mark.timeout(240)]

PLATE = "鲁C7X9Q2"
SETTINGS = ("--settings", "central.toml")
BY = ("--by", "li", *SETTINGS)
PICTURE = b"\xff\xd8\xff" + PLATE.encode() * 50


@pytest.fixture
def county(tmp_path: Path) -> County:
    return found(tmp_path)


def raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


async def arrived(asked: Desk) -> bool:
    return [(row["tractor"], row["files_stored"]) for row in await asked.rows()] == [(PLATE, 1)]


async def test_i14_a_plate_is_erased_by_a_verb_from_the_whole_centre(county: County) -> None:
    data = county.folder / "data"
    with running_centre(county):
        async with running_lane(county) as lane, desk(county) as asked:
            await lane.journal.append(weighed("p1"), source=SOURCE)
            files = await lane.files.put([("front-1.jpg", PICTURE)])
            await lane.journal.append(pictured("p1", tractor=PLATE), source=SOURCE, files=files)
            await until(lambda: arrived(asked), what="the truck whole")
        assert PLATE.encode() in raw(data)
        [read] = listed(verb(county, "plates", "--status", "read", "--json", *SETTINGS))
        assert (read["text"], read["role"], read["said"]) == (PLATE, "front", None)

        assert verb(county, "hold", "p1", "--reason", "复议", *BY).returncode == 0
        refused = verb(county, "erase", "p1", "--rule", "个人信息保护法 第四十七条", *BY)
        assert refused.returncode == 2
        assert "must stay: held by token:command-line.li: 复议" in refused.stderr
        assert verb(county, "hold", "p1", "--reason", "已结", "--release", *BY).returncode == 0
        erased = verb(county, "erase", "p1", "--rule", "个人信息保护法 第四十七条", *BY)
        assert erased.returncode == 0, erased.stderr
        assert PLATE.encode() not in raw(data)
        again = verb(county, "erase", "p1", "--rule", "again", *BY)
        assert again.stdout.strip() == "nothing personal is left"
        [row] = listed(verb(county, "events", "--json", *SETTINGS))
        assert (row["tractor"], row["gross_kg"]) == (None, 30_000)
        assert listed(verb(county, "plates", "--json", *SETTINGS)) == []
        async with desk(county, role="auditor") as audit:
            looks = await audit.get("accesses", by="token:command-line")
            wanted = [("list", "page=plates"), ("list", ""), ("list", "page=plates status=read")]
            assert [(look["what"], look["wanted"]) for look in looks] == wanted
    assert PLATE.encode() not in raw(data)


async def test_a_case_is_kept_and_shown_by_verbs(county: County) -> None:
    with running_centre(county):
        async with running_lane(county) as lane, desk(county) as asked:
            await lane.journal.append(weighed("p1", weighing_grade="certified"), source=SOURCE)
            await until(asked.rows, what="the truck")
        assert verb(county, "case", "add", "2026-12", "p9", *BY).returncode == 2
        assert verb(county, "case", "add", "2026-12", "p1", "--by", "Li!", *SETTINGS).returncode == 2
        added = verb(county, "case", "add", "2026-12", "p1", *BY)
        assert added.stdout.strip() == "2026-12: 1 entries"
        published = verb(county, "publish", "2026-12", "--field", "day", "--field", "over_kg", *BY)
        assert published.returncode == 0, published.stderr
        assert verb(county, "publish", "2026-12", "--field", "tractor", *BY).returncode == 2
        assert verb(county, "publish", "2026-12", "--withdraw", *BY).returncode == 0
    shown = verb(county, "case", "show", "2026-12", "--json", *SETTINGS)
    assert [entry["stream"] for entry in json.loads(shown.stdout)["entries"]] == ["vehicle.weighed"]
    assert verb(county, "case", "show", "2026-13", *SETTINGS).returncode == 2
    assert listed(verb(county, "keep", "--json", *SETTINGS)) == []
    stopped = verb(county, "erase", "p1", "--rule", "abc", *BY)
    assert stopped.returncode == 2
    assert "does not answer" in stopped.stderr


async def test_a_case_is_closed_and_reopened_by_verbs(county: County) -> None:
    end = ("case", "close", "2026-12", "--reason", "paid", "--kept-as", "case_long", *BY)
    with running_centre(county):
        async with running_lane(county) as lane, desk(county, role="reviewer") as asked:
            await lane.journal.append(weighed("p1", weighing_grade="certified"), source=SOURCE)
            await until(asked.rows, what="the truck")
            assert verb(county, "case", "add", "2026-12", "p1", *BY).returncode == 0
            refused = verb(county, *end)
            assert (refused.returncode, "has not passed review: p1" in refused.stderr) == (2, True)
            answer = await asked.client.post(f"passages/{LANE}/p1/review", json={"outcome": "confirmed"})
            assert answer.status_code == 200, answer.text
        assert verb(county, *end).returncode == 0
        [row] = listed(verb(county, "case", "list", "--json", *SETTINGS))
        assert (row["entries"], row["reason"], row["kept_as"]) == (1, "paid", "case_long")
        assert row["closed_ms"] is not None
        assert verb(county, "case", "reopen", "2026-12", "--note", "复议", *BY).returncode == 0
    [row] = listed(verb(county, "case", "list", "--open", "--json", *SETTINGS))
    assert (row["case"], row["closed_ms"]) == ("2026-12", None)
    shown = verb(county, "case", "show", "2026-12", *SETTINGS)
    assert "\nopen again, by token:command-line.li: 复议" in shown.stdout


async def test_a_case_says_on_a_terminal_that_it_has_lost_its_ground(county: County) -> None:
    with running_centre(county):
        async with running_lane(county) as lane, desk(county) as asked:
            await lane.journal.append(certified(1), source=SOURCE)
            await lane.journal.append(weighed("p1", weighing_grade="certified"), source=SOURCE)
            await until(asked.rows, what="the truck")
            assert verb(county, "case", "add", "2026-12", "p1", *BY).returncode == 0
            assert "any more" not in verb(county, "case", "show", "2026-12", *SETTINGS).stdout
            await lane.journal.append(changed(2), source=SOURCE)

            async def lost() -> bool:
                [scale] = await asked.get(f"boxes/{LANE}/instruments")
                return bool(scale["changes"])

            await until(lost, what="the broken seal")
        shown = verb(county, "case", "show", "2026-12", *SETTINGS)
        assert shown.stdout.splitlines()[-1] == "p1 is no evidence any more: seal_broken"
        refused = verb(county, "publish", "2026-12", "--field", "day", *BY)
        assert (refused.returncode, "p1 is no evidence: seal_broken" in refused.stderr) == (2, True)


async def test_a_seal_that_the_centre_says_is_broken_is_an_entry_for_the_lane(county: County) -> None:
    with running_centre(county):
        async with running_lane(county) as lane, desk(county) as asked:
            await lane.journal.append(certified(1), source=SOURCE)
            await lane.journal.append(weighed("p1"), source=SOURCE)
            await until(asked.rows, what="the truck")
        shown = verb(county, "instrument", "show", LANE, *SETTINGS)
        assert shown.stdout.strip() == "wim: certificate JL-1: evidence"
        said = verb(county, "instrument", "say", LANE, "seal_broken", "--at", "2020-11-20 08:00", *BY)
        assert said.returncode == 0, said.stderr
        assert "/" in said.stdout
        shown = verb(county, "instrument", "show", LANE, *SETTINGS)
        assert shown.stdout.splitlines() == [
            "wim: certificate JL-1: seal_broken",
            "waits for the box to accept it: seal_broken since 2020-11-20 08:00:00, by token:command-line.li",
        ]
        assert verb(county, "instrument", "say", LANE, "seal_broken", "--at", "noon", *BY).returncode == 2
        assert verb(county, "instrument", "say", "nobody-here", "seal_broken", *BY).returncode == 2
        nothing = verb(county, "instrument", "show", "nobody-here", *SETTINGS)
        assert nothing.stdout.strip() == "nothing is known of a scale there"
        [listed_] = json.loads(verb(county, "instrument", "show", LANE, "--json", *SETTINGS).stdout)
        assert listed_["certificate"]["number"] == "JL-1"


async def test_a_list_on_a_terminal_is_an_entry_also_while_the_centre_is_stopped(county: County) -> None:
    assert listed(verb(county, "events", "--plate", PLATE, "--json", *SETTINGS)) == []
    with running_centre(county):
        async with desk(county, role="auditor") as audit:

            async def looks() -> object:
                return await audit.get("accesses", by="command-line")

            [look] = await until(looks, what="the look")
            assert (look["what"], look["wanted"]) == ("list", "plate=鲁C*****")
