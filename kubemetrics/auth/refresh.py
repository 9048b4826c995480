"""A credential that is fetched anew in time: one fetch at a time, whoever asks."""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Generic, TypeAlias, TypeVar

from ..errors import CredentialError, KubeMetricsError
from ..frozen import dataclass
from .credential import Credential

_RETRY_AFTER: Final = 5.0
"""Seconds to go on with a credential that is still good after a fetch failed."""

_log = logging.getLogger("kubemetrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What is held: to be renewed from *refresh_at* on, to be sent till *usable*."""

    credential: Credential
    refresh_at: float
    usable_until: float


class Refreshing:
    """A `CredentialSource` that calls *obtain* when there is need.

    *obtain* is given the credential that was rejected, or ``None``, and returns
    another; *refresh_at* says from which time on to renew what came at the time of its
    second argument. All times are in seconds since the epoch, as *clock* tells it.

    Whoever asks while a fetch is under way waits for it and has its outcome, a failure
    as well: a plugin that hangs does not run once for each of fifty threads.
    """

    def __init__(
        self,
        obtain: Callable[[Credential | None], Credential],
        refresh_at: Callable[[Credential, float], float],
        clock: Callable[[], float],
    ) -> None:
        self._obtain = obtain
        self._refresh_at = refresh_at
        self._clock = clock
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._fetches = 0
        self._failure = ""

    def cached(self) -> Credential | None:
        """Return what is held, if it need not be renewed."""
        held = self._held
        if held is None or self._clock() >= held.refresh_at:
            return None
        return held.credential

    def fetch(self) -> Credential:
        """Return a good credential; one fetch at a time.

        Raises:
            CredentialError: none can be had.
        """
        fetches = self._fetches
        with self._lock:
            good = self.cached()
            if good is not None:
                return good
            if self._fetches != fetches and self._failure:
                raise CredentialError(self._failure)
            return self._renew()

    def rejected(self, credential: Credential) -> bool:
        """Hear of a 401: what is held is renewed, if it is the one that was sent."""
        held = self._held
        if held is not None and credential.generation == held.credential.generation:
            self._held = replace(held, refresh_at=-math.inf, usable_until=-math.inf)
        return True

    def _renew(self) -> Credential:
        held = self._held
        refused = held is not None and held.usable_until == -math.inf
        try:
            fresh = self._obtain(held.credential if held and refused else None)
        except CredentialError as error:
            self._failure = str(error)
            return self._keep(held, error)
        finally:
            self._fetches += 1
        self._failure = ""
        return self._hold(replace(fresh, generation=self._fetches))

    def _hold(self, fresh: Credential) -> Credential:
        expires = math.inf if fresh.expires_at is None else fresh.expires_at
        self._held = _Held(
            credential=fresh,
            refresh_at=self._refresh_at(fresh, self._clock()),
            usable_until=expires,
        )
        return fresh

    def _keep(self, held: _Held | None, error: CredentialError) -> Credential:
        now = self._clock()
        if held is None or now > held.usable_until:
            raise error
        _log.warning("going on with the credential held so far: %s", error)
        self._held = replace(
            held, refresh_at=min(now + _RETRY_AFTER, held.usable_until)
        )
        return held.credential


# Something made of files, made anew when one of them changes.


T = TypeVar("T")

_Stamp: TypeAlias = tuple[int, int, int] | None

_EVERY: Final = 1.0
"""Seconds between two looks at the files; client-go's cert_rotation.go has the same."""


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
