"""Run the command: ``python -m kubemetrics``."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType

_SELDOM = 50_000
"""Objects; a start makes as many, and hardly a cycle among them."""

_INTERRUPTED = 130
_ENDINGS = ("SIGTERM", "SIGHUP")


def run() -> None:
    """Exit with what the command says; the entry point of the console scripts.

    This process is the command's own: it need not look for garbage while it starts,
    nor once more through everything before it ends (a seventh of ``top pods``).
    """
    gc.set_threshold(_SELDOM)
    try:
        code = _main()
    except KeyboardInterrupt:
        code = _INTERRUPTED
    gc.freeze()
    sys.exit(code)


def _main() -> int:
    """Run the command; a Ctrl-C that Python loses while it imports is not lost."""
    from .errors import INTERRUPTION  # noqa: PLC0415 - within the `try`, as all else

    # Where it is ignored (nohup, a shell's background) it stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, INTERRUPTION.handle)
    for name in _ENDINGS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    from .cli import main  # noqa: PLC0415 - see above

    return main()


def _end(number: int, _frame: FrameType | None) -> None:
    """Kill the plugins that run, then die of the signal as if there were no handler."""
    signal.signal(number, signal.SIG_DFL)
    plugins = sys.modules.get("kubemetrics.auth.process")
    if plugins is not None:
        plugins.kill_all()
    os.kill(os.getpid(), number)


if __name__ == "__main__":
    run()
