"""Which proxy leads to the server: the kubeconfig's, else the environment's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ..config.model import Config
from ..errors import ConfigError
from ..frozen import dataclass

_SCHEMES: Final = ("http", "https", "socks5", "socks5h")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy to go through.

    *url* is what to hand to httpx, credentials included; *address* is the same without
    them, for people; *origin* is where it was found: ``proxy-url`` or a variable.
    """

    url: str = field(repr=False)
    address: str
    origin: str

    @property
    def scheme(self) -> str:
        """``http``, ``https``, ``socks5`` or ``socks5h``."""
        return self.url.partition(":")[0].lower()


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
    from .noproxy import bypasses  # noqa: PLC0415 - only where a proxy is named

    return bypasses(no_proxy, target.hostname or "", _port(target))


def _either(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.lower(), "")


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
