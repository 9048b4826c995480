"""The two URLs of a kubeconfig: the server's and the proxy's."""

from __future__ import annotations

import re
from contextlib import suppress
from posixpath import normpath
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from ..frozen import dataclass

PROXY_SCHEMES: Final = ("http", "https", "socks5")
_CONTROL: Final = frozenset(map(chr, (*range(0x20), 0x7F)))
_BROKEN_ESCAPE: Final = re.compile("%(?![0-9a-fA-F]{2})")
_LEGAL_IN_PATHS: Final = "/$&+,:;=@~"


@dataclass(frozen=True, slots=True)
class ServerURL:
    """A server's address; *scheme* is empty where none was written."""

    scheme: str
    address: str

    def __str__(self) -> str:
        """Write the URL; without a scheme it is http, as for client-go."""
        return f"{self.scheme or 'http'}://{self.address}"


def parse_server(text: str) -> ServerURL:
    """Read a URL or a ``host:port``; query, fragment and a last slash are dropped.

    The path is written as Go does it: dots and double slashes resolved, escapes only
    where there must be some.

    Source: client-go rest/url_utils.go, ``DefaultServerURL``.

    Raises:
        ValueError: it is neither, or it carries a password. *text* is not quoted.
    """
    bare = "://" not in text
    parts = _split("//" + text if bare else text)
    if "@" in parts.netloc:
        raise ValueError("must not carry a user or a password: use a user stanza")
    if parts.scheme not in {"", "http", "https"}:
        raise ValueError("must be an https or http URL")
    if _BROKEN_ESCAPE.search(parts.path):
        raise ValueError("must not have a % in its path that is no escape")
    if bare and parts.path not in {"", "/"}:
        raise ValueError("must be a URL (https://host:port/path) or host:port")
    return ServerURL(parts.scheme, parts.netloc + _clean(parts.path))


def check_proxy(text: str) -> None:
    """Check a ``proxy-url``.

    Source: client-go tools/clientcmd/helpers.go, ``parseProxyURL``.

    Raises:
        ValueError: it is not one. *text* is not quoted: it may hold a password.
    """
    if _split(text).scheme not in PROXY_SCHEMES:
        raise ValueError(f"must be a URL: {', '.join(PROXY_SCHEMES)}")


def _clean(path: str) -> str:
    decoded = unquote(path)
    if not decoded.strip("/"):
        return ""
    return quote(normpath(f"/{decoded.lstrip('/')}"), safe=_LEGAL_IN_PATHS)


def _split(text: str) -> SplitResult:
    # urlsplit drops tabs and line breaks in silence, and blanks around; Go refuses.
    if not _CONTROL.intersection(text) and text == text.strip():
        with suppress(ValueError):
            parts = urlsplit(text)
            if parts.hostname and parts.port != 0 and " " not in parts.netloc:
                return parts
    raise ValueError("is not a URL with a host")
