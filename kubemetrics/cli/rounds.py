"""One round of a view: read every cluster, and make rows of what came."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from ..api import Api
from ..client.sync import Client
from ..client.threads import side_by_side
from ..commandline import console
from ..commandline.connect import config_of
from ..commandline.terminal import Bar
from ..config.kubeconfig import list_contexts
from ..config.model import Config
from ..errors import KubeMetricsError
from ..frozen import dataclass
from ..snapshot import Coverage, PartName, Snapshot, SnapshotOptions, snapshot
from ..snapshot.scope import Scope
from ..views.row_sources import RowSource
from ..views.view import ViewRows
from .plan import Plan, reads

# Reading one cluster or several at once, each with its own failure.


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of a context, or the *error* because of which nothing was.

    *namespace* is the one asked for, or the context's own.
    """

    context: str
    namespace: str = ""
    snapshot: Snapshot | None = None
    error: KubeMetricsError | None = None


class Cluster:
    """One context: connected when it is first read, and closed at the end."""

    def __init__(self, args: Namespace, context: str | None) -> None:
        # A view reads the namespaces of -n by itself: the configuration's stays the
        # context's own, to fall back on.
        self._args = Namespace(**{**vars(args), "namespaces": None})
        self._context = context
        self._client: Client | None = None

    @property
    def label(self) -> str:
        """The context's name where there are several, else nothing."""
        return self._context or ""

    @property
    def client(self) -> Client:
        """The client.

        Raises:
            KubeMetricsError: no usable configuration.
        """
        if self._client is None:
            self._client = Client(
                config_of(self._args, context=self._context), on_warning=console.warn
            )
        return self._client

    def read(
        self, options: Callable[[Config], SnapshotOptions], scope: Scope
    ) -> Reading:
        """Take a snapshot; an error is part of the reading."""
        try:
            client = self.client
            taken = client.run(snapshot(Api(), options(client.config)))
        except KubeMetricsError as error:
            return Reading(context=self.label, error=error)
        return Reading(
            context=self.label,
            namespace=scope.only or client.config.namespace,
            snapshot=taken,
        )

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()


def clusters(args: Namespace) -> list[Cluster]:
    """Return the contexts asked for: one without a label unless there are several.

    Raises:
        ConfigError: a kubeconfig cannot be read at all.
    """
    names: list[str] = list(dict.fromkeys(args.contexts or ()))
    if args.all_contexts:
        names = [entry.name for entry in list_contexts(args.kubeconfig)]
    elif len(names) <= 1:
        return [Cluster(args, None)]
    return [Cluster(args, name) for name in names]


R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round(Generic[R]):
    """What one round gave: *rows* as they are shown, out of *all_rows*."""

    readings: Sequence[Reading]
    coverages: Sequence[Coverage]
    all_rows: Sequence[R]
    rows: Sequence[R]
    unmatched: tuple[str, ...]

    @property
    def date(self) -> datetime | None:
        """The latest of the servers' times."""
        dates = [r.snapshot.date for r in self.readings if r.snapshot]
        return max(filter(None, dates), default=None)

    @property
    def latest(self) -> datetime | None:
        """The time of the newest sample."""
        found = [r.snapshot for r in self.readings if r.snapshot]
        samples = [
            *(row.metrics for snapshot in found for row in snapshot.pods),
            *(row.metrics for snapshot in found for row in snapshot.nodes),
        ]
        stamps = [m.timestamp for m in samples if m and m.timestamp]
        return max(stamps, default=None)

    @property
    def sources(self) -> list[RowSource]:
        """Where the rows are from, for machine outputs."""
        return [
            RowSource(
                context=reading.context,
                coverage=coverage if reading.snapshot else None,
                snapshot=reading.snapshot,
                error=str(reading.error) if reading.error else "",
            )
            for reading, coverage in zip(self.readings, self.coverages, strict=True)
        ]


class Rounds(Generic[R]):
    """Reads the same clusters for the same plan, again and again."""

    def __init__(
        self,
        args: Namespace,
        wanted: Plan[R],
        clusters: Sequence[Cluster],
    ) -> None:
        self._plan = wanted
        self._clusters = clusters
        self._options = reads(args, wanted)

    def take(self) -> Round[R]:
        """Read everything once."""
        with Bar.for_(self._clusters) as bar:
            calls = [self._call(cluster, bar) for cluster in self._clusters]
            readings = side_by_side(calls)
        return self._round(readings)

    def _call(self, cluster: Cluster, bar: Bar) -> Callable[[], Reading]:
        return lambda: cluster.read(
            lambda config: {**self._options(config), "progress": bar.progress},
            self._plan.scope,
        )

    def _round(self, readings: Sequence[Reading]) -> Round[R]:
        found = [self._find(reading) for reading in readings]
        rows = [row for part in found for row in part.rows]
        names = [name for part in found for name in part.names]
        return Round(
            readings=readings,
            coverages=[part.coverage for part in found],
            all_rows=rows,
            rows=self._plan.arrangement.apply(rows),
            unmatched=self._unmatched(readings, names),
        )

    def _unmatched(
        self, readings: Sequence[Reading], names: Sequence[str]
    ) -> tuple[str, ...]:
        """Return the names that nothing has; it takes everything to be sure."""
        part: PartName = "nodes" if self._plan.view.of_nodes else "pods"
        sure = all(r.snapshot and not r.snapshot.error(part) for r in readings)
        return self._plan.selection.unmatched(names) if sure else ()

    def _find(self, reading: Reading) -> ViewRows[R]:
        if reading.snapshot is None:
            return ViewRows((), Coverage(), ())
        return self._plan.view.find(
            reading.context, reading.snapshot, self._plan.selection
        )
