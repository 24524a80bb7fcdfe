"""Evidence that is rewritten with the right keys, and evidence that is forged with others."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from simulators.demo.processes import SCRIPTS
from tests.faults.rows import Counts, Found
from tests.faults.site import Run
from tests.verify.making import (
    BOX,
    CENTRE,
    ENROLMENT,
    ROOT,
    WITNESS,
    Draft,
    Log,
    Signer,
    draft,
    passage_log,
    trust_toml,
)
from tests.verify.making import certificate as certified
from tests.verify.witnessing import a_witness, ask

FORGERS = ("yiyuan-root", "yiyuan-enrolment", "yiyuan-centre", "yiyuan-witness")


async def stolen_key(run: Run) -> Found:
    """The box's own keys rewrite one mass and build the tree anew, or open a journal of their own: never PROVEN."""
    rewritten = passage_log(gross_kg=41_300)
    with closing(a_witness(run.folder)) as witness:
        assert witness.cosign(ask(passage_log(), 0)).status == 200
        reply = witness.cosign(ask(rewritten, 0))
        refused = reply.status != 200
        assert refused, f"the witness has cosigned another past: {reply.text}"
    own = Log(seed="a key of the thief's own")
    own.add("vehicle.weighed", {"passage": "p-1", "gross_kg": 41_300, "lane": "lane1"})
    stranger = _forger(BOX.name)
    unregistered = {
        "box": certified("box", stranger, stranger),
        "enrolment": certified("enrolment", ENROLMENT, ROOT),
    }
    packages = [
        draft(rewritten, cosignatures=()),
        draft(rewritten, cosignatures=(CENTRE,)),
        draft(own, seqs=(0, 1), cosignatures=()),
        draft(passage_log(box=stranger), cosignatures=(CENTRE, WITNESS), certificates=unregistered),
    ]
    return await _judged(run, packages, refused=1)


async def forged_package(run: Run) -> Found:
    """A package with its own verify.html, its own keys and its own witness, against trust from outside."""
    root, enrolment, centre, witness = (_forger(name) for name in FORGERS)
    log = passage_log(box=_forger(BOX.name), gross_kg=41_300)
    certificates = {
        "box": certified("box", log.box, enrolment),
        "enrolment": certified("enrolment", enrolment, root),
    }
    whole = draft(log, cosignatures=(centre, witness), certificates=certificates)
    whole.parts["verify.html"] = b"<h1>PROVEN</h1>"
    whole.manifest["extras"].append("verify.html")
    borrowed = draft(log, cosignatures=(CENTRE, WITNESS), certificates=certificates)
    heavier = draft()
    body = "entries/000003.body.json"
    heavier.parts[body] = heavier.parts[body].replace(b"51300", b"41300")
    return await _judged(run, [whole, borrowed, heavier])


async def _judged(run: Run, packages: Sequence[Draft], *, refused: int = 0) -> Found:
    """By the command, as a court would; the true package first, so that it is known to tell them apart."""
    (run.folder / "trust.toml").write_text(trust_toml(), "utf-8")
    assert (await _verify(run.folder, draft()))["proven"], "the true package is not proven"
    proven = 0
    for package in packages:
        answer = await _verify(run.folder, package)
        proven += answer["proven"]
        assert [line for line in answer["lines"] if line["result"] != "PROVEN"], "no line says what is wrong"
    counts = Counts(accepted=len(packages), torn=proven, declared=len(packages) - proven + refused)
    return Found(rounds=1, counts=counts)


async def _verify(folder: Path, package: Draft) -> dict[str, Any]:
    path = folder / "package.zip"
    path.write_bytes(package.zipped())
    command = [SCRIPTS / "weighpost-verify", "package", path, "--trust", folder / "trust.toml", "--json"]
    done = await asyncio.to_thread(_run, [str(part) for part in command])
    answer: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if answer["proven"] else 1), done.stderr
    return answer


def _forger(name: str) -> Signer:
    """The same name, another key."""
    return Signer(name, seed="forged")


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
