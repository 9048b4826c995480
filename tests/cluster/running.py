"""A cluster that is served: where it is, how to get in, and what it saw."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import certs
from .api import Settings
from .assembly import api_of, world_of
from .certs import KeyPair
from .clock import Clock
from .closing import Closing
from .contents import Contents
from .core import Watches
from .exchange import Answer, Seen
from .kubeconfig import kubeconfig_object, write_kubeconfig
from .options import Options
from .rbac import VIEWERS
from .scripts import Faults
from .server import Server, Site
from .users import Users


class Running(Closing):
    """*contents* behind a listener, until closed.

    *settings* holds what may change while it runs, *faults* what goes wrong.
    """

    def __init__(
        self, contents: Contents, clock: Clock, options: Options | None = None
    ) -> None:
        options = options or Options()
        self.options = options
        self.clock = clock
        self.faults = Faults()
        self.authority = options.authority or certs.cluster_authority()
        self.users = Users(self.authority)
        world = world_of(contents)
        self.revision = world.revision
        self.pods, self.nodes = world.pods, world.nodes
        self.namespaces = world.namespaces
        self.pod_samples = world.pod_samples
        self.node_samples = world.node_samples
        self.watches = Watches(options.bookmark_seconds)
        self.settings = Settings(
            state=options.state,
            metrics_versions=options.metrics_versions,
            self_reviews=options.self_reviews,
            prefix=options.prefix,
            roles=options.roles,
        )
        self._contents = contents
        self._folder = tempfile.TemporaryDirectory(prefix="simulated-cluster-")
        self._api = api_of(world, self.users, clock, self.settings, self.watches)
        self.server_certificate = self.authority.server(options.certificate)
        known = (self.authority, certs.stranger_authority())
        self._context = (
            certs.server_context(self.server_certificate, known)
            if options.tls
            else None
        )
        self._server = self._serve(self._api.answer)

    def _serve(self, answer: Callable[[Seen], Answer]) -> Server:
        options = self.options
        return Server(
            Site(
                host=options.host,
                port=options.port,
                context=self._context,
                answer=answer,
                faults=self.faults,
                clock=self.clock,
                pace=options.pace,
            )
        )

    def close(self) -> None:
        """Stop serving; a defect of the simulation itself is raised here."""
        self._server.close()
        self._folder.cleanup()
        if self._server.crashes:
            raise AssertionError(self._server.crashes[0])

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        host = self.options.host
        shown = f"[{host}]" if ":" in host else host
        scheme = "https" if self.options.tls else "http"
        return f"{scheme}://{shown}:{self.port}{self.settings.prefix}"

    @property
    def ca_pem(self) -> bytes:
        return self.authority.pem

    @property
    def folder(self) -> Path:
        """A folder for files that live as long as the cluster."""
        return Path(self._folder.name)

    def replace_certificate(self, pair: KeyPair) -> None:
        """Show another certificate from the next handshake on."""
        assert self._context is not None, "a cluster without TLS has no certificate"
        self.server_certificate = pair
        certs.load_pair(self._context, pair)

    def token(self, user: str) -> str:
        return self.users.token(user)

    def client_certificate(
        self, user: str, groups: tuple[str, ...] = (), *, expired: bool = False
    ) -> KeyPair:
        return self.authority.client(user, groups, expired=expired)

    def kubeconfig_object(
        self, user: str = "viewer", server: str | None = None
    ) -> dict[str, Any]:
        names = ("admin", "viewer", "nometrics", "nslimited", "noperm", "bad")
        certificate = self.client_certificate("cert-viewer", (VIEWERS,))
        return kubeconfig_object(
            server or self.url,
            self.ca_pem if self.options.tls else None,
            {name: self.token(name) for name in names},
            {"cert-viewer": certificate},
            user,
        )

    def kubeconfig(
        self,
        user: str = "viewer",
        path: Path | None = None,
        *,
        server: str | None = None,
    ) -> Path:
        """Write a kubeconfig with every user, *user*'s context current.

        *server* stands in for the cluster's own URL.
        """
        target = path or self.folder / f"{user}.kubeconfig"
        return write_kubeconfig(target, self.kubeconfig_object(user, server))

    @property
    def requests(self) -> list[Seen]:
        return self._server.requests

    def forget_requests(self) -> None:
        self._server.forget_requests()

    @property
    def open_connections(self) -> int:
        return self._server.open_connections

    def settle(self, seconds: float = 30.0) -> int:
        """Wait until no connection is open, at most so long; return how many are."""
        end = time.monotonic() + seconds
        while self.open_connections and time.monotonic() < end:
            time.sleep(0.01)
        return self.open_connections

    @property
    def accepted_connections(self) -> int:
        return self._server.accepted

    @property
    def handshake_failures(self) -> list[str]:
        return self._server.handshake_failures

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse new connections for a while; the port stays the same."""
        self._server.refuse()
        try:
            yield
        finally:
            self._server.listen()

    def drop_connections(self) -> None:
        self._server.drop_connections()
