"""Which proxy leads to the server, the kubeconfig's or the environment's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from ..config.model import Config
from ..errors import ConfigError
from ..frozen import dataclass

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
    literal = _address(host)
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


class _Secret(bytes):
    """Bytes to be sent and not to be shown: httpcore logs how it greets a proxy."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "[redacted]"


def _secret(quoted: str) -> _Secret:
    return _Secret(unquote(quoted).encode())


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
        raise ConfigError(f'invalid {found.origin} "{found.address}": {problem}')
    if found.scheme.startswith("socks") and not has_socks():
        raise ConfigError(
            f"{found.origin} {found.address}: SOCKS needs one more package:"
            " pip install 'kubemetrics[socks]'"
        )
    return found


def without_credentials(url: str) -> str:
    """Return *url* without user and password, whatever else it holds."""
    scheme, slashes, rest = url.rpartition("://")
    authority, separator, tail = _split_authority(rest)
    return f"{scheme}{slashes}{authority.rpartition('@')[2]}{separator}{tail}"


def _split_authority(rest: str) -> tuple[str, str, str]:
    # A password may hold any of /?# unescaped by mistake: better to cut too much.
    before, at, after = rest.rpartition("@")
    host, slash, tail = after.partition("/")
    return before + at + host, slash, tail


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


def _proxy(url: str, origin: str) -> Proxy:
    return Proxy(url=url, address=without_credentials(url), origin=origin)


def _problem(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "not a URL"
    if parts.scheme not in _SCHEMES:
        return f'unsupported scheme "{parts.scheme}", must be {", ".join(_SCHEMES)}'
    return "" if host else "there is no host in it"
