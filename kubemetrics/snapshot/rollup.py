"""Sums of pods and containers by any chain of keys, the owner of a pod among them.

A total always equals the sum of its rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, TypeAlias

from ..accounting import Demand, Totals
from ..errors import check_type, checked_items
from ..frozen import dataclass
from ..jsonread import EMPTY
from ..models import Quantities, add
from ..models.pod import Pod
from ..quantity import Quantity
from ..text import quoted
from .percentages import Base, Compared, summed_parts
from .reasons import median
from .rows import (
    ContainerUsage,
    Coverage,
    CoverageCount,
    PodUsage,
    UsageRow,
    incomplete,
)

if TYPE_CHECKING:
    from ..ratio import Ratio

Row: TypeAlias = PodUsage | ContainerUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup(UsageRow):
    """A group of rows, with the exact sums of its usage and demand.

    *usage* adds up every value there is, *demand* what the rows ask for that could be
    read; *count* is the number of rows. *unused* is the sum of requests less usage, of
    the rows that have both. *spread* tells by resource how those with a value differ;
    *incomplete* are the resources of which something that runs lacks a value. *members*
    are the rows themselves.
    """

    key: tuple[GroupKey, ...]
    count: int
    usage: Quantities
    demand: Demand
    unused: Quantities
    compared: Compared
    coverage: Coverage
    spread: Mapping[str, Spread]
    incomplete: frozenset[str] = frozenset()
    members: tuple[Row, ...] = field(default=(), repr=False)

    @property
    def lower_bound(self) -> bool:
        """Whether more is used than *usage* says: something that runs lacks a value."""
        return not self.coverage.complete

    def ratio(self, resource: str, base: Base) -> Ratio | None:
        """Return usage in requests or limits, over what was measured and read."""
        return self.compared.ratio(resource, base)


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the median (the lower of two) and the most of a group's values."""

    least: Quantity
    median: Quantity
    most: Quantity


@dataclass(frozen=True, slots=True)
class GroupKey:
    """One link of a roll-up's chain: what it is grouped *by*, and the group's value.

    *value* is empty for rows that have none (no such label, no node yet). A pod's, a
    container's or an owner's key carries its *namespace*, an owner's its *kind*;
    *inferred* marks an owner that was concluded from a name.
    """

    by: str
    value: str
    kind: str = ""
    namespace: str = ""
    inferred: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        """Return its name, an owner's with its kind; ``-`` for rows that have none."""
        return "/".join(filter(None, (self.kind, self.value))) or "-"

    @property
    def order(self) -> tuple[bool, str, str, str]:
        """Sort key of groups: by name, rows without a name last."""
        return not self.value, self.namespace, self.value, self.kind


def rollup(rows: Iterable[Row], by: Sequence[str]) -> tuple[Rollup, ...]:
    """Group *rows* by a chain of keys and sum each group, in the order of the keys.

    A key is one of ``namespace``, ``node``, ``owner``, ``pod``, ``container``, ``qos``,
    ``priority-class`` or ``label:NAME``. ``container`` takes container rows.

    Raises:
        ValueError: no such key; says which there are.
    """
    check_type("by", by, "Sequence[str]")
    chain = [key_of(name) for name in by]
    groups: dict[tuple[GroupKey, ...], list[Row]] = {}
    for row in checked_items("rows", rows, PodUsage, ContainerUsage):
        groups.setdefault(tuple(key(row) for key in chain), []).append(row)
    ordered = sorted(groups.items(), key=lambda group: [k.order for k in group[0]])
    return tuple(_sum(key, members) for key, members in ordered)


def summed(rows: Iterable[Row]) -> Rollup:
    """Return the total of *rows*: the roll-up by no key at all."""
    return _sum((), checked_items("rows", rows, PodUsage, ContainerUsage))


def _sum(key: tuple[GroupKey, ...], rows: list[Row]) -> Rollup:
    totals, count = Totals(), CoverageCount()
    unused: dict[str, Quantity] = {}
    lacking: set[str] = set()
    for row in rows:
        count.add(row)
        if row.state == "running":
            lacking.update(incomplete(row))
        add(unused, row.unused)
        totals.add(row.usage, row.demand)
    of_containers = bool(rows) and isinstance(rows[0], ContainerUsage)
    return Rollup(
        key=key,
        count=len(rows),
        usage=totals.usage,
        demand=totals.demand,
        unused=unused,
        compared=summed_parts(row.compared for row in rows),
        coverage=count.coverage(
            "running container" if of_containers else "running pod"
        ),
        spread={name: _spread(name, rows) for name in totals.usage},
        incomplete=frozenset(lacking),
        members=tuple(rows),
    )


def _spread(resource: str, rows: list[Row]) -> Spread:
    values = [
        row.usage[resource] for row in rows if row.usage and resource in row.usage
    ]
    values.sort(key=lambda value: value.nanos)
    return Spread(values[0], median(values), values[-1])


_KeyOf: TypeAlias = Callable[[Row], GroupKey]
LABEL: Final = "label:"
"""Prefix of a key that groups by a label: ``label:app``."""


def key_of(by: str) -> _KeyOf:
    """Return the function that gives the key *by* of a row.

    Raises:
        ValueError: no such key; says which there are.
    """
    if by.startswith(LABEL) and by != LABEL:
        return _label(by)
    known = KEYS.get(by)
    if known is None:
        raise ValueError(f"cannot group by {quoted(by)}{meant_by(by, KEYS)}")
    return known


_LONGEST: Final = 500
"""Characters of what may be a key, or the name of a label."""


def meant_by(by: str, keys: Iterable[str]) -> str:
    """Say what *by*, none of *keys*, may stand for: one of them, or a label's name."""
    known = list(keys)
    if not by or by == LABEL or len(by) > _LONGEST:
        return f": choose from {', '.join([*known, f'{LABEL}NAME'])}"
    close = get_close_matches(by[:100], known, n=2, cutoff=0.7)
    return f": did you mean {' or '.join([*close, LABEL + by])}?"


def _pod_row(row: Row) -> PodUsage:
    return row.row if isinstance(row, ContainerUsage) else row


def _namespace(row: Row) -> GroupKey:
    return GroupKey("namespace", _pod_row(row).namespace)


def _node(row: Row) -> GroupKey:
    return GroupKey("node", _pod_row(row).node_name)


def _pod(row: Row) -> GroupKey:
    pod = _pod_row(row)
    return GroupKey("pod", pod.name, namespace=pod.namespace)


def _container(row: Row) -> GroupKey:
    if isinstance(row, ContainerUsage):
        return GroupKey("container", row.name)
    return GroupKey("container", "")


def _owner(row: Row) -> GroupKey:
    pod = _pod_row(row)
    found = owner(pod)
    return GroupKey(
        "owner", found.name, found.kind, pod.namespace, inferred=found.inferred
    )


def _qos(row: Row) -> GroupKey:
    pod = _pod_row(row).pod
    return GroupKey("qos", pod.qos_class if pod else "")


def _priority_class(row: Row) -> GroupKey:
    pod = _pod_row(row).pod
    return GroupKey("priority-class", pod.priority_class_name if pod else "")


def _label(by: str) -> _KeyOf:
    name = by.removeprefix(LABEL)

    def key(row: Row) -> GroupKey:
        pod = _pod_row(row)
        # A sample carries its pod's labels, so that no pod need be readable.
        labelled = pod.pod or pod.metrics
        return GroupKey(by, labelled.labels.get(name, "") if labelled else "")

    return key


KEYS: Final[dict[str, _KeyOf]] = {
    "namespace": _namespace,
    "node": _node,
    "owner": _owner,
    "pod": _pod,
    "container": _container,
    "qos": _qos,
    "priority-class": _priority_class,
}
_HASHES: Final = {
    "pod-template-hash": "Deployment",
    "rollouts-pod-template-hash": "Rollout",
}
"""Labels that name a ReplicaSet's hash, and the kind of what it then belongs to.

Sources: pkg/controller/deployment/sync.go; argo-rollouts, ``rollout/sync.go``.
"""
_SCHEDULED: Final = re.compile(r"(.+)-([0-9]{8}|[0-9]{10})")
"""A CronJob's Job ends with minutes (before 1.21: seconds) since the epoch.

Source: pkg/controller/cronjob/utils.go, ``getJobName``.
"""
_UNITS: Final = {8: timedelta(minutes=1), 10: timedelta(seconds=1)}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEAR: Final = timedelta(hours=24)
"""A Job is created when it is due, and its pods soon after."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The workload that a pod belongs to; *inferred*: it is concluded from a name."""

    kind: str
    name: str
    inferred: bool = False


def owner(row: PodUsage) -> Owner:
    """Return the workload of a row: the pod itself where nothing owns it.

    A ReplicaSet that is named after its pods' template hash belongs to a Deployment, or
    to a Rollout of Argo. Of a sample without its pod only the labels and the name can
    tell.
    """
    return _of_sample(row) if row.pod is None else pod_owner(row.pod)


def pod_owner(pod: Pod) -> Owner:
    """Return the workload of *pod*, from its metadata alone."""
    reference = pod.owner
    if reference is None:
        return Owner("Pod", pod.name)
    if reference.kind == "ReplicaSet":
        return _of_replica_set(reference.name, pod)
    if reference.kind == "Job":
        return _of_job(reference.name, pod.creation_timestamp)
    return Owner(reference.kind, reference.name)


def _of_replica_set(name: str, pod: Pod) -> Owner:
    return _by_hash(name, pod.labels) or Owner("ReplicaSet", name)


def _by_hash(replica_set: str, labels: Mapping[str, str]) -> Owner | None:
    for label, kind in _HASHES.items():
        name = _without_hash(replica_set, labels.get(label, ""))
        if name:
            return Owner(kind, name)
    return None


def _of_job(name: str, created: datetime | None) -> Owner:
    """Return its CronJob where its name is a time, and its pods were made then.

    A date (``report-20240630``) is a number of minutes as well, of another year.
    """
    scheduled = _SCHEDULED.fullmatch(name)
    if scheduled is None or created is None:
        return Owner("Job", name)
    due = _EPOCH + int(scheduled[2]) * _UNITS[len(scheduled[2])]
    if abs(created - due) > _NEAR:
        return Owner("Job", name)
    return Owner("CronJob", scheduled[1], inferred=True)


def _of_sample(row: PodUsage) -> Owner:
    labels = row.metrics.labels if row.metrics else EMPTY
    found = _by_hash(row.name.rpartition("-")[0], labels)
    return replace(found, inferred=True) if found else Owner("", "")


def _without_hash(name: str, hashed: str) -> str:
    return (
        name.removesuffix(f"-{hashed}")
        if name.endswith(f"-{hashed}") and hashed
        else ""
    )
