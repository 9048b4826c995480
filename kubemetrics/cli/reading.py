"""Reading one cluster or several at once, each with its own failure."""

from __future__ import annotations

import threading
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TypeVar

from ..api import Api
from ..client.sync import Client
from ..config import Config, list_contexts
from ..errors import KubeMetricsError
from ..frozen import dataclass
from ..snapshot import Snapshot, SnapshotOptions, snapshot
from . import console
from .common import config_of, last
from .parser import UsageError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of a context, or the *error* because of which nothing was."""

    context: str
    namespace: str = ""
    snapshot: Snapshot | None = None
    error: KubeMetricsError | None = None


class Cluster:
    """One context: connected when it is first read, and closed at the end."""

    def __init__(self, args: Namespace, context: str | None) -> None:
        self._named: str | None = last(args.namespaces)
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

    def read(self, options: Callable[[Config], SnapshotOptions]) -> Reading:
        """Take a snapshot; an error is part of the reading."""
        try:
            client = self.client
            taken = client.run(snapshot(Api(), options(client.config)))
        except KubeMetricsError as error:
            return Reading(context=self.label, error=error)
        return Reading(
            context=self.label,
            namespace=self._named or client.config.namespace,
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


def side_by_side(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Call them all at once, in daemon threads: Ctrl-C waits for none of them.

    Raises:
        UsageError: one of them did.
    """
    if len(calls) == 1:
        return [calls[0]()]
    results: dict[int, T] = {}
    mistakes: list[UsageError] = []

    def run(index: int, call: Callable[[], T]) -> None:
        try:
            results[index] = call()
        except UsageError as error:
            mistakes.append(error)

    threads = [
        threading.Thread(target=run, args=pair, daemon=True)
        for pair in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if mistakes:
        raise mistakes[0]
    return [results[index] for index in range(len(calls))]
