"""Certificates as clusters really have them, odd ones among them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kubemetrics.auth import ClientCertificate

_DAY = timedelta(days=1)
NOT_AFTER = datetime(2051, 2, 3, 4, 5, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key."""

    cert: x509.Certificate
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

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
) -> Issued:
    """Make an authority; the old ones of kubeadm have no *identifiers* and no
    *critical* basic constraints, which Python 3.13 holds against them."""
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    extensions: list[tuple[x509.ExtensionType, bool]] = [(constraints, critical)]
    return _issue(name, parent, extensions, identifiers=identifiers, bits=bits)


def leaf(
    issuer: Issued,
    *hosts: str,
    name: str = "leaf",
    server: bool = False,
    identifiers: bool = True,
    start: datetime | None = None,
    end: datetime = NOT_AFTER,
    bits: int = 0,
) -> Issued:
    """Make a certificate for *hosts*; a client's if there are none, or a *server*'s
    that has but its common name."""
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.ExtendedKeyUsage([_usage(server=server or bool(hosts))]), False),
    ]
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
        bits=bits,
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
    bits: int = 0,
) -> Issued:
    """*bits* are an RSA key's; without any it is one of an elliptic curve."""
    private = _private(bits)
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
    return Issued(builder.sign(signer, hashes.SHA256()), private)


def _private(bits: int) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
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
