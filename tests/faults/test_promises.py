"""docs/promises.md names every invariant, attack and case, and only tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.mutants import MUTANTS
from tests.faults.suite import CASES

ROOT = Path(__file__).parents[2]
PROMISES = (ROOT / "docs" / "promises.md").read_text()
FAULTS = (ROOT / "docs" / "faults.md").read_text()
NAMED = re.compile(r"`(test_[a-z0-9_]+)`")
DEFINED = re.compile(r"^\s*(?:async )?def (test_[a-z0-9_]+)\(", re.MULTILINE)
INVARIANTS = range(1, 16)
ATTACKS = range(1, 21)


def defined() -> set[str]:
    return {name for path in (ROOT / "tests").rglob("*.py") for name in DEFINED.findall(path.read_text())}


def row(begin: str) -> str:
    [line] = [line for line in PROMISES.splitlines() if line.startswith(f"| {begin} |")]
    return line


def test_every_test_that_the_page_names_exists() -> None:
    assert set(NAMED.findall(PROMISES)) <= defined() | {"test_promises"}


@pytest.mark.parametrize("number", INVARIANTS)
def test_every_invariant_has_tests_named_after_it(number: int) -> None:
    assert [name for name in NAMED.findall(row(f"I{number}")) if f"_i{number}_" in name]


@pytest.mark.parametrize("number", INVARIANTS)
def test_every_invariant_names_the_cases_that_are_about_it_and_no_others(number: int) -> None:
    cell = row(f"I{number}").split("|")[4]
    assert set(re.findall("`([^`]+)`", cell)) == {case.name for case in CASES if number in case.invariants}


@pytest.mark.parametrize("number", ATTACKS)
def test_every_attack_names_the_cases_with_its_number_or_a_test(number: int) -> None:
    checked_by = row(str(number)).split("|")[4]
    cases = [case.name for case in CASES if case.name.startswith(f"{number:02d} ")]
    assert cases or NAMED.findall(checked_by)
    assert all(f"`{name}`" in checked_by for name in cases)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_says_what_it_does_and_is_about_an_invariant(case: object) -> None:
    assert case in CASES
    [play] = [each for each in CASES if each is case]
    assert play.play.__doc__
    assert play.invariants
    assert all(number in INVARIANTS for number in play.invariants)


def test_the_page_of_faults_names_every_case_and_every_mutant() -> None:
    shown = FAULTS.replace(
        "kill -9 box, centre, station, broker, everybody",
        _each("kill -9", "box centre station broker everybody"),
    )
    assert [case.name for case in CASES if case.name not in shown] == []
    assert [mutant for mutant in MUTANTS if f"| `{mutant}` |" not in FAULTS] == []
    assert {case.caught for case in CASES if case.caught} == set(MUTANTS)


def _each(begin: str, ends: str) -> str:
    return ", ".join(f"{begin} {end}" for end in ends.split())
