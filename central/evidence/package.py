"""Builds the evidence package of one passage or case from parts already loaded: the same parts give the same bytes.

What `weighpost-verify` would call FALSE for our own mistake is refused here.  What is only missing (a clip that
stayed on its box, a witness that has not spoken yet) is packed as missing, and the verifier will say so.
"""

from __future__ import annotations

import json
import zipfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import BinaryIO, Literal

from kernel.errors import ProtocolError, RefusedError
from kernel.events import JournalRecovered
from kernel.evidence import canonical, header, recovery, tree
from kernel.evidence.header import FileRef, Header
from kernel.evidence.notes import Note, encode_base64
from kernel.evidence.texts import Checkpoint

PIECE = 1 << 20
LARGEST_ZIP = 2**32 - 2**24  # the verifier reads no zip64
ROOM_FOR_TEXTS = 2**26
MOST_JOURNALS = 64  # and no more than these
TEMPLATE = "verify.html"
OUTSIDE = "an entry of another journal, passage or case; not part of this package"

Identity = tuple[str, int, str]  # journal, seq, leaf in hex


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedEntry:
    """One entry as stored and its inclusion proof at the checkpoint's size; salt and body are None once erased."""

    header: bytes
    salt: bytes | None
    body: bytes | None
    inclusion: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownKey:
    """A key whose fingerprint verify.html shows for comparing with paper.  Nobody is asked to trust it from there."""

    role: Literal["root", "centre", "witness"]
    name: str
    public: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """What one journal has to say.  `entries` by seq, the genesis first.

    `checkpoint`: signed note with the cosignature lines.  `certificates`: file stem -> note, "box" and "enrolment".
    """

    journal: str
    entries: tuple[PackagedEntry, ...]
    checkpoint: str
    certificates: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageParts:
    """Everything about one passage or `case`.  `seq` is the weighing's, in the first chapter.

    `files`: digest -> where its bytes are; files that entries name and that are not here are left out.
    """

    seq: int
    chapters: tuple[Chapter, ...]
    files: Mapping[str, Path]
    made_ms: int
    case: str | None = None
    keys: tuple[ShownKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The package as written; `missing` names the files that entries promise and the package does not have."""

    size: int
    sha256: str
    missing: tuple[FileRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """An entry with its header read; `folder` is its journal's in the zip."""

    entry: PackagedEntry
    header: Header
    leaf: bytes
    folder: str

    @property
    def stem(self) -> str:
        return f"{self.folder}entries/{self.header.seq:06d}"

    @property
    def identity(self) -> Identity:
        return self.header.journal, self.header.seq, self.leaf.hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """A chapter that was read; `folder` is where it goes in the zip, nothing for the first."""

    chapter: Chapter
    folder: str
    entries: tuple[_Read, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packed:
    """A file of the package: what names it, where its bytes are."""

    ref: FileRef
    journal: str
    seq: int
    source: Path

    @property
    def path(self) -> str:
        return f"files/{self.ref.sha256}.{_extension(self.ref.name)}"


def write(parts: PackageParts, path: Path, *, largest: int = LARGEST_ZIP) -> Written:
    """Write the package to `path`.  RefusedError when the parts do not belong together.

    Files beyond `largest` bytes are missing in it, the largest of them first.
    """
    with path.open("w+b") as file:
        missing = build(parts, file, largest=largest)
        digest, size = sha256(), file.seek(0)
        while piece := file.read(PIECE):
            digest.update(piece)
            size += len(piece)
    return Written(size=size, sha256=digest.hexdigest(), missing=missing)


def build(parts: PackageParts, out: BinaryIO, *, largest: int = LARGEST_ZIP) -> tuple[FileRef, ...]:
    """Write the zip to a seekable file; the files that are missing."""
    sections = _read(parts)
    entries = [entry for section in sections for entry in section.entries]
    parts = _fitting(parts, entries, largest)
    packed, missing = _sort_files(parts, entries)
    texts = _texts(parts, sections)
    manifest = _manifest(parts, sections, packed)
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


def _read(parts: PackageParts) -> list[_Section]:
    """Headers read, and everything that the verifier would refute checked."""
    journals = [chapter.journal for chapter in parts.chapters]
    _require(
        0 < len(journals) == len(set(journals)) <= MOST_JOURNALS,
        f"one to {MOST_JOURNALS} journals, each once",
    )
    sections = [
        _read_chapter(chapter, f"journals/{chapter.journal}/" if number else "")
        for number, chapter in enumerate(parts.chapters)
    ]
    _require(parts.seq in [each.header.seq for each in sections[0].entries], "the entry itself")
    return sections


def _read_chapter(chapter: Chapter, folder: str) -> _Section:
    try:
        entries = tuple(
            _Read(
                entry=entry, header=header.decode(entry.header), leaf=header.leaf(entry.header), folder=folder
            )
            for entry in chapter.entries
        )
        checkpoint = Checkpoint.parse(Note.parse(chapter.checkpoint).text)
    except ProtocolError as error:
        raise RefusedError(f"no package: {error.problem}") from error
    seqs = [each.header.seq for each in entries]
    _require(seqs == sorted(set(seqs)) and seqs[:1] == [0], "entries, genesis first, in order")
    _require(checkpoint.journal == chapter.journal, "a checkpoint of the same journal")
    for each in entries:
        _check_entry(each, chapter.journal, checkpoint)
    return _Section(chapter=chapter, folder=folder, entries=entries)


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


def _fitting(parts: PackageParts, entries: list[_Read], largest: int) -> PackageParts:
    """Without the largest files where all of them are more than a package can hold: those are missing in it."""
    sizes = {
        ref.sha256: ref.size for each in entries for ref in each.header.files if ref.sha256 in parts.files
    }
    total, left_out = sum(sizes.values()), set[str]()
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        if total + ROOM_FOR_TEXTS < largest:
            break
        total -= sizes[name]
        left_out.add(name)
    kept = {name: path for name, path in parts.files.items() if name not in left_out}
    return replace(parts, files=kept) if left_out else parts


def _sort_files(parts: PackageParts, entries: list[_Read]) -> tuple[list[_Packed], tuple[FileRef, ...]]:
    packed, missing = [], []
    for each in entries:
        for ref in each.header.files:
            source = parts.files.get(ref.sha256)
            if source is None:
                missing.append(ref)
            else:
                packed.append(
                    _Packed(ref=ref, journal=each.header.journal, seq=each.header.seq, source=source)
                )
    return packed, tuple(missing)


def _manifest(parts: PackageParts, sections: list[_Section], packed: list[_Packed]) -> dict[str, object]:
    main, *others = sections
    manifest: dict[str, object] = {
        "v": 1,
        "made_ms": parts.made_ms,
        "seq": parts.seq,
        **_chapter_row(main),
        "files": [_file_row(each, main.chapter.journal) for each in packed],
        "outside": _outside(sections),
        "extras": ["README.txt", "verify.html", "verify_package.py"],
    }
    if others:
        manifest["also"] = [_chapter_row(section) for section in others]
    if parts.case is not None:
        manifest["case"] = parts.case
    return manifest


def _chapter_row(section: _Section) -> dict[str, object]:
    return {
        "journal": section.chapter.journal,
        "entries": [_entry_row(each) for each in section.entries],
        "checkpoint": f"{section.folder}checkpoint.txt",
        "certificates": [f"{section.folder}certs/{stem}.cert" for stem in section.chapter.certificates],
    }


def _entry_row(read: _Read) -> dict[str, object]:
    entry = read.entry
    return {
        "seq": read.header.seq,
        "header": f"{read.stem}.header.json",
        "salt": None if entry.body is None or entry.salt is None else entry.salt.hex(),
        "body": None if entry.body is None else f"{read.stem}.body.json",
        "inclusion": [encode_base64(step) for step in entry.inclusion],
    }


def _file_row(packed: _Packed, main: str) -> dict[str, object]:
    row: dict[str, object] = {
        "sha256": packed.ref.sha256,
        "size": packed.ref.size,
        "path": packed.path,
        "name": packed.ref.name,
        "entry_seq": packed.seq,
    }
    return row if packed.journal == main else {**row, "entry_journal": packed.journal}


def _outside(sections: list[_Section]) -> list[dict[str, object]]:
    """What the bodies refer to and the package does not have."""
    inside: set[Identity] = set()
    made: set[Identity] = set()
    for each in (entry for section in sections for entry in section.entries):
        inside |= {each.identity}
        for identity, body in _said(each):
            inside |= {identity}
            made |= set(_references(body))
    return [
        {"journal": other, "seq": seq, "leaf": leaf, "why": OUTSIDE}
        for other, seq, leaf in sorted(made - inside)
    ]


def _said(read: _Read) -> Iterator[tuple[Identity, object]]:
    """The body, and that of the entry which it says again, each under its identity."""
    body = read.entry.body
    if body is None:
        return
    try:
        yield read.identity, canonical.decode(body)
        if read.header.stream == JournalRecovered.stream:
            first = recovery.unwrap(body)
            inner = None if first.body is None else canonical.decode(first.body)
            yield (first.old.journal, first.old.seq, first.old.leaf), inner
    except ProtocolError as error:
        raise RefusedError(f"no package: the body of entry {read.header.seq}: {error.problem}") from error


def _references(value: object) -> Iterator[Identity]:
    if isinstance(value, dict):
        if value.keys() == {"journal", "seq", "leaf"} and type(value["seq"]) is int:
            yield str(value["journal"]), value["seq"], str(value["leaf"])
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _texts(parts: PackageParts, sections: list[_Section]) -> dict[str, bytes]:
    """Everything but package.json and the files, by name in the zip."""
    texts: dict[str, bytes] = {}
    for section in sections:
        chapter, folder = section.chapter, section.folder
        texts[f"{folder}checkpoint.txt"] = chapter.checkpoint.encode()
        texts |= {f"{folder}certs/{stem}.cert": note.encode() for stem, note in chapter.certificates.items()}
        for each in section.entries:
            texts[f"{each.stem}.header.json"] = each.entry.header
            if each.entry.body is not None:
                texts[f"{each.stem}.body.json"] = each.entry.body
    # The verifier is carried as data: whoever checks us should fetch their own copy.
    texts["verify_package.py"] = resources.files("verify").joinpath("package.py").read_bytes()
    texts["README.txt"] = _own("readme.txt")
    texts["verify.html"] = _page(parts, sections)
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


def _page(parts: PackageParts, sections: list[_Section]) -> bytes:
    """The template with the package's data in it; nothing is fetched, and only the one script may run."""
    template = _own(TEMPLATE).decode()
    data = json.dumps(_page_data(parts, sections), ensure_ascii=True, sort_keys=True).replace("<", "\\u003c")
    allowed = b64encode(sha256(_script(template).encode()).digest()).decode()
    return template.replace("@SCRIPT@", allowed, 1).replace("@PACKAGE@", data, 1).encode()


def _script(template: str) -> str:
    return template.partition('<script id="code">')[2].partition("</script>")[0]


def _page_data(parts: PackageParts, sections: list[_Section]) -> dict[str, object]:
    return {
        "seq": parts.seq,
        "case": parts.case,
        "keys": [
            {"role": key.role, "name": key.name, "public": encode_base64(key.public)} for key in parts.keys
        ],
        "chapters": [_page_chapter(section) for section in sections],
    }


def _page_chapter(section: _Section) -> dict[str, object]:
    return {
        "journal": section.chapter.journal,
        "checkpoint": section.chapter.checkpoint,
        "certificates": dict(section.chapter.certificates),
        "entries": [
            {
                "header": encode_base64(each.entry.header),
                "salt": None if each.entry.salt is None else encode_base64(each.entry.salt),
                "body": None if each.entry.body is None else encode_base64(each.entry.body),
                "inclusion": [encode_base64(step) for step in each.entry.inclusion],
            }
            for each in section.entries
        ],
    }


def _own(name: str) -> bytes:
    return resources.files("central.evidence").joinpath(name).read_bytes()
