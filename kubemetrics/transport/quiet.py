"""A proxy for httpx whose credentials nobody logs.

httpcore writes them into its debug log when it greets a SOCKS proxy.
"""

from __future__ import annotations

import httpx


class _Hidden(bytes):
    """Bytes to be sent and not to be shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "[redacted]"


class QuietProxy(httpx.Proxy):
    """What httpx takes for a proxy, with user and password kept out of logs."""

    @property
    def raw_auth(self) -> tuple[bytes, bytes] | None:
        """The user and the password, for SOCKS."""
        if self.auth is None:
            return None
        user, password = self.auth
        return _Hidden(user.encode()), _Hidden(password.encode())
