"""A server that answers just enough for `kubectl get pods`, and notes what it saw."""

from __future__ import annotations

import http.server
import json
import re
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import trustme

_LIST: Final = re.compile(r"(.*)/api/v1/namespaces/(.*)/pods")
_PODS: Final = {"name": "pods", "namespaced": True, "kind": "Pod", "verbs": ["list"]}
_ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/pods": {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [_PODS]},
}


@dataclass(frozen=True)
class Seen:
    """What came with the list: where to, for which namespace, as whom."""

    secure: bool
    prefix: str
    namespace: str
    authorization: str | None
    impersonate: dict[str, tuple[str, ...]]


@dataclass
class Site:
    """The same server twice: over https, with its CA, and over http."""

    https: str
    http: str
    ca: bytes
    seen: list[Seen] = field(default_factory=list[Seen])


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one segment, or each answer takes 40 ms
    seen: list[Seen]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if listed := _LIST.fullmatch(path):
            self.seen.append(self._seen(*listed.groups()))
        known = (body for end, body in _ANSWERS.items() if path.endswith(end))
        self._answer(next(known, {}))

    def _seen(self, prefix: str, namespace: str) -> Seen:
        names = {
            name.lower() for name in self.headers if name.startswith("Impersonate")
        }
        return Seen(
            secure=isinstance(self.connection, ssl.SSLSocket),
            prefix=prefix,
            namespace=namespace,
            authorization=self.headers["Authorization"],
            impersonate={n: tuple(self.headers.get_all(n, [])) for n in names},
        )

    def _answer(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        pass  # a client that does not trust the certificate


@contextmanager
def running_site() -> Generator[Site]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    seen: list[Seen] = []
    handler = type("Handler", (_Handler,), {"seen": seen})
    with (
        _Server(("127.0.0.1", 0), handler) as tls,
        _Server(("127.0.0.1", 0), handler) as bare,
    ):
        tls.socket = context.wrap_socket(tls.socket, server_side=True)
        threads = [
            threading.Thread(target=s.serve_forever, args=(0.01,)) for s in (tls, bare)
        ]
        for thread in threads:
            thread.start()
        try:
            yield Site(
                f"https://127.0.0.1:{tls.server_port}",
                f"http://127.0.0.1:{bare.server_port}",
                authority.cert_pem.bytes(),
                seen,
            )
        finally:
            tls.shutdown()
            bare.shutdown()
            for thread in threads:
                thread.join()
