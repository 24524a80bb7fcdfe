"""Key files: made once, for their owner's eyes, refused by name when anything is wrong with them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from journal.keys import Identity, SigningKey, check_private, issue
from kernel.errors import ConfigError
from kernel.evidence.certificates import verify_chain
from kernel.evidence.notes import verify_ed25519
from tests.journal.making import NOW, County


@pytest.fixture
def path(quick_path: Path) -> Path:
    return quick_path / "lane1.key"


def test_key_is_written_once_and_read_back(path: Path) -> None:
    key = SigningKey.create(path, kind="box", name="lane1")
    assert path.stat().st_mode & 0o777 == 0o600
    again = SigningKey.load(path, kind="box")
    assert (again.public, again.name, again.kind) == (key.public, "lane1", "box")
    assert verify_ed25519(key.public, again.sign(b"x"), b"x")
    assert sorted(json.loads(path.read_text())) == ["kind", "name", "private", "public"]
    with pytest.raises(ConfigError, match="never overwritten"):
        SigningKey.create(path, kind="box", name="lane1")


def test_key_that_others_may_read_is_refused(path: Path) -> None:
    SigningKey.create(path, kind="box", name="lane1")
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        SigningKey.load(path)


def test_key_that_belongs_to_somebody_else_is_refused(path: Path) -> None:
    SigningKey.create(path, kind="box", name="lane1")
    stranger = path.stat().st_uid + 1
    if os.geteuid() == 0:
        os.chown(path, stranger, -1)
        with pytest.raises(ConfigError, match="belongs to another user"):
            SigningKey.load(path)
        check_private(path, user=stranger)
    else:
        with pytest.raises(ConfigError, match="belongs to another user"):
            check_private(path, user=stranger)
        check_private(path)


def test_what_a_crash_has_left_does_not_open_a_key_to_others(path: Path) -> None:
    path.with_name("lane1.key.part").write_text("torn")
    path.with_name("lane1.key.part").chmod(0o644)
    SigningKey.create(path, kind="box", name="lane1")
    assert path.stat().st_mode & 0o777 == 0o600


def test_wrong_key_files_name_themselves(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"lane1\.key: cannot be read"):
        SigningKey.load(path)
    SigningKey.create(path, kind="box", name="lane1")
    with pytest.raises(ConfigError, match="is a box key; a store key is needed"):
        SigningKey.load(path, kind="store")
    stored = json.loads(path.read_text())
    for wrong in (
        "",
        "{}",
        json.dumps({**stored, "private": "AAAA"}),
        json.dumps({**stored, "private": "not base64"}),
        json.dumps({**stored, "kind": "king"}),
    ):
        path.write_text(wrong)
        with pytest.raises(ConfigError, match="is not a key file"):
            SigningKey.load(path)
    path.write_text(json.dumps({**stored, "public": "A" * 43 + "="}))
    with pytest.raises(ConfigError, match="do not belong together"):
        SigningKey.load(path)


def test_key_does_not_show_itself(path: Path) -> None:
    key = SigningKey.create(path, kind="box", name="lane1")
    assert json.loads(path.read_text())["private"] not in repr(key)


def test_identity_is_a_key_and_its_chain(quick_path: Path) -> None:
    county = County()
    identity = county.identity("lane1")
    identity.key.save(quick_path / "lane1.key")
    certs = (quick_path / "lane1.cert", quick_path / "enrolment.cert")
    for path, note in zip(certs, identity.certs, strict=True):
        path.write_text(note, encoding="utf-8")
    loaded = Identity.load(quick_path / "lane1.key", certificates=certs)
    assert loaded.box == "lane1"
    leaf = verify_chain(loaded.certs, root_name=county.root.name, root_pub=county.root.public, now_ms=NOW)
    assert leaf.public_key == loaded.key.public

    certs[0].write_text(county.identity("lane1").certs[0], encoding="utf-8")
    with pytest.raises(ConfigError, match="is not the certificate of"):
        Identity.load(quick_path / "lane1.key", certificates=certs)
    certs[0].write_text("noise")
    with pytest.raises(ConfigError, match="is not a certificate"):
        Identity.load(quick_path / "lane1.key", certificates=certs)


def test_issued_by_a_stranger_does_not_chain() -> None:
    county, stranger = County(), County()
    key = SigningKey.generate(kind="box", name="lane1")
    cert = issue(
        kind="box",
        name="lane1",
        public_key=key.public,
        issuer=stranger.enrolment,
        not_before_ms=NOW - 1,
        not_after_ms=NOW + 1,
    )
    with pytest.raises(Exception, match="not signed by"):
        verify_chain(
            [cert, county.enrolment_cert], root_name=county.root.name, root_pub=county.root.public, now_ms=NOW
        )
