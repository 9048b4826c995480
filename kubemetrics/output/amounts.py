"""How columns of a resource are made: amounts, shares and counts, named alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Final, TypeVar

from ..frozen import dataclass
from ..models import CPU, MEMORY
from ..quantity import Quantity
from .columns import WIDE, Column
from .values import Kind, Value

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One of the two resources that have usage: its *key* begins its columns' keys."""

    key: str
    name: str
    header: str
    kind: Kind
    noun: str


RESOURCES: Final = (
    Resource(key="cpu", name=CPU, header="CPU", kind="cpu", noun="CPU"),
    Resource(key="mem", name=MEMORY, header="MEM", kind="memory", noun="memory"),
)
SHORT: Final[Mapping[str, str]] = {
    "usage": "", "requests": "REQ", "limits": "LIM", "pct_request": "%REQ",
    "pct_limit": "%LIM", "pct_node": "%NODE", "allocatable": "ALLOC",
    "capacity": "CAP", "reserved": "RESERVED", "headroom": "FREE", "pods": "PODS",
    "rest": "REST", "least": "MIN", "median": "MEDIAN", "most": "MAX",
    "unrequested": "NOREQ", "unlimited": "NOLIM",
}  # fmt: skip
"""The last part of each key, and its header beside the resource's other columns."""


def amount(
    resource: Resource,
    key: str,
    get: Callable[[R], Quantity | None],
    about: str,
    *,
    keep: int = WIDE,
    additive: bool = True,
    mark: Callable[[R], str] | None = None,
) -> Column[R]:
    """Make a column in the resource's own unit."""
    made = _column(resource, key, resource.kind, get, about)
    return replace(made, keep=keep, additive=additive, mark=mark)


def share(
    resource: Resource,
    key: str,
    get: Callable[[R], Fraction | None],
    about: str,
    *,
    keep: int = WIDE,
    alarm: bool = False,
    mark: Callable[[R], str] | None = None,
) -> Column[R]:
    """Make a column of percentages."""
    made = _column(resource, key, "percent", get, about)
    return replace(made, keep=keep, alarm=alarm, mark=mark)


def number(
    resource: Resource, key: str, get: Callable[[R], int | None], about: str
) -> Column[R]:
    """Make a column of counts."""
    return _column(resource, key, "count", get, about)


def _column(
    resource: Resource, key: str, kind: Kind, get: Callable[[R], Value], about: str
) -> Column[R]:
    short = SHORT[key]
    sign = "" if short.startswith("%") else "-"
    return Column(
        key=f"{resource.key}.{key}",
        header=f"{resource.header}{sign}{short}" if short else resource.header,
        short=short,
        group=resource.key,
        kind=kind,
        get=get,
        about=f"{resource.noun}: {about}",
    )
