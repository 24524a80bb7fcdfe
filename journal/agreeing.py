"""Whether a store tells the same story of a journal as the journal itself; if not, the next start opens a successor."""

from __future__ import annotations

import asyncio
import logging

from journal.volume import Volume
from kernel.errors import RestartError
from kernel.evidence.texts import Receipt

log = logging.getLogger(__name__)


async def agree(journal: Volume, receipt: Receipt, *, root: bytes | None = None) -> None:
    """RestartError: ours and theirs are two stories, and the journal is marked; `root` is ours at that size, if known.

    The receipt is of this journal and its signature is checked.
    """
    if receipt.size > journal.size:
        reason = f"{receipt.store} has {receipt.size} entries, we have {journal.size}"
    elif receipt.root != (root or await journal.root(receipt.size)):
        reason = f"{receipt.store} has another root at {receipt.size}"
    else:
        return
    await asyncio.to_thread(journal.doubt, reason)
    log.error("journal contradicted", extra={"journal": journal.id, "reason": reason})
    raise RestartError(reason)
