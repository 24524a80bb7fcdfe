"""What a process says first to whoever takes its entries: its journals in order, as far as that one may know them."""

from __future__ import annotations

from journal.volume import Volume
from journal.writer import Journal
from kernel.errors import RefusedError
from kernel.evidence.frames import Hello, HelloJournal

MOST = 60  # of the 64 that a hello may name


async def greeting(
    journal: Journal,
    last: Volume,
    *,
    doubted_too: bool,
    nonce: bytes,
    software: str,
    certs: tuple[str, ...],
) -> Hello:
    """Every journal up to `last`: a successor that is introduced closes its predecessor, so it has to wait for it.

    Those that were doubted are of use only to one who never heard of them and so does not understand what follows.
    """
    named = [one for one in journal.line if doubted_too or isinstance(one, Volume)]
    if last in named:
        del named[named.index(last) + 1 :]
    said = [each for one in named[-MOST:] if (each := await _said(one)) is not None]
    return Hello(nonce=nonce, software=software, journals=tuple(said), certs=certs)


async def _said(one: Volume | HelloJournal) -> HelloJournal | None:
    if isinstance(one, HelloJournal):
        return one
    try:
        return HelloJournal(checkpoint=await one.checkpoint(), genesis=await one.genesis())
    except RefusedError:  # it has left while this was put together
        return None
