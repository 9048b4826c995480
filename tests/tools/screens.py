"""Take ``tests/data/screens`` anew: ``python -m tests.tools.screens``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.cli.stage import Stage, stage

FOLDER = Path(__file__).parents[1] / "data" / "screens"
COMMANDS: Mapping[str, str] = {
    "pods": "pods -n team-a -n team-b",
    "pods-wide": "pods -n team-b -o wide",
    "pods-top": "pods -A --sort -mem.usage --top 10 --sum",
    "containers": "containers -n team-b",
    "nodes": "nodes",
    "namespaces": "namespaces --sum",
    "workloads": "workloads -n team-c -n monitoring",
    "by": "pods -A --by node,qos",
    "watch": "pods -n team-c -w",
    "doctor": "doctor",
}
WIDTHS = (80, 160)


def screens(on: Stage) -> Mapping[str, str]:
    """Return each screen by the name of its file."""
    return {
        f"{name}-{width}{'-colour' if colour else ''}.txt": on.screen(
            command, width, colour=colour
        )
        for name, command in COMMANDS.items()
        for width in WIDTHS
        for colour in (False, True)
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with stage() as on:
        for name, text in screens(on).items():
            (FOLDER / name).write_text(text, encoding="utf-8")
