"""Which certificate authorities to trust: the configured ones alone, or the system's.

A file of them is read anew when it changes.

From a `Config` and a client certificate to an SSL context, as client-go does it.
"""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import time
from base64 import encodebytes
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..auth import ClientCertificate, credential_error
from ..config.model import Config, config_error
from ..errors import ConfigError
from ..files import BUNDLE, read_file
from ..flow import PeerCertificate

if TYPE_CHECKING:
    from ..auth.sources import Reloaded


_USUAL_PLACES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Go looks (crypto/x509/root_linux.go); asked when OpenSSL knows of no place."""

_DIRECTORIES: Final = ("/etc/ssl/certs", "/etc/pki/tls/certs")
"""Go's as well (crypto/x509/root_linux.go); all of their files count."""

_LARGEST_BUNDLE: Final = 16 << 20


def read_authorities(config: Config) -> bytes | None:
    """Return the configured authorities as PEM, ``None`` for the system's roots.

    Data goes before the file, as in client-go.

    Raises:
        ConfigError: the file cannot be read.
    """
    if config.certificate_authority_data:
        return config.certificate_authority_data
    if not config.certificate_authority:
        return None
    try:
        return read_file(config.certificate_authority, BUNDLE)
    except OSError as error:
        raise config_error(
            f"unable to read certificate-authority {config.certificate_authority}"
            f"{_of(config)}: {error.strerror}"
        ) from None


def trust(context: ssl.SSLContext, config: Config, pem: bytes | None) -> None:
    """Make *context* trust *pem* alone, or the system's roots when it is ``None``.

    Like Go's ``AppendCertsFromPEM`` it skips whatever is no certificate, as long as
    one is left.

    Raises:
        ConfigError: there is no certificate in *pem*.
    """
    if pem is None:
        _trust_the_system(context)
        return
    if not _load(context, pem):
        raise no_certificate(config)


def holds_a_certificate(pem: bytes) -> bool:
    """Return whether `trust` would find at least one certificate in *pem*."""
    return _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), pem)


def no_certificate(config: Config) -> ConfigError:
    """Make the error for an authority without a single certificate in it."""
    return config_error(
        f"{_authority_key(config)}{_of(config)} holds no PEM certificate"
    )


def _load(context: ssl.SSLContext, pem: bytes) -> bool:
    from ..x509 import certificates  # noqa: PLC0415 - not for the system's roots

    return sum(_load_one(context, der) for der in certificates(pem)) > 0


def _load_one(context: ssl.SSLContext, der: bytes) -> bool:
    try:
        context.load_verify_locations(cadata=der)
    except ssl.SSLError:
        return False
    return True


def _trust_the_system(context: ssl.SSLContext) -> None:
    # Not certifi, httpx's default: a company's own authority is in the system's store.
    context.load_default_certs()
    known = ssl.get_default_verify_paths()
    if os.name == "nt" or known.cafile or known.capath:
        return
    for place in _USUAL_PLACES:
        if Path(place).is_file():
            context.load_verify_locations(cafile=place)
            return


def trust_directories(context: ssl.SSLContext | None) -> bool:
    """Trust each certificate of the system's that Go finds; return whether one is new.

    Go reads all files of its directories, OpenSSL those alone that are named by a hash:
    an authority that was mounted there under another name is known to Go only. And of
    a bundle OpenSSL reads nothing behind the first block that it cannot read.

    Source: crypto/x509/root_unix.go, ``loadSystemRoots``.
    """
    if context is None:
        return False
    before = context.cert_store_stats()["x509"]
    bundle = os.environ.get("SSL_CERT_FILE")
    given = os.environ.get("SSL_CERT_DIR")
    places = [Path(place) for place in ((bundle,) if bundle else _USUAL_PLACES)]
    for directory in given.split(":") if given else _DIRECTORIES:
        places += sorted(Path(directory).glob("*"))
    for path in places:
        with contextlib.suppress(OSError, ValueError):
            if path.is_file() and path.stat().st_size <= _LARGEST_BUNDLE:
                _load(context, path.read_bytes())
    return context.cert_store_stats()["x509"] > before


def _authority_key(config: Config) -> str:
    if config.certificate_authority_data:
        return "certificate-authority-data"
    return f"certificate-authority {config.certificate_authority}"


def _of(config: Config) -> str:
    return f' of cluster "{config.cluster}"' if config.cluster else ""


def changes_on_disk(config: Config) -> bool:
    """Return whether the authorities are a file's, which may change."""
    return bool(config.certificate_authority and not config.certificate_authority_data)


class Roots:
    """The authorities of one client, as PEM; ``None`` means the system's roots.

    client-go notices a changed file within five minutes (transport/ca_rotation.go);
    here it is looked at once a second at most. Where the new content is bad the last
    good one stays. Safe to share between threads.
    """

    def __init__(
        self, config: Config, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._file: Reloaded[bytes | None] | None = None
        if changes_on_disk(config):
            from ..auth.sources import Reloaded  # noqa: PLC0415 - for files alone

            self._file = Reloaded(
                (config.certificate_authority,), self._read, clock=clock
            )

    def cached(self) -> bytes | None:
        """Return the authorities, or ``None`` where the file is to be read first.

        It never blocks.
        """
        return self._file.cached() if self._file else None

    def current(self) -> bytes | None:
        """Return the authorities to trust now.

        Raises:
            ConfigError: the file could not be read, or never held a certificate.
        """
        if self._file is None:
            return self._config.certificate_authority_data or None
        return self._file.current()

    def _read(self) -> bytes | None:
        pem = read_authorities(self._config)
        if pem is not None and not holds_a_certificate(pem):
            raise no_certificate(self._config)
        return pem


def load_certificate(
    context: ssl.SSLContext, certificate: ClientCertificate, name: str
) -> None:
    """Load *certificate* into *context*; *name* says in errors whose it is.

    Raises:
        CredentialError: it is no certificate and key, not a pair, or encrypted.
    """
    problem = _try_to_load(context, certificate)
    if problem:
        raise credential_error(f"{name}: {problem}")


_LABEL: Final = b"PRIVATE KEY"
_KEY_START: Final = rb"(?s)\x30(?:\x82..|\x81.|.)\x02\x01(\x00\x02|\x01\x04)"
_KEY_KINDS: Final = {b"\0\x02": b"RSA ", b"\1\x04": b"EC "}
"""By what comes in a key: 0 and its modulus, 1 and a secret (RFC 8017, RFC 5915)."""


def _try_to_load(context: ssl.SSLContext, pair: ClientCertificate) -> str:
    """Hand *pair* to OpenSSL as Go reads it; return what is wrong with it.

    Go looks at a key's content, not at what its first line calls it, and takes no
    notice of headers; of other blocks it takes none, whatever OpenSSL makes of them.

    Source: crypto/tls/tls.go, ``X509KeyPair`` and ``parsePrivateKey``.
    """
    from ..x509 import blocks, client_fault  # noqa: PLC0415 - for certificates alone

    chain = [b for b in blocks(pair.certificate) if b.label == b"CERTIFICATE"]
    keys = (b for b in blocks(pair.key) if (b" " + b.label).endswith(b" " + _LABEL))
    key = next(keys, None)
    if not chain:
        return "there is no PEM certificate in it"
    if key is None:
        return "there is no PEM private key in it"
    if key.label.startswith(b"ENCRYPTED") or b"ENCRYPTED" in key.headers:
        return (
            "the private key is encrypted, and there is nobody to ask for the pass"
            " phrase; decrypt it first: openssl pkey -in KEY -out NEWKEY"
        )
    if fault := client_fault(chain[0].content):
        return f"it {fault}; {_ANEW}, for RSA of 2,048 bits or P-256"
    start = re.match(_KEY_START, key.content)
    label = (_KEY_KINDS[start[1]] if start else b"") + _LABEL
    return _hand_over(
        context,
        b"".join(_written(b"CERTIFICATE", block.content) for block in chain),
        _written(label, key.content),
    )


def _written(label: bytes, der: bytes) -> bytes:
    """Write *der* as OpenSSL wants it."""
    text = encodebytes(der)
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label, text, label)


def _hand_over(context: ssl.SSLContext, chain: bytes, key: bytes) -> str:
    try:
        with _as_file(chain) as chain_path, _as_file(key) as key_path:
            # Without a password OpenSSL asks on the terminal, and a script hangs.
            context.load_cert_chain(chain_path, key_path, password="")
    except ssl.SSLError as error:
        said = error.reason or "no PEM"
        return _REFUSED.get(said, f"OpenSSL cannot read it ({said})")
    except OSError as error:
        return f"cannot hand it to OpenSSL: {error.strerror}"
    return ""


_ANEW: Final = "have it issued anew"
_REFUSED: Final = {
    "KEY_VALUES_MISMATCH": "the private key does not belong to the certificate",
    "NO_CERTIFICATE_ASSIGNED": (
        "the private key does not belong to the certificate, the first of its file"
    ),
    "CA_MD_TOO_WEAK": (
        f"it is signed with SHA-1 or MD5, which OpenSSL refuses; {_ANEW}, with SHA-256"
    ),
    "EE_KEY_TOO_SMALL": (
        f"its key is too short for OpenSSL; {_ANEW}, for RSA of 2,048 bits"
    ),
}


@contextlib.contextmanager
def _as_file(data: bytes) -> Generator[str]:
    """Give *data* a path for as long as OpenSSL, which takes nothing else, reads it."""
    descriptor = _memory_file()
    if descriptor is None:
        with _short_lived_file(data) as path:
            yield path
        return
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(data)
        file.flush()
        yield f"/proc/self/fd/{descriptor}"


def _memory_file() -> int | None:
    """Make a file that exists in memory only, where the system can (Linux)."""
    if not (hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd")):  # noqa: PTH112
        return None
    try:
        return os.memfd_create("pem", os.MFD_CLOEXEC)
    except OSError:  # a sandbox may forbid it
        return None


@contextlib.contextmanager
def _short_lived_file(data: bytes) -> Generator[str]:
    from tempfile import mkstemp  # noqa: PLC0415 - where there is no memory file

    descriptor, path = mkstemp()  # readable by this user alone
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(data)
        yield path
    finally:
        os.unlink(path)  # noqa: PTH108


_HOSTNAME_MISMATCH: Final = 62  # X509_V_ERR_HOSTNAME_MISMATCH
_ADDRESS_MISMATCH: Final = 64  # X509_V_ERR_IP_ADDRESS_MISMATCH


class WrongHostError(ssl.SSLCertVerificationError):
    """The certificate is good and made out to *names*, not to the one *wanted*."""

    names: tuple[str, ...] = ()
    wanted: str = ""


def raise_explained(
    error: ssl.SSLCertVerificationError, connection: ssl.SSLObject
) -> None:
    """Raise a `WrongHostError` for an *error* that says the name is another.

    Raises:
        WrongHostError: with the names that the certificate is for.
    """
    if error.verify_code not in {_HOSTNAME_MISMATCH, _ADDRESS_MISMATCH}:
        return
    explained = WrongHostError(*error.args)
    explained.names = _presented_names(connection)
    explained.wanted = connection.server_hostname or ""
    explained.reason = error.reason
    explained.verify_code = error.verify_code
    explained.verify_message = error.verify_message
    raise explained from error


class RefusedCertificateError(ssl.SSLCertVerificationError):
    """OpenSSL takes one of the server's certificates, and Go does not: its *fault*."""

    fault: str = ""


def check_chain(connection: ssl.SSLObject, *, verified: bool) -> None:
    """Judge the certificates of a new *connection* as Go does.

    Raises:
        RefusedCertificateError: Go would not have connected.
    """
    from ..x509 import server_fault  # noqa: PLC0415 - for handshakes alone

    sent, chain = (_chain(connection, kind) for kind in ("unverified", "verified"))
    # The encoding 2 is DER (_ssl.ENCODING_DER).
    fault = server_fault(
        [part.public_bytes(2) for part in sent],
        [part.public_bytes(2) for part in chain] if verified else (),
    )
    if fault:
        refused = RefusedCertificateError(fault)
        refused.fault = fault
        refused.verify_code = 0
        raise refused


def _chain(connection: ssl.SSLObject, kind: str) -> Sequence[Any]:
    # Public only from Python 3.13 on, and there as DER; this form exists since 3.10.
    core: Any = getattr(connection, "_sslobj", None)
    return getattr(core, f"get_{kind}_chain", tuple)() or ()


def _presented_names(connection: ssl.SSLObject) -> tuple[str, ...]:
    # Without a chain the message merely does not list the names.
    chain = _chain(connection, "unverified")
    return alternative_names(chain[0].get_info()) if chain else ()


def alternative_names(certificate: Mapping[str, Any]) -> tuple[str, ...]:
    """List the host names and addresses of what ``getpeercert()`` returned."""
    found: tuple[tuple[str, str], ...] = certificate.get("subjectAltName", ())
    return tuple(name for kind, name in found if kind in {"DNS", "IP Address"})


_CIPHERS: Final = (
    "@SECLEVEL=1:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:!aNULL:!eNULL:!aDSS:!AESCCM"
    ":!SHA256:!SHA384"
)
"""Go's verdicts: RSA of 1,024 bits, and CBC under TLS 1.2, are old and good enough;
below level 1 chains signed with SHA-1, which Go refuses, would count. Go speaks CBC
with SHA-1 alone: what OpenSSL calls SHA256 and SHA384 is CBC with those."""


def build_context(
    config: Config,
    certificate: ClientCertificate | None = None,
    authorities: bytes | None = None,
) -> ssl.SSLContext:
    """Build the SSL context for *config*'s server; each client has its own.

    *authorities* are the PEM certificates to trust where the caller has read them
    already (`transport.roots.Roots`); else *config* says which.

    Source of the rules: client-go transport/transport.go, ``TLSConfigFor``.

    Raises:
        ConfigError: insecure together with an authority, the authority is no PEM, or
            tls-server-name no name.
        CredentialError: the client certificate cannot be used.
    """
    _check_name(config)
    context = _bare()
    if config.insecure_skip_tls_verify:
        _refuse_authority(config)
        _skip_verification(context)
    else:
        trust(context, config, authorities or read_authorities(config))
    if certificate is not None:
        load_certificate(context, certificate, _whose(config))
    return context


def _check_name(config: Config) -> None:
    """Refuse what OpenSSL cannot be given: it would end in a traceback."""
    name = config.tls_server_name.removesuffix(".")
    try:
        usable = "\0" not in name and bool(name.encode("idna"))
    except UnicodeError:
        usable = False
    if config.tls_server_name and (not usable or name.startswith(".")):
        raise ConfigError("tls-server-name (--tls-server-name) is no host name")


def check_pair(config: Config, pair: ClientCertificate) -> None:
    """See whether OpenSSL takes *pair*, which was read for *config*.

    Raises:
        CredentialError: it is no certificate and key, not a pair, or encrypted.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(_CIPHERS)
    load_certificate(context, pair, _whose(config))


def build_proxy_context(
    config: Config, authorities: bytes | None = None
) -> ssl.SSLContext:
    """Build the SSL context for an https proxy in front of *config*'s server.

    kubectl verifies such a proxy by the cluster's own rules; here the system's roots
    count as well. Neither ``tls-server-name`` nor the client certificate is for it.

    Raises:
        ConfigError: the authority is no PEM.
    """
    context = _bare()
    if config.insecure_skip_tls_verify:
        _skip_verification(context)
        return context
    trust(context, config, None)
    authorities = authorities or read_authorities(config)
    if authorities is not None:
        trust(context, config, authorities)
    return context


def _bare() -> ssl.SSLContext:
    # Not ssl.create_default_context: from Python 3.13 on it refuses authorities that
    # have no Authority Key Identifier, as clusters' do (kubernetes-client/python#2394).
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    # To Go every certificate of the pool is an anchor, an intermediate as well.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    context.set_ciphers(_CIPHERS)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # as Go, and a write never has to read
    context.set_alpn_protocols(["http/1.1"])
    return context


def _skip_verification(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def _refuse_authority(config: Config) -> None:
    if config.certificate_authority or config.certificate_authority_data:
        raise ConfigError(
            "specifying a root certificates file with the insecure flag is not"
            " allowed: drop insecure-skip-tls-verify or certificate-authority"
        )


def _whose(config: Config) -> str:
    if config.auth.client_certificate and not config.auth.client_certificate_data:
        return f"client certificate {config.auth.client_certificate}"
    return (
        f'client certificate of user "{config.user}"'
        if config.user
        else ("client certificate")
    )


class Verified(Protocol):
    """What httpcore's ``ssl_object`` gives: an SSL socket, object, or their core."""

    def getpeercert(self) -> Mapping[str, Any] | None:
        """Return the peer's verified certificate in Python's form, or nothing."""
        ...


def peer_certificate(connection: Verified) -> PeerCertificate | None:
    """Return the server's certificate; ``None`` where it was not verified."""
    shown = connection.getpeercert()
    if not shown:
        return None
    return PeerCertificate(
        subject=_name(shown.get("subject", ())),
        issuer=_name(shown.get("issuer", ())),
        names=alternative_names(shown),
        not_before=float(ssl.cert_time_to_seconds(shown["notBefore"])),
        not_after=float(ssl.cert_time_to_seconds(shown["notAfter"])),
    )


def _name(parts: Iterable[Iterable[tuple[str, str]]]) -> str:
    return ", ".join(f"{key}={value}" for part in parts for key, value in part)
