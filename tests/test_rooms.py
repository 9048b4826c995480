"""The map, the import contract and the folders say the same of the rooms."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Final

import kubemetrics

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "kubemetrics"
MODULES: Final = [p for p in PACKAGE.rglob("*.py") if not p.stem.startswith("__")]


def contract() -> list[list[str]]:
    """Return the ranks of the layers contract, from the top."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for found in settings["tool"]["importlinter"]["contracts"]:
        if found["type"] == "layers":
            return [rank.split(" | ") for rank in found["layers"]]
    raise AssertionError("there is no layers contract")


def rooms() -> list[str]:
    """Return the rooms of the contract that a map is to show, from the top."""
    hidden = {"__main__", "frozen"}
    return [room for rank in contract() for room in rank if room not in hidden]


def test_the_contract_has_every_room_and_no_other() -> None:
    folders = {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    files = {p.stem for p in PACKAGE.glob("*.py")} - {"__init__"}
    assert sorted(room for rank in contract() for room in rank) == sorted(
        folders | files
    )


def test_the_docstring_of_the_package_maps_the_rooms() -> None:
    text = (kubemetrics.__doc__ or "").partition("The rooms")[2].partition("\n\n")[2]
    lines = [line.strip() for line in text.partition("\n\n")[0].splitlines()]
    assert mapped_rooms(lines) == rooms()


def test_the_readme_maps_the_rooms() -> None:
    text = (ROOT / "README.md").read_text("utf-8").partition("The rooms, top")[2]
    lines = text.partition("```text\n")[2].partition("```")[0].splitlines()
    assert mapped_rooms(lines) == rooms()


def mapped_rooms(lines: list[str]) -> list[str]:
    known = set(rooms())
    heads = [re.match(r"\w+(?: [|·] \w+)*", line) for line in lines]
    return [
        word
        for head in heads
        if head is not None
        for word in re.split(r" [|·] ", head[0])
        if word in known
    ]


def test_no_two_modules_share_a_name() -> None:
    names = Counter(module.stem for module in MODULES)
    assert [name for name, count in names.items() if count > 1] == []


def test_no_two_public_classes_share_a_name() -> None:
    names = Counter(
        node.name
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []
