"""Builds the evidence package of one passage from parts already loaded: the same parts give the same bytes.

What `weighpost-verify` would call FALSE for our own mistake is refused here.  What is only missing (a clip that
stayed on its box, a witness that has not spoken yet) is packed as missing, and the verifier will say so.
"""

from __future__ import annotations

import json
import zipfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import BinaryIO, Literal

from kernel.errors import ProtocolError, RefusedError
from kernel.evidence import canonical, header, tree
from kernel.evidence.header import FileRef, Header
from kernel.evidence.notes import Note, encode_base64
from kernel.evidence.texts import Checkpoint

PIECE = 1 << 20
LARGEST_ZIP = 2**32 - 2**24  # the verifier reads no zip64
TEMPLATE = "verify.html"
OUTSIDE = "an entry of another journal or passage; not part of this package"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedEntry:
    """One entry as stored, its inclusion proof at the checkpoint's size, and for an erased body the signed note.

    `erased_note` is a weighpost-absent/v1 note naming the entry, signed by its journal or by the centre's cosigner.
    """

    header: bytes
    salt: bytes | None
    body: bytes | None
    inclusion: tuple[bytes, ...]
    erased_note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownKey:
    """A key whose fingerprint verify.html shows for comparing with paper.  Nobody is asked to trust it from there."""

    role: Literal["root", "centre", "witness"]
    name: str
    public: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageParts:
    """Everything about one passage.  `entries` by seq, the genesis first; `seq` is the weighing's.

    `checkpoint`: signed note with the cosignature lines.  `certificates`: file stem -> note, "box" and "enrolment".
    `files`: digest -> where its bytes are; files that entries name and that are not here are left out.
    """

    journal: str
    seq: int
    entries: tuple[PackagedEntry, ...]
    checkpoint: str
    certificates: Mapping[str, str]
    files: Mapping[str, Path]
    made_ms: int
    keys: tuple[ShownKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The package as written; `missing` names the files that entries promise and the package does not have."""

    size: int
    sha256: str
    missing: tuple[FileRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """An entry with its header read."""

    entry: PackagedEntry
    header: Header
    leaf: bytes

    @property
    def stem(self) -> str:
        return f"entries/{self.header.seq:06d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packed:
    """A file of the package: what names it, where its bytes are."""

    ref: FileRef
    seq: int
    source: Path

    @property
    def path(self) -> str:
        return f"files/{self.ref.sha256}.{_extension(self.ref.name)}"


def write(parts: PackageParts, path: Path) -> Written:
    """Write the package to `path`.  RefusedError when the parts do not belong together."""
    with path.open("w+b") as file:
        missing = build(parts, file)
        digest, size = sha256(), file.seek(0)
        while piece := file.read(PIECE):
            digest.update(piece)
            size += len(piece)
    return Written(size=size, sha256=digest.hexdigest(), missing=missing)


def build(parts: PackageParts, out: BinaryIO) -> tuple[FileRef, ...]:
    """Write the zip to a seekable file; the files that are missing."""
    entries = _read_entries(parts)
    packed, missing = _sort_files(parts, entries)
    texts = _texts(parts, entries)
    manifest = _manifest(parts, entries, packed)
    _check_total(texts, packed)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        archive.writestr(
            _info("package.json"), json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True)
        )
        for name, data in texts.items():
            archive.writestr(_info(name), data)
        for each in {each.path: each for each in packed}.values():
            _copy(archive, each)
    return missing


# --- what goes in -----------------------------------------------------------------------------------------------


def _read_entries(parts: PackageParts) -> list[_Read]:
    """Headers read, and everything that the verifier would refute checked."""
    try:
        entries = [
            _Read(entry=entry, header=header.decode(entry.header), leaf=header.leaf(entry.header))
            for entry in parts.entries
        ]
        checkpoint = Checkpoint.parse(Note.parse(parts.checkpoint).text)
    except ProtocolError as error:
        raise RefusedError(f"no package: {error.problem}") from error
    seqs = [each.header.seq for each in entries]
    _require(
        seqs == sorted(set(seqs)) and seqs[:1] == [0] and parts.seq in seqs,
        "entries, genesis first, in order",
    )
    _require(checkpoint.journal == parts.journal, "a checkpoint of the same journal")
    for each in entries:
        _check_entry(each, parts.journal, checkpoint)
    return entries


def _check_entry(read: _Read, journal: str, checkpoint: Checkpoint) -> None:
    seq, entry = read.header.seq, read.entry
    _require(read.header.journal == journal, f"entry {seq} of the same journal")
    included = tree.verify_inclusion(
        leaf=read.leaf, index=seq, size=checkpoint.size, proof=entry.inclusion, root=checkpoint.root
    )
    _require(included, f"a proof of entry {seq} at the checkpoint's size")
    if entry.body is not None:
        whole = entry.salt is not None and header.body_matches(read.header, salt=entry.salt, body=entry.body)
        _require(whole, f"the body of entry {seq} as its header binds it")


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise RefusedError(f"no package: {what} is needed")


def _sort_files(parts: PackageParts, entries: list[_Read]) -> tuple[list[_Packed], tuple[FileRef, ...]]:
    packed, missing = [], []
    for each in entries:
        for ref in each.header.files:
            source = parts.files.get(ref.sha256)
            if source is None:
                missing.append(ref)
            else:
                packed.append(_Packed(ref=ref, seq=each.header.seq, source=source))
    return packed, tuple(missing)


def _manifest(parts: PackageParts, entries: list[_Read], packed: list[_Packed]) -> dict[str, object]:
    return {
        "v": 1,
        "made_ms": parts.made_ms,
        "journal": parts.journal,
        "seq": parts.seq,
        "entries": [_entry_row(each) for each in entries],
        "checkpoint": "checkpoint.txt",
        "certificates": [f"certs/{stem}.cert" for stem in parts.certificates],
        "files": [
            {
                "sha256": each.ref.sha256,
                "size": each.ref.size,
                "path": each.path,
                "name": each.ref.name,
                "entry_seq": each.seq,
            }
            for each in packed
        ],
        "outside": _outside(parts.journal, entries),
        "extras": ["README.txt", "verify.html", "verify_package.py"],
    }


def _entry_row(read: _Read) -> dict[str, object]:
    entry = read.entry
    row: dict[str, object] = {
        "seq": read.header.seq,
        "header": f"{read.stem}.header.json",
        "salt": None if entry.body is None or entry.salt is None else entry.salt.hex(),
        "body": None if entry.body is None else f"{read.stem}.body.json",
        "inclusion": [encode_base64(step) for step in entry.inclusion],
    }
    if entry.body is None and entry.erased_note is not None:
        row["erased"] = {"note": f"{read.stem}.absent.txt"}
    return row


def _outside(journal: str, entries: list[_Read]) -> list[dict[str, object]]:
    """What the bodies refer to and the package does not have."""
    inside = {(journal, each.header.seq, each.leaf.hex()) for each in entries}
    made = {reference for each in entries for reference in _references(_body(each))}
    return [
        {"journal": other, "seq": seq, "leaf": leaf, "why": OUTSIDE}
        for other, seq, leaf in sorted(made - inside)
    ]


def _body(read: _Read) -> object:
    if read.entry.body is None:
        return None
    try:
        return canonical.decode(read.entry.body)
    except ProtocolError as error:
        raise RefusedError(f"no package: the body of entry {read.header.seq}: {error.problem}") from error


def _references(value: object) -> Iterator[tuple[str, int, str]]:
    if isinstance(value, dict):
        if value.keys() == {"journal", "seq", "leaf"} and type(value["seq"]) is int:
            yield str(value["journal"]), value["seq"], str(value["leaf"])
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _texts(parts: PackageParts, entries: list[_Read]) -> dict[str, bytes]:
    """Everything but package.json and the files, by name in the zip."""
    texts = {"checkpoint.txt": parts.checkpoint.encode()}
    texts |= {f"certs/{stem}.cert": note.encode() for stem, note in parts.certificates.items()}
    for each in entries:
        texts[f"{each.stem}.header.json"] = each.entry.header
        if each.entry.body is not None:
            texts[f"{each.stem}.body.json"] = each.entry.body
        elif each.entry.erased_note is not None:
            texts[f"{each.stem}.absent.txt"] = each.entry.erased_note.encode()
    # The verifier is carried as data: whoever checks us should fetch their own copy.
    texts["verify_package.py"] = resources.files("verify").joinpath("package.py").read_bytes()
    texts["README.txt"] = _own("readme.txt")
    texts["verify.html"] = _page(parts, entries)
    return texts


# --- the zip ----------------------------------------------------------------------------------------------------


def _info(name: str) -> zipfile.ZipInfo:
    """Every field fixed, so that the verifier can account for every byte."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.create_system = 3
    info.external_attr = 0o600 << 16
    return info


def _copy(archive: zipfile.ZipFile, packed: _Packed) -> None:
    info, digest, size = _info(packed.path), sha256(), 0
    info.file_size = packed.ref.size
    try:
        with packed.source.open("rb") as source, archive.open(info, "w") as target:
            while piece := source.read(PIECE):
                digest.update(piece)
                size += len(piece)
                target.write(piece)
    except OSError as error:
        raise RefusedError(f"no package: {packed.ref.name} cannot be read: {error.strerror}") from error
    if digest.hexdigest() != packed.ref.sha256 or size != packed.ref.size:
        raise RefusedError(f"no package: {packed.ref.name} on disk is not the file that its entry names")


def _check_total(texts: Mapping[str, bytes], packed: list[_Packed]) -> None:
    total = sum(map(len, texts.values())) + sum(each.ref.size for each in packed)
    _require(total < LARGEST_ZIP, "less than 4 GB of files")


def _extension(name: str) -> str:
    _, dot, extension = name.lower().rpartition(".")
    return extension if dot and extension.isascii() and extension.isalnum() and len(extension) <= 8 else "bin"


# --- verify.html ------------------------------------------------------------------------------------------------


def page_digest() -> str:
    """SHA-256 of the script in verify.html, to be published; the page shows what it finds of itself."""
    return sha256(_script(_own(TEMPLATE).decode()).encode()).hexdigest()


def _page(parts: PackageParts, entries: list[_Read]) -> bytes:
    """The template with the package's data in it; nothing is fetched, and only the one script may run."""
    template = _own(TEMPLATE).decode()
    data = json.dumps(_page_data(parts, entries), ensure_ascii=True, sort_keys=True).replace("<", "\\u003c")
    allowed = b64encode(sha256(_script(template).encode()).digest()).decode()
    return template.replace("@SCRIPT@", allowed, 1).replace("@PACKAGE@", data, 1).encode()


def _script(template: str) -> str:
    return template.partition('<script id="code">')[2].partition("</script>")[0]


def _page_data(parts: PackageParts, entries: list[_Read]) -> dict[str, object]:
    return {
        "journal": parts.journal,
        "seq": parts.seq,
        "checkpoint": parts.checkpoint,
        "certificates": dict(parts.certificates),
        "keys": [
            {"role": key.role, "name": key.name, "public": encode_base64(key.public)} for key in parts.keys
        ],
        "entries": [
            {
                "header": encode_base64(each.entry.header),
                "salt": None if each.entry.salt is None else encode_base64(each.entry.salt),
                "body": None if each.entry.body is None else encode_base64(each.entry.body),
                "inclusion": [encode_base64(step) for step in each.entry.inclusion],
            }
            for each in entries
        ],
    }


def _own(name: str) -> bytes:
    return resources.files("central.evidence").joinpath(name).read_bytes()
