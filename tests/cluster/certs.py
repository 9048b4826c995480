"""Certificates of the simulated cluster: ordinary ones and odd ones.

trustme makes the authorities. Leaves are made with cryptography (trustme's own
dependency), since tests want what trustme refuses to make: no Authority Key
Identifier, past validity, several organisations.
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_YEAR = timedelta(days=365)
#: OpenSSL's X509_V_FLAG_NO_CHECK_TIME: kube-apiserver answers an expired client
#: certificate with 401, it does not refuse the handshake.
_NO_CHECK_TIME = 0x200000


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate (with its intermediates) and its key, as PEM."""

    cert_pem: bytes
    key_pem: bytes

    @property
    def chain_pem(self) -> bytes:
        """The intermediates that are sent along, if there are any."""
        return self.cert_pem.partition(b"-----END CERTIFICATE-----\n")[2]

    def encrypted_key_pem(self, password: bytes) -> bytes:
        key = serialization.load_pem_private_key(self.key_pem, password=None)
        how = serialization.BestAvailableEncryption(password)
        return key.private_bytes(_PEM, _PKCS8, how)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCert:
    """What to put into the server's certificate.

    *hosts* are its subject alternative names; *intermediate* signs it by a child of
    the authority; without *key_identifier* it lacks the Authority Key Identifier;
    *common_name_only* leaves the alternative names out.
    """

    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1", "kubernetes")
    expired: bool = False
    intermediate: bool = False
    key_identifier: bool = True
    common_name_only: bool = False


class Authority:
    """A certificate authority that issues server and client certificates."""

    def __init__(self, parent: trustme.CA | None = None) -> None:
        self._ca = parent or trustme.CA()
        self.pem: bytes = self._ca.cert_pem.bytes()
        self._cert = x509.load_pem_x509_certificate(self.pem)
        key = serialization.load_pem_private_key(
            self._ca.private_key_pem.bytes(), password=None
        )
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("trustme no longer makes elliptic-curve keys")
        self._key = key

    @property
    def subject(self) -> x509.Name:
        return self._cert.subject

    def child(self) -> Authority:
        return Authority(self._ca.create_child_ca())

    def server(self, wanted: ServerCert) -> KeyPair:
        issuer = self.child() if wanted.intermediate else self
        names = () if wanted.common_name_only else wanted.hosts
        leaf = issuer._issue(
            x509.Name([_attribute(NameOID.COMMON_NAME, wanted.hosts[0])]),
            names,
            expired=wanted.expired,
            key_identifier=wanted.key_identifier,
        )
        chain = issuer.pem if wanted.intermediate else b""
        return KeyPair(leaf.cert_pem + chain, leaf.key_pem)

    def client(
        self, name: str, groups: tuple[str, ...] = (), *, expired: bool = False
    ) -> KeyPair:
        organisations = [_attribute(NameOID.ORGANIZATION_NAME, g) for g in groups]
        subject = x509.Name([*organisations, _attribute(NameOID.COMMON_NAME, name)])
        return self._issue(subject, (), expired=expired)

    def _issue(
        self,
        subject: x509.Name,
        hosts: tuple[str, ...],
        *,
        expired: bool = False,
        key_identifier: bool = True,
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(subject, key.public_key(), expired=expired)
        if hosts:
            names = x509.SubjectAlternativeName([_general_name(h) for h in hosts])
            builder = builder.add_extension(names, critical=False)
        if key_identifier:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(
                self._key.public_key()
            )
            builder = builder.add_extension(identifier, critical=False)
        return KeyPair(
            builder.sign(self._key, hashes.SHA256()).public_bytes(_PEM),
            key.private_bytes(_PEM, _PKCS8, serialization.NoEncryption()),
        )

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, expired: bool
    ) -> x509.CertificateBuilder:
        end = datetime.now(UTC) + (-timedelta(days=1) if expired else _YEAR)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._cert.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - 2 * _YEAR)
            .not_valid_after(end)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        )


_PEM = serialization.Encoding.PEM
_PKCS8 = serialization.PrivateFormat.PKCS8


def _attribute(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    return x509.NameAttribute(oid, value)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@cache
def cluster_authority() -> Authority:
    """The authority of every simulated cluster of this process."""
    return Authority()


@cache
def stranger_authority() -> Authority:
    """An authority no cluster trusts."""
    return Authority()


def load_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    """Load from memory, by way of a file that is gone at once."""
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(pair.cert_pem + pair.key_pem)
        file.flush()
        context.load_cert_chain(file.name)


def server_context(pair: KeyPair, client_cas: tuple[Authority, ...]) -> ssl.SSLContext:
    """Build the listener's context; client certificates are asked for, not needed.

    The handshake accepts what the API answers with 401: expired certificates and
    those of the *client_cas* that authentication does not trust.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(context, pair)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    for authority in client_cas:
        context.load_verify_locations(cadata=authority.pem.decode())
    return context
