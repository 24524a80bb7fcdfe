"""Functions are short: none spans more lines than a reader holds in mind, and half of them fewer than nine."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
MOST, MEDIAN = 50, 9
[CODE] = re.findall(r"^CODE := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)


def spans(text: str) -> Iterator[tuple[str, int]]:
    """Lines of each function without its decorators and its docstring."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            said = _lines(first) if ast.get_docstring(node, clean=False) is not None else 0
            yield node.name, _lines(node) - said


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_a_span_counts_neither_decorators_nor_docstrings() -> None:
    text = (
        '@one\n@two\ndef outer():\n    """Said\n    twice."""\n    async def inner(): ...\n    return inner\n'
    )
    assert list(spans(text)) == [("outer", 3), ("inner", 1)]


@pytest.mark.broad  # it parses everything there is
@pytest.mark.timeout(30)
def test_no_function_is_long_and_most_are_short() -> None:
    found = [
        (span, f"{path.relative_to(ROOT)}: {name}")
        for folder in CODE.split()
        for path in (ROOT / folder).rglob("*.py")
        for name, span in spans(path.read_text(encoding="utf-8"))
    ]
    assert not [one for one in found if one[0] > MOST]
    assert median(span for span, _ in found) < MEDIAN
