"""Credentials as values: their headers, their expiry, and the protocol of a source.

A driver asks a source for a credential before each attempt. No token or certificate is
verified here: that is the server's part.
"""

from __future__ import annotations

import math
import string
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeAlias

from ..config.model import Config, Impersonation, config_error, header_problem
from ..errors import CredentialError, DecodeError
from ..frozen import dataclass
from ..text import bounded, printable

_UTC_TIME: Final = 0x17  # ASN.1's tag; the other is GeneralizedTime
_YEAR_1: Final = -62135596800.0
_YEAR_10000: Final = 253402300800.0
_CENTURY_TURN: Final = 50  # RFC 5280, 4.1.2.5.1: two digits below are of 20xx


def token_expiry(token: str) -> float | None:
    """Return the ``exp`` claim of a JWT in seconds since the epoch, else ``None``.

    What is no time is none. What lies beyond the year 9999, as milliseconds do, never
    comes: infinity.
    """
    parts = token.strip().split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        return None
    from ..jsonread import read_object  # noqa: PLC0415 - few tokens have claims

    try:
        claims = read_object(urlsafe_b64decode(parts[1] + "=" * 3))
        return _claimed(claims["exp"])
    except (DecodeError, ValueError, TypeError, LookupError, OverflowError):
        return None


def _claimed(exp: Any) -> float | None:  # noqa: ANN401 - whatever an issuer wrote
    # Go takes a number in quotation marks too (json.Number).
    seconds = math.nan if isinstance(exp, bool) else float(exp)
    if not _YEAR_1 <= seconds < math.inf:
        return None
    return seconds if seconds < _YEAR_10000 else math.inf


def certificate_expiry(pem: bytes) -> float | None:
    """Return ``notAfter`` of *pem*'s first certificate in seconds since the epoch."""
    from ..x509 import blocks, not_after  # noqa: PLC0415 - for certificates alone

    found = (block.content for block in blocks(pem) if block.label == b"CERTIFICATE")
    tag, digits = not_after(next(found, b"")) or (0, b"")
    try:
        return _moment(tag, digits.decode("ascii"))
    except ValueError:
        return None


def earliest(*times: float | None) -> float | None:
    """Return the earliest of the times that are known, in seconds since the epoch."""
    return min((time for time in times if time is not None), default=None)


def _moment(tag: int, digits: str) -> float:
    if tag == _UTC_TIME:
        digits = ("20" if int(digits[:2]) < _CENTURY_TURN else "19") + digits
    return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


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
    *generation* counts the fetches of its source: a 401 to an older one is stale.
    Two that would be sent alike are equal, whatever their generation.
    """

    authorization: str = field(default="", repr=False)
    certificate: ClientCertificate | None = None
    kind: str = "none"
    expires_at: float | None = field(default=None, compare=False)
    generation: int = field(default=0, compare=False, repr=False)


WAIT: Final = 1.0
"""Seconds after which a wait is begun again: Python does not wake for a signal that
comes just before it begins, and Ctrl-C or SIGTERM would wait as long."""


def always() -> bool:
    """Return true: a call that waits to the end."""
    return True


class CredentialSource(Protocol):
    """Hands out the credential to use now. Safe to share between threads."""

    def cached(self) -> Credential | None:
        """Return the credential if it is still good, without ever blocking."""
        ...

    def fetch(self, wanted: Callable[[], bool] = always) -> Credential:
        """Return a good credential, fetching one if need be: one at a time; may block.

        A fetch is ended early when *wanted* is false for each call that waits for it.

        Raises:
            CredentialError: none can be had.
        """
        ...

    def rejected(self, credential: Credential) -> bool:
        """Mark *credential* as refused with a 401; never blocks.

        Returns whether `fetch` may give another one now. Where what it gives equals
        *credential*, trying again is of no use.
        """
        ...


_LEGAL_IN_NAMES: Final = frozenset(
    (string.ascii_letters + string.digits + "!#$&'*+-.^_`|~").encode()
)
"""RFC 9110's token characters without ``%``, which client-go escapes as well."""


def octets(text: str) -> bytes:
    """Return *text* in UTF-8 as Go would have it.

    Bytes that are none stay as the system gave them, and half a surrogate pair, which
    JSON can write, is U+FFFD (encoding/json, ``unquote``).
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        pairs = text.encode("utf-16-le", "surrogatepass")
        return pairs.decode("utf-16-le", "replace").encode()


def credential_error(
    message: str, kind: type[CredentialError] = CredentialError
) -> CredentialError:
    """Return the error of *message*, on one line whatever a name or a path is."""
    return kind(bounded(printable(message)))


def bearer(token: str) -> str:
    """Return the ``Authorization`` header of a token."""
    return f"Bearer {token.strip()}"


def basic(username: str, password: str) -> str:
    """Return the ``Authorization`` header of a user (RFC 7617, in UTF-8)."""
    return f"Basic {b64encode(octets(f'{username}:{password}')).decode()}"


def token_problem(token: str) -> str:
    """Say why *token* cannot be sent in a header, without quoting it; empty if it can.

    An HTTP library would refuse it too, and show it (kubernetes-client/python#656).
    """
    text = token.strip()
    if not text:
        return "is empty"
    if not text.isascii():
        return "holds characters that are not ASCII"
    return header_problem(text)


def impersonation_headers(config: Config) -> tuple[tuple[str, str], ...]:
    """Return the ``Impersonate-*`` headers *config* asks for, one a group and value.

    Blanks around a value are dropped, as Go's net/http does.

    Source: client-go transport/round_trippers.go, ``impersonatingRoundTripper``.

    Raises:
        ConfigError: a value holds a control character.
    """
    if config.impersonate is None:
        return ()
    headers = tuple((n, v.strip(" \t")) for n, v in _headers(config.impersonate))
    for name, value in headers:
        if problem := header_problem(value):
            raise config_error(f"the value of {name} {problem}")
    return headers


def _headers(who: Impersonation) -> Iterator[tuple[str, str]]:
    yield "Impersonate-User", who.user
    if who.uid:
        yield "Impersonate-Uid", who.uid
    for group in who.groups:
        yield "Impersonate-Group", group
    for key, values in who.extra:
        for value in values:
            yield f"Impersonate-Extra-{_escape(key)}", value


def _escape(key: str) -> str:
    return "".join(
        chr(byte) if byte in _LEGAL_IN_NAMES else f"%{byte:02X}" for byte in octets(key)
    )
