"""The simulated cluster as tests use it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import certs
from .api import Api, Parts, Settings
from .apiservices import ApiServices
from .certs import KeyPair
from .clock import Clock, rfc3339
from .contents import Contents
from .core import NAMESPACE, NODE, POD, Core, Kind
from .discovery import Discovery
from .exchange import Seen
from .generator import Generated, generate
from .generic import Generic
from .kubeconfig import kubeconfig_object, write_kubeconfig
from .ledger import Ledger, ledger_of
from .metrics import Measured, Metrics
from .options import Options
from .printers import NAMESPACE_PRINTER, NODE_PRINTER, POD_PRINTER
from .rbac import VIEWERS
from .recorded import (
    apiservice_bodies,
    built_in_groups,
    exchange,
    moved,
    recorded_contents,
)
from .samples import SampleStore
from .scripts import Faults
from .server import Server, Site
from .store import Entry, LazyStore, Revision, Store
from .table import Printer, Table
from .users import Users
from .warm import warm
from .watch import Watches


class Cluster:
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
        self.authority = certs.cluster_authority()
        self.users = Users(self.authority)
        self.revision = Revision(contents.revision, oldest=contents.oldest_revision)
        lazy = not isinstance(contents.pods, tuple)
        self.pods = (LazyStore if lazy else Store)(self.revision, contents.pods)
        self.nodes = Store(self.revision, contents.nodes)
        self.namespaces = Store(self.revision, contents.namespaces)
        self.pod_samples = SampleStore(contents.pod_samples)
        self.node_samples = SampleStore(contents.node_samples)
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
        self._api = Api(self.settings, self._parts())
        self._server = self._serve()

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

    def _parts(self) -> Parts:
        groups = built_in_groups()

        def core(kind: Kind, store: Store, printer: Printer) -> Core:
            return Core(kind, store, Table(printer, self.clock))

        return Parts(
            users=self.users,
            clock=self.clock,
            core={
                "pods": core(POD, self.pods, POD_PRINTER),
                "nodes": core(NODE, self.nodes, NODE_PRINTER),
                "namespaces": core(NAMESPACE, self.namespaces, NAMESPACE_PRINTER),
            },
            watches=self.watches,
            metrics=Metrics(
                Measured("PodMetrics", self.pod_samples, self.pods, namespaced=True),
                Measured(
                    "NodeMetrics", self.node_samples, self.nodes, namespaced=False
                ),
                self.clock,
            ),
            discovery=Discovery(groups, "127.0.0.1:6443"),
            generic=Generic(groups, self.revision),
            apiservices=ApiServices(
                apiservice_bodies(), self.settings.metrics_versions
            ),
            version=exchange("version").json(),
        )

    def _serve(self) -> Server:
        options = self.options
        context = None
        if options.tls:
            pair = self.authority.server(options.certificate)
            known = (self.authority, certs.stranger_authority())
            context = certs.server_context(pair, known)
        return Server(
            Site(
                host=options.host,
                port=options.port,
                context=context,
                answer=self._api.answer,
                faults=self.faults,
                clock=self.clock,
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving; a defect of the simulation itself is raised here."""
        self._server.close()
        self._folder.cleanup()
        if self._server.crashes:
            raise AssertionError(self._server.crashes[0])

    # where it is and how to get in

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

    def token(self, user: str) -> str:
        return self.users.token(user)

    def client_certificate(
        self, user: str, groups: tuple[str, ...] = (), *, expired: bool = False
    ) -> KeyPair:
        return self.authority.client(user, groups, expired=expired)

    def kubeconfig_object(self, user: str = "viewer") -> dict[str, Any]:
        names = ("admin", "viewer", "nometrics", "nslimited", "noperm", "bad")
        certificate = self.client_certificate("cert-viewer", (VIEWERS,))
        return kubeconfig_object(
            self.url,
            self.ca_pem if self.options.tls else None,
            {name: self.token(name) for name in names},
            {"cert-viewer": certificate},
            user,
        )

    def kubeconfig(self, user: str = "viewer", path: Path | None = None) -> Path:
        """Write a kubeconfig with every user, *user*'s context current."""
        target = path or self.folder / f"{user}.kubeconfig"
        return write_kubeconfig(target, self.kubeconfig_object(user))

    # what it saw

    @property
    def requests(self) -> list[Seen]:
        return self._server.requests

    def forget_requests(self) -> None:
        self._server.forget_requests()

    @property
    def open_connections(self) -> int:
        return self._server.open_connections

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

    # what it is and what becomes of it

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
