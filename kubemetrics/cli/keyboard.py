"""The terminal of a live screen: keys as they are typed, its size, and its state.

What is changed for the screen (no echo, keys without Enter, no cursor, no wrapped
lines) is put back in every way out: at the end of the ``with``, after an exception,
before SIGTERM and SIGHUP end the process, and while it is stopped (Ctrl-Z). Where stdin
is no terminal, or Python has no termios, there are no keys, and the rest works.
"""

from __future__ import annotations

import codecs
import os
import re
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from types import FrameType, ModuleType
from typing import Any, Final, Self

_HIDDEN: Final = "\x1b[?25l\x1b[?7l"
_SHOWN: Final = "\x1b[?7h\x1b[?25h"
"""No cursor, and no lines that are wrapped, which would scroll the screen."""
_KEY: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Z]|.", re.DOTALL)
_NAMES: Final[Mapping[str, str]] = {
    "\x1b[A": "up", "\x1bOA": "up", "\x1b[B": "down", "\x1bOB": "down",
    "\x1b[5~": "pageup", "\x1b[6~": "pagedown", "\x1b[H": "home", "\x1bOH": "home",
    "\x1b[1~": "home", "\x1b": "escape", "\r": "enter", "\n": "enter",
    "\x7f": "backspace", "\b": "backspace",
}  # fmt: skip
"""Source: XTerm Control Sequences, "PC-Style Function Keys"."""
_READ: Final = 1024
_PAUSE: Final = 0.5
"""Seconds until a process in the background looks whether it may read again."""


def keys_of(text: str) -> Iterator[str]:
    """Return the keys that a terminal sends *text* for: characters, or their names."""
    for found in _KEY.finditer(text):
        key = _NAMES.get(found[0], found[0])
        if key.isalpha() or (key.isprintable() and len(key) == 1):
            yield key


class LiveTerminal:
    """The terminal in a ``with``: calls *happened* with each key.

    Without a key it says that the size may have changed, or that the process goes on
    after it was stopped. *usable*: keys can be typed.
    """

    def __init__(self, happened: Callable[[str], None]) -> None:
        self._happened = happened
        self._keyboard = _keyboard()
        self._saved: list[Any] | None = None
        self._handlers: dict[signal.Signals, Any] = {}
        self._reader: _Reader | None = None

    @property
    def usable(self) -> bool:
        """Whether keys can be typed."""
        return self._keyboard is not None

    def __enter__(self) -> Self:
        self._handle_signals()
        self._prepare()
        if self._keyboard is not None:
            self._reader = _Reader(self._keyboard.number, self._happened)
        return self

    def __exit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.end()
        self._restore()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def take_back(self) -> None:
        """Take the terminal once it is ours again: a shell's ``fg`` may not say so."""
        keyboard = self._keyboard
        if keyboard and self._saved is None and _is_ours(keyboard.number):
            self._prepare()

    def _prepare(self) -> None:
        """Take the terminal, unless another process has it: that would stop us."""
        keyboard = self._keyboard
        if keyboard is not None and _is_ours(keyboard.number):
            self._saved = self._saved or keyboard.mode()
            keyboard.take_keys()
        _send(_HIDDEN)

    def _restore(self) -> None:
        if self._keyboard is not None and self._saved is not None:
            if _is_ours(self._keyboard.number):
                self._keyboard.set_mode(self._saved)
            self._saved = None
        _send(_SHOWN)

    def _handle_signals(self) -> None:
        """Handle what would end, stop or resize us, unless that is ignored already."""
        if threading.current_thread() is not threading.main_thread():
            return  # signals are the main thread's alone
        handlers: dict[str, Callable[[int, FrameType | None], None]] = {
            "SIGWINCH": self._resized, "SIGCONT": self._continued,
            "SIGTSTP": self._stopped, "SIGTERM": self._ended, "SIGHUP": self._ended,
        }  # fmt: skip
        for name, handler in handlers.items():
            number = getattr(signal, name, None)  # Windows has none of most
            before = None if number is None else signal.getsignal(number)
            if number is not None and before not in {None, signal.SIG_IGN}:
                self._handlers[number] = signal.signal(number, handler)

    def _resized(self, *_: object) -> None:
        self._happened("")

    def _continued(self, *_: object) -> None:
        self._prepare()
        self._happened("")

    def _stopped(self, number: int, _: FrameType | None) -> None:
        """Put the terminal back, and stop as if nothing had been changed."""
        self._restore()
        self._as_before(number)
        signal.signal(number, self._stopped)

    def _ended(self, number: int, _: FrameType | None) -> None:
        """Put the terminal back, and do what the signal would have done without us."""
        self._restore()
        self._as_before(number)

    def _as_before(self, number: int) -> None:
        signal.signal(number, self._handlers[signal.Signals(number)])
        signal.raise_signal(number)


def _send(text: str) -> None:
    """Write to the terminal past the stream, which a signal may find at its work."""
    with suppress(OSError, ValueError):
        os.write(sys.stdout.fileno(), text.encode())


class _Keyboard:
    """stdin as a terminal, by its file descriptor *number*."""

    def __init__(self, number: int, termios: ModuleType) -> None:
        self.number = number
        self._termios = termios

    def mode(self) -> list[Any]:
        """Return how the terminal takes what is typed."""
        found: list[Any] = self._termios.tcgetattr(self.number)
        return found

    def set_mode(self, mode: list[Any]) -> None:
        """Let the terminal, unless it is gone, take what is typed as it did before."""
        with suppress(self._termios.error):
            self._termios.tcsetattr(self.number, self._termios.TCSADRAIN, mode)

    def take_keys(self) -> None:
        """Get each key at once and unseen; Ctrl-C and Ctrl-Z stay signals."""
        mode = self.mode()
        mode[3] &= ~(self._termios.ICANON | self._termios.ECHO)  # lflag
        mode[6][self._termios.VMIN], mode[6][self._termios.VTIME] = 1, 0
        self.set_mode(mode)


def _keyboard() -> _Keyboard | None:
    """Return stdin, if it is a terminal whose keys can be had."""
    try:
        number = sys.stdin.fileno()
        termios = import_module("termios")
    except (AttributeError, OSError, ValueError, ImportError):
        return None  # no stdin, none with a descriptor, or a Python without termios
    usable = os.isatty(number) and _is_ours(number)
    return _Keyboard(number, termios) if usable else None


def _is_ours(number: int) -> bool:
    """Whether we are in the foreground of the terminal, or it controls no job."""
    try:
        return os.tcgetpgrp(number) == os.getpgrp()
    except OSError:
        return True


class _Reader:
    """A thread that reads keys until `end`."""

    def __init__(self, number: int, typed: Callable[[str], None]) -> None:
        self._number = number
        self._typed = typed
        self._wakes, self._wake = os.pipe()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop reading."""
        self._over.set()
        os.write(self._wake, b"\0")
        self._thread.join()
        os.close(self._wake)
        os.close(self._wakes)

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            select.select([self._number, self._wakes], [], [])
            if self._over.is_set():
                return
            if not _is_ours(self._number):  # to read would stop the process
                self._over.wait(_PAUSE)
                continue
            data = b""
            with suppress(OSError):  # the terminal is gone
                data = os.read(self._number, _READ)
            if not data:
                return
            for key in keys_of(decoder.decode(data)):
                self._typed(key)
