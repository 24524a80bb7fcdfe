"""Every import contract is broken once on purpose, in a copy of the tree, and must be seen to fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
NAMES = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]

# Beginning of the contract's name: (module to spoil, what it must not import).
VIOLATIONS = {
    "the kernel is pure": ("kernel/errors.py", "import socket"),
    "journal and web know the kernel only": ("journal/clock.py", "import edge.sign"),
    "the journal knows no page": ("web/times.py", "import journal.clock"),
    "verify imports none of ours": ("verify/serving.py", "import kernel.errors"),
    "the verifier that travels": ("verify/package.py", "import msgspec"),
    "the firmware bridge knows the kernel only": ("firmware_bridge/protocol.py", "import journal.clock"),
    "edge, station and central never import": ("edge/sign.py", "import central.settings"),
    "only the edge drives the lane controller": ("central/settings.py", "import firmware_bridge.protocol"),
    "the edge has no pages": ("edge/sign.py", "import starlette"),
    "nothing that ships imports a simulator": ("edge/sign.py", "import simulators.traffic"),
    "detection is given bytes only": ("edge/detecting/claims.py", "import edge.links"),
    "wire formats do no I/O": ("edge/drivers/scale/wim_wj/protocol.py", "import logging"),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_every_contract_has_its_violation() -> None:
    unmatched = [name for name in NAMES if not any(name.startswith(start) for start in VIOLATIONS)]
    assert not unmatched
    assert len(NAMES) == len(VIOLATIONS)


@pytest.mark.wire
@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", VIOLATIONS)
def test_a_broken_contract_is_seen(tree: Path, start: str) -> None:
    module, line = VIOLATIONS[start]
    path = tree / module
    good = path.read_text()
    path.write_text(good + f"\n{line}\n")
    try:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
            cwd=tree,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        path.write_text(good)
    assert done.returncode != 0
    assert any(line.startswith(start) and " BROKEN" in line for line in done.stdout.splitlines())
