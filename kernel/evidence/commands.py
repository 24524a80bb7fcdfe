"""Commands to a box as signed notes: for one box, one session, with a counter that only grows; no clock needed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kernel.errors import ProtocolError
from kernel.evidence import canonical
from kernel.evidence.frames import NONCE_BYTES
from kernel.evidence.notes import Note, Sign, decode_base64, encode_base64, open_note, sign_note
from kernel.evidence.texts import number

COMMAND = "weighpost-command/v1"
FETCH_FILE = "fetch-file"
HOLD = "hold"
CASE = "case"
INSTRUMENT = "instrument"

_TOKEN = re.compile(r"[a-z0-9-]{3,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What `issuer` wants of `box` in the session that said hello with `nonce`."""

    box: str
    issuer: str
    counter: int
    nonce: bytes
    kind: str
    args: dict[str, Any]

    def text(self) -> str:
        return (
            f"{COMMAND}\n{self.box}\n{self.issuer}\n{self.counter}\n{encode_base64(self.nonce)}\n"
            f"{self.kind}\n{canonical.encode(self.args).decode()}\n"
        )

    def signed(self, *, public_key: bytes, sign: Sign) -> Note:
        return sign_note(self.text(), name=self.issuer, public_key=public_key, sign=sign)

    @classmethod
    def parse(cls, text: str) -> Command:
        lines = text.split("\n")
        if len(lines) != 8 or lines[0] != COMMAND or lines[7]:
            raise ProtocolError("not a command", text[:64].encode())
        _, box, issuer, counter, nonce, kind, args, _ = lines
        if not all(_TOKEN.fullmatch(token) for token in (box, issuer, kind)):
            raise ProtocolError("not a command", text[:64].encode())
        session = decode_base64(nonce)
        if len(session) != NONCE_BYTES:
            raise ProtocolError("not the nonce of a session", text[:64].encode())
        return cls(
            box=box,
            issuer=issuer,
            counter=number(counter),
            nonce=session,
            kind=kind,
            args=canonical.decode(args.encode()),
        )

    @classmethod
    def open(cls, note: str, *, box: str, issuer: str, public_key: bytes, nonce: bytes) -> Command:
        """Verify and check that it is for this box and this session."""
        command = cls.parse(open_note(note, name=issuer, public_key=public_key).text)
        if (command.box, command.issuer) != (box, issuer):
            raise ProtocolError("a command for another box or of another issuer")
        if command.nonce != nonce:
            raise ProtocolError("a command of another session")
        return command
