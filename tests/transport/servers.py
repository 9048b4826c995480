"""A TLS server and a CONNECT proxy on the loopback, which say what they saw."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from .certs import Issued

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class _Listener:
    def __init__(self, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, 0), family=family)
        self.port: int = self._socket.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._thread.join(5)

    def _serve(self) -> None:
        workers = []
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                break
            self._open.append(sock)
            worker = threading.Thread(target=self._quietly, args=(sock,))
            worker.start()
            workers.append(worker)
        for worker in workers:
            worker.join(5)

    def _quietly(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), sock:
            self.handle(sock)

    def handle(self, sock: socket.socket) -> None:
        raise NotImplementedError


def server_context(
    certificate: Issued, *chain: Issued, ciphers: str = ""
) -> ssl.SSLContext:
    """*ciphers* are for TLS 1.2, which it then speaks at most."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers or "DEFAULT@SECLEVEL=0")
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "server.pem")
        parts = (certificate.key, certificate.pem, *(ca.pem for ca in chain))
        path.write_bytes(b"".join(parts))
        context.load_cert_chain(path)
    return context


class TlsServer(_Listener):
    """Speaks TLS, answers every request with 200, records names and certificates."""

    def __init__(
        self,
        certificate: Issued,
        *chain: Issued,
        clients: Issued | None = None,
        host: str = "127.0.0.1",
        answer: bytes | None = _ANSWER,
        ciphers: str = "",
    ) -> None:
        super().__init__(host)
        self.names: list[str | None] = []
        self.heads: list[str] = []
        self.peers: list[str] = []
        self.versions: list[str | None] = []
        self._answer = answer
        self._context = server_context(certificate, *chain, ciphers=ciphers)
        self._context.sni_callback = self._saw_name
        if clients is not None:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(cadata=clients.pem.decode())

    def _saw_name(self, _sock: object, name: str | None, _context: object) -> None:
        self.names.append(name)

    def handle(self, sock: socket.socket) -> None:
        with self._context.wrap_socket(sock, server_side=True) as tls:
            self._open.append(tls)
            peer = tls.getpeercert()
            self.versions.append(tls.version())
            if peer:
                subject = dict(pair for part in peer["subject"] for pair in part)  # type: ignore[misc]
                self.peers.append(str(subject["commonName"]))
            while head := tls.recv(65536):
                self.heads.append(head.decode("latin-1"))
                if self._answer is not None:
                    tls.sendall(self._answer)


class PlainServer(_Listener):
    """Answers whatever comes with fixed bytes, and closes."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self._answer = answer
        self.requests: list[bytes] = []

    def handle(self, sock: socket.socket) -> None:
        self.requests.append(sock.recv(65536))
        sock.sendall(self._answer)


class ConnectProxy(_Listener):
    """Tunnels; *status* other than 200 refuses instead."""

    def __init__(
        self,
        *,
        status: str = "200 Connection established",
        context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__()
        self.requests: list[str] = []
        self._status = status
        self._context = context

    def handle(self, sock: socket.socket) -> None:
        if self._context is not None:
            sock = self._context.wrap_socket(sock, server_side=True)
            self._open.append(sock)
        head = sock.recv(65536).decode()
        self.requests.append(head)
        sock.sendall(f"HTTP/1.1 {self._status}\r\n\r\n".encode())
        if self._status.startswith("200"):
            host, _, port = head.split()[1].rpartition(":")
            self._tunnel(sock, (host.strip("[]"), int(port)))

    def _tunnel(self, sock: socket.socket, target: tuple[str, int]) -> None:
        with socket.create_connection(target) as upstream:
            self._open.append(upstream)
            back = threading.Thread(target=_copy, args=(upstream, sock))
            back.start()
            _copy(sock, upstream)
            back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class ScriptedServer(_Listener):
    """Does with each connection what *script* does."""

    def __init__(
        self, script: Callable[[socket.socket], None], *, host: str = "127.0.0.1"
    ) -> None:
        super().__init__(host)
        self._script = script

    def handle(self, sock: socket.socket) -> None:
        self._script(sock)


class EchoServer(_Listener):
    """Speaks TLS and fills what it was sent into its *answers*, by the path's start.

    In an answer @SENT stands for the Authorization header, @SECRET for the *secret*,
    both in the *form* that this server writes them in, and @HERE for its address.
    """

    def __init__(self, certificate: Issued) -> None:
        super().__init__()
        self._context = server_context(certificate)
        self.answers: dict[str, bytes] = {}
        self.form: Callable[[str], str] = str
        self.secret = ""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def handle(self, sock: socket.socket) -> None:
        with self._context.wrap_socket(sock, server_side=True) as tls:
            self._open.append(tls)
            while head := tls.recv(65536):
                if head.startswith((b"GET ", b"POST ")):  # else it is a body
                    tls.sendall(self._answer(head))

    def _answer(self, head: bytes) -> bytes:
        path = head.split(b" ", 2)[1].decode()
        found = next(a for start, a in self.answers.items() if path.startswith(start))
        top, blank, body = self._filled(found, head).partition(b"\r\n\r\n")
        return top + b"\r\ncontent-length: %d" % len(body) + blank + body

    def _filled(self, answer: bytes, head: bytes) -> bytes:
        lines = (line.partition(b": ") for line in head.split(b"\r\n"))
        sent = next((v for n, _, v in lines if n.lower() == b"authorization"), b"")
        words = {
            b"@SENT": self.form(sent.decode("latin-1")),
            b"@SECRET": self.form(self.secret),
            b"@HERE": self.url,
        }
        for word, value in words.items():
            answer = answer.replace(word, value.encode("latin-1"))
        return answer
