"""An API server that lets in whom it knows by now, and a client of either kind."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from kubemetrics import AsyncClient, Client
from kubemetrics.config.model import AuthInfo, Config
from tests.cluster.certs import KeyPair, load_pair
from tests.cluster.clock import Clock
from tests.cluster.exchange import Answer, Seen, text_answer
from tests.cluster.scripts import Faults
from tests.cluster.server import Server, Site
from tests.transport.certs import Issued, leaf, ordinary
from tests.transport.servers import server_context

PATH = "/version"
NOBODY = "nobody"


class Gate:
    """Notes who comes; answers 401 to the *refused*, 403 to the *forbidden*.

    Who it is: the Authorization header, the certificate's name, or both.
    """

    def __init__(self) -> None:
        context = server_context(leaf(ordinary(), "127.0.0.1", name="api"))
        self._context = context
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=ordinary().pem.decode())
        self.refused: set[str] = set()
        self.forbidden: set[str] = set()
        self.meeting: threading.Barrier | None = None
        self._server = Server(
            Site(
                host="127.0.0.1",
                port=0,
                context=context,
                answer=self._answer,
                faults=Faults(),
                clock=Clock(),
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        assert not self._server.crashes

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def came(self) -> list[str]:
        return [_who(seen) for seen in self._server.requests]

    def show(self, certificate: Issued) -> None:
        """Have another certificate, and close all connections."""
        pair = KeyPair(certificate.pem, certificate.key)
        load_pair(self._context, pair)
        self._server.drop_connections()

    def config(self, **auth: object) -> Config:
        return Config(
            server=f"https://127.0.0.1:{self.port}",
            user="jane",
            certificate_authority_data=ordinary().pem,
            auth=AuthInfo(**auth),  # type: ignore[arg-type]
        )

    def _answer(self, seen: Seen) -> Answer:
        who = _who(seen)
        if who in self.refused:
            if self.meeting is not None:
                self.meeting.wait(60)
            return text_answer(401, "Unauthorized")
        if who in self.forbidden:
            return text_answer(403, "Forbidden")
        return Answer(body=b"{}", content_type="application/json")


def _who(seen: Seen) -> str:
    name = seen.peer_common_name
    parts = (seen.authorization, name and f"certificate {name}")
    return ", ".join(part for part in parts if part) or NOBODY


class Visitor(Protocol):
    """A client of either kind that stays open."""

    def ask(self) -> bytes: ...

    def post(self) -> None: ...

    def ask_at_once(self, times: int) -> list[bytes]: ...

    def close(self) -> None: ...


class Blocking:
    def __init__(self, config: Config) -> None:
        self._client = Client(config)

    def ask(self) -> bytes:
        return self._client.get_raw(PATH)

    def post(self) -> None:
        self._client.run(self._client.api.post(PATH, {}))

    def ask_at_once(self, times: int) -> list[bytes]:
        bodies: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: bodies.append(self.ask()))
            for _ in range(times)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return bodies

    def close(self) -> None:
        self._client.close()


class Awaiting:
    def __init__(self, config: Config, portal: BlockingPortal) -> None:
        self._portal = portal
        self._client = AsyncClient(config)

    def ask(self) -> bytes:
        return self._portal.call(self._client.get_raw, PATH)

    def post(self) -> None:
        self._portal.call(self._client.run, self._client.api.post(PATH, {}))

    def ask_at_once(self, times: int) -> list[bytes]:
        tasks = [
            self._portal.start_task_soon(self._client.get_raw, PATH)
            for _ in range(times)
        ]
        return [task.result(60) for task in tasks]

    def close(self) -> None:
        self._portal.call(self._client.close)


Visit = Callable[[Config], Visitor]


class Visitors:
    """Opens clients of one *kind* and closes them all at the end."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._open: list[Visitor] = []

    def __enter__(self) -> Self:
        self._portal = start_blocking_portal()
        self._running = self._portal.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for visitor in self._open:
            visitor.close()
        self._portal.__exit__(None, None, None)

    def __call__(self, config: Config) -> Visitor:
        made: Visitor = (
            Blocking(config)
            if self._kind == "Client"
            else Awaiting(config, self._running)
        )
        self._open.append(made)
        return made
