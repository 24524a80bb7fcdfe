"""docs/station.md names every setting, command, address and topic there is."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from station.main import main
from station.pages.wording import REFUSALS
from station.releasing import Refusal
from station.settings import Settings

DOCS = Path(__file__).parents[2] / "docs" / "station.md"
SHARED = {"destinations"}  # described once, in docs/journal.md


def named(kind: Any) -> set[str]:
    """Every key of the settings, tables included."""
    found = set()
    for name, hint in get_type_hints(kind).items():
        found.add(name)
        inner = [part for part in (hint, *get_args(hint)) if is_dataclass(part)]
        if inner and name not in SHARED:
            found |= named(inner[0])
    assert found >= {field.name for field in fields(kind)}
    return found


def test_every_setting_is_described() -> None:
    told = set(re.findall(r"`([a-z_]+)`", DOCS.read_text(encoding="utf-8")))
    assert named(Settings) - told == set()


def test_every_command_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    verbs = re.findall(r"^    (\w+)  ", capsys.readouterr().out, re.MULTILINE)
    text = DOCS.read_text(encoding="utf-8")
    assert set(verbs) == {
        "run",
        "enrol",
        "user",
        "queue",
        "plates",
        "journals",
        "capacity",
        "dock",
        "footage",
        "recorders",
    }
    assert all(f"weighpost-station {verb}" in text for verb in verbs)


def test_every_address_is_described() -> None:
    pages = (DOCS.parents[1] / "station" / "pages").glob("*.py")
    source = "".join(page.read_text(encoding="utf-8") for page in pages)
    text = DOCS.read_text(encoding="utf-8")
    paths = set(re.findall(r'@app\.\w+\("([^"]+)"\)', source)) - {"/"}
    assert len(paths) > 6
    assert all(f"{path}`" in text for path in paths)


def test_every_reason_of_the_rules_has_words() -> None:
    assert set(get_args(Refusal)) <= set(REFUSALS)
