"""Run the command: ``python -m kubemetrics``."""

from __future__ import annotations

import gc
import sys

from .cli import main

_SELDOM = 50_000
"""Objects; a start makes as many, and hardly a cycle among them."""


def run() -> None:
    """Exit with what the command says; the entry point of the console scripts.

    This process is the command's own: it need not look for garbage while it starts,
    nor once more through everything before it ends (a seventh of ``top pods``).
    """
    gc.set_threshold(_SELDOM)
    code = main()
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    run()
