"""What rows can be grouped by: the links of a roll-up's chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Final, TypeAlias

from ..frozen import dataclass
from .model import ContainerUsage, PodUsage
from .owners import owner
from .tally import Row


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

    @property
    def text(self) -> str:
        """How it reads: ``Deployment/api`` for an owner, else the value."""
        return f"{self.kind}/{self.value}" if self.kind else self.value

    @property
    def order(self) -> tuple[bool, str, str, str]:
        """What groups are sorted by: names first, rows without any last."""
        return not self.value, self.namespace, self.value, self.kind


_KeyOf: TypeAlias = Callable[[Row], GroupKey]

LABEL: Final = "label:"
"""Begins the key for a label: ``label:app``."""


def key_of(by: str) -> _KeyOf:
    """Return what tells a row's group by this key.

    Raises:
        ValueError: no such key; says which there are.
    """
    if by.startswith(LABEL) and by != LABEL:
        return _label(by)
    known = KEYS.get(by)
    if known is None:
        names = ", ".join([*KEYS, f"{LABEL}NAME"])
        raise ValueError(f"cannot group by {by!r}: choose from {names}")
    return known


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
