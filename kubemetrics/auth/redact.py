"""Mask secrets in what a plugin or a provider wrote, and shorten it for an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final, cast

from ..text import MASK, masked, without_sequences

_SHOWN: Final = 600
"""Characters of the end of stderr that an error quotes."""

_SECRET_NAME: Final = re.compile(
    # AWS_WEB_IDENTITY_TOKEN_FILE names a path, which helps.
    r"(?is)(?!.*_(?:FILE|PATH|DIR|UR[IL])$)(?!(?:OLD)?PWD$)"
    r".*(?:pass|pwd|cred|key|secret|token)"
)
_PLACE: Final = re.compile(r"(?:~?/[\w.@ -]+)+/?|https?://[\w.:-]+(?:/[\w./-]*)?")
"""A path, or an address without a user: no secret looks like it, and it helps."""
_WORD: Final = re.compile(r"[a-z]+(?:-[a-z]+)*")
"""An argument that is a command: ``get-token``."""
_SHORTEST: Final = 6
"""A shorter value of an environment variable is no secret but ``true`` or ``1``."""

_PATTERNS: Final = (
    re.compile(r"(?s)-----BEGIN [A-Z0-9 ]*-----.*?(?:-----END [A-Z0-9 ]*-----|$)"),
    re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*)*"),  # a JWT
    re.compile(r"(?i)(?<=\bbearer )\S+|(?<=\bbasic )\S+"),
    re.compile(r"(?<=://)[^/\s@]+(?=@)"),
    re.compile(r"(?i)(passw(?:or)?d[\"']?\s*[:=]\s*[\"']?)[^\s\"',;}]{4,}"),
    re.compile(
        r"(?i)(\b(?:passw(?:or)?d|passphrase|secret|token)\s+is\s+)(?=\S*\d)\S{4,}"
    ),
    # DB_PASS=…, APP_CRED=…; a variable that names a file stays.
    re.compile(
        r"(?i)(?<![\w-])([\w-]{0,40}(?:pass|pwd|cred|key|secret|token)"
        r"(?![\w-]{0,40}_(?:FILE|PATH|DIR|UR[IL])\b)[\w-]{0,40}\s?=\s?[\"']?)"
        r"[^\s\"',;}]{4,}"
    ),
    # "Token: AbCdEf": a word that no sentence has.
    re.compile(
        r"(?i)(\b(?:token|secret|key)[\"']?:\s+)(?-i:(?=\S*[a-z]\S*[A-Z])[\w+/=.-]{4,})"
    ),
    re.compile(r"(?i)(?<=[?&]code=)[^&\s\"']+"),
    re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{32,}(?![0-9A-Za-z])"),
    # An AWS key, whose slashes make it look like a path.
    re.compile(
        r"(?<![\w/+=.-])(?=[\w+/]*\d)(?=[\w+/]*[a-z])(?=[\w+/]*[A-Z])[A-Za-z0-9+/]{40,}"
        r"={0,2}(?![\w/+=.-])"
    ),
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
    text = masked(text, sorted(secrets, key=len, reverse=True))
    for pattern in _PATTERNS:
        text = pattern.sub(_mask, text)
    lines = (line.strip() for line in text.splitlines())
    joined = " | ".join(line for line in lines if line)
    return joined if len(joined) <= _SHOWN else f"…{joined[-_SHOWN:]}"


def known_secrets(
    environ: Mapping[str, str],
    args: tuple[str, ...],
    given: tuple[tuple[str, str], ...] = (),
) -> frozenset[str]:
    """Return what a plugin was given that is no path, no command and no flag.

    That is each argument, each value of *given*, the kubeconfig's ``env``, and of the
    whole *environ* what stands under names of secrets.
    """
    found = [value for name, value in environ.items() if _SECRET_NAME.match(name)]
    found.extend(value for _, value in given)
    found.extend(_secret_arguments(args))
    values = (arg.partition("=")[2] if arg.startswith("-") else arg for arg in args)
    found.extend(value for value in values if not _WORD.fullmatch(value))
    return frozenset(
        value
        for value in found
        if len(value) >= _SHORTEST and not _PLACE.fullmatch(value)
    )


def named_secrets(value: object, name: str = "") -> Iterator[str]:
    """Yield the texts under names of secrets in *value*, an object of JSON."""
    if isinstance(value, str):
        if _SECRET_NAME.match(name):
            yield value
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from named_secrets(item, name)
    elif isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            yield from named_secrets(inner, key)


def _secret_arguments(args: tuple[str, ...]) -> Iterator[str]:
    for flag, value in pairwise((*args, "")):
        name, equals, own = flag.partition("=")
        if name.startswith("-") and _SECRET_NAME.match(name):
            yield own if equals else value


def _mask(found: re.Match[str]) -> str:
    return f"{found[1] if found.re.groups else ''}{MASK}"
