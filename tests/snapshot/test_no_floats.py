"""No arithmetic on floats: amounts are integers, shares are fractions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "kubemetrics"
MODULES = [
    PACKAGE / "quantity.py",
    *sorted((PACKAGE / "accounting").glob("*.py")),
    *sorted((PACKAGE / "snapshot").glob("*.py")),
]


def floats(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that could make a float of a number."""
    for node in ast.walk(tree):
        constant = isinstance(node, ast.Constant) and isinstance(node.value, float)
        divided = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        called = isinstance(node, ast.Call) and ast.unparse(node.func) in {
            "float", "round", "statistics.mean", "statistics.median"
        }  # fmt: skip
        if constant or divided or called:
            yield node.lineno


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_module_of_amounts_makes_a_float(module: Path) -> None:
    assert list(floats(ast.parse(module.read_text()))) == []


def test_a_float_would_be_seen() -> None:
    assert list(floats(ast.parse("a = 1.5\nb = a / 2\nc = float(b)"))) == [1, 2, 3]
