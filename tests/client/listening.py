"""What each driver makes of one answer, as the flow or the watch is told of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import anyio
import anyio.to_thread

from kubemetrics import AsyncClient, Client
from kubemetrics.api import Api
from kubemetrics.api.watch import Watch, WatchEvent, WatchOptions
from kubemetrics.config.model import Config
from kubemetrics.errors import KubeMetricsError, TransportError
from kubemetrics.flow import Flow, Request
from tests.cluster import Cluster

from .outcomes import word_of, word_of_stream
from .waiting import WATCHDOG, settled

DRIVERS = ("sync", "asyncio", "trio")
PATHS = {
    "list": "/api/v1/pods",
    "get": "/api/v1/namespaces/team-b/pods/debug-tzpns",
}
"""Of a body that the server compresses, and of one that it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds: for the whole, and between two bytes of a stream."""

    deadline: float = WATCHDOG
    silence: float = WATCHDOG


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request to a *cluster*, where something may be in its way.

    *path* is empty for a watch. *kept* is how many connections the client should keep.
    """

    cluster: Cluster
    config: Config
    path: str
    patience: Patience
    kept: int

    def by(self, driver: str) -> str:
        """Return in a word what came of it, and the connections that were kept."""
        if driver == "sync":
            return self._blocking()
        return anyio.run(self._awaiting, backend=driver)

    def _blocking(self) -> str:
        with Client(self.config, read_timeout=self.patience.silence) as client:
            if self.path:
                told = client.run(_once(self.path), timeout=self.patience.deadline)
            else:
                listener = self._listener(client.api)
                events = client._calls.watch(listener, self.patience.deadline)
                with contextlib.suppress(Ended):
                    listener.told.extend(events)
                told = listener.word
            return f"{told} {self._left()}"

    async def _awaiting(self) -> str:
        silence = self.patience.silence
        async with AsyncClient(self.config, read_timeout=silence) as client:
            if self.path:
                flow = _once(self.path)
                told = await client.run(flow, timeout=self.patience.deadline)
            else:
                listener = self._listener(client.api)
                events = client._calls.watch(listener, self.patience.deadline)
                with contextlib.suppress(Ended):
                    async for event in events:
                        listener.told.append(event)
                told = listener.word
            # Beside the loop, which has connections to close.
            return f"{told} {await anyio.to_thread.run_sync(self._left)}"

    def _listener(self, api: Api) -> Listener:
        return Listener(api, from_now(self.cluster))

    def _left(self) -> int:
        """Wait for the server to see what the client closes; return what is open."""
        settled(lambda: self.cluster.open_connections == self.kept)
        return self.cluster.open_connections


def from_now(cluster: Cluster) -> str:
    """Return the version to watch from, for what changes from now on."""
    return str(cluster.revision.current)


def watch_out(
    config: Config, driver: str, version: str, *, seconds: float
) -> list[WatchEvent]:
    """Return all that a watch from *version* on tells until its time is over."""
    options: WatchOptions = {"resource_version": version, "timeout": seconds}
    if driver == "sync":
        with Client(config) as client, client.watch_pods(**options) as events:
            return list(events)

    async def main() -> list[WatchEvent]:
        async with (
            AsyncClient(config) as client,
            client.watch_pods(**options) as events,
        ):
            return [event async for event in events]

    return anyio.run(main, backend=driver)


def _once(path: str) -> Flow[str]:
    try:
        return word_of((yield Request(path=path)))
    except TransportError as error:
        return word_of(error)


class Ended(KubeMetricsError):  # noqa: N818 - a stream is, and not in vain
    """The first stream of a watch is over."""


class Listener(Watch):
    """A watch from *version* on that only looks at how its first stream ends."""

    def __init__(self, api: Api, version: str) -> None:
        super().__init__(api, {"resource_version": version}, clock=time.monotonic)
        self.told: list[WatchEvent] = []
        self.word = ""
        self._heard = b""

    def feed(self, chunk: bytes) -> Iterator[WatchEvent]:
        self._heard += chunk
        return super().feed(chunk)

    def ended(self, error: KubeMetricsError | None) -> Flow[tuple[WatchEvent, ...]]:
        first, _, rest = self._heard.partition(b"\n")
        self.word = word_of_stream(rest if b"BOOKMARK" in first else self._heard, error)
        raise Ended
