"""Run the command: ``python -m kubemetrics``."""

from __future__ import annotations

import sys

from .cli import main


def run() -> None:
    """Exit with what the command says; the entry point of the console scripts."""
    sys.exit(main())


if __name__ == "__main__":
    run()
