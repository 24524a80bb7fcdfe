"""What may be said of the instrument, as texts: everything is named that does not fit, and nothing crashes on it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import RefusedError
from kernel.law.instrument_acts import ACTS, saying_of
from tests.edge.instrument.rig import PAPER

GOOD = {"act": "seal_broken", "id": "a1b2c3d4", "by": "wang", "seal": "QF-1", "at_ms": "1795400000000"}
PAPER_TEXT = msgspec.json.encode(PAPER).decode()


def test_who_says_what_and_since_when() -> None:
    said = saying_of(GOOD)
    assert (said.act, said.by, said.seal, said.at_ms) == ("seal_broken", "wang", "QF-1", 1_795_400_000_000)
    paper = saying_of({"act": "certify", "id": "a1b2c3d4", "by": "wang", "certificate": PAPER_TEXT})
    assert (paper.certificate, paper.at_ms) == (PAPER, None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"act": "erase"}, "act must be one of"),
        ({"colour": "red"}, "has no colour"),
        ({"by": "  "}, "seal_broken needs by"),
        ({"id": "short"}, "id is not one"),
        ({"id": "../../../etc"}, "id is not one"),
        ({"at_ms": "yesterday"}, "at_ms is not one"),
        ({"note": "x" * 501}, "note has more than 500"),
        ({"act": "sealed", "seal": ""}, "sealed needs seal"),
        ({"act": "check_reference"}, "check_reference needs reference"),
        ({"act": "certify"}, "certify needs certificate"),
        ({"act": "certify", "certificate": "{"}, "certificate: "),
        ({"act": "certify", "certificate": "{}"}, "certificate: .*number"),
        (
            {"act": "certify", "certificate": PAPER_TEXT.replace('["QF-1"]', "[]")},
            "certificate.seals must not be",
        ),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, str], says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        saying_of(GOOD | change)


@given(st.dictionaries(st.sampled_from([*GOOD, "certificate", "reference", "x"]), st.text(max_size=40)))
def test_any_texts_are_read_or_refused(texts: dict[str, str]) -> None:
    try:
        said = saying_of(texts)
    except RefusedError:
        return
    assert said.act in ACTS
    assert said.by
