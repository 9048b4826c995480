"""From a `Config` and a client certificate to an SSL context, as client-go does it."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ..auth.credential import ClientCertificate
from ..config.model import Config
from ..errors import ConfigError
from ..flow import PeerCertificate
from .authorities import read_authorities, trust
from .context import ClientContext, alternative_names


def build_context(
    config: Config,
    certificate: ClientCertificate | None = None,
    authorities: bytes | None = None,
) -> ClientContext:
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
    context = _bare(config.tls_server_name)
    if config.insecure_skip_tls_verify:
        _refuse_authority(config)
        _skip_verification(context)
    else:
        trust(context, config, authorities or read_authorities(config))
    if certificate is not None:
        from .identity import load_identity  # noqa: PLC0415 - few have one

        load_identity(context, certificate, _whose(config))
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
    from .identity import load_identity  # noqa: PLC0415 - few have one

    load_identity(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), pair, _whose(config))


def build_proxy_context(config: Config) -> ClientContext:
    """Build the SSL context for an https proxy in front of *config*'s server.

    kubectl verifies such a proxy by the cluster's own rules; here the system's roots
    count as well. Neither ``tls-server-name`` nor the client certificate is for it.

    Raises:
        ConfigError: the authority is no PEM.
    """
    context = _bare("")
    if config.insecure_skip_tls_verify:
        _skip_verification(context)
        return context
    trust(context, config, None)
    authorities = read_authorities(config)
    if authorities is not None:
        trust(context, config, authorities)
    return context


def _bare(server_name: str) -> ClientContext:
    # Not ssl.create_default_context: from Python 3.13 on it refuses authorities that
    # have no Authority Key Identifier, as clusters' do (kubernetes-client/python#2394).
    context = ClientContext(ssl.PROTOCOL_TLS_CLIENT, server_name=server_name)
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    # To Go every certificate of the pool is an anchor, an intermediate as well.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
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
    """Tell what the server's certificate says; ``None`` where it was not verified."""
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
