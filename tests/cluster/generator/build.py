"""Plans turned into a cluster's contents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from kubemetrics.testing.etcd import Entry, Key, entry_of

from ..clock import rfc3339
from ..contents import Contents
from ..ledger import Amount, total
from ..samples import Sample
from .fates import Fate, reason_for
from .nodes import NodePlan, node_labels, node_object, plan_nodes
from .plan import PodPlan, all_namespaces, plan_pods
from .pods import Pods
from .usage import container_amount, node_amount, usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What to generate.

    With *unique* every pod has a label of its own. With *lazy* pods are made anew
    whenever they are listed, which is what 100,000 of them take. *skew* is how many
    seconds the clock of one node (the last that reports) is ahead.
    """

    nodes: int
    pods: int
    seed: int = 1
    unique: bool = False
    lazy: bool = False
    skew: int = 0


def generate(wanted: Generated, now: datetime) -> Contents:
    """Make the contents of a cluster; the same *wanted* and *now* give the same."""
    now = now.replace(microsecond=0)
    rng = Random(wanted.seed)  # noqa: S311 - reproducible, not secret
    nodes = plan_nodes(wanted.nodes, rng)
    plans = plan_pods(wanted.pods, nodes, rng)
    pods = Pods(plans, wanted.seed, now, unique=wanted.unique)
    measured = _Measured(nodes, now, rng, wanted.skew)
    samples = [
        measured.pod_sample(plan, pods, at)
        for at, plan in enumerate(plans)
        if not _missing(plan)
    ]
    month_ago = rfc3339(now - timedelta(days=30))
    revision = 1000 + len(plans)
    return Contents(
        pods=pods if wanted.lazy else tuple(pods),
        nodes=[entry_of(node_object(plan, month_ago, revision)) for plan in nodes],
        namespaces=_namespaces(wanted.pods, month_ago),
        pod_samples=samples,
        node_samples=[measured.node_sample(n) for n in nodes if not n.silent],
        revision=revision,
        oldest_revision=revision,
        now=now,
        missing={plan.key: _missing(plan) for plan in plans if _missing(plan)},
        partial=_partial(plans),
    )


def _missing(plan: PodPlan) -> str:
    silent = plan.node is not None and plan.node.silent
    return reason_for(plan.fate, node_is_silent=silent)


def _partial(plans: Sequence[PodPlan]) -> frozenset[Key]:
    return frozenset(
        plan.key for plan in plans if plan.fate is Fate.PARTIAL and not _missing(plan)
    )


def _namespaces(pods: int, created: str) -> list[Entry]:
    return [
        entry_of(
            {
                "metadata": {
                    "name": name,
                    "uid": f"00000000-0000-4000-9000-{at:012x}",
                    "resourceVersion": str(at + 1),
                    "creationTimestamp": created,
                    "labels": {"kubernetes.io/metadata.name": name},
                },
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            }
        )
        for at, name in enumerate(all_namespaces(pods))
    ]


class _Measured:
    """Makes samples, and keeps what each node's pods use."""

    def __init__(
        self, nodes: Sequence[NodePlan], now: datetime, rng: Random, skew: int
    ) -> None:
        self._now = now
        self._rng = rng
        self._used: dict[str, list[Amount]] = defaultdict(list)
        ahead = max((n.number for n in nodes if not n.silent), default=-1)
        self._times = {
            node.name: (self._time(skew if node.number == ahead else 0), self._window())
            for node in nodes
        }

    def _time(self, skew: int) -> str:
        return rfc3339(self._now - timedelta(seconds=self._rng.randint(1, 14) - skew))

    def _window(self) -> str:
        """Return about 15 seconds, in Go's notation."""
        seconds = f"{self._rng.randint(14_000, 16_000) / 1000:.3f}"
        return f"{seconds.rstrip('0').rstrip('.')}s"

    def pod_sample(self, plan: PodPlan, pods: Pods, at: int) -> Sample:
        assert plan.node is not None
        names = _running_names(plan)
        shown = names[1:] if plan.fate is Fate.PARTIAL else names
        amounts = {name: container_amount(self._rng) for name in names}
        self._used[plan.node.name].append(total(amounts.values()))
        timestamp, window = self._times[plan.node.name]
        return Sample(
            namespace=plan.workload.namespace,
            name=plan.name,
            created=rfc3339(self._now),
            labels=pods.labels(at),
            timestamp=timestamp,
            window=window,
            usages=tuple(usage(name, amounts[name], self._rng) for name in shown),
        )

    def node_sample(self, node: NodePlan) -> Sample:
        timestamp, window = self._times[node.name]
        amount = node_amount(self._used[node.name], self._rng)
        return Sample(
            name=node.name,
            created=rfc3339(self._now),
            labels=node_labels(node),
            timestamp=timestamp,
            window=window,
            usages=(usage("", amount, self._rng),),
        )


def _running_names(plan: PodPlan) -> list[str]:
    """Return the containers that run: native sidecars are measured like the others."""
    sidecars = [p.name for p in plan.workload.init_parts if p.name == "istio-proxy"]
    return [*(part.name for part in plan.workload.parts), *sidecars]
