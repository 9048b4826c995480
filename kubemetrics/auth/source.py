"""From a `Config` to the source of its credentials, in client-go's precedence."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..config.model import AuthInfo, Config
from ..errors import CredentialError
from .credential import ClientCertificate, Credential, CredentialSource, Exchange
from .expiry import token_expiry
from .headers import basic, bearer, token_problem

if TYPE_CHECKING:
    from .identity import Identity


class Fixed:
    """A `CredentialSource` of one credential, which a 401 cannot change."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def cached(self) -> Credential | None:
        """Return it."""
        return self._credential

    def fetch(self) -> Credential:
        """Return it."""
        return self._credential

    def rejected(self, credential: Credential) -> bool:
        """Say that there is no other one."""
        del credential
        return False


def credential_source(
    config: Config,
    *,
    exchange: Exchange | None = None,
    clock: Callable[[], float] = time.time,
    environ: Mapping[str, str] = os.environ,
    exec_timeout: float | None = None,
    persist: bool | None = None,
    check: Callable[[ClientCertificate], None] | None = None,
) -> CredentialSource:
    """Choose where *config*'s credentials come from.

    What is written down (token, token file, basic, client certificate) goes before an
    exec plugin, which then never runs; a client certificate and a header are both
    used. Without https there is no credential at all.

    *exchange* sends OIDC's requests (`transport.exchange.exchange`). *clock* tells
    seconds since the epoch. *exec_timeout* bounds a plugin in seconds (0: no bound),
    else ``KUBEMETRICS_EXEC_TIMEOUT`` does. *persist* says whether renewed OIDC tokens
    may be written to the kubeconfig, else ``KUBEMETRICS_OIDC_PERSIST`` does. *check*
    raises for a certificate and key that do not fit (`transport.tls.check_pair`): in
    the midst of a rotation the pair read before goes on.

    Source: client-go plugin/pkg/client/auth/exec/exec.go, ``UpdateTransportConfig``.

    Raises:
        CredentialError: the token cannot be sent.
    """
    auth = config.auth
    if not config.server.lower().startswith("https://"):
        return Fixed(Credential())
    header = _written_down(auth, config.user, clock)
    identity = _identity(auth, config.user, clock, check)
    if header is None and identity is None and auth.exec is not None:
        # Each of these is a part of the start-up time, and few need more than one.
        from .execsource import exec_source  # noqa: PLC0415

        return exec_source(config, auth.exec, environ, clock, exec_timeout)
    if header is None and auth.oidc is not None:
        from .oidc import may_persist, oidc_source  # noqa: PLC0415

        write = may_persist(persist, environ)
        header = oidc_source(auth.oidc, exchange, clock, persist=write)
    header = header or Fixed(Credential())
    if identity is None:
        return header
    from .identity import WithCertificate  # noqa: PLC0415

    return WithCertificate(header, identity)


def _identity(
    auth: AuthInfo,
    user: str,
    clock: Callable[[], float],
    check: Callable[[ClientCertificate], None] | None,
) -> Identity | None:
    if not (auth.client_certificate or auth.client_certificate_data):
        return None
    from .identity import Identity  # noqa: PLC0415

    return Identity(auth, user, clock, check)


def _written_down(
    auth: AuthInfo, user: str, clock: Callable[[], float]
) -> CredentialSource | None:
    static = _static(auth)
    if auth.token_file:
        from .tokenfile import token_file_source  # noqa: PLC0415

        usable = None if isinstance(static, str) else static
        return token_file_source(auth.token_file, usable, clock)
    if isinstance(static, str):
        raise CredentialError(f'the token of user "{user}" {static}')
    return None if static is None else Fixed(static)


def _static(auth: AuthInfo) -> Credential | str | None:
    """Return the credential, what is wrong with it, or ``None`` if there is none."""
    if auth.token:
        return token_problem(auth.token) or Credential(
            authorization=bearer(auth.token),
            kind="token",
            expires_at=token_expiry(auth.token),
        )
    if auth.username or auth.password:
        return Credential(
            authorization=basic(auth.username, auth.password), kind="basic"
        )
    return None
