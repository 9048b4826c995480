"""A token in a file, which somebody else renews: a service account's, above all."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..errors import CredentialError
from .credential import Credential
from .expiry import token_expiry
from .headers import bearer, token_problem
from .refresh import Refreshing

_EVERY: Final = 50.0
"""Seconds; client-go's transport/token_source.go has 60 with a leeway of 10."""

_log = logging.getLogger("kubemetrics")


class TokenFile:
    """Reads the token at *path*; the last good one is kept when that fails.

    Until it could be read once, *fallback* stands in: a kubeconfig's static token.
    """

    def __init__(self, path: str, fallback: Credential | None) -> None:
        self._path = path
        self._last = fallback

    def obtain(self, _rejected: Credential | None) -> Credential:
        """Read the file.

        Raises:
            CredentialError: it cannot be read or used, and there is nothing to keep.
        """
        found = _read(self._path)
        if isinstance(found, Credential):
            self._last = found
        elif self._last is None:
            raise CredentialError(found)
        else:
            _log.warning("keeping the token read before: %s", found)
        return self._last


def token_file_source(
    path: str, fallback: Credential | None, clock: Callable[[], float]
) -> Refreshing:
    """Make the source that reads *path* about every 50 seconds, and after a 401."""
    return Refreshing(
        TokenFile(path, fallback).obtain, lambda _, now: now + _EVERY, clock
    )


def _read(path: str) -> Credential | str:
    """Return the credential, or what is wrong: no frame that raises holds a token."""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        return f'failed to read token file "{path}": {error.strerror}'
    except UnicodeDecodeError:
        return f'failed to read token file "{path}": it is not UTF-8 text'
    if not text:
        return f'read empty token from file "{path}"'
    problem = token_problem(text)
    if problem:
        return f'the token in file "{path}" {problem}'
    return Credential(
        authorization=bearer(text), kind="token file", expires_at=token_expiry(text)
    )
