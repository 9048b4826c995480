"""What people see: screens kept as text, and those of the README."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from kubemetrics.text import width
from tests.tools import readme, screens

from .stage import Stage, stage


@pytest.fixture(scope="module")
def on() -> Iterator[Stage]:
    with stage() as made:
        yield made


def test_screens_are_as_they_were_looked_at(on: Stage) -> None:
    taken = screens.screens(on)
    kept = {path.name: path.read_text("utf-8") for path in screens.FOLDER.iterdir()}
    assert taken == kept, "python -m tests.tools.screens takes them anew: look at them"


def test_a_screen_is_no_wider_than_its_terminal() -> None:
    for path in screens.FOLDER.iterdir():
        limit = int(re.findall(r"\d+", path.name)[0])
        table = path.read_text("utf-8").splitlines()
        bare = [re.sub(r"\x1b\[\d*m", "", line) for line in table]
        if not path.name.startswith("pods-wide"):
            rows = [line for line in bare if "running pods measured" not in line]
            assert max(map(width, rows)) <= limit, path.name


def test_the_readme_shows_what_the_command_shows(on: Stage) -> None:
    text = readme.README.read_text("utf-8")
    assert readme.BLOCK.search(text)
    assert readme.rewritten(text, on) == text, "python -m tests.tools.readme"
