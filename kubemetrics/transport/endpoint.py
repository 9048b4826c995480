"""One server: its address, its headers, the TLS and the proxy on the way to it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit

import httpcore

from .._version import __version__
from ..auth.credential import ClientCertificate, Credential, impersonation_headers
from ..config.model import Config
from ..errors import ConfigError, TransportError
from ..flow import Request
from .proxy import Proxy, choose
from .tls import build_context, build_proxy_context

ConnectionKey = tuple[ClientCertificate | None, bytes | None]
"""What connections are kept under: the client's certificate and the CAs, as PEM."""

USER_AGENT: Final = f"kubemetrics/{__version__}"
_ANY_TEXT: Final = "surrogatepass"
"""What is no Unicode (a word of the command line, a continue token) is sent as well:
that it names nothing is the server's to say."""

_NOT_IN_A_URL: Final = re.compile(
    r"""[^!$&'()*+,\-./0-9:;=?@A-Z\[\\\]^_a-z|~%]|%(?![0-9A-Fa-f]{2})"""
)
"""What is sent percent-encoded, whoever forgot to."""

_LONGEST: Final = 65536
"""Characters of an address; a server takes fewer."""

_PORTS: Final = {"http": 80, "https": 443}


class Headers(list[tuple[bytes, bytes]]):
    """Headers to be sent; what shows the variables of a crash shows no token."""

    def __repr__(self) -> str:
        return f"[{len(self)} headers]"


class Endpoint:
    """One server as its `Config` describes it: what every request to it shares.

    Raises:
        ConfigError: the server is no URL or carries a password, or the proxy is none.
    """

    def __init__(
        self, config: Config, *, user_agent: str = "", environ: Mapping[str, str]
    ) -> None:
        _check(config.server)
        self.config = config
        self.proxy: Proxy | None = choose(config, environ)
        encoding = "identity" if config.disable_compression else "gzip"
        self._base = config.server.rstrip("/")
        self._headers: tuple[tuple[str, str], ...] = (
            ("accept", "application/json"),
            ("accept-encoding", encoding),
            ("user-agent", user_agent or USER_AGENT),
            *impersonation_headers(config),
        )

    @property
    def proxy_address(self) -> str:
        """The proxy in between, without its credentials; empty for none."""
        return self.proxy.address if self.proxy else ""

    def proxy_url(self) -> httpcore.URL:
        """Return the address of the proxy to dial.

        Raises:
            ConfigError: there can be no host of that name.
        """
        proxy = self.proxy or Proxy(url="", address="", origin="")
        parts = urlsplit(proxy.address)
        try:
            host = host_of(parts)
        except UnicodeError:
            raise ConfigError(
                f'invalid {proxy.origin} "{proxy.address}": not a URL'
            ) from None
        return httpcore.URL(
            scheme=proxy.scheme.encode(), host=host, port=parts.port, target=b"/"
        )

    def url(self, request: Request) -> str:
        """Return the address of a request."""
        query = urlencode(request.query, quote_via=quote, errors=_ANY_TEXT)
        return f"{self._base}{request.path}{'?' if query else ''}{query}"

    def destination(self, url: str) -> tuple[bytes, httpcore.URL]:
        """Return the ``Host`` header for *url*, and the address to dial for it.

        Raises:
            TransportError: there can be no host of that name, or no such address.
        """
        place = url.partition("?")[0]
        if len(url) > _LONGEST:
            raise TransportError(
                f"{place}: cannot be asked for: the address is too long",
                url=url,
                reason="limit",
            )
        parts = urlsplit(url)
        try:
            host = host_of(parts)
        except UnicodeError:
            raise TransportError(
                f"{place}: that is no host name", url=url, reason="dns"
            ) from None
        shown = host.partition(b"%")[0]  # a zone is of this machine alone (RFC 6874)
        shown = b"[%b]" % shown if b":" in shown else shown
        if parts.port not in {None, _PORTS[parts.scheme]}:
            shown = b"%b:%d" % (shown, parts.port or 0)
        # httpcore asks a proxy for the bare ``::1:6443``, which says nothing of a port.
        through = self.proxy is not None and self.proxy.scheme in {"http", "https"}
        if through and b":" in host:
            host = b"[%b]" % host
        query = f"?{parts.query}" if parts.query else ""
        return shown, httpcore.URL(
            scheme=parts.scheme.encode(),
            host=host,
            port=parts.port,
            target=_escape(f"{parts.path or '/'}{query}"),
        )

    def headers(self, request: Request, credential: Credential) -> Headers:
        """Return all headers of one attempt; the request's own go before ours."""
        own = {name.lower() for name, _ in request.headers}
        headers = [pair for pair in self._headers if pair[0] not in own]
        headers.extend(request.headers)
        if credential.authorization and "authorization" not in own:
            headers.append(("authorization", credential.authorization))
        # In UTF-8, as Go sends them: an impersonated user need not be ASCII.
        return Headers(
            (name.encode(), value.encode(errors=_ANY_TEXT)) for name, value in headers
        )

    def context(self, key: ConnectionKey) -> ssl.SSLContext:
        """Build the SSL context for a key."""
        certificate, authorities = key
        return build_context(self.config, certificate, authorities)

    def proxy_context(self) -> ssl.SSLContext | None:
        """Build the SSL context for the hop to an https proxy, where there is one."""
        if self.proxy is None or self.proxy.scheme != "https":
            return None
        return build_proxy_context(self.config)


def _check(server: str) -> None:
    """Refuse what no kubeconfig gives; a password would end up in every message."""
    from ..config.validate import parse_server  # noqa: PLC0415 - reads kubeconfigs

    try:
        scheme = parse_server(server).scheme
    except ValueError as error:
        raise ConfigError(f"the server's URL {error}") from None
    if not scheme:
        raise ConfigError("the server's URL must begin with https:// or http://")


def host_of(parts: SplitResult) -> bytes:
    """Return the host of a URL as it is dialled: in ASCII, an IPv6 zone included.

    Raises:
        UnicodeError: no name can be so.
    """
    host = parts.hostname or ""
    if ":" in host:
        return unquote(host).encode("ascii")
    if host.isascii():
        return host.encode()
    import idna  # noqa: PLC0415 - httpx brings it; few names need it

    return idna.encode(host, uts46=True)


def _escape(target: str) -> bytes:
    return _NOT_IN_A_URL.sub(
        lambda found: "".join(
            f"%{byte:02X}" for byte in found[0].encode(errors=_ANY_TEXT)
        ),
        target,
    ).encode()
