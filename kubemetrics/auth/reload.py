"""Something made of files, made anew when one of them changes."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeAlias, TypeVar

from ..errors import KubeMetricsError

T = TypeVar("T")

_Stamp: TypeAlias = tuple[int, int, int] | None

_EVERY: Final = 1.0
"""Seconds between two looks at the files; client-go's cert_rotation.go has the same."""

_log = logging.getLogger("kubemetrics")


class Reloaded(Generic[T]):
    """What *make* made of the files at *paths*; made anew when one of them changes.

    A change is another modification time, size or inode, so that the symbolic links a
    kubelet swaps count. Where *make* fails the last good value stays. *clock* is in
    seconds. Safe to share between threads.
    """

    def __init__(
        self,
        paths: tuple[str, ...],
        make: Callable[[], T],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._paths = paths
        self._make = make
        self._clock = clock
        self._lock = threading.Lock()
        self._values: tuple[T, ...] = ()
        self._stamps: tuple[_Stamp, ...] = ()
        self._looked = 0.0

    def peek(self) -> T | None:
        """Return the value if nobody need look at the files now; never blocks."""
        values = self._values
        return values[0] if values and not self._due() else None

    def current(self) -> T:
        """Return the value of now.

        Raises:
            KubeMetricsError: *make* failed and never succeeded before.
        """
        with self._lock:
            if not self._values or self._due():
                self._look()
            return self._values[0]

    def _due(self) -> bool:
        return bool(self._paths) and abs(self._clock() - self._looked) >= _EVERY

    def _look(self) -> None:
        self._looked = self._clock()
        stamps = tuple(_stamp(path) for path in self._paths)
        if self._values and stamps == self._stamps:
            return
        try:
            self._values = (self._make(),)
        except KubeMetricsError as error:
            if not self._values:
                raise
            _log.warning("keeping what was read before: %s", error)
        self._stamps = stamps


def _stamp(path: str) -> _Stamp:
    try:
        found = os.stat(path)  # noqa: PTH116 - no Path needed for one call
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
