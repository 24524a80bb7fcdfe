"""Keys are made once, certified by whoever may, and outsiders are told only what is public."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from central import keyring
from central.settings import Keys, Root
from journal.keys import read_certificate
from kernel.errors import ConfigError
from kernel.evidence.certificates import Kind, verify_chain
from kernel.evidence.notes import encode_base64
from tests.central.made import NOON_MS
from tests.central.world import settings
from verify.package import read_trust

PEOPLE: tuple[tuple[Kind, str], ...] = (
    ("box", "yiyuan-centre"),
    ("store", "centre-1"),
    ("cosigner", "yiyuan-centre"),
    ("command", "yiyuan-centre"),
)


def county(folder: Path) -> bytes:
    root = keyring.new_root(folder, name="yiyuan-root", now_ms=NOON_MS)
    for kind, name in PEOPLE:
        keyring.enrol(folder, kind=kind, name=name, now_ms=NOON_MS)
    return root.public_key


def test_everybody_is_vouched_for_by_the_root(tmp_path: Path) -> None:
    root = county(tmp_path)
    keyring.enrol(tmp_path, kind="witness", name="zibo-witness", now_ms=NOON_MS)
    enrolment = read_certificate(tmp_path / "enrolment.cert")
    for kind, name in PEOPLE:
        own = read_certificate(tmp_path / f"{keyring.stem(kind, name)}.cert")
        chained = verify_chain([own, enrolment], root_name="yiyuan-root", root_pub=root, now_ms=NOON_MS)
        assert (chained.kind, chained.name) == (kind, name)
    witness = read_certificate(tmp_path / "zibo-witness.witness.cert")
    assert verify_chain([witness], root_name="yiyuan-root", root_pub=root, now_ms=NOON_MS).kind == "witness"


def test_trust_names_root_cosigners_and_witnesses_and_nothing_secret(tmp_path: Path) -> None:
    root = county(tmp_path)
    keyring.enrol(tmp_path, kind="witness", name="zibo-witness", now_ms=NOON_MS)
    text = keyring.trust(tmp_path)
    trusted = tomllib.loads(text)
    assert trusted["root"] == {"name": "yiyuan-root", "public": encode_base64(root)}
    assert [each["name"] for each in trusted["cosigner"]] == ["yiyuan-centre"]
    assert [each["name"] for each in trusted["witness"]] == ["zibo-witness"]
    assert trusted["centre"] == {"box": "yiyuan-centre"}
    assert read_trust(text).centres == {"yiyuan-centre"}
    assert trusted["required_witnesses"] == 1
    for path in tmp_path.glob("*.key"):
        assert path.stat().st_mode & 0o077 == 0
        private = json.loads(path.read_text())["private"]
        assert len(private) == 44
        assert private not in text


def test_trust_leaves_the_centre_unnamed_where_no_one_box_cosigns_under_its_name(tmp_path: Path) -> None:
    county(tmp_path)
    keyring.enrol(tmp_path, kind="cosigner", name="yiyuan-second", now_ms=NOON_MS)
    assert tomllib.loads(keyring.trust(tmp_path))["centre"] == {"box": "yiyuan-centre"}
    (tmp_path / "yiyuan-centre.cert").unlink()
    text = keyring.trust(tmp_path)
    assert "centre" not in tomllib.loads(text)
    assert read_trust(text).centres == {"yiyuan-centre", "yiyuan-second"}


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    county(tmp_path)
    before = (tmp_path / "centre-1.store.key").read_bytes()
    with pytest.raises(ConfigError, match="never overwritten"):
        keyring.enrol(tmp_path, kind="store", name="centre-1", now_ms=NOON_MS)
    with pytest.raises(ConfigError, match="never overwritten"):
        keyring.new_root(tmp_path, name="other-root", now_ms=NOON_MS)
    assert (tmp_path / "centre-1.store.key").read_bytes() == before


def test_without_a_root_nobody_is_certified(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        keyring.enrol(tmp_path, kind="box", name="lane1-box", now_ms=NOON_MS)


def test_the_centre_loads_its_keys_or_names_every_one_that_is_wrong(tmp_path: Path) -> None:
    root = Root(name="yiyuan-root", public=encode_base64(county(tmp_path)))
    right = replace(settings(), keys=Keys(folder=str(tmp_path), root=root))
    keys = keyring.load(right)
    assert (keys.identity.box, keys.store.name, len(keys.identity.certs)) == ("yiyuan-centre", "centre-1", 2)
    (tmp_path / "centre-1.store.key").unlink()
    (tmp_path / "yiyuan-centre.command.key").chmod(0o644)
    wrong = replace(right, keys=replace(right.keys, root=Root(name="yiyuan-root", public="AAAA")))
    with pytest.raises(ConfigError) as caught:
        keyring.load(wrong)
    said = str(caught.value)
    assert "centre-1.store.key: cannot be read" in said
    assert "may be read by others" in said
    assert "keys.root.public: is not an Ed25519 public key" in said
