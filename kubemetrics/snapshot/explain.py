"""Why a node may be above 100 %: what its usage holds that allocatable does not."""

from __future__ import annotations

from ..models import CPU
from ..quantity import Quantity
from .nodes import NodeUsage
from .ratio import ratio


def above_full(node: NodeUsage, resource: str) -> str:
    """Explain a usage above allocatable in one sentence; empty where it is not above.

    Allocatable leaves out what is reserved, whereas a node's usage is that of its root
    cgroup, the kernel's and the daemons' included (kubelet stats/summary).
    """
    used = (node.usage or {}).get(resource)
    whole = node.allocatable.get(resource)
    if used is None or not whole or used <= whole:
        return ""
    reserved = node.reserved.get(resource)
    kept = f": {reserved} are kept for the system, " if reserved else ": "
    return (
        f"{resource} is at {_percent(used, whole)} of allocatable and "
        f"{_percent(used, node.capacity.get(resource))} of capacity{kept}"
        f"and usage counts system daemons too{_rest(node, resource)}"
        f"{_beyond(node, resource)}."
    )


def _rest(node: NodeUsage, resource: str) -> str:
    account = node.account
    if account is None or account.rest is None or resource not in account.rest:
        return ""
    return f" ({account.rest_name}: {account.rest[resource]})"


def _beyond(node: NodeUsage, resource: str) -> str:
    used = (node.usage or {}).get(resource)
    capacity = node.capacity.get(resource)
    if resource != CPU or used is None or capacity is None or used <= capacity:
        return ""
    return "; above capacity, a rate between two readings may be off by their jitter"


def _percent(used: Quantity, whole: Quantity | None) -> str:
    share = ratio(used, whole)
    return "an unknown part" if share is None else f"{int(share * 100)}%"
