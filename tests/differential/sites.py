"""API servers that answer /version to anybody, each with TLS of another kind."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.cluster.clock import Clock
from tests.cluster.exchange import Answer, Seen, text_answer
from tests.cluster.scripts import Faults
from tests.cluster.server import Server, Site
from tests.transport.certs import (
    Digest,
    Issued,
    Key,
    authority,
    leaf,
    ordinary,
    rsa_of_8676_bits,
    signed_with_md5,
    signed_with_sha1,
)
from tests.transport.servers import server_context

HOSTS = ("127.0.0.1", "0.0.0.0", "::1", "localhost", "api.example")  # noqa: S104
_VERSION = b'{"major":"1","minor":"37"}'
_DAY = timedelta(days=1)
REFUSED = "Bearer refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a server shows itself: its *context* and the *ca* that a client is given."""

    ca: Issued
    context: ssl.SSLContext | None
    host: str = "127.0.0.1"


@cache
def other_authority() -> Issued:
    """An authority that has issued nothing."""
    return authority("another authority")


@cache
def old_authority() -> Issued:
    """An authority with a key of RSA, as SHA-1 was used with."""
    return authority("RSA authority", bits=2048)


def _ordinary() -> Kind:
    context = server_context(leaf(ordinary(), *HOSTS, name="api"))
    context.verify_mode = ssl.CERT_OPTIONAL
    for known in (ordinary(), old_authority()):
        context.load_verify_locations(cadata=known.pem.decode())
    return Kind(ca=ordinary(), context=context)


def _ipv6() -> Kind:
    return Kind(ca=ordinary(), context=_ordinary().context, host="::1")


def _plain() -> Kind:
    return Kind(ca=ordinary(), context=None)


def _of(
    certificate: Issued, ca: Issued | None = None, *chain: Issued, ciphers: str = ""
) -> Kind:
    context = server_context(certificate, *chain, ciphers=ciphers)
    return Kind(ca=ca or ordinary(), context=context)


def _expired() -> Kind:
    now = datetime.now(UTC)
    past = leaf(ordinary(), *HOSTS, start=now - 2 * _DAY, end=now - _DAY)
    return _of(past)


def _future() -> Kind:
    return _of(leaf(ordinary(), *HOSTS, start=datetime.now(UTC) + _DAY))


def _wrong_host() -> Kind:
    return _of(leaf(ordinary(), "other.example", "192.0.2.1"))


def _common_name_only() -> Kind:
    return _of(leaf(ordinary(), name="localhost", server=True))


def _intermediate() -> Kind:
    """Show no chain; the client is given the intermediate alone."""
    child = authority("intermediate", parent=ordinary())
    return _of(leaf(child, *HOSTS), child)


def _wildcard() -> Kind:
    return _of(leaf(ordinary(), "*.example", "*.zone.example", "xn--bcher-kva.example"))


def _chain() -> Kind:
    child = authority("intermediate", parent=ordinary())
    return _of(leaf(child, *HOSTS), ordinary(), child)


def _broken_chain() -> Kind:
    """Keep back the intermediate that the client would need."""
    child = authority("intermediate", parent=ordinary())
    return _of(leaf(child, *HOSTS))


def _old_authority() -> Kind:
    """As kubeadm once made them: no key identifiers, constraints not critical."""
    ca = authority("old authority", identifiers=False, critical=False)
    return _of(leaf(ca, *HOSTS, identifiers=False), ca)


def _old_tls() -> Kind:
    kind = _of(leaf(ordinary(), *HOSTS))
    assert kind.context
    kind.context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        kind.context.minimum_version = ssl.TLSVersion.TLSv1
        kind.context.maximum_version = ssl.TLSVersion.TLSv1_1
    return kind


def _tls_1_2() -> Kind:
    kind = _of(leaf(ordinary(), *HOSTS))
    assert kind.context
    kind.context.maximum_version = ssl.TLSVersion.TLSv1_2
    return kind


def _demanding() -> Kind:
    """Insist on a client certificate."""
    kind = _ordinary()
    assert kind.context
    kind.context.verify_mode = ssl.CERT_REQUIRED
    return kind


def _key(private: Key) -> Kind:
    return _of(leaf(ordinary(), *HOSTS, private=private))


def _authority_key(private: Key) -> Kind:
    ca = authority("odd authority", private=private)
    return _of(leaf(ca, *HOSTS), ca)


def _sha_1() -> Kind:
    return _of(
        signed_with_sha1(leaf(old_authority(), *HOSTS), old_authority()),
        old_authority(),
    )


def _sha_1_within() -> Kind:
    child = signed_with_sha1(
        authority("intermediate", parent=old_authority()), old_authority()
    )
    return _of(leaf(child, *HOSTS), old_authority(), child)


def _sha_1_root() -> Kind:
    """Trusted for what it is: nobody looks at how an anchor is signed."""
    ca = signed_with_sha1(old_authority(), old_authority())
    return _of(leaf(ca, *HOSTS), ca, ca)


def _ciphers(name: str) -> Kind:
    certificate = leaf(ordinary(), *HOSTS, bits=2048)
    return _of(certificate, ciphers=f"{name}:@SECLEVEL=0")


def _usages(**others: bool) -> Kind:
    usages = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment",
            "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
            "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    return _of(leaf(ordinary(), *HOSTS, usages=x509.KeyUsage(**(usages | others))))


def _purpose(purpose: x509.ObjectIdentifier) -> Kind:
    return _of(leaf(ordinary(), *HOSTS, purposes=[purpose]))


def _purpose_within(purpose: x509.ObjectIdentifier) -> Kind:
    child = authority("intermediate", parent=ordinary(), purposes=[purpose])
    return _of(leaf(child, *HOSTS), ordinary(), child)


def _digest(digest: Digest, ca: Issued) -> Kind:
    return _of(leaf(ca, *HOSTS, digest=digest), ca)


def _digest_root() -> Kind:
    ca = authority("odd root", digest=hashes.SHA224())
    return _of(leaf(ca, *HOSTS), ca)


def _pss(salt: int) -> Kind:
    padding = PSS(MGF1(hashes.SHA256()), salt)
    return _of(leaf(old_authority(), *HOSTS, padding=padding), old_authority())


def _itself(signed: Callable[[Issued, Issued], Issued]) -> Kind:
    """Have the server's own certificate trusted for itself."""
    own = signed(leaf(old_authority(), *HOSTS, bits=2048), old_authority())
    return _of(own, own)


def _besides(private: Key) -> Kind:
    """Show an authority that nobody needs."""
    odd = authority("odd authority", private=private)
    return _of(leaf(ordinary(), *HOSTS), ordinary(), odd)


def _names(der: str) -> Kind:
    return _of(leaf(ordinary(), *HOSTS, names=bytes.fromhex(der)))


def _group(name: str) -> Kind:
    kind = _of(leaf(ordinary(), *HOSTS))
    assert kind.context
    kind.context.set_ecdh_curve(name)
    return kind


_SGC = x509.ObjectIdentifier("2.16.840.1.113730.4.1")
_LOOPBACK = "87047f000001"
"""A general name: 127.0.0.1."""


def _rsa(bits: int) -> Key:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


KINDS: dict[str, Callable[[], Kind]] = {
    "ordinary": _ordinary,
    "IPv6": _ipv6,
    "plain": _plain,
    "expired": _expired,
    "future": _future,
    "wrong host": _wrong_host,
    "common name only": _common_name_only,
    "intermediate": _intermediate,
    "wildcard": _wildcard,
    "chain": _chain,
    "broken chain": _broken_chain,
    "old authority": _old_authority,
    "TLS 1.1": _old_tls,
    "TLS 1.2": _tls_1_2,
    "demanding": _demanding,
    "RSA 1024": lambda: _key(_rsa(1024)),
    "RSA 1024 above": lambda: _authority_key(_rsa(1024)),
    "P-224": lambda: _key(ec.generate_private_key(ec.SECP224R1())),
    "P-521": lambda: _key(ec.generate_private_key(ec.SECP521R1())),
    "P-521 above": lambda: _authority_key(ec.generate_private_key(ec.SECP521R1())),
    "Ed25519": lambda: _key(ed25519.Ed25519PrivateKey.generate()),
    "Ed25519 above": lambda: _authority_key(ed25519.Ed25519PrivateKey.generate()),
    "SHA-1": _sha_1,
    "SHA-1 within": _sha_1_within,
    "SHA-1 root": _sha_1_root,
    "CBC and SHA-1": lambda: _ciphers("ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA"),
    "CBC and SHA-2": lambda: _ciphers("ECDHE-RSA-AES128-SHA256"),
    "CBC and SHA-384": lambda: _ciphers("ECDHE-RSA-AES256-SHA384"),
    "RSA key exchange": lambda: _ciphers("AES128-GCM-SHA256:AES128-SHA"),
    "DHE": lambda: _ciphers("DHE-RSA-AES128-GCM-SHA256"),
    "ChaCha20": lambda: _ciphers("ECDHE-RSA-CHACHA20-POLY1305"),
    "key encipherment": lambda: _usages(key_encipherment=True),
    "certificate signing": lambda: _usages(key_cert_sign=True),
    "any purpose": lambda: _purpose(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE),
    "clients alone": lambda: _purpose(ExtendedKeyUsageOID.CLIENT_AUTH),
    "SGC": lambda: _purpose(_SGC),
    "SGC within": lambda: _purpose_within(_SGC),
    "data encipherment": lambda: _usages(data_encipherment=True),
    "Ed448": lambda: _key(ed448.Ed448PrivateKey.generate()),
    "Ed448 above": lambda: _authority_key(ed448.Ed448PrivateKey.generate()),
    "brainpool above": lambda: _authority_key(
        ec.generate_private_key(ec.BrainpoolP256R1())
    ),
    "secp256k1 besides": lambda: _besides(ec.generate_private_key(ec.SECP256K1())),
    "RSA 8676": lambda: _key(rsa_of_8676_bits()),
    "RSA 8676 above": lambda: _authority_key(rsa_of_8676_bits()),
    "SHA-224": lambda: _digest(hashes.SHA224(), old_authority()),
    "SHA-224 and ECDSA": lambda: _digest(hashes.SHA224(), ordinary()),
    "SHA-3": lambda: _digest(hashes.SHA3_256(), old_authority()),
    "SHA-512": lambda: _digest(hashes.SHA512(), ordinary()),
    "SHA-224 root": _digest_root,
    "SHA-1 itself": lambda: _itself(signed_with_sha1),
    "MD5 itself": lambda: _itself(signed_with_md5),
    "RSA-PSS": lambda: _pss(32),
    "RSA-PSS, a short salt": lambda: _pss(20),
    "an address of five bytes": lambda: _names("300d87057f00000100" + _LOOPBACK),
    "an umlaut in a name": lambda: _names("300b8203" + "62c3bc" + _LOOPBACK),
    "IPv4 as IPv6": lambda: _of(leaf(ordinary(), "::ffff:127.0.0.1")),
    "X448": lambda: _group("X448"),
    "ffdhe2048": lambda: _group("ffdhe2048"),
}


class Place:
    """A running server of one kind."""

    def __init__(self, kind: str) -> None:
        made = KINDS[kind]()
        self.ca = made.ca
        self._scheme = "https" if made.context else "http"
        self._host = f"[{made.host}]" if ":" in made.host else made.host
        self.server = Server(
            Site(
                host=made.host,
                port=0,
                context=made.context,
                answer=_answer,
                faults=Faults(),
                clock=Clock(),
            )
        )

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self._host}:{self.server.port}"


def _answer(seen: Seen) -> Answer:
    if seen.authorization == REFUSED:
        return text_answer(401, "Unauthorized")
    return Answer(body=_VERSION, content_type="application/json")
