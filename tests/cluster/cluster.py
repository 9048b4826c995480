"""The simulated cluster as tests use it."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from . import certs
from .api import Settings
from .assembly import api_of, world_of
from .certs import KeyPair
from .clock import Clock, rfc3339
from .closing import Closing
from .contents import Contents
from .exchange import Answer, Seen
from .generator import Generated, generate
from .kubeconfig import kubeconfig_object, write_kubeconfig
from .ledger import Ledger, ledger_of
from .options import Options
from .rbac import VIEWERS
from .recorded import moved, recorded_contents
from .scripts import Faults
from .server import Server, Site
from .store import Entry, LazyStore
from .users import Users
from .warm import warm
from .watch import Watches


class Cluster(Closing):
    """A kube-apiserver with metrics-server on a loopback port.

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

    @classmethod
    def recorded(
        cls, options: Options | None = None, *, now: datetime | None = None
    ) -> Self:
        """Serve the recorded cluster.

        Its clock stands still at the time of the recording; with *now* the clock
        runs from there and all times in the objects are moved along.
        """
        contents = recorded_contents()
        if now is None:
            return cls(contents, Clock(contents.now, frozen=True), options)
        return cls(moved(contents, now), Clock(now), options)

    @classmethod
    def generated(
        cls,
        wanted: Generated,
        options: Options | None = None,
        *,
        now: datetime | None = None,
        frozen: bool = True,
    ) -> Self:
        """Serve a generated cluster as of *now*, the present unless given.

        The clock stands still, so that what is too young for a sample stays so.
        """
        moment = now or datetime.now(UTC)
        contents = generate(wanted, moment)
        return cls(contents, Clock(moment, frozen=frozen), options)

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

    def settle(self, seconds: float = 2.0) -> int:
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

    @property
    def state(self) -> str:
        return self.settings.state

    @state.setter
    def state(self, state: str) -> None:
        self.settings.state = state

    @property
    def ledger(self) -> Ledger:
        """The truth of this moment."""
        return ledger_of(
            self._contents,
            [entry.key for entry in self.pods.current()],
            [entry.name for entry in self.nodes.current()],
            self.pod_samples.samples(),
            self.node_samples.samples(),
        )

    def apply(self, pod: Mapping[str, Any]) -> Entry:
        """Create or replace a pod; watchers hear of it."""
        return self.pods.apply(pod)

    def delete(self, namespace: str, name: str) -> Entry:
        return self.pods.delete(namespace, name)

    def compact(self) -> None:
        """Forget all history: older watches and pages get 410."""
        self.revision.compact()
        for store in (self.pods, self.nodes, self.namespaces):
            store.forget()

    def scrape(self) -> None:
        """Give all samples the time of now, as metrics-server's next scrape."""
        moment = rfc3339(self.clock.now())
        self.pod_samples.retime(moment)
        self.node_samples.retime(moment)

    def warm(self, page_size: int) -> None:
        """Make ahead what a client will list: pages of pods, tables and all metrics."""
        warm(
            self._api.answer,
            self.settings.prefix,
            self.token("admin"),
            page_size,
            tables=not isinstance(self.pods, LazyStore),
        )
