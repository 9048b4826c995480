"""Certificates as clusters really have them, odd ones among them."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kubemetrics.auth import ClientCertificate

Key: TypeAlias = (
    ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
)

_DAY = timedelta(days=1)
NOT_AFTER = datetime(2051, 2, 3, 4, 5, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key."""

    cert: x509.Certificate
    private: Key

    @property
    def pem(self) -> bytes:
        return self.cert.public_bytes(serialization.Encoding.PEM)

    @property
    def key(self) -> bytes:
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def encrypted_key(self, password: bytes) -> bytes:
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password),
        )

    def pair(self) -> ClientCertificate:
        return ClientCertificate(self.pem, self.key)


def authority(
    name: str = "test authority",
    *,
    parent: Issued | None = None,
    identifiers: bool = True,
    critical: bool = True,
    bits: int = 0,
    private: Key | None = None,
) -> Issued:
    """Make an authority; the old ones of kubeadm have no *identifiers* and no
    *critical* basic constraints, which Python 3.13 holds against them."""
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    extensions: list[tuple[x509.ExtensionType, bool]] = [(constraints, critical)]
    return _issue(
        name,
        parent,
        extensions,
        identifiers=identifiers,
        private=private or _private(bits),
    )


def leaf(
    issuer: Issued,
    *hosts: str,
    name: str = "leaf",
    server: bool = False,
    identifiers: bool = True,
    start: datetime | None = None,
    end: datetime = NOT_AFTER,
    bits: int = 0,
    private: Key | None = None,
    usages: x509.KeyUsage | None = None,
    purposes: Sequence[x509.ObjectIdentifier] | None = None,
) -> Issued:
    """Make a certificate for *hosts*; a client's if there are none, or a *server*'s
    that has but its common name."""
    for_what = purposes or [_usage(server=server or bool(hosts))]
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.ExtendedKeyUsage(for_what), False),
    ]
    if usages:
        extensions.append((usages, True))
    if hosts:
        names = x509.SubjectAlternativeName([_general(host) for host in hosts])
        extensions.append((names, False))
    return _issue(
        name,
        issuer,
        extensions,
        identifiers=identifiers,
        start=start,
        end=end,
        private=private or _private(bits),
    )


def _usage(*, server: bool) -> x509.ObjectIdentifier:
    usages = ExtendedKeyUsageOID
    return usages.SERVER_AUTH if server else usages.CLIENT_AUTH


def _issue(
    name: str,
    issuer: Issued | None,
    extensions: list[tuple[x509.ExtensionType, bool]],
    *,
    identifiers: bool,
    start: datetime | None = None,
    end: datetime = NOT_AFTER,
    private: Key,
) -> Issued:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.cert.subject if issuer else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start or datetime.now(UTC) - _DAY)
        .not_valid_after(end)
    )
    signer = issuer.private if issuer else private
    if identifiers:
        known = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        own = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
        extensions = [*extensions, (known, False), (own, False)]
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    pure = isinstance(signer, ed25519.Ed25519PrivateKey)
    return Issued(builder.sign(signer, None if pure else hashes.SHA256()), private)


_SHA256_WITH_RSA = bytes.fromhex("06092a864886f70d01010b")
_SHA1_WITH_RSA = bytes.fromhex("06092a864886f70d010105")
_SHA1_INFO = bytes.fromhex("3021300906052b0e03021a05000414")
"""What goes before a digest of SHA-1 (RFC 8017, 9.2)."""


def signed_with_sha1(issued: Issued, issuer: Issued) -> Issued:
    """Sign a certificate of *issuer*, an authority with a key of RSA, once more.

    The library does not do that any longer: this is PKCS #1 by hand.
    """
    signer = issuer.private
    assert isinstance(signer, rsa.RSAPrivateKey)
    body = issued.cert.tbs_certificate_bytes
    body = body.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
    digest = _SHA1_INFO + hashlib.sha1(body, usedforsecurity=False).digest()
    numbers = signer.private_numbers()
    modulus, size = numbers.public_numbers.n, signer.key_size // 8
    block = b"\0\1" + (b"\0" + digest).rjust(size - 2, b"\xff")
    signature = pow(int.from_bytes(block), numbers.d, modulus).to_bytes(size)
    parts = (body, _der(0x30, _SHA1_WITH_RSA + b"\5\0"), _der(3, b"\0" + signature))
    der = _der(0x30, b"".join(parts))
    return Issued(x509.load_der_x509_certificate(der), issued.private)


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    return bytes((tag, 0x82)) + size.to_bytes(2) + content


def _private(bits: int) -> Key:
    """Make a key of RSA of so many bits, or of an elliptic curve without any."""
    if bits:
        return rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return ec.generate_private_key(ec.SECP256R1())


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@cache
def ordinary() -> Issued:
    """The authority of the tests that ask for nothing special."""
    return authority()
