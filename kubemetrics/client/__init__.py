"""Two clients over one set of flows: `Client` blocks, `AsyncClient` awaits."""

from __future__ import annotations

from .asynchronous import AsyncClient
from .sync import Client

__all__ = ["AsyncClient", "Client"]
