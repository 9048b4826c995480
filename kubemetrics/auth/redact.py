"""Mask secrets in what a plugin or a provider wrote, and shorten it for an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final

from ..text import without_sequences

_SHOWN: Final = 600
"""Characters of the end of stderr that an error quotes."""

_MASK: Final = "[redacted]"
_SECRET_NAME: Final = re.compile(
    # AWS_WEB_IDENTITY_TOKEN_FILE names a path, which helps.
    r"(?i)(?!.*_(?:FILE|PATH|DIR|UR[IL])$).*(?:secret|token|passw|api_?key|access_?key)"
)
_SHORTEST: Final = 6
"""A shorter value of an environment variable is no secret but ``true`` or ``1``."""

_PATTERNS: Final = (
    re.compile(r"(?s)-----BEGIN [A-Z0-9 ]*-----.*?(?:-----END [A-Z0-9 ]*-----|$)"),
    re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*)*"),  # a JWT
    re.compile(r"(?i)(?<=\bbearer )\S+|(?<=\bbasic )\S+"),
    re.compile(r"(?<=://)[^/\s@]+(?=@)"),
    re.compile(r"(?i)(passw(?:or)?d[\"']?\s*[:=]\s*[\"']?)[^\s\"',;}]{4,}"),
    # "failed to get token: no such host" is prose: a bare word without a digit stays.
    re.compile(
        r"(?i)(?<![\w-])((?:[\w-]*(?:secret|token|api[_-]?key|access[_-]?key|assertion"
        r"|authorization|(?:key|certificate)-?data))(?:[\"']\s*[:=]\s*|\s*=\s*"
        r"|:(?=\S)|:\s+(?=[\"']|\S*\d))[\"']?)[^\s\"',;}]{4,}"
    ),
    # An opaque string; a UUID stays, since it names the request to ask the cloud about.
    re.compile(
        r"(?<![\w/+=.-])(?![0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?!\w))"
        r"(?=[\w+=/-]*\d)(?=[\w+=/-]*[A-Za-z])[\w+=-]{24,}[\w+=/-]*"
    ),
)


def quote_stderr(stderr: str, secrets: Iterable[str]) -> str:
    """Return the end of *stderr* on one line, bounded, with *secrets* masked."""
    text = without_sequences(stderr.replace("\r", "\n").replace("\t", " "))
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    for pattern in _PATTERNS:
        text = pattern.sub(_mask, text)
    lines = (line.strip() for line in text.splitlines())
    joined = " | ".join(line for line in lines if line)
    return joined if len(joined) <= _SHOWN else f"…{joined[-_SHOWN:]}"


def known_secrets(environ: Mapping[str, str], args: tuple[str, ...]) -> frozenset[str]:
    """Return the values a plugin was given under names of secrets."""
    found = [value for name, value in environ.items() if _SECRET_NAME.search(name)]
    found.extend(_secret_arguments(args))
    return frozenset(value for value in found if len(value) >= _SHORTEST)


def _secret_arguments(args: tuple[str, ...]) -> Iterator[str]:
    for flag, value in pairwise((*args, "")):
        name, equals, own = flag.partition("=")
        if name.startswith("-") and _SECRET_NAME.search(name):
            yield own if equals else value


def _mask(found: re.Match[str]) -> str:
    return f"{found[1] if found.re.groups else ''}{_MASK}"
