"""How the cases of a crossing stand, on its page, and the form by which a reviewer closes one or lets it go on 结案."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import Form

from central.acts.closing import Closings
from central.acts.desk import Who
from central.store.queries import Queries
from central.views import CaseClosing
from kernel import vocabulary
from kernel.events import CaseEnd, CaseKept, EntryRef
from web import times
from web.i18n import Texts, word
from web.i18n import mark as _

# central.acts.closing: why a case was not closed.
REFUSALS = {
    "give the reason": _("Give the reason."),
    "the case is closed already": _("The case is closed already."),
    "the case is not closed": _("The case is not closed."),
    "something of the case has not arrived yet": _("Something of the case has not arrived yet."),
    "the case has no weighing here": _("The case has no weighing here."),
    "a passage has not passed review": _("A crossing of the case has not passed review: {rest}"),
    "no review has confirmed any of it": _("No review has confirmed any of it: choose another ending."),
    "nothing that was confirmed is evidence any more": _(
        "Nothing that was confirmed is evidence any more: choose another ending."
    ),
    "the clock of the centre is behind what the case holds": _(
        "The clock of the centre is behind what the case holds. Have it set right."
    ),
    "say in a note how it ends": _("Say in a note how it ends."),
    "leave the plate out of the text": _("Leave the plate out of the note."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingForm:
    """What a reviewer sends; the key makes a second tap the same act."""

    act: Annotated[Literal["closed", "reopened"], Form()]
    key: Annotated[str, Form(pattern="^[A-Za-z0-9-]{8,64}$")]
    reason: Annotated[CaseEnd, Form()] = "paid"
    kept_as: Annotated[CaseKept | None, Form()] = None
    note: Annotated[str, Form(max_length=500)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseShown:
    """One case; `path` is its name in an address, `state` how it stands in a sentence, the last three fill the form."""

    name: str
    path: str
    state: str
    closed: bool
    key: str
    reason: str
    kept_as: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What was not done, to be shown again as it was said."""

    case: str
    said: ClosingForm


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the form offers, as (word, what people call it)."""

    ends: Sequence[tuple[str, str]]
    kept: Sequence[tuple[str, str]]


def cases_shown(
    cases: Sequence[str], queries: Queries, texts: Texts, refused: Refused | None = None
) -> list[CaseShown]:
    """Blocking."""
    said = {refused.case: refused.said} if refused is not None else {}
    return [_shown(name, queries.closing(name), texts, said.get(name)) for name in cases]


def choices(texts: Texts) -> Choices:
    return Choices(ends=_offered(vocabulary.CASE_ENDS, texts), kept=_offered(vocabulary.CASES_KEPT, texts))


async def say(closings: Closings, case: str, said: ClosingForm, *, who: Who) -> EntryRef:
    """RefusedError: why not."""
    if said.act == "reopened":
        return await closings.reopen(case, who=who, note=said.note)
    return await closings.close(case, who=who, reason=said.reason, kept_as=said.kept_as, note=said.note)


def _shown(name: str, closing: CaseClosing | None, texts: Texts, said: ClosingForm | None) -> CaseShown:
    kept_as = said.kept_as if said is not None else None
    return CaseShown(
        name=name,
        path=quote(name, safe=""),
        state=_state(closing, texts),
        closed=closing is not None and closing.closed_ms is not None,
        key=uuid.uuid4().hex,
        reason=said.reason if said is not None else "",
        kept_as=kept_as or (closing.kept_as if closing is not None else ""),
        note=said.note if said is not None else "",
    )


def _state(closing: CaseClosing | None, texts: Texts) -> str:
    if closing is None:
        return texts(_("open"))
    if closing.closed_ms is None:
        return texts(_("open again, by {by}: {note}"), by=closing.by, note=closing.note)
    said = texts(
        _("closed {when} by {by}: {reason}, kept {kept}"),
        when=times.stamp(closing.closed_ms),
        by=closing.by,
        reason=word(vocabulary.CASE_ENDS, closing.reason, texts),
        kept=word(vocabulary.CASES_KEPT, closing.kept_as, texts),
    )
    return f"{said} ({closing.note})" if closing.note else said


def _offered(table: dict[str, str], texts: Texts) -> list[tuple[str, str]]:
    return [(name, texts(words)) for name, words in table.items()]
