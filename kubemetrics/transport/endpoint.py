"""One server: its address, its headers, the TLS and the proxy on the way to it.

The proxy is the kubeconfig's or the environment's (golang.org/x/net/http/httpproxy).
"""

from __future__ import annotations

import re
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit

import httpcore

from .. import __version__
from ..auth import ClientCertificate, Credential, impersonation_headers
from ..config.model import CONTROL_CHARACTERS, Config
from ..errors import ConfigError, TransportError
from ..flow import Request
from ..frozen import dataclass
from ..text import without_credentials
from .tls import build_context, build_proxy_context

_Address: TypeAlias = IPv4Address | IPv6Address


def bypasses(no_proxy: str, host: str, port: int) -> bool:
    """Return whether *host* is reached without a proxy; the local machine always is.

    Suffixes, addresses, CIDR blocks and ports, as in Go's
    golang.org/x/net/http/httpproxy/proxy.go; httpx's own reading knows no CIDR.
    """
    name = _ascii(host.strip().lower())
    address = _address(name)
    if name == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = (entry.strip().lower() for entry in no_proxy.split(","))
    return any(_matches(entry, name, address, port) for entry in entries if entry)


def _matches(entry: str, name: str, address: _Address | None, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return address is not None and _in_block(entry, address)
    host, wanted = _split_port(entry)
    if wanted not in {"", str(port)}:
        return False
    # One with a zone is no address to Go: it bypasses nothing.
    literal = None if "%" in host else _address(host)
    if literal is not None:
        return literal == address
    # An address is below no name, whatever its zone is called (CVE-2025-22870).
    return address is None and _is_below(name, _ascii(host))


def _in_block(entry: str, address: _Address) -> bool:
    try:
        return address in ip_network(entry, strict=False)
    except ValueError:
        return False


def _is_below(name: str, domain: str) -> bool:
    """``.foo`` and ``*.foo`` are the names below foo; ``foo`` is foo itself as well."""
    suffix = domain.removeprefix("*")
    if suffix.startswith("."):
        return name.endswith(suffix)
    return bool(suffix) and (name == suffix or name.endswith(f".{suffix}"))


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, rest.removeprefix(":")
    host, colon, port = entry.rpartition(":")
    if not colon or ":" in host:  # no port, or a bare IPv6 address
        return entry, ""
    return host, port


def _ascii(name: str) -> str:
    """Return *name* as DNS has it; what is no name stays as it is."""
    if name.isascii():
        return name
    import idna  # noqa: PLC0415 - httpx brings it; few names need it

    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return name


def _address(text: str) -> _Address | None:
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


_BYTES: Final = ("utf-8", "surrogateescape")
"""How the bytes of a variable that are no UTF-8 come back."""
_SHORTEST: Final = 4
"""Characters; a shorter password would mask half of any text."""
_SCHEMES: Final = ("http", "https", "socks5", "socks5h")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy to go through.

    *url* has the credentials; *address* is the same without them, for people and to
    dial; *origin* is where it was found: ``proxy-url`` or a variable.
    """

    url: str = field(repr=False)
    address: str
    origin: str

    @property
    def scheme(self) -> str:
        """``http``, ``https``, ``socks5`` or ``socks5h``."""
        return self.url.partition(":")[0].lower()

    @property
    def credentials(self) -> tuple[bytes, bytes] | None:
        """The user and the password in its URL, not to be shown in a log."""
        parts = urlsplit(self.url)
        if parts.username is None:
            return None
        return _secret(parts.username), _secret(parts.password or "")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What a proxy may repeat of its credentials: the password, and the pair."""
        if self.credentials is None:
            return ()
        user, password = self.credentials
        pair = b64encode(b"%b:%b" % (user, password)).decode()
        shown = password.decode(*_BYTES)
        return (pair, shown) if len(shown) >= _SHORTEST else (pair,)


class _Secret(bytes):
    """Bytes to be sent and not to be shown: httpcore logs how it greets a proxy."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "[redacted]"


def _secret(quoted: str) -> _Secret:
    return _Secret(unquote(quoted).encode(*_BYTES))


def _has_socks() -> bool:
    from importlib.util import find_spec  # noqa: PLC0415 - for SOCKS alone

    return find_spec("socksio") is not None


def choose(
    config: Config,
    environ: Mapping[str, str],
    *,
    has_socks: Callable[[], bool] = _has_socks,
) -> Proxy | None:
    """Choose the proxy for *config*'s server, ``None`` to go there directly.

    A kubeconfig's ``proxy-url`` is exclusive: ``NO_PROXY`` does not count then.

    Source of the rules: golang.org/x/net/http/httpproxy (ALL_PROXY is not read).

    Raises:
        ConfigError: its URL is none, its scheme unknown, or SOCKS is not installed.
    """
    found = _configured(config) or _from_environment(config.server, environ)
    if found is None:
        return None
    problem = _problem(found.url)
    if problem:
        # Not quoted: what is no URL may hold a password anywhere.
        raise ConfigError(f"invalid {found.origin}: {problem}")
    if found.scheme.startswith("socks") and not has_socks():
        raise ConfigError(
            f"{found.origin} {found.address}: SOCKS needs one more package:"
            " pip install 'kubemetrics[socks]'"
        )
    return found


def _configured(config: Config) -> Proxy | None:
    if not config.proxy_url:
        return None
    return _proxy(config.proxy_url, "proxy-url")


def _from_environment(server: str, environ: Mapping[str, str]) -> Proxy | None:
    target = urlsplit(server)
    variable = f"{target.scheme.upper()}_PROXY"
    value = _either(environ, variable)
    if not value or _bypassed(target, _either(environ, "NO_PROXY")):
        return None
    if variable == "HTTP_PROXY" and environ.get("REQUEST_METHOD"):
        raise ConfigError(
            "refusing to use HTTP_PROXY in a CGI environment, where a request's Proxy"
            " header sets it (golang.org/s/cgihttpproxy); use proxy-url"
        )
    return _proxy(value if "://" in value else f"http://{value}", variable)


def _bypassed(target: SplitResult, no_proxy: str) -> bool:

    return bypasses(no_proxy, target.hostname or "", _port(target))


def _either(environ: Mapping[str, str], name: str) -> str:
    return (environ.get(name) or environ.get(name.lower(), "")).strip()


def _port(target: SplitResult) -> int:
    return target.port or _PORTS.get(target.scheme, 0)


def _proxy(given: str, origin: str) -> Proxy:
    url = given.strip()
    return Proxy(url=url, address=without_credentials(url), origin=origin)


def _problem(url: str) -> str:
    """Say what is wrong with *url*; what urlsplit mends in silence is wrong too."""
    try:
        url.encode(*_BYTES)
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "not a URL"
    if " " in url or not CONTROL_CHARACTERS.isdisjoint(url):
        return "not a URL, which holds no blank and no control character"
    if parts.scheme not in _SCHEMES:
        quoted = f' "{parts.scheme}"' if "://" in url else ""
        return f"unsupported scheme{quoted}, must be {', '.join(_SCHEMES)}"
    if not host:
        return "there is no host in it"
    return "not a URL: a % in its host" if _misplaced_percent(host) else ""


def _misplaced_percent(host: str) -> bool:
    """Return whether a % begins no zone in *host*: ``me%40secret`` is no name."""
    return "%" in host and _address(host) is None


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

    def proxy_context(self, key: ConnectionKey) -> ssl.SSLContext | None:
        """Build the SSL context for the hop to an https proxy, where there is one."""
        if self.proxy is None or self.proxy.scheme != "https":
            return None
        return build_proxy_context(self.config, key[1])


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
