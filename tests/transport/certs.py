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
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PSS
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from kubemetrics.auth import ClientCertificate

Key: TypeAlias = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)
Digest: TypeAlias = (
    hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | hashes.SHA3_256
)

_DAY = timedelta(days=1)
_NAMES = ExtensionOID.SUBJECT_ALTERNATIVE_NAME
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
    digest: Digest | None = None,
    purposes: Sequence[x509.ObjectIdentifier] = (),
) -> Issued:
    """Make an authority; the old ones of kubeadm have no *identifiers* and no
    *critical* basic constraints, which Python 3.13 holds against them."""
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    extensions: list[tuple[x509.ExtensionType, bool]] = [(constraints, critical)]
    if purposes:
        extensions.append((x509.ExtendedKeyUsage(purposes), False))
    return _issue(
        name,
        parent,
        extensions,
        identifiers=identifiers,
        private=private or _private(bits),
        digest=digest,
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
    digest: Digest | None = None,
    padding: PSS | None = None,
    names: bytes = b"",
) -> Issued:
    """Make a certificate for *hosts*; a client's if there are none, or a *server*'s
    that has but its common name; *names* are those of its hosts as DER."""
    for_what = purposes or [_usage(server=server or bool(hosts))]
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.ExtendedKeyUsage(for_what), False),
    ]
    if usages:
        extensions.append((usages, True))
    if names:
        odd = x509.UnrecognizedExtension(_NAMES, names)
        extensions.append((odd, False))
    elif hosts:
        listed = x509.SubjectAlternativeName([_general(host) for host in hosts])
        extensions.append((listed, False))
    return _issue(
        name,
        issuer,
        extensions,
        identifiers=identifiers,
        start=start,
        end=end,
        private=private or _private(bits),
        digest=digest,
        padding=padding,
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
    digest: Digest | None = None,
    padding: PSS | None = None,
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
    pure = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    how = None if pure else digest or hashes.SHA256()
    return Issued(builder.sign(signer, how, rsa_padding=padding), private)


def rsa_of_8676_bits() -> rsa.RSAPrivateKey:
    """Make a key of two primes of Mersenne's, which need not be looked for."""
    p, q, e = 2**4423 - 1, 2**4253 - 1, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(e, p * q),
    ).private_key(unsafe_skip_rsa_key_validation=True)


_SHA256_WITH_RSA = bytes.fromhex("06092a864886f70d01010b")
_SHA1_WITH_RSA = bytes.fromhex("06092a864886f70d010105")
_SHA1_INFO = bytes.fromhex("3021300906052b0e03021a05000414")
_MD5_WITH_RSA = bytes.fromhex("06092a864886f70d010104")
_MD5_INFO = bytes.fromhex("3020300c06082a864886f70d020505000410")
"""What goes before a digest (RFC 8017, 9.2)."""


def signed_with_sha1(issued: Issued, issuer: Issued) -> Issued:
    """Sign a certificate of *issuer*, an authority with a key of RSA, once more."""
    return _signed(issued, issuer, _SHA1_WITH_RSA, _SHA1_INFO, "sha1")


def signed_with_md5(issued: Issued, issuer: Issued) -> Issued:
    """Do the same with MD5."""
    return _signed(issued, issuer, _MD5_WITH_RSA, _MD5_INFO, "md5")


def _signed(
    issued: Issued, issuer: Issued, kind: bytes, info: bytes, name: str
) -> Issued:
    # The library does not do that any longer: this is PKCS #1 by hand.
    signer = issuer.private
    assert isinstance(signer, rsa.RSAPrivateKey)
    body = issued.cert.tbs_certificate_bytes
    body = body.replace(_SHA256_WITH_RSA, kind)
    digest = info + hashlib.new(name, body, usedforsecurity=False).digest()
    numbers = signer.private_numbers()
    modulus, size = numbers.public_numbers.n, signer.key_size // 8
    block = b"\0\1" + (b"\0" + digest).rjust(size - 2, b"\xff")
    signature = pow(int.from_bytes(block), numbers.d, modulus).to_bytes(size)
    parts = (body, _der(0x30, kind + b"\5\0"), _der(3, b"\0" + signature))
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
