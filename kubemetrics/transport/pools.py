"""Connection pools by identity: a new certificate or CA means a new one.

The pool in use goes on until its last user is done, then it is closed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from ..auth.credential import ClientCertificate

H = TypeVar("H")

Identity = tuple[ClientCertificate | None, bytes | None]
"""The client's certificate and the authorities to trust, as PEM."""

_CLOSED: Final = "the client was closed"


class Lease(Generic[H]):
    """A pool in use; give it back."""

    __slots__ = ("handle", "identity", "users")

    def __init__(self, identity: Identity, handle: H) -> None:
        self.identity: Identity = identity
        self.handle: H = handle
        self.users: int = 0


class Pools(Generic[H]):
    """Hands out the pool for an identity; safe to share between threads."""

    def __init__(self, make: Callable[[Identity], H]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._current: Lease[H] | None = None
        self._retired: set[Lease[H]] = set()

    def borrow(self, identity: Identity) -> tuple[Lease[H], H | None]:
        """Return the pool to use, and one to close now where there is one."""
        with self._lock:
            idle = None
            if self._current is None or self._current.identity != identity:
                idle = self._retire()
                self._current = Lease(identity, self._make(identity))
            self._current.users += 1
            return self._current, idle

    def give_back(self, lease: Lease[H]) -> H | None:
        """Take a pool back; return it if it is to be closed now."""
        with self._lock:
            lease.users -= 1
            if lease.users or lease not in self._retired:
                return None
            self._retired.remove(lease)
            return lease.handle

    def drain(self) -> list[H]:
        """Return every pool there is, to be closed."""
        with self._lock:
            leases = [*self._retired, *([self._current] if self._current else [])]
            self._retired.clear()
            self._current = None
            return [lease.handle for lease in leases]

    def _retire(self) -> H | None:
        old, self._current = self._current, None
        if old is None:
            return None
        if old.users:
            self._retired.add(old)
            return None
        return old.handle
