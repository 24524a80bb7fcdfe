"""Makes keys, journals and evidence packages for the tests, on its own: shares no code with what it tests."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NOW_MS = 1_790_000_000_000
YEAR_MS = 365 * 24 * 3600 * 1000
WITNESSED_S = NOW_MS // 1000 - 3600


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def as_json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True)
class Signer:
    """A named key, the same for the same seed."""

    name: str
    seed: str = ""

    @cached_property
    def private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(sha(f"{self.name}/{self.seed}".encode()))

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    def line(self, text: str) -> str:
        key_id = sha(self.name.encode() + b"\n\x01" + self.public)[:4]
        return f"— {self.name} {b64(key_id + self.private.sign(text.encode()))}\n"

    def cosignature(self, text: str, seconds: int = WITNESSED_S) -> str:
        key_id = sha(self.name.encode() + b"\n\x04" + self.public)[:4]
        signature = self.private.sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
        return f"— {self.name} {b64(key_id + seconds.to_bytes(8, 'big') + signature)}\n"


ROOT = Signer("yiyuan-root")
ENROLMENT = Signer("yiyuan-enrolment")
BOX = Signer("yiyuan-s01-lane1")
CENTRE = Signer("yiyuan-centre")
WITNESS = Signer("yiyuan-witness")
SECOND = Signer("second-witness")


def certificate(
    kind: str,
    subject: Signer,
    issuer: Signer,
    not_before_ms: int = NOW_MS - YEAR_MS,
    not_after_ms: int = NOW_MS + YEAR_MS,
) -> str:
    text = (
        f"weighpost-certificate/v1\n{kind}\n{subject.name}\n{b64(subject.public)}\n"
        f"{not_before_ms}\n{not_after_ms}\n"
    )
    return text + "\n" + issuer.line(text)


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 2.1, as written there."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\x01" + tree_root(leaves[:half]) + tree_root(leaves[half:]))


def inclusion(leaves: Sequence[bytes], index: int) -> list[bytes]:
    if len(leaves) <= 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if index < half:
        return [*inclusion(leaves[:half], index), tree_root(leaves[half:])]
    return [*inclusion(leaves[half:], index - half), tree_root(leaves[:half])]


def consistency(leaves: Sequence[bytes], old: int, *, whole: bool = True) -> list[bytes]:
    """RFC 6962 2.1.2 PROOF and SUBPROOF."""
    if old == len(leaves):
        return [] if whole else [tree_root(leaves)]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= half:
        return [*consistency(leaves[:half], old, whole=whole), tree_root(leaves[half:])]
    return [*consistency(leaves[half:], old - half, whole=False), tree_root(leaves[:half])]


@dataclass
class Made:
    """One entry as its writer has it."""

    header: bytes
    salt: bytes
    body: bytes

    @property
    def leaf(self) -> bytes:
        return sha(b"\x00" + self.header)


@dataclass
class Log:
    """A journal in memory."""

    box: Signer = BOX
    seed: str = "log"
    entries: list[Made] = field(default_factory=list)
    process: str = "edge"
    before: Log | None = None  # the journal that this one continues, as long as it is now
    contents: dict[str, bytes] = field(default_factory=dict)  # of files, by digest

    def __post_init__(self) -> None:
        body = {
            "public_key": b64(self.key.public),
            "box": self.box.name,
            "process": self.process,
            "software": "0.1.0",
            "predecessor": self.before.as_predecessor() if self.before else None,
        }
        signature = b64(self.box.private.sign(as_json(body)))
        self.add("journal.opened", {**body, "signature": signature})

    @cached_property
    def id(self) -> str:
        return sha(Signer("journal", self.seed).public)[:16].hex()

    @cached_property
    def key(self) -> Signer:
        made = Signer(f"weighpost/{self.id}", self.seed)
        made.__dict__["private"] = Signer("journal", self.seed).private
        return made

    def add(self, stream: str, body: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> Made:
        self.contents |= {sha(content).hex(): content for content in (files or {}).values()}
        self.entries.append(self.made(len(self.entries), stream, as_json(body), files))
        return self.entries[-1]

    def made(self, seq: int, stream: str, data: bytes, files: Mapping[str, bytes] | None = None) -> Made:
        salt = sha(f"salt {self.seed} {seq}".encode())[:16]
        header = {
            "at": NOW_MS - 7200_000 + seq,
            "body": sha(salt + data).hex(),
            "boot": "00112233aabbccdd",
            "clock": {"err_ms": 12, "state": "ok"},
            "files": [
                {"name": name, "sha256": sha(content).hex(), "size": len(content)}
                for name, content in (files or {}).items()
            ],
            "journal": self.id,
            "mono_ms": 1000 + seq,
            "seq": seq,
            "source": "yiyuan/s01/lane1",
            "stream": stream,
            "v": 1,
        }
        return Made(as_json(header), salt, data)

    def as_predecessor(self) -> dict[str, Any]:
        return {"id": self.id, "size": len(self.entries), "root": tree_root(self.leaves).hex()}

    def recover(self, seq: int, old: Log) -> Made:
        """An entry of the journal before, said again in this one."""
        entry = old.entries[seq]
        body = {
            "old": old.reference(seq),
            "header": entry.header.decode(),
            "salt": entry.salt.hex(),
            "body": entry.body.decode(),
        }
        return self.add("journal.recovered", body)

    def reference(self, seq: int) -> dict[str, Any]:
        return {"journal": self.id, "seq": seq, "leaf": self.entries[seq].leaf.hex()}

    @property
    def leaves(self) -> list[bytes]:
        return [entry.leaf for entry in self.entries]

    def text(self, size: int | None = None) -> str:
        count = len(self.entries) if size is None else size
        return f"weighpost/{self.id}\n{count}\n{b64(tree_root(self.leaves[:count]))}\n"

    def checkpoint(self, size: int | None = None) -> str:
        text = self.text(size)
        return text + "\n" + self.key.line(text)


PICTURES = {"front.jpg": b"\xff\xd8 front " * 40, "rear.jpg": b"\xff\xd8 rear " * 30}
CLIP = {"clip-front.mp4": b"\x00\x00\x00\x18ftypmp42" * 60}


def passage_log(box: Signer = BOX, seed: str = "log", gross_kg: int = 51_300, passage: str = "p-1") -> Log:
    """Two other entries, then weighed, pictured and clip of one passage (3, 4, 5), then two others."""
    log = Log(box, seed)
    for _ in range(2):
        log.add("lane.health", {"devices": [], "disk_free_kb": 1})
    log.add("vehicle.weighed", {"passage": passage, "gross_kg": gross_kg, "lane": "lane1"})
    weighed = log.reference(3)
    log.add("vehicle.pictured", {"passage": passage, "weighed": weighed, "tractor": "云A12345"}, PICTURES)
    log.add("file.stored", {"passage": passage, "weighed": weighed, "kind": "clip"}, CLIP)
    for _ in range(2):
        log.add("lane.health", {"devices": [], "disk_free_kb": 2})
    return log


PASSAGE = (0, 3, 4, 5)
CENTRE_BOX = Signer("yiyuan-centre-box")


def central_log(seed: str = "centre") -> Log:
    """The centre's own journal, as far as its genesis."""
    return Log(CENTRE_BOX, seed, process="central")


@dataclass
class Draft:
    """A package before it is zipped; tests spoil it."""

    manifest: dict[str, Any]
    parts: dict[str, bytes]

    def zipped(self) -> bytes:
        parts = {"package.json": as_json(self.manifest), **self.parts}
        return zipped(list(parts.items()))


def zipped(parts: Sequence[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            archive.writestr(info, data)
    return out.getvalue()


def draft(
    log: Log | None = None,
    *,
    seqs: Sequence[int] = PASSAGE,
    size: int | None = None,
    cosignatures: Sequence[Signer] = (CENTRE, WITNESS),
    certificates: Mapping[str, str] | None = None,
    also: Sequence[tuple[Log, Sequence[int]]] = (),
    case: str | None = None,
) -> Draft:
    """The clean package of one passage; `also` is what other journals say of it, or of the case."""
    log = log or passage_log()
    parts: dict[str, bytes] = {}
    manifest: dict[str, Any] = {
        "v": 1,
        "made_ms": NOW_MS,
        "seq": seqs[-1] if len(seqs) < 2 else seqs[1],
        **_chapter(log, seqs, "", parts, size=size, cosignatures=cosignatures, certificates=certificates),
        "files": [row for seq in seqs for row in _files(log, seq, parts)],
        "outside": [],
        "extras": ["README.txt"],
    }
    if also:
        manifest["also"] = [
            _chapter(other, some, f"journals/{other.id}/", parts, cosignatures=cosignatures)
            for other, some in also
        ]
        manifest["files"] += [
            {**row, "entry_journal": other.id}
            for other, some in also
            for seq in some
            for row in _files(other, seq, parts)
        ]
    if case is not None:
        manifest["case"] = case
    parts["README.txt"] = "说明 read me\n".encode()
    return Draft(manifest, parts)


def _chapter(
    log: Log,
    seqs: Sequence[int],
    folder: str,
    parts: dict[str, bytes],
    *,
    size: int | None = None,
    cosignatures: Sequence[Signer],
    certificates: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    count = len(log.entries) if size is None else size
    note = log.checkpoint(count) + "".join(signer.cosignature(log.text(count)) for signer in cosignatures)
    parts[f"{folder}checkpoint.txt"] = note.encode()
    issued = certificates or {
        "box": certificate("box", log.box, ENROLMENT),
        "enrolment": certificate("enrolment", ENROLMENT, ROOT),
    }
    parts.update({f"{folder}certs/{name}.cert": text.encode() for name, text in issued.items()})
    return {
        "journal": log.id,
        "entries": [_entry(log, seq, count, parts, folder) for seq in seqs],
        "checkpoint": f"{folder}checkpoint.txt",
        "certificates": [f"{folder}certs/{name}.cert" for name in issued],
    }


def _entry(log: Log, seq: int, count: int, parts: dict[str, bytes], folder: str) -> dict[str, Any]:
    stem, entry = f"{folder}entries/{seq:06d}", log.entries[seq]
    parts[f"{stem}.header.json"] = entry.header
    parts[f"{stem}.body.json"] = entry.body
    return {
        "seq": seq,
        "header": f"{stem}.header.json",
        "salt": entry.salt.hex(),
        "body": f"{stem}.body.json",
        "inclusion": [b64(step) for step in inclusion(log.leaves[:count], seq)],
    }


def _files(log: Log, seq: int, parts: dict[str, bytes]) -> list[dict[str, Any]]:
    rows = []
    for row in json.loads(log.entries[seq].header)["files"]:
        path = f"files/{row['sha256']}.{row['name'].rpartition('.')[2]}"
        parts[path] = log.contents[row["sha256"]]
        rows.append({**row, "path": path, "entry_seq": seq})
    return rows


def trust_toml(
    *,
    root: Signer = ROOT,
    cosigners: Sequence[Signer] = (CENTRE,),
    witnesses: Sequence[Signer] = (WITNESS,),
    required: int = 1,
    revoked: Mapping[str, int] | None = None,
    centre: str | None = "yiyuan-centre-box",
) -> str:
    def row(signer: Signer) -> str:
        return f'name = "{signer.name}"\npublic = "{b64(signer.public)}"\n'

    text = f"required_witnesses = {required}\n[root]\n{row(root)}"
    text += f'[centre]\nbox = "{centre}"\n' if centre else ""
    text += "".join(f"[[cosigner]]\n{row(signer)}" for signer in cosigners)
    text += "".join(f"[[witness]]\n{row(signer)}" for signer in witnesses)
    for journal, size in (revoked or {}).items():
        text += f'[[revoked]]\njournal = "{journal}"\nsize = {size}\n'
    return text
