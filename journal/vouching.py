"""Which stores a box believes: the one it pins, and those that the county vouches for as what it became after a restore.

A store that was put back from a backup goes on under the next name (centre-1, centre-2) with a key of its own.  Its
certificate chains to the pinned root, so nobody has to visit the boxes; an older name is never believed again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from journal.checking import Trust
from journal.keys import Identity, parse_certificate
from journal.settings import Destination
from kernel.errors import ProtocolError, RefusedError
from kernel.evidence.certificates import verify_chain
from kernel.evidence.notes import Note, decode_base64
from kernel.evidence.texts import FileReceipt, Receipt

LARGEST = 16 * 1024
REMEMBERED = 8
_NUMBERED = re.compile(r"(?P<stem>.+?)(?:-(?P<number>\d{1,6}))?")

_decoder = msgspec.json.Decoder(tuple[str, ...])


def generation(store: str) -> tuple[str, int]:
    """`centre-2` is the second generation of `centre`; a name without a number is the first."""
    match = _NUMBERED.fullmatch(store)
    return (match["stem"], int(match["number"] or 1)) if match else (store, 1)


def follows(store: str, before: str) -> bool:
    """Whether `store` is a later generation of `before`."""
    (stem, number), (stem_before, number_before) = generation(store), generation(before)
    return stem == stem_before and number > number_before


def next_name(store: str) -> str:
    stem, number = generation(store)
    return f"{stem}-{number + 1}"


def introduction(certificates: Sequence[str]) -> bytes:
    """What a store sends to boxes: its certificate, then the enrolment key's."""
    return msgspec.json.encode(certificates)


class KnownStores:
    """One destination's store through its generations; without `root` only the pinned one is believed."""

    def __init__(self, *, pinned: str, public_key: bytes, root: Trust | None) -> None:
        self._pinned = pinned
        self._keys = {pinned: public_key}
        self._root = root
        self._newest = pinned

    @classmethod
    def of(cls, destination: Destination, identity: Identity) -> KnownStores:
        root = Trust(root_name=identity.root_name, root_public=identity.root_public)
        return cls(
            pinned=destination.store_id,
            public_key=decode_base64(destination.store_public),
            root=root if identity.root_public else None,
        )

    def learn(self, payload: bytes) -> str:
        """Believe a certified later generation of the pinned store; its name.

        ProtocolError or RefusedError: it is none.  No clock is asked: a box whose clock is wrong must know its store.
        """
        certificates = _decode(payload)
        if self._root is None or not certificates:
            raise RefusedError("nobody is pinned who could vouch for a store")
        certificate = verify_chain(
            certificates,
            root_name=self._root.root_name,
            root_pub=self._root.root_public,
            now_ms=parse_certificate(certificates[0]).not_before_ms,
        )
        name = certificate.name
        if self._keys.get(name) == certificate.public_key:
            return name
        if certificate.kind != "store" or not follows(name, self._pinned):
            raise RefusedError(f"{certificate.kind} {name} does not follow store {self._pinned}")
        if name in self._keys or len(self._keys) >= REMEMBERED:
            raise RefusedError(f"store {name} is another than before")
        self._keys[name] = certificate.public_key
        return name

    def heard(self, store: str) -> None:
        """A receipt of it was obeyed, now or before a restart: what it replaced is believed no more."""
        if follows(store, self._newest):
            self._newest = store

    def receipt(self, note: str) -> Receipt:
        """Parse and verify; ProtocolError when it is of no store that is believed now."""
        store = self._believed(Receipt.parse(Note.parse(note).text).store)
        return Receipt.open(note, store=store, public_key=self._keys[store])

    def file_receipt(self, note: str) -> FileReceipt:
        """The same for files."""
        store = self._believed(FileReceipt.parse(Note.parse(note).text).store)
        return FileReceipt.open(note, store=store, public_key=self._keys[store])

    def _believed(self, store: str) -> str:
        if store not in self._keys:
            raise ProtocolError("a receipt of another store")
        if follows(self._newest, store):
            raise ProtocolError(f"a receipt of {store}, which {self._newest} has replaced")
        return store


def _decode(payload: bytes) -> tuple[str, ...]:
    if len(payload) > LARGEST:
        raise ProtocolError(f"an introduction larger than {LARGEST} bytes")
    try:
        return _decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"not an introduction ({error})", payload) from error
