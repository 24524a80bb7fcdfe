"""No plate stands in a text that was masked, whatever stands around it."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal.logs import JsonLines
from kernel.plates import CLASSES, PlateClass, classify
from kernel.plates.masking import masked

SHAPES = [shape for row in CLASSES.values() for shape in row.shapes if row.plate_class != PlateClass.MILITARY]
TEXTS = st.sampled_from(SHAPES).flatmap(lambda shape: st.tuples(*(st.sampled_from(place) for place in shape)))


@settings(max_examples=60)
@given(TEXTS.map("".join), st.sampled_from(["", " ", '"', ":", "牌", "/"]))
def test_every_plate_with_a_province_is_hidden(plate: str, beside: str) -> None:
    assert classify(plate) is not None
    hidden = masked(f"{beside}{plate}{beside}")
    assert plate not in hidden
    assert "*****" in hidden


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plate 鲁C12345 read", "plate 鲁C***** read"),
        ("鲁C·1234挂", "鲁C*****"),
        ("/events?plate=鲁c12345&x=1", "/events?plate=鲁c*****&x=1"),
        (
            "鲁C1234 is too short and somebody's all the same",
            "鲁C***** is too short and somebody's all the same",
        ),
        ("plate 鲁 C12345 read", "plate 鲁 C***** read"),
        ("鲁C-12345, 鲁-C · 12345 and 鲁C—D12345", "鲁C*****, 鲁-C***** and 鲁C*****"),
        ("鲁C\uff11\uff12\uff13\uff14\uff15", "鲁C*****"),
        ("鲁\uff23\u3000\uff2412345挂", "鲁\uff23*****"),
        ("wj 鲁-12345", "wj 鲁*****"),
        ("使 014 578", "使*****"),
        ("新 firmware is here", "新 firmware is here"),
        ("passage b1f0-52340000 seq 17", "passage b1f0-52340000 seq 17"),
        ("山东省沂源县 370323", "山东省沂源县 370323"),
        ("", ""),
    ],
)
def test_what_is_hidden_and_what_stays(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_a_line_of_the_log_is_masked_whole() -> None:
    record = logging.makeLogRecord({"msg": "odd: %s", "args": ("鲁C12345",), "reason": "near 京A12345"})
    line = json.loads(JsonLines().format(record))
    assert (line["message"], line["reason"]) == ("odd: 鲁C*****", "near 京A*****")
