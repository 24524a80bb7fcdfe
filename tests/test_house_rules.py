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
    for node in _functions(ast.parse(text)):
        said = _lines(node.body[0]) if ast.get_docstring(node, clean=False) is not None else 0
        yield node.name, _lines(node) - said


def _functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Only statements hold functions: expressions, most of a tree, are not looked into."""
    for part in ("body", "orelse", "handlers", "finalbody", "cases"):
        inside = getattr(node, part, None)
        for one in inside if isinstance(inside, list) else ():
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                yield one
            yield from _functions(one)


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_a_span_counts_neither_decorators_nor_docstrings() -> None:
    text = (
        '@one\n@two\ndef outer():\n    """Said\n    twice."""\n    async def inner(): ...\n    return inner\n'
    )
    assert list(spans(text)) == [("outer", 3), ("inner", 1)]


def test_functions_are_found_wherever_a_statement_may_stand() -> None:
    inner = "def {}(): ...\n"
    places = (
        "class A:\n {}", "if a:\n {}", "if a: pass\nelse:\n {}", "try:\n {}finally: pass", "with a:\n {}",
        "try: pass\nexcept A:\n {}", "try: pass\nfinally:\n {}", "for a in b:\n {}", "while a:\n {}",
        "match a:\n case 1:\n  {}", "async def b():\n {}",
    )  # fmt: skip
    for place in places:
        assert ("inner", 1) in list(spans(place.format(inner.format("inner")))), place


@pytest.mark.broad  # it parses everything there is
@pytest.mark.timeout(60)
def test_no_function_is_long_and_most_are_short() -> None:
    found = [
        (span, f"{path.relative_to(ROOT)}: {name}")
        for folder in CODE.split()
        for path in (ROOT / folder).rglob("*.py")
        for name, span in spans(path.read_text(encoding="utf-8"))
    ]
    assert not [one for one in found if one[0] > MOST]
    assert median(span for span, _ in found) < MEDIAN
