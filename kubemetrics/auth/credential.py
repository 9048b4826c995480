"""Credentials are values; the driver asks a source for one before each attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Protocol, TypeAlias

from ..frozen import dataclass

Exchange: TypeAlias = Callable[
    [str, str, Mapping[str, str], bytes, bytes | None], tuple[int, bytes]
]
"""Sends (method, URL, headers, body, PEM authorities or the system's) and returns the
answer's status and body; raises a `KubeMetricsError`."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A PEM certificate chain and its PEM key; equal ones share a connection pool."""

    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What goes with one attempt: an ``Authorization`` header, a certificate, or both.

    *kind* names where it came from, for people: ``token``, ``token file``, ``exec``, …
    *expires_at* is in seconds since the epoch, where the credential says so.
    *generation* counts the fetches of its source: a 401 to an older one is no news.
    Two that would be sent alike are equal, whatever their generation.
    """

    authorization: str = field(default="", repr=False)
    certificate: ClientCertificate | None = None
    kind: str = "none"
    expires_at: float | None = field(default=None, compare=False)
    generation: int = field(default=0, compare=False, repr=False)


class CredentialSource(Protocol):
    """Hands out the credential to use now. Safe to share between threads."""

    def cached(self) -> Credential | None:
        """Return the credential if it is still good, without ever blocking."""
        ...

    def fetch(self) -> Credential:
        """Return a good credential, fetching one if need be: one at a time; may block.

        Raises:
            CredentialError: none can be had.
        """
        ...

    def rejected(self, credential: Credential) -> bool:
        """Hear that the server answered 401 to *credential*; never blocks.

        Returns whether `fetch` may give another one now. Where what it gives equals
        *credential*, trying again is of no use.
        """
        ...
