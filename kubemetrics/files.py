"""Files of others: their paths in UTF-8, their content bounded, a pipe's in time too.

Go takes paths and arguments for bytes, and a kubeconfig's text is UTF-8; Python would
encode them in the locale's encoding, and raises a ValueError for what has none. A
token, a key or an authority may be named by mistake or malice as ``/dev/zero`` or as a
named pipe that nobody writes to; a shell's ``<(command)`` is a pipe as well.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import sys
from collections.abc import Generator
from time import monotonic
from typing import Final

SMALL: Final = 2**20
"""Bytes of a token, a certificate or a key, at most."""
BUNDLE: Final = 16 * 2**20
"""Bytes of a bundle of authorities, at most; the system's is under one MiB."""

_UTF8: Final = ("utf-8", "surrogateescape")
_CHUNK: Final = 2**16
_PATIENCE: Final = 30.0
"""Seconds to wait for a pipe's writer, where the call has more."""


def read_file(path: str | os.PathLike[str], most: int = SMALL) -> bytes:
    """Return all of a file, which has *most* bytes at most.

    Raises:
        OSError: it cannot be opened or read, is larger, or is a pipe that brings
            nothing; its ``strerror`` says which.
    """
    descriptor = _opened(os.fspath(path))
    try:
        return _read(descriptor, most)
    finally:
        os.close(descriptor)


def _opened(path: str) -> int:
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    return os.open(system_path(path), flags)


STDIN: Final = "-"
"""What stands for it in place of a path."""


def pieces(path: str, seconds: float | None = None) -> Generator[bytes, None, None]:
    """Yield what a file has, bit by bit, so that it may be large.

    A pipe may take *seconds* in all; else no longer than usual to bring the next piece.

    Raises:
        OSError: it cannot be opened or read, or is a pipe that brings nothing in time;
            its ``strerror`` says which.
    """
    descriptor = _stdin() if path == STDIN else _opened(path)
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        end = None if seconds is None else monotonic() + seconds
        while True:
            until = None if regular else end or monotonic() + _PATIENCE
            chunk = _chunk(descriptor, until, seconds or _PATIENCE)
            if not chunk:
                return
            yield chunk
    finally:
        os.close(descriptor)


def _stdin() -> int:
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - it is closed
        raise OSError(errno.EBADF, "it is closed")
    return os.dup(sys.stdin.fileno())


def is_regular(path: str) -> bool:
    """Return whether reading *path* takes nothing from whoever reads it next."""
    try:
        return stat.S_ISREG(os.stat(system_path(path)).st_mode)  # noqa: PTH116 - no Path needed
    except OSError:
        return True  # reading it says what is wrong


def system_path(path: str) -> bytes:
    """Return *path* as the system takes it.

    Raises:
        OSError: no file can have that name.
    """
    if "\0" in path:
        raise OSError(errno.EINVAL, "no file has a null character in its name")
    with contextlib.suppress(UnicodeEncodeError):
        return path.encode(*_UTF8)
    raise OSError(errno.EILSEQ, "no file has half a surrogate pair in its name")


def open_problem(path: str) -> str:
    """Say why the file at *path* cannot be opened; empty if it can."""
    try:
        with open(system_path(path), "rb"):  # noqa: PTH123 - bytes
            return ""
    except OSError as error:
        return error.strerror or str(error)


def real_path(path: str) -> str:
    """Follow the symbolic links of *path*, which a file can have."""
    with contextlib.suppress(OSError):
        return os.path.realpath(system_path(path)).decode(*_UTF8)
    return path


def absolute(path: str, base: str | None = None) -> str:
    """Join *path* to *base*, else to the working directory; a deleted one is none."""
    if os.path.isabs(path):  # noqa: PTH117 - nor the system's encoding
        return path
    return os.path.join(_working_directory() if base is None else base, path)  # noqa: PTH118


def _working_directory() -> str:
    try:
        return os.getcwdb().decode(*_UTF8)  # noqa: PTH109 - bytes
    except OSError:
        return ""


def expand_home(path: str) -> str:
    """Put a home directory for a leading ``~`` or ``~user``; without one it stays."""
    if not path.startswith("~"):
        return path
    with contextlib.suppress(OSError):
        return os.path.expanduser(system_path(path)).decode(*_UTF8)  # noqa: PTH111
    return path


def utf8(text: str) -> str:
    """Return what the system gave as *text*, read as UTF-8 in any locale."""
    if text.isascii() or sys.getfilesystemencoding() == "utf-8":
        return text
    try:
        return os.fsencode(text).decode(*_UTF8)
    except UnicodeEncodeError:
        return text


def native(text: str) -> str:
    """Return *text* as Python gives the system its UTF-8 bytes, in any locale."""
    if text.isascii() or sys.getfilesystemencoding() == "utf-8":
        return text
    try:
        return os.fsdecode(text.encode(*_UTF8))
    except UnicodeEncodeError:
        return text


def _read(descriptor: int, most: int) -> bytes:
    regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    until = monotonic() + _PATIENCE
    content = bytearray()
    while chunk := _chunk(descriptor, None if regular else until):
        content += chunk
        if len(content) > most:
            raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MiB")
    return bytes(content)


def _chunk(descriptor: int, until: float | None, seconds: float = _PATIENCE) -> bytes:
    """Read on; of a pipe only when something is there, or its writer has gone."""
    while until is not None and os.name == "posix":
        left = until - monotonic()
        if left <= 0:
            raise OSError(errno.ETIMEDOUT, f"nothing came for {seconds:g} s")
        # A bounded wait: a signal that comes just before it would not wake it.
        if _poll(descriptor, min(left, 1.0)):
            break
    return os.read(descriptor, _CHUNK)


def _poll(descriptor: int, seconds: float) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(seconds * 1000))
