"""The command line and the trust file: exit codes, languages, and faults named all at once."""

from __future__ import annotations

import ast
import importlib.resources
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.verify.making import CENTRE, ROOT, WITNESS, Signer, b64, draft, trust_toml
from verify.main import main
from verify.package import ShapeError, read_trust

SOURCE = importlib.resources.files("verify").joinpath("package.py").read_text("utf-8")


def write(folder: Path, *, proven: bool = True, trust: str | None = None) -> list[str]:
    made = draft(cosignatures=[CENTRE, WITNESS] if proven else [CENTRE])
    (folder / "package.zip").write_bytes(made.zipped())
    (folder / "trust.toml").write_text(trust or trust_toml(), "utf-8")
    return ["package", str(folder / "package.zip"), "--trust", str(folder / "trust.toml")]


def test_the_verifier_needs_the_standard_library_alone() -> None:
    imported = set()
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add((node.module or "").partition(".")[0])
    assert len(imported) > 10
    assert imported <= sys.stdlib_module_names


def test_importing_the_verifier_does_nothing() -> None:
    calls = [
        node
        for node in ast.parse(SOURCE).body
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    ]
    assert calls == []


def test_proven_is_exit_0_in_both_languages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(write(tmp_path)) == 0
    out = capsys.readouterr().out
    assert "结论:已证实 | Result: PROVEN" in out
    assert f"trusting yiyuan-root {_fingerprint(ROOT)}" in out


def _fingerprint(signer: Signer) -> str:
    return read_trust(trust_toml(root=signer)).root.fingerprint


@pytest.mark.parametrize(
    ("lang", "there", "gone"), [("zh", "结论:未能证实", "Result"), ("en", "Result: NOT PROVEN", "结论")]
)
def test_not_proven_is_exit_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str, there: str, gone: str
) -> None:
    assert main([*write(tmp_path, proven=False), "--lang", lang]) == 1
    out = capsys.readouterr().out
    assert there in out
    assert gone not in out


def test_json_carries_the_same_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*write(tmp_path, proven=False), "--json"]) == 1
    table = json.loads(capsys.readouterr().out)
    assert table["proven"] is False
    assert table["witnessed_ms"] is None
    assert [row["where"] for row in table["lines"] if row["result"] != "PROVEN"] == ["witness"]


@pytest.mark.parametrize("broken", ["this is [not toml", "", "root = 1"])
def test_a_trust_file_that_cannot_be_used_is_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    arguments = write(tmp_path)
    (tmp_path / "trust.toml").write_text(broken, "utf-8")
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert "trust.toml" in captured.err
    assert captured.out == ""


def test_missing_files_are_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = write(tmp_path)
    (tmp_path / "package.zip").unlink()
    assert main(arguments) == 2
    (tmp_path / "trust.toml").unlink()
    assert main(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_wrong_usage_is_exit_2() -> None:
    for arguments in ([], ["package"], ["nonsense"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2


def test_every_fault_of_a_trust_file_is_told_with_its_path() -> None:
    text = (
        'required_witnesses = 0\nextra = 1\n[root]\nname = "a b"\n[[witness]]\nname = "w"\npublic = "AAAA"\n'
    )
    with pytest.raises(ShapeError) as refused:
        read_trust(text)
    assert {path for path, _ in refused.value.faults} == {
        "extra",
        "required_witnesses",
        "root.name",
        "root.public",
        "witness[0].public",
    }


@pytest.mark.parametrize(
    "text",
    [
        trust_toml(witnesses=[Signer(WITNESS.name), Signer(WITNESS.name)]),
        trust_toml(witnesses=[CENTRE]),
        trust_toml(cosigners=[ROOT]),
    ],
)
def test_one_key_cannot_play_two_parts(text: str) -> None:
    with pytest.raises(ShapeError, match="given twice"):
        read_trust(text)


def test_the_lowest_revocation_bound_counts() -> None:
    text = trust_toml() + "".join(
        f'[[revoked]]\njournal = "{"a" * 32}"\nsize = {size}\n' for size in (9, 3, 7)
    )
    assert read_trust(text).revoked == {"a" * 32: 3}


def test_a_key_in_loose_base64_is_refused() -> None:
    good = b64(ROOT.public)
    loose = good[:-2] + chr(ord(good[-2]) + 1) + "="  # the same 32 bytes, other unused bits
    with pytest.raises(ShapeError, match="canonical"):
        read_trust(trust_toml().replace(good, loose))


@pytest.mark.wire
@pytest.mark.timeout(60)
def test_the_file_alone_runs_without_our_packages(tmp_path: Path) -> None:
    arguments = write(tmp_path)[1:]
    alone = tmp_path / "verify_package.py"
    alone.write_text(SOURCE, "utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(alone), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Result: PROVEN" in done.stdout
