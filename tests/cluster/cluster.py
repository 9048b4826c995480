"""The simulated cluster as tests use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from kubemetrics.testing.etcd import Entry

from .clock import Clock, rfc3339
from .generator import Generated, generate
from .ledger import Ledger, ledger_of
from .objects import contents_of
from .options import Options
from .recorded import moved, recorded_contents
from .running import Running
from .store import LazyStore
from .warm import warm


class Cluster(Running):
    """A kube-apiserver with metrics-server on a loopback port.

    Its objects and samples are in *pods*, *nodes*, *namespaces*, *pod_samples* and
    *node_samples*, and may change while it runs.
    """

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

    @classmethod
    def holding(
        cls,
        *,
        pods: Sequence[Mapping[str, Any]] = (),
        nodes: Sequence[Mapping[str, Any]] = (),
        pod_metrics: Sequence[Mapping[str, Any]] = (),
        node_metrics: Sequence[Mapping[str, Any]] = (),
        options: Options | None = None,
        now: datetime | None = None,
    ) -> Self:
        """Serve objects made by hand (see `objects`).

        The clock stands still at the recording's time; with *now* it runs from there.
        """
        contents = contents_of(pods, nodes, pod_metrics, node_metrics)
        clock = Clock(now or contents.now, frozen=now is None)
        return cls(contents, clock, options)

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

    def scrape_on(self) -> None:
        """Scrape as a provider does in real time: windows join, none is missed."""
        now = self.clock.now()
        self.pod_samples.follow(now)
        self.node_samples.follow(now)

    def warm(self, page_size: int) -> None:
        """Make ahead what a client will list: pages of pods, tables and all metrics."""
        warm(
            self._api.answer,
            self.settings.prefix,
            self.token("admin"),
            page_size,
            tables=not isinstance(self.pods, LazyStore),
        )
