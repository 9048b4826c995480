"""Which certificate authorities to trust: the configured ones alone, or the system's.

A file of them is read anew when it changes.
"""

from __future__ import annotations

import os
import re
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..config.model import Config
from ..errors import ConfigError

if TYPE_CHECKING:
    from ..auth.refresh import Reloaded


_BLOCK: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL
)

_USUAL_PLACES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Go looks (crypto/x509/root_linux.go); asked when OpenSSL knows of no place."""


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
        return Path(config.certificate_authority).read_bytes()
    except OSError as error:
        raise ConfigError(
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
    return ConfigError(
        f"{_authority_key(config)}{_of(config)} holds no PEM certificate"
    )


def _load(context: ssl.SSLContext, pem: bytes) -> bool:
    return sum(_load_one(context, block) for block in _BLOCK.findall(pem)) > 0


def _load_one(context: ssl.SSLContext, block: bytes) -> bool:
    try:
        context.load_verify_locations(cadata=block.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError):
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


def _authority_key(config: Config) -> str:
    if config.certificate_authority_data:
        return "certificate-authority-data"
    return f"certificate-authority {config.certificate_authority}"


def _of(config: Config) -> str:
    return f' of cluster "{config.cluster}"' if config.cluster else ""


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
        if config.certificate_authority and not config.certificate_authority_data:
            from ..auth.refresh import Reloaded  # noqa: PLC0415 - for files alone

            self._file = Reloaded(
                (config.certificate_authority,), self._read, clock=clock
            )

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
