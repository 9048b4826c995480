"""A clock that goes only when it is told to, and tokens that end by it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

START = 1_800_000_000.0


class Clock:
    """Seconds since the epoch."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def jwt(**claims: object) -> str:
    """Make a token of that shape; nobody verifies its signature."""
    parts = (json.dumps({"alg": "RS256"}), json.dumps(claims), "signature")
    return ".".join(
        urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts
    )
