"""The ``oidc`` auth provider: an id-token, renewed with a refresh token.

Sources: client-go plugin/pkg/client/auth/oidc/oidc.go, OpenID Connect Discovery 1.0,
RFC 6749 section 6, golang.org/x/oauth2.
"""

from __future__ import annotations

import logging
import math
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from ..config.model import OidcConfig, config_error, is_https
from ..config.validate import parse_server
from ..config.write_back import (
    locked,
    read_auth_provider,
    remove_leftover,
    write_auth_provider,
)
from ..errors import ConfigError, DecodeError, KubeMetricsError
from ..files import BUNDLE, read_file
from ..frozen import dataclass
from ..jsonread import read_object
from ..text import hide, masked, one_line, without_codes, without_credentials
from ..times import rfc3339_of
from . import (
    Credential,
    Exchange,
    bearer,
    credential_error,
    octets,
    token_expiry,
    token_problem,
)
from .redact import quote_stderr
from .sources import Refreshing

_QUOTED: Final = 200
"""Characters of a URL that an error quotes."""

_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Tokens:
    """An id-token and the refresh-token it is renewed with."""

    id_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class _Grant:
    """Exchanges a refresh-token for new tokens at one provider: discovery, then grant.

    Problems are returned as text: no frame that raises shall hold a token.
    """

    def __init__(self, oidc: OidcConfig, exchange: Exchange) -> None:
        self._oidc = oidc
        self._exchange = exchange

    def refresh(self, refresh_token: str) -> Tokens | str:
        """Return new tokens, or the problem as text."""
        secrets = self._secrets(refresh_token, {})
        try:
            answer = self._refresh(refresh_token)
        except KubeMetricsError as error:
            hide(error, secrets)  # its text is cut, and may be so in a secret
            answer = str(error)
        return masked(answer, secrets) if isinstance(answer, str) else answer

    def _refresh(self, refresh_token: str) -> Tokens | str:
        found = self._discover()
        if isinstance(found, str):
            return found
        endpoint = found.get("token_endpoint")
        if not isinstance(endpoint, str) or not endpoint:
            return "the discovery object doesn't contain a token_endpoint"
        if problem := _url_problem(endpoint):
            endpoint = masked(endpoint, self._secrets(refresh_token, {}))
            return f"the token endpoint {_shown(endpoint)} {problem}"
        return self._request_tokens(endpoint, found, refresh_token)

    def _discover(self) -> Mapping[str, Any] | str:
        issuer = self._oidc.issuer_url
        if problem := _url_problem(issuer):
            return f"idp-issuer-url {_shown(issuer)} {problem}"
        url = f"{issuer.removesuffix('/')}/.well-known/openid-configuration"
        status, body = self._exchange("GET", url, {}, b"", self._authority())
        document = _object(body)
        if status != HTTPStatus.OK or document is None:
            return f"no discovery document at {_shown(url)} (HTTP {status})"
        return document

    def _authority(self) -> bytes | None:
        path = self._oidc.certificate_authority
        if self._oidc.certificate_authority_data or not path:
            # Never unverified: without an authority the system's roots count.
            return self._oidc.certificate_authority_data
        try:
            return read_file(path, BUNDLE)
        except OSError as error:
            raise config_error(
                f"unable to read idp-certificate-authority {path}: {error.strerror}"
            ) from None

    def _request_tokens(
        self, endpoint: str, discovered: Mapping[str, Any], refresh_token: str
    ) -> Tokens | str:
        problem = ""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        for headers, extra in self._client_authentications(discovered):
            sent = {name: octets(value) for name, value in {**form, **extra}.items()}
            body = urlencode(sent).encode()
            status, answer = self._exchange(
                "POST", endpoint, {**_FORM, **headers}, body, self._authority()
            )
            document = _object(answer) or {}
            if status == HTTPStatus.OK:
                return _tokens(document, refresh_token)
            problem = _refusal(status, document, self._secrets(refresh_token, headers))
            if document.get("error") != "invalid_client":
                break
        return problem

    def _secrets(
        self, refresh_token: str, headers: Mapping[str, str]
    ) -> tuple[str, ...]:
        """Return what was sent, as a provider may repeat it."""
        secret, pair = self._oidc.client_secret, headers.get("Authorization", "")
        sent = (refresh_token, secret, self._oidc.id_token, pair.partition(" ")[2])
        return tuple(
            form
            for value in sent
            if value
            for form in (value, quote_plus(octets(value)))
        )

    def _client_authentications(
        self, discovered: Mapping[str, Any]
    ) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
        """Yield headers and form fields for each way to authenticate this client."""
        client, secret = self._oidc.client_id, self._oidc.client_secret
        form = {"client_id": client, "client_secret": secret}
        methods = discovered.get("token_endpoint_auth_methods_supported")
        if not secret:
            yield {}, {"client_id": client}
        elif isinstance(methods, list) and "client_secret_basic" not in methods:
            yield {}, form
        else:
            pair = f"{quote_plus(octets(client))}:{quote_plus(octets(secret))}".encode()
            yield {"Authorization": f"Basic {b64encode(pair).decode()}"}, {}
            yield {}, form


def _shown(url: str) -> str:
    """Write *url* for an error: no password, and no code that logs somebody in."""
    return one_line(without_codes(without_credentials(url)), _QUOTED)


def _url_problem(url: str) -> str:
    """Say why no request with a secret goes to *url*; empty if one may."""
    if not is_https(url):
        return "is not https"
    try:
        parse_server(url)
    except ValueError as error:
        return str(error)
    return ""


def _tokens(document: Mapping[str, Any], refresh_token: str) -> Tokens | str:
    found = document.get("id_token")
    if not isinstance(found, str) or not found:
        return (
            "token response did not contain an id_token, either the scope"
            " \"openid\" wasn't requested upon login, or the provider doesn't support"
            " id_tokens as part of the refresh response"
        )
    rotated = document.get("refresh_token")
    if isinstance(rotated, str) and rotated:
        return Tokens(found, rotated)
    return Tokens(found, refresh_token)


def _refusal(status: int, document: Mapping[str, Any], secrets: tuple[str, ...]) -> str:
    description = (
        f"{document.get('error', '')}: {document.get('error_description', '')}"
    )
    quoted = quote_stderr(description.strip(": "), secrets)
    hint = "; log in again" if document.get("error") == "invalid_grant" else ""
    return f"the refresh was refused (HTTP {status}) {quoted}".rstrip() + hint


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        return read_object(body)
    except DecodeError:
        return None


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
    if persist and oidc.file:
        remove_leftover(oidc.file)
    return Refreshing(
        _Provider(oidc, exchange, clock, persist=persist).obtain, _renew_at, clock
    )


def may_persist(given: bool | None, environ: Mapping[str, str]) -> bool:  # noqa: FBT001
    """Return whether renewed tokens may be written: *given*, a variable, else yes."""
    return environ.get(_VARIABLE, "").lower() not in _OFF if given is None else given


def _renew_at(credential: Credential, _now: float) -> float:
    expires = credential.expires_at
    return (math.inf if expires is None else expires) - _LEEWAY


class _Provider:
    """The tokens of one kubeconfig user, renewed when they expire."""

    def __init__(
        self,
        oidc: OidcConfig,
        exchange: Exchange | None,
        clock: Callable[[], float],
        *,
        persist: bool,
    ) -> None:
        self._oidc = oidc
        self._grant = _Grant(oidc, exchange or _no_exchange)
        self._clock = clock
        self._persist = persist
        self._tokens = Tokens(oidc.id_token, oidc.refresh_token)

    def obtain(self, rejected: Credential | None) -> Credential:
        """Return the id-token held while it is good, else a renewed one.

        Raises:
            CredentialError: it has expired and cannot be renewed; says why.
        """
        if not self._is_good(self._tokens, rejected):
            problem = self._renewal_problem()
            if problem:
                raise credential_error(f"{self._place()}: {problem}")
            self._renew(rejected)
        problem = token_problem(self._tokens.id_token)
        if problem:
            raise credential_error(f"{self._place()}: the id-token {problem}")
        return _credential(self._tokens)

    def _is_good(self, tokens: Tokens, rejected: Credential | None) -> bool:
        expires = token_expiry(tokens.id_token)
        # As in client-go a token that does not say when it ends has ended.
        if expires is None or self._clock() >= expires - _LEEWAY:
            return False
        return rejected is None or rejected != _credential(tokens)

    def _renewal_problem(self) -> str:
        expires = token_expiry(self._tokens.id_token)
        state = (
            "there is no valid id-token"
            if expires is None
            else (f"the id-token expires at {rfc3339_of(expires)}")
        )
        if not self._tokens.refresh_token:
            return f"{state}, and there is no refresh-token; log in again"
        if not self._oidc.file:
            return f"{state}, and there is no kubeconfig to write a new one to"
        if not self._persist:
            return (
                f"{state}; it is not renewed, since the kubeconfig may not be written"
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
                    self._take(self._refreshed())
        except ConfigError as error:
            raise credential_error(f"{self._place()}: {error}") from None

    def _stored(self) -> Tokens:
        found = read_auth_provider(self._oidc.file, self._oidc.user)
        return Tokens(
            found.get("id-token", ""),
            found.get("refresh-token", "") or self._tokens.refresh_token,
        )

    def _refreshed(self) -> Tokens:
        answer = self._grant.refresh(self._tokens.refresh_token)
        if isinstance(answer, str):
            raise credential_error(f"{self._place()}: {answer}")
        return answer

    def _take(self, fresh: Tokens) -> None:
        """Keep and store new tokens, but no id-token that cannot be sent.

        The refresh-token sent may be void by now, and the new one works once.
        """
        problem = token_problem(fresh.id_token)
        self._tokens = (
            replace(fresh, id_token=self._tokens.id_token) if problem else fresh
        )
        self._store()
        if problem:
            raise credential_error(f"{self._place()}: the new id-token {problem}")

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

    def _place(self) -> str:
        return f'oidc auth-provider of user "{self._oidc.user}"'


def _no_exchange(*_: object) -> tuple[int, bytes]:
    raise ConfigError("no exchange was given to send the provider a request with")


def _credential(tokens: Tokens) -> Credential:
    return Credential(
        authorization=bearer(tokens.id_token),
        kind="oidc",
        expires_at=token_expiry(tokens.id_token),
    )
