"""Reading small files of others: bounded in size, and a pipe's in time.

A token, a key or an authority may be named by mistake or malice as ``/dev/zero`` or as
a named pipe that nobody writes to; a shell's ``<(command)`` is a pipe as well.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from time import monotonic
from typing import Final

SMALL: Final = 2**20
"""Bytes of a token, a certificate or a key, at most."""
BUNDLE: Final = 16 * 2**20
"""Bytes of a bundle of authorities, at most; the system's is under one MiB."""

_CHUNK: Final = 2**16
_PATIENCE: Final = 30.0
"""Seconds to wait for a pipe's writer, where the call has more."""


def read_file(path: str | os.PathLike[str], most: int = SMALL) -> bytes:
    """Return all of a file, which has *most* bytes at most.

    Raises:
        OSError: it cannot be opened or read, is larger, or is a pipe that brings
            nothing; its ``strerror`` says which.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except ValueError:
        raise OSError(errno.EINVAL, "its name cannot be one of a file") from None
    try:
        return _read(descriptor, most)
    finally:
        os.close(descriptor)


def is_regular(path: str | os.PathLike[str]) -> bool:
    """Return whether reading *path* takes nothing from whoever reads it next."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - no Path needed
    except (OSError, ValueError):
        return True  # reading it says what is wrong


def _read(descriptor: int, most: int) -> bytes:
    regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    until = monotonic() + _PATIENCE
    content = bytearray()
    while chunk := _chunk(descriptor, None if regular else until):
        content += chunk
        if len(content) > most:
            raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MiB")
    return bytes(content)


def _chunk(descriptor: int, until: float | None) -> bytes:
    """Read on; of a pipe only when something is there, or its writer has gone."""
    while until is not None and os.name == "posix":
        left = until - monotonic()
        if left <= 0:
            raise OSError(errno.ETIMEDOUT, f"nothing came for {_PATIENCE:g} s")
        # A bounded wait: a signal that comes just before it would not wake it.
        if _poll(descriptor, min(left, 1.0)):
            break
    return os.read(descriptor, _CHUNK)


def _poll(descriptor: int, seconds: float) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(seconds * 1000))
