"""A proxy as httpx takes it; what httpcore leaves undone with SOCKS."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Mapping
from typing import Any

import httpx

from ..errors import ConfigError
from .proxy import Proxy


def proxy_for_httpx(proxy: Proxy, context: ssl.SSLContext | None) -> QuietProxy:
    """Return *proxy* as httpx takes it; *context* is for the way to an https one.

    Raises:
        ConfigError: httpx cannot read its URL.
    """
    with contextlib.suppress(httpx.InvalidURL):
        return QuietProxy(proxy.url, ssl_context=context)
    raise ConfigError(f'invalid {proxy.origin} "{proxy.address}": not a URL')


class QuietProxy(httpx.Proxy):
    """What httpx takes for a proxy, with its credentials kept out of logs.

    httpcore writes them into its debug log when it greets a SOCKS proxy.
    """

    @property
    def raw_auth(self) -> tuple[bytes, bytes] | None:
        """The user and the password, for SOCKS."""
        if self.auth is None:
            return None
        user, password = self.auth
        return _Hidden(user.encode()), _Hidden(password.encode())


class _Hidden(bytes):
    """Bytes to be sent and not to be shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "[redacted]"


def translate_failure(error: BaseException) -> None:
    """Raise httpx's error for one of socksio's, which httpcore lets through.

    Raises:
        ProxyError: what answers is no SOCKS proxy.
    """
    if type(error).__module__.partition(".")[0] == "socksio":
        raise httpx.ProxyError("it does not answer as a SOCKS5 proxy does")


class SocksTrace:
    """An extension of one request: hears what httpcore does, and ends what it leaves.

    Not for httpx's asynchronous client.
    """

    def __init__(self) -> None:
        self._stream: Any = None

    def __call__(self, event: str, facts: Mapping[str, Any]) -> None:
        """Hear of a step."""
        if event.endswith("connect_tcp.complete"):
            self._stream = facts["return_value"]
        elif event.endswith("setup_socks5_connection.failed"):
            self._stream.close()
            translate_failure(facts["exception"])
