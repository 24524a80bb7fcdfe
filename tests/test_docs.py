"""The documentation is complete and true where it can be checked."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from edge.drivers import DRIVERS
from kernel.events import STREAMS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
# Spelled in pieces, so that this file does not contain what it looks for.
FORBIDDEN = [
    re.compile(pattern)
    for pattern in ("/ro" + "ot/", "/wo" + "rk/", r"pypi" + r"\.", "files" + "." + "pythonhosted")
]


@pytest.fixture(scope="module")
def made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("weighpost_docs", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text(name: str) -> str:
    return (DOCS / name).read_text()


def test_streams_and_settings_are_what_the_code_says(made: ModuleType) -> None:
    assert text("streams.md") == made.streams()
    assert text("settings.md") == made.settings()


@pytest.mark.broad  # it loads every program
@pytest.mark.timeout(30)
def test_every_command_is_there(made: ModuleType) -> None:
    shown = set(re.findall(r"^### (.+)$", text("commands.md"), re.MULTILINE))
    real = {
        f"{script} {' '.join(verb)}"
        for script, module in made.SCRIPTS.items()
        for verb in made._verbs(module, [])
    }
    assert shown == real


def test_every_script_of_the_project_is_in_the_page(made: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(project["scripts"]) == set(made.SCRIPTS)


def test_every_driver_is_in_the_page_on_scales() -> None:
    assert [name for name in DRIVERS if f"`{name}`" not in text("scales.md") + text("devices.md")] == []


def test_every_stream_has_a_sentence() -> None:
    assert [name for name, row in STREAMS.items() if not row.says or not row.body.__doc__] == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    names = {re.split(r"[\[<>=; ]", one)[0] for one in wanted} - {"weighpost"}
    page = text("dependencies.md").lower()
    missing = [name for name in sorted(names) if name.lower() not in page]
    plugins = {"pytest-asyncio", "pytest-timeout", "pytest-xdist", "pytest-cov"}
    assert [name for name in missing if name not in plugins and not name.startswith("types-")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if not link.startswith(("http", "mailto"))]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_machine_and_no_registry_is_named(page: Path) -> None:
    assert [pattern.pattern for pattern in FORBIDDEN if pattern.search(page.read_text())] == []


def test_the_lock_names_no_place() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert not re.search(
        r"^\s*(-|/|\.)",
        re.sub(r"^\s+--hash=sha256:[0-9a-f]{64}( \\)?$", "", lock, flags=re.MULTILINE),
        re.MULTILINE,
    )
    pinned = [line for line in lock.splitlines() if "==" in line]
    assert len(pinned) == lock.count("\n") - lock.count("--hash=")


def test_pictures_are_small_and_the_only_binaries_of_the_docs() -> None:
    pictures = [path for path in DOCS.rglob("*") if path.is_file() and path.suffix != ".md"]
    assert [path.name for path in pictures if path.suffix != ".png" or path.stat().st_size >= 300_000] == []
