"""Header values: ``Authorization`` and the four kinds of ``Impersonate-*``."""

from __future__ import annotations

import string
from base64 import b64encode
from collections.abc import Iterator
from typing import Final

from ..config.model import Config, Impersonation
from ..errors import ConfigError

_LEGAL_IN_NAMES: Final = frozenset(
    (string.ascii_letters + string.digits + "!#$&'*+-.^_`|~").encode()
)
"""RFC 9110's token characters without ``%``, which client-go escapes as well."""


def bearer(token: str) -> str:
    """Make the header of a token."""
    return f"Bearer {token.strip()}"


def basic(username: str, password: str) -> str:
    """Make the header of a user and a password (RFC 7617, in UTF-8)."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"


def token_problem(token: str) -> str:
    """Say what forbids *token* in a header, without quoting it; empty if nothing.

    An HTTP library would refuse it too, and show it (kubernetes-client/python#656).
    """
    text = token.strip()
    if not text:
        return "is empty"
    if not text.isascii():
        return "holds characters that are not ASCII"
    if not text.isprintable():
        return "holds control characters, such as a line break within it"
    return ""


def impersonation_headers(config: Config) -> tuple[tuple[str, str], ...]:
    """Return the ``Impersonate-*`` headers *config* asks for, one a group and value.

    Blanks around a value are dropped, as Go's net/http does.

    Source: client-go transport/round_trippers.go, ``impersonatingRoundTripper``.

    Raises:
        ConfigError: a value holds a control character.
    """
    if config.impersonate is None:
        return ()
    headers = tuple((n, v.strip(" \t")) for n, v in _headers(config.impersonate))
    for name, value in headers:
        if any(ord(char) < ord(" ") or char == "\x7f" for char in value):
            raise ConfigError(f"the value of {name} holds a control character")
    return headers


def _headers(who: Impersonation) -> Iterator[tuple[str, str]]:
    yield "Impersonate-User", who.user
    if who.uid:
        yield "Impersonate-Uid", who.uid
    for group in who.groups:
        yield "Impersonate-Group", group
    for key, values in who.extra:
        for value in values:
            yield f"Impersonate-Extra-{_escape(key)}", value


def _escape(key: str) -> str:
    return "".join(
        chr(byte) if byte in _LEGAL_IN_NAMES else f"%{byte:02X}"
        for byte in key.encode()
    )
