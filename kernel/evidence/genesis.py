"""The first entry of a journal: its key, its box, and the box identity's signature over both."""

from __future__ import annotations

import msgspec

from kernel.errors import ProtocolError
from kernel.events import JournalOpened, Predecessor
from kernel.evidence import canonical
from kernel.evidence.header import Header, body_matches, decode, journal_id
from kernel.evidence.notes import Sign, decode_base64, encode_base64, verify_ed25519


def open_body(
    *, public_key: bytes, box: str, process: str, software: str, predecessor: Predecessor | None, sign: Sign
) -> JournalOpened:
    """The body, signed by the box identity key."""
    fields: dict[str, object] = {
        "public_key": encode_base64(public_key),
        "box": box,
        "process": process,
        "software": software,
        "predecessor": msgspec.to_builtins(predecessor),
    }
    signature = encode_base64(sign(canonical.encode(fields)))
    return msgspec.convert({**fields, "signature": signature}, JournalOpened)


def verify(header: Header, *, salt: bytes, body: bytes, box_key: bytes) -> JournalOpened:
    """Check everything a genesis claims; ProtocolError names what is wrong."""
    if header.seq or header.stream != JournalOpened.stream or not body_matches(header, salt=salt, body=body):
        raise ProtocolError("not a genesis", body)
    opened, unsigned = _read(body)
    if journal_id(decode_base64(opened.public_key)) != header.journal:
        raise ProtocolError("the genesis of another key", body)
    if not verify_ed25519(box_key, decode_base64(opened.signature), unsigned):
        raise ProtocolError("the genesis is not signed by the box", body)
    return opened


def verify_entry(entry: tuple[bytes, bytes | None, bytes | None], *, box_key: bytes) -> JournalOpened:
    """The same from an entry as it travels."""
    header, salt, body = entry
    if salt is None or body is None:
        raise ProtocolError("a genesis without its body", header)
    return verify(decode(header), salt=salt, body=body, box_key=box_key)


def _read(body: bytes) -> tuple[JournalOpened, bytes]:
    """The body, and the canonical bytes that its signature covers (fields we do not know included)."""
    fields = canonical.decode(body)
    try:
        opened = msgspec.convert(fields, JournalOpened)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"not a genesis ({error})", body) from error
    del fields["signature"]
    return opened, canonical.encode(fields)
