"""No arithmetic on floats: amounts are integers, shares are fractions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "kubemetrics"
MODULES = [
    PACKAGE / "quantity.py",
    PACKAGE / "ratio.py",
    PACKAGE / "accounting.py",
    *sorted((PACKAGE / "snapshot").glob("*.py")),
]


def floats(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that could make a float of a number, but for who wants one."""
    asked = {
        inner
        for node in ast.walk(tree)
        if (isinstance(node, ast.FunctionDef) and node.name == "__float__")
        or (isinstance(node, ast.keyword) and node.arg == "cutoff")  # of alike words
        for inner in ast.walk(node)
    }
    for node in set(ast.walk(tree)) - asked:
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
    assert set(floats(ast.parse("a = 1.5\nb = a / 2\nc = float(b)"))) == {1, 2, 3}
    assert set(floats(ast.parse("def __float__(self): return self.a / 2"))) == set()
