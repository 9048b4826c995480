"""The ``oidc`` auth provider: an id-token, renewed with a refresh token.

Source: client-go plugin/pkg/client/auth/oidc/oidc.go.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Final

from ..config.lock import locked
from ..config.model import OidcConfig
from ..config.persist import read_auth_provider, write_auth_provider
from ..errors import ConfigError, CredentialError
from .credential import Credential, Exchange
from .expiry import show_time, token_expiry
from .headers import bearer, token_problem
from .oidcgrant import Grant, Tokens
from .refresh import Refreshing

_LEEWAY: Final = 10.0
"""Seconds before its end from which on an id-token is not used any more."""

_OFF: Final = frozenset(("0", "false", "no", "off"))
_VARIABLE: Final = "KUBEMETRICS_OIDC_PERSIST"

_log = logging.getLogger("kubemetrics")


def oidc_source(
    oidc: OidcConfig,
    exchange: Exchange | None,
    clock: Callable[[], float],
    *,
    persist: bool,
) -> Refreshing:
    """Make the source of *oidc*'s id-token; it is written back if *persist* says so."""
    return Refreshing(
        _Provider(oidc, exchange, clock, persist=persist).obtain, _renew_at, clock
    )


def may_persist(given: bool | None, environ: Mapping[str, str]) -> bool:  # noqa: FBT001
    """Say whether renewed tokens may be written: an argument, a variable, else yes."""
    return environ.get(_VARIABLE, "").lower() not in _OFF if given is None else given


def _renew_at(credential: Credential, _now: float) -> float:
    expires = credential.expires_at
    return (math.inf if expires is None else expires) - _LEEWAY


class _Provider:
    """Holds the tokens of one kubeconfig user."""

    def __init__(
        self,
        oidc: OidcConfig,
        exchange: Exchange | None,
        clock: Callable[[], float],
        *,
        persist: bool,
    ) -> None:
        self._oidc = oidc
        self._grant = Grant(oidc, exchange or _nobody)
        self._clock = clock
        self._persist = persist
        self._tokens = Tokens(oidc.id_token, oidc.refresh_token)

    def obtain(self, rejected: Credential | None) -> Credential:
        """Return the id-token at hand while it is good, else a renewed one.

        Raises:
            CredentialError: it is over and cannot be renewed; says why.
        """
        if not self._is_good(self._tokens, rejected):
            problem = self._why_not_renewed()
            if problem:
                raise CredentialError(f"{self._name()}: {problem}")
            self._renew(rejected)
        problem = token_problem(self._tokens.id_token)
        if problem:
            raise CredentialError(f"{self._name()}: the id-token {problem}")
        return _credential(self._tokens)

    def _is_good(self, tokens: Tokens, rejected: Credential | None) -> bool:
        expires = token_expiry(tokens.id_token)
        # As in client-go a token that does not say when it ends has ended.
        if expires is None or self._clock() >= expires - _LEEWAY:
            return False
        return rejected is None or rejected != _credential(tokens)

    def _why_not_renewed(self) -> str:
        expires = token_expiry(self._tokens.id_token)
        over = (
            "there is no valid id-token"
            if expires is None
            else (f"the id-token ends at {show_time(expires)}")
        )
        if not self._tokens.refresh_token:
            return f"{over}, and there is no refresh-token; log in again"
        if not self._oidc.file:
            return f"{over}, and there is no kubeconfig to write a new one to"
        if not self._persist:
            return (
                f"{over}; it is not renewed, since the kubeconfig may not be written"
                f" ({_VARIABLE}, or persist=False) and a provider may hand out a new"
                " refresh-token; allow that, or log in again"
            )
        return ""

    def _renew(self, rejected: Credential | None) -> None:
        """Renew the tokens, with the kubeconfig locked against others who would.

        Whoever had the lock before may have done it: a refresh token works once.
        """
        try:
            with locked(self._oidc.file):
                self._tokens = self._stored()
                if not self._is_good(self._tokens, rejected):
                    self._tokens = self._granted()
                    self._store()
        except ConfigError as error:
            raise CredentialError(f"{self._name()}: {error}") from None

    def _stored(self) -> Tokens:
        found = read_auth_provider(self._oidc.file, self._oidc.user)
        return Tokens(
            found.get("id-token", ""),
            found.get("refresh-token", "") or self._tokens.refresh_token,
        )

    def _granted(self) -> Tokens:
        answer = self._grant.refresh(self._tokens.refresh_token)
        if isinstance(answer, str):
            raise CredentialError(f"{self._name()}: {answer}")
        return answer

    def _store(self) -> None:
        try:
            write_auth_provider(
                self._oidc.file,
                self._oidc.user,
                {
                    "id-token": self._tokens.id_token,
                    "refresh-token": self._tokens.refresh_token,
                },
            )
        except ConfigError as error:
            # client-go fails here; this process at least can go on with what it has.
            _log.warning("could not persist new tokens: %s", error)

    def _name(self) -> str:
        return f'oidc auth-provider of user "{self._oidc.user}"'


def _nobody(*_: object) -> tuple[int, bytes]:
    raise ConfigError("there is no way here to send the provider a request")


def _credential(tokens: Tokens) -> Credential:
    return Credential(
        authorization=bearer(tokens.id_token),
        kind="oidc",
        expires_at=token_expiry(tokens.id_token),
    )
