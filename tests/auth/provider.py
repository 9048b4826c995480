"""An OpenID provider on the loopback, behind TLS, with refresh tokens that rotate."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs

from tests.transport.certs import leaf, ordinary
from tests.transport.servers import server_context

from .clock import START, jwt


class Provider:
    """Gives an id-token for the refresh token it gave last; each works once."""

    def __init__(self, *, secret: str = "", style: str = "basic") -> None:
        self.refresh_token = "refresh-0"
        self.rotates = True
        self.forms: list[dict[str, str]] = []
        self.discovery: dict[str, object] = {}
        self.answers: dict[str, object] | None = None
        self.grants = 0
        self.refused = ""
        self._secret = secret
        self._style = style
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        context = server_context(leaf(ordinary(), "localhost"))
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://localhost:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def discover(self, path: str) -> tuple[int, object]:
        if path != "/.well-known/openid-configuration":
            return 404, {}
        return 200, {"token_endpoint": f"{self.url}/token", **self.discovery}

    def grant(self, form: dict[str, str], header: str) -> tuple[int, object]:
        with self._lock:
            self.forms.append(form)
            if self._secret and not self._knows(form, header):
                refused = {"error_description": self.refused} if self.refused else {}
                return 401, {"error": "invalid_client", **refused}
            if form["refresh_token"] != self.refresh_token:
                said = {"error": "invalid_grant", "error_description": "used before"}
                return 400, said
            return 200, self._give()

    def _give(self) -> dict[str, object]:
        self.grants += 1
        answer: dict[str, object] = {"id_token": jwt(exp=START + 7200, n=self.grants)}
        if self.rotates:
            self.refresh_token = f"refresh-{self.grants}"
            answer["refresh_token"] = self.refresh_token
        return answer if self.answers is None else self.answers

    def _knows(self, form: dict[str, str], header: str) -> bool:
        if self._style == "post":
            return form.get("client_secret") == self._secret
        pair = b64decode(header.removeprefix("Basic ")).decode()
        return pair == f"client:{self._secret}"


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(*provider.discover(self.path))

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            fields = parse_qs(self.rfile.read(length).decode())
            form = {name: values[0] for name, values in fields.items()}
            self._send(*provider.grant(form, self.headers.get("authorization", "")))

        def _send(self, status: int, document: object) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
