"""Send the few requests that fetching a credential takes (OIDC), by its own TLS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

import httpx

from ..config.model import Config
from ..errors import TransportError
from .failures import translate
from .proxy import SocksTrace, choose, proxy_for_httpx
from .tls import build_context, build_proxy_context

_TIMEOUT: Final = 30.0
_LIMIT: Final = 2**20


def exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    authorities: bytes | None,
) -> tuple[int, bytes]:
    """Send one request and return its answer's status and body.

    *authorities* are PEM certificates to trust, else the system's. The environment
    decides on a proxy. A redirect is not followed: it would carry the token along.

    Raises:
        ConfigError: the authorities are no PEM, or the proxy is none.
        TransportError: no answer came, or one of more than 1 MiB.
    """
    provider = Config(server=url, certificate_authority_data=authorities)
    try:
        with (
            _client(provider) as client,
            client.stream(
                method,
                url,
                headers=dict(headers),
                content=body,
                extensions={"trace": SocksTrace()},
            ) as answer,
        ):
            return answer.status_code, _bounded(answer, url)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        failure = translate(error, url=url)
    raise failure


def _client(provider: Config) -> httpx.Client:
    proxy = choose(provider, os.environ)
    return httpx.Client(
        verify=build_context(provider),
        proxy=None
        if proxy is None
        else proxy_for_httpx(proxy, build_proxy_context(provider)),
        trust_env=False,
        timeout=_TIMEOUT,
    )


def _bounded(answer: httpx.Response, url: str) -> bytes:
    read = bytearray()
    for chunk in answer.iter_bytes():
        read += chunk
        if len(read) > _LIMIT:
            raise TransportError(
                f"{url}: the answer is larger than a token's", url=url, reason="limit"
            )
    return bytes(read)
