"""Keeps the certificates that a box showed when its journal was met: packages and witnesses need them."""

from __future__ import annotations

import logging

from central.store.custody import CustodyStore
from journal.checking import Trust, introduce
from journal.custody import Welcome
from kernel.clock import Clock
from kernel.errors import ProtocolError, RefusedError
from kernel.evidence.certificates import Certificate
from kernel.evidence.frames import Hello
from kernel.evidence.notes import Note

log = logging.getLogger(__name__)


def keep_chains(
    box: str, hello: Hello, welcome: Welcome, *, custody: CustodyStore, trust: Trust, clock: Clock
) -> None:
    """Blocking.  What is kept once is never replaced: a later certificate did not sign the earlier genesis.

    Unless it is of another box, which the journal was registered for until its own was heard.
    """
    owned = {journal for journal, _ in welcome.receipts}
    for said in hello.journals:
        try:
            introduced = introduce(box, hello, said, trust=trust, now_ms=clock.now_ms())
        except (ProtocolError, RefusedError) as error:
            log.debug("no chain", extra={"box": box, "reason": str(error)})
            continue
        journal = introduced.checkpoint.journal
        if journal in owned and not _is_of(box, custody.chain(journal)):
            custody.save_chain(journal, hello.certs)


def _is_of(box: str, chain: tuple[str, ...]) -> bool:
    return bool(chain) and Certificate.parse(Note.parse(chain[0]).text).name == box
