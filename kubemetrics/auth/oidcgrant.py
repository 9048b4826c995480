"""The two requests of an OIDC refresh: discovery, and the refresh-token grant.

Sources: OpenID Connect Discovery 1.0, RFC 6749 section 6, golang.org/x/oauth2.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote_plus, urlencode

from ..config.model import OidcConfig
from ..errors import ConfigError, KubeMetricsError
from ..frozen import dataclass
from .credential import Exchange
from .redact import quote_stderr

_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Tokens:
    """An id-token and the refresh-token it is renewed with."""

    id_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class Grant:
    """Asks one provider.

    Problems are returned as text: no frame that raises shall hold a token.
    """

    def __init__(self, oidc: OidcConfig, exchange: Exchange) -> None:
        self._oidc = oidc
        self._exchange = exchange

    def refresh(self, refresh_token: str) -> Tokens | str:
        """Return new tokens, or why there are none."""
        try:
            return self._refresh(refresh_token)
        except KubeMetricsError as error:
            return str(error)

    def _refresh(self, refresh_token: str) -> Tokens | str:
        found = self._discover()
        if isinstance(found, str):
            return found
        endpoint = found.get("token_endpoint")
        if not isinstance(endpoint, str) or not endpoint:
            return "the discovery object doesn't contain a token_endpoint"
        if not endpoint.startswith("https://"):
            return f"the token endpoint {endpoint} is not https"
        return self._ask(endpoint, found, refresh_token)

    def _discover(self) -> dict[str, Any] | str:
        issuer = self._oidc.issuer_url
        if not issuer.startswith("https://"):
            return f"idp-issuer-url {issuer} is not https"
        url = f"{issuer.removesuffix('/')}/.well-known/openid-configuration"
        status, body = self._exchange("GET", url, {}, b"", self._authority())
        document = _object(body)
        if status != HTTPStatus.OK or document is None:
            return f"no discovery document at {url} (HTTP {status})"
        return document

    def _authority(self) -> bytes | None:
        path = self._oidc.certificate_authority
        if self._oidc.certificate_authority_data or not path:
            # Never unverified: without an authority the system's roots count.
            return self._oidc.certificate_authority_data
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise ConfigError(
                f"unable to read idp-certificate-authority {path}: {error.strerror}"
            ) from None

    def _ask(
        self, endpoint: str, discovered: Mapping[str, Any], refresh_token: str
    ) -> Tokens | str:
        problem = ""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        for headers, extra in self._styles(discovered):
            body = urlencode({**form, **extra}).encode()
            status, answer = self._exchange(
                "POST", endpoint, {**_FORM, **headers}, body, self._authority()
            )
            document = _object(answer) or {}
            if status == HTTPStatus.OK:
                return _tokens(document, refresh_token)
            problem = _refusal(status, document, (refresh_token,))
            if document.get("error") != "invalid_client":
                break
        return problem

    def _styles(
        self, discovered: Mapping[str, Any]
    ) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
        """Yield the ways to say which client this is: a header, the form, or both."""
        client, secret = self._oidc.client_id, self._oidc.client_secret
        form = {"client_id": client, "client_secret": secret}
        methods = discovered.get("token_endpoint_auth_methods_supported")
        if not secret:
            yield {}, {"client_id": client}
        elif isinstance(methods, list) and "client_secret_basic" not in methods:
            yield {}, form
        else:
            pair = f"{quote_plus(client)}:{quote_plus(secret)}".encode()
            yield {"Authorization": f"Basic {b64encode(pair).decode()}"}, {}
            yield {}, form


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
    said = f"{document.get('error', '')}: {document.get('error_description', '')}"
    quoted = quote_stderr(said.strip(": "), secrets)
    hint = "; log in again" if document.get("error") == "invalid_grant" else ""
    return f"the refresh was refused (HTTP {status}) {quoted}".rstrip() + hint


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found: object = json.loads(body)
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
