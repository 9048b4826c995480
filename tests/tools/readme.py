"""Write the marked blocks of README.md anew: ``python -m tests.tools.readme``.

A block follows its mark: ``<!-- screen: pods -A -->`` is what a terminal shows of the
command on the recorded cluster, ``<!-- screen 160: nodes -->`` on one of 160 columns.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.stage import Stage, stage

README = Path(__file__).parents[2] / "README.md"
WIDTH = 120
BLOCK = re.compile(
    r"(?P<mark><!-- screen(?: (?P<width>\d+))?:(?P<command>.*?)-->\n)"
    r"(?P<fence>```\w*\n).*?```$",
    re.DOTALL | re.MULTILINE,
)


def rewritten(text: str, on: Stage) -> str:
    """Return *text* with its blocks as they should be."""

    def block(match: re.Match[str]) -> str:
        command = match["command"].strip()
        width = int(match["width"] or WIDTH)
        body = f"$ kubemetrics {command}\n{on.screen(command, width)}"
        return f"{match['mark']}{match['fence']}{body.rstrip()}\n```"

    return BLOCK.sub(block, text)


if __name__ == "__main__":
    with stage() as on:
        README.write_text(
            rewritten(README.read_text(encoding="utf-8"), on), encoding="utf-8"
        )
