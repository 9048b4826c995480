"""Distance: a relay that adds a round trip's time, for benchmarks."""

from __future__ import annotations

import socket
import time

from .closing import Closing
from .tcp import Listener, connect, relay


class Distance(Closing):
    """A TCP relay that puts *round_trip* seconds between a client and *port*.

    Setting up a connection costs one round trip, as a handshake over a distance does,
    and every byte half of one.
    """

    def __init__(self, port: int, round_trip: float) -> None:
        self._target = ("127.0.0.1", port)
        self._round_trip = round_trip
        self._listener = Listener(self._handle)
        self.port = self._listener.port

    def close(self) -> None:
        self._listener.close()

    def _handle(self, client: socket.socket) -> None:
        time.sleep(self._round_trip)
        upstream = self._listener.keep(connect(self._target))
        try:
            relay(client, upstream, self._round_trip / 2)
        finally:
            self._listener.drop(upstream)
