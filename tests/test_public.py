"""What ``from kubemetrics import …`` offers: few names, in order, each explained."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import kubemetrics

MOST = 50
NAMES = [name for name in kubemetrics.__all__ if name != "__version__"]


def test_the_names_are_few_and_in_order() -> None:
    assert list(kubemetrics.__all__) == sorted(kubemetrics.__all__)
    assert len(kubemetrics.__all__) <= MOST
    assert dir(kubemetrics) == kubemetrics.__all__


def test_what_a_type_checker_sees_is_what_there_is() -> None:
    tree = ast.parse(Path(kubemetrics.__file__).read_text("utf-8"))
    imported = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == kubemetrics._HOME
    assert sorted(kubemetrics._HOME) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_and_its_public_members_are_explained(name: str) -> None:
    value = getattr(kubemetrics, name)
    assert inspect.getdoc(value)
    if inspect.isclass(value) and not issubclass(value, Exception):
        members = {k: v for k, v in vars(value).items() if not k.startswith("_")}
        for member, what in members.items():
            if inspect.isroutine(what) or isinstance(what, property | classmethod):
                assert inspect.getdoc(what), member


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Clinet"):
        getattr(kubemetrics, "Clinet")  # noqa: B009 - a misspelling, on purpose
