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


def floats(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that could make a float of a number."""
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and _makes_a_float(node):
            yield node.lineno


def _makes_a_float(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Div)
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in {"float", "statistics.mean"}
    return isinstance(node, ast.Constant) and isinstance(node.value, float)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: "-".join(path.parts[-2:]))
def test_no_module_of_amounts_makes_a_float(module: Path) -> None:
    assert list(floats(ast.parse(module.read_text()))) == []


def test_a_float_would_be_seen() -> None:
    assert list(floats(ast.parse("a = 1.5\nb = a / 2\nc = float(b)"))) == [1, 2, 3]
