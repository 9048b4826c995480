"""When a credential expires, as far as it says so itself; nothing is verified here."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, urlsafe_b64decode
from datetime import UTC, datetime
from typing import Final

from ..errors import DecodeError

_CERTIFICATE: Final = rb"(?s)-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----"
_UTC_TIME: Final = 0x17  # ASN.1's tag; the other is GeneralizedTime
_CENTURY_TURN: Final = 50  # RFC 5280, 4.1.2.5.1: two digits below are of 20xx


def token_expiry(token: str) -> float | None:
    """Return the ``exp`` claim of a JWT in seconds since the epoch, else ``None``."""
    parts = token.strip().split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        return None
    from ..jsonread import read_object  # noqa: PLC0415 - few tokens have claims

    try:
        claims = read_object(urlsafe_b64decode(parts[1] + "=" * 3))
        return float(claims["exp"])
    except (DecodeError, ValueError, TypeError, LookupError, OverflowError):
        return None


def certificate_expiry(pem: bytes) -> float | None:
    """Return ``notAfter`` of the first certificate in *pem*, else ``None``."""
    found = re.search(_CERTIFICATE, pem)
    if found is None:
        return None
    try:
        return _not_after(b64decode(found[1]))
    except (binascii.Error, ValueError, IndexError):
        return None


def earliest(*times: float | None) -> float | None:
    """Return the first of the times that are known."""
    return min((time for time in times if time is not None), default=None)


def _not_after(der: bytes) -> float:
    """Walk to the validity of a certificate (RFC 5280, 4.1)."""
    _, start, _ = _element(der, 0)  # Certificate
    _, at, _ = _element(der, start)  # TBSCertificate
    tag, _, end = _element(der, at)
    if tag == 0xA0:  # noqa: PLR2004 - the version, which is optional
        at = end
    for _ in range(3):  # serial number, signature algorithm, issuer
        _, _, at = _element(der, at)
    _, start, _ = _element(der, at)  # Validity
    _, _, at = _element(der, start)  # notBefore
    tag, start, end = _element(der, at)
    return _moment(tag, der[start:end].decode("ascii"))


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Return the tag at *at*, and where its content starts and ends."""
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:  # the long form: so many bytes of length follow
        size = length & 0x7F
        length = int.from_bytes(der[start : start + size], "big")
        start += size
    return tag, start, start + length


def _moment(tag: int, digits: str) -> float:
    if tag == _UTC_TIME:
        digits = ("20" if int(digits[:2]) < _CENTURY_TURN else "19") + digits
    return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
