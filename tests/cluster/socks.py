"""A SOCKS5 proxy on loopback that logs what it is asked for."""

from __future__ import annotations

import socket
import struct

from .proxy import Asked, Proxy
from .tcp import read_exactly


class SocksProxy(Proxy):
    """SOCKS5 (RFC 1928) with or without a password (RFC 1929); CONNECT only."""

    scheme = "socks5"

    def _handle(self, client: socket.socket) -> None:
        credentials = self._greet(client)
        if self._credentials not in (None, credentials):
            client.sendall(b"\x01\x01")
            return
        if credentials is not None:
            client.sendall(b"\x01\x00")
        _, command, _, kind = read_exactly(client, 4)
        host = _socks_host(client, kind)
        (port,) = struct.unpack("!H", read_exactly(client, 2))
        method = "CONNECT" if command == 1 else f"command {command}"
        target = f"{host}:{port}"
        self._note(Asked(method=method, target=target, credentials=credentials))
        self._answer(client, host, port)

    def _greet(self, client: socket.socket) -> str | None:
        """Settle on a method and return the credentials, None without any."""
        _, count = read_exactly(client, 2)
        methods = read_exactly(client, count)
        if self._credentials is None:
            client.sendall(b"\x05\x00")
            return None
        if 2 not in methods:
            client.sendall(b"\x05\xff")
            raise ConnectionError("a client without credentials")
        client.sendall(b"\x05\x02")
        read_exactly(client, 1)
        return f"{_counted(client)}:{_counted(client)}"

    def _answer(self, client: socket.socket, host: str, port: int) -> None:
        reply = b"\x00\x01\x00\x00\x00\x00\x00\x00"
        try:
            upstream = self._upstream(host, port)
        except OSError:
            client.sendall(b"\x05\x05" + reply)
            return
        client.sendall(b"\x05\x00" + reply)
        self._join(client, upstream)


def _counted(client: socket.socket) -> str:
    (size,) = read_exactly(client, 1)
    return read_exactly(client, size).decode()


def _socks_host(client: socket.socket, kind: int) -> str:
    if kind == 1:
        return socket.inet_ntop(socket.AF_INET, read_exactly(client, 4))
    if kind == 4:
        return socket.inet_ntop(socket.AF_INET6, read_exactly(client, 16))
    return _counted(client)
