"""Keeps the certificates that a box showed when its journal was met: packages and witnesses need them."""

from __future__ import annotations

import logging

from central.store.custody import CustodyStore
from journal.checking import Trust, introduce
from kernel.clock import Clock
from kernel.errors import ProtocolError, RefusedError
from kernel.evidence.frames import Hello

log = logging.getLogger(__name__)


def keep_chains(box: str, hello: Hello, *, custody: CustodyStore, trust: Trust, clock: Clock) -> None:
    """Blocking.  What is kept once is never replaced: a later certificate did not sign the earlier genesis."""
    for said in hello.journals:
        try:
            introduced = introduce(box, hello, said, trust=trust, now_ms=clock.now_ms())
        except (ProtocolError, RefusedError) as error:
            log.debug("no chain", extra={"box": box, "reason": str(error)})
            continue
        journal = introduced.checkpoint.journal
        if not custody.chain(journal):
            custody.save_chain(journal, hello.certs)
