"""The columns of usage beside requests and limits, which all rows of pods share.

The columns that tell of a sample: why there is none, how good it is, how old.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final, Protocol, TypeVar

from ..accounting import NO_DEMAND, Demand
from ..frozen import dataclass
from ..models.resources import CPU, MEMORY, Quantities
from ..quantity import Quantity
from ..snapshot import Base, Reason
from ..snapshot.rows import Stage
from ..table.columns import (
    ALWAYS,
    PARTIAL,
    STALE,
    WIDE,
    Column,
    Family,
    Kind,
    Severity,
    Value,
)
from ..times import rfc3339

# How columns of a resource are made: amounts, shares and counts, named alike.


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


class Measured(Protocol):
    """What a row of pods, containers or groups of them knows."""

    @property
    def usage(self) -> Quantities | None:
        """What is used."""
        ...

    @property
    def demand(self) -> Demand | None:
        """What is asked for."""
        ...

    def ratio(self, resource: str, base: Base) -> Fraction | None:
        """Return usage in requests, limits or the node's allocatable."""
        ...


M = TypeVar("M", bound=Measured)

_ZERO: Final = Quantity(0)
_BYTES: Final = ("ephemeral-storage", "hugepages-", "memory")


def usage_columns(mark: Callable[[M], str]) -> tuple[Column[M], ...]:
    """Make the columns of CPU, then those of memory; *mark* is that of usage."""
    return tuple(c for of in RESOURCES for c in resource_columns(of, mark))


def resource_columns(of: Resource, mark: Callable[[M], str]) -> tuple[Column[M], ...]:
    """Make the columns of one resource."""
    name = of.name
    more = of.name == MEMORY  # what runs out of memory is killed; CPU only throttles

    def usage(row: M) -> Quantity | None:
        return row.usage.get(name) if row.usage else None

    def requests(row: M) -> Quantity | None:
        return requested(row.demand, name)

    def limits(row: M) -> Quantity | None:
        return row.demand.limits.get(name) if row.demand else None

    def partial_limit(row: M) -> str:
        return PARTIAL if row.demand and row.demand.partial_limit(name) else ""

    def of_requests(row: M) -> Fraction | None:
        return row.ratio(name, "requests")

    def of_limits(row: M) -> Fraction | None:
        return row.ratio(name, "limits")

    def of_node(row: M) -> Fraction | None:
        return row.ratio(name, "node")

    def unrequested(row: M) -> int | None:
        return row.demand.unrequested.get(name, 0) if row.demand else None

    def unlimited(row: M) -> int | None:
        return row.demand.unlimited.get(name, 0) if row.demand else None

    return (
        amount(of, "usage", usage, "usage; ~ a lower bound, ! an old sample",
               keep=90, mark=mark),
        amount(of, "requests", requests, "what the scheduler sets aside", keep=31),
        amount(of, "limits", limits, "what may be used; ~ binds not all containers",
               keep=30, mark=partial_limit),
        share(of, "pct_request", of_requests, "usage in requests", keep=50 + more),
        share(of, "pct_limit", of_limits, "usage in limits, unless they are partial",
              keep=60 + more, alarm=True),
        share(of, "pct_node", of_node, "usage in the node's allocatable", alarm=True),
        number(of, "unrequested", unrequested, "containers without a request"),
        number(of, "unlimited", unlimited, "containers without a limit"),
    )  # fmt: skip


def requested(demand: Demand | None, name: str) -> Quantity | None:
    """Return what is requested: 0 where nothing is, unknown where that is not known.

    A finished pod holds nothing, and asking what it requests has no answer.
    """
    if demand is None or demand is NO_DEMAND:
        return None
    return demand.requests.get(name, _ZERO)


def demand_families() -> dict[str, Family[Measured]]:
    """Make the families of columns for any resource: ``requests:nvidia.com/gpu``."""

    def requests(name: str) -> Column[Measured]:
        return _any_resource(f"requests:{name}", name, lambda d: requested(d, name))

    def limits(name: str) -> Column[Measured]:
        return _any_resource(f"limits:{name}", name, lambda d: d.limits.get(name))

    return {"requests:": requests, "limits:": limits}


def _any_resource(
    key: str, name: str, of: Callable[[Demand], Quantity | None]
) -> Column[Measured]:
    kind = resource_kind(name)

    def get(row: Measured) -> Value:
        amount = of(row.demand) if row.demand else None
        return amount.value() if amount and kind == "count" else amount

    return Column(
        key=key,
        header=key.upper(),
        kind=kind,
        get=get,
        about=f"{key.partition(':')[0]} of {name}",
        keep=ALWAYS,
    )


def resource_kind(name: str) -> Kind:
    """Return how amounts of a resource are written: extended ones are counts."""
    if name == "cpu":
        return "cpu"
    return "memory" if name.startswith(_BYTES) else "count"


class Metrics(Protocol):
    """What a sample says of itself."""

    @property
    def timestamp(self) -> datetime | None:
        """When it was taken."""
        ...

    @property
    def window(self) -> timedelta | None:
        """Over how long its CPU was averaged."""
        ...


class Sampled(Protocol):
    """A row with a sample, or with the reason why there is none."""

    @property
    def reason(self) -> Reason | None:
        """Why there is no value."""
        ...

    @property
    def age(self) -> timedelta | None:
        """How old its sample is."""
        ...

    @property
    def metrics(self) -> Metrics | None:
        """Its sample."""
        ...


class Dated(Protocol):
    """A row that keeps the time of its own server."""

    @property
    def date(self) -> datetime | None:
        """The server's clock when the row was read."""
        ...


class Staged(Protocol):
    """A row that may be expected to have a value."""

    @property
    def stage(self) -> Stage:
        """How far it is: ``running`` should have a value."""
        ...

    @property
    def reason(self) -> Reason | None:
        """Why there is no value."""
        ...


D = TypeVar("D", bound=Dated)

_EXPECTED: Final = frozenset({"Finished", "NotScheduled", "NotStarted", "Terminating"})


def marks(*, partial: bool = False, stale: bool = False) -> str:
    """Return what stands before a value that is not the whole truth."""
    return (PARTIAL if partial else "") + (STALE if stale else "")


def unmeasured(row: Staged) -> bool:
    """Whether it should have a value and has none: a total without it is too small."""
    return row.stage == "running" and row.reason is not None


def quality(mark: str) -> str:
    """Name what a mark says, ``ok`` where it says nothing."""
    return ",".join(_FLAWS[sign] for sign in mark) or "ok"


_FLAWS: Final = {PARTIAL: "partial", STALE: "stale"}


def reason_code(reason: Reason | None) -> str | None:
    """Return the code of a reason; ``None`` where there is no reason."""
    return reason.code if reason else None


def reason_severity(reason: Reason | None) -> Severity | None:
    """Return how a reason looks: one that is in order is quiet."""
    if reason is None:
        return None
    return "quiet" if reason.code in _EXPECTED else "warning"


def reason_column(get: Callable[[R], Reason | None]) -> Column[R]:
    """Make the column of why there is no value."""

    def code(row: R) -> str | None:
        return reason_code(get(row))

    def severity(row: R) -> Severity | None:
        return reason_severity(get(row))

    return Column(key="reason", header="REASON", kind="text", get=code, keep=80,
                  about="why there is no value", optional=True,
                  severity=severity)  # fmt: skip


def explanation_column(get: Callable[[R], Reason | None]) -> Column[R]:
    """Make the column that says why in a sentence."""

    def explanation(row: R) -> str | None:
        reason = get(row)
        return reason.explanation or None if reason else None

    return Column(key="explanation", header="EXPLANATION", kind="text", get=explanation,
                  about="the reason as a sentence", optional=True)  # fmt: skip


def sample_columns(
    sample: Callable[[R], Sampled], mark: Callable[[R], str]
) -> tuple[Column[R], ...]:
    """Make the columns of a sample's quality and time; *sample* is a row's own."""

    def flaws(row: R) -> str | None:
        known = sample(row)
        measured = known.metrics is not None and known.reason is None
        return quality(mark(row)) if measured else None

    def age(row: R) -> timedelta | None:
        return sample(row).age

    def window(row: R) -> timedelta | None:
        metrics = sample(row).metrics
        return metrics.window if metrics else None

    def timestamp(row: R) -> str | None:
        metrics = sample(row).metrics
        taken = metrics.timestamp if metrics else None
        return rfc3339(taken) if taken else None

    return (
        Column(key="quality", header="QUALITY", kind="text", get=flaws,
               about="ok, partial (a lower bound) or stale (an old sample)"),
        Column(key="sample.age", header="SAMPLE", kind="age", get=age, keep=15,
               about="how old the sample is, by the server's clock"),
        Column(key="sample.window", header="WINDOW", kind="age", get=window,
               about="over how long the sample's CPU was averaged"),
        Column(key="sample.timestamp", header="SAMPLED-AT", kind="text", get=timestamp,
               about="when the sample was taken"),
    )  # fmt: skip


def age_columns(
    born: Callable[[D], datetime | None], what: str
) -> tuple[Column[D], ...]:
    """Make the columns of when a row's object came to be; *what* says it in words.

    The age is by the clock of the row's own server: clocks of clusters differ.
    """

    def age(row: D) -> timedelta | None:
        created = born(row)
        return row.date - created if row.date and created else None

    def created(row: D) -> str | None:
        moment = born(row)
        return rfc3339(moment) if moment else None

    return (
        Column(key="age", header="AGE", kind="age", get=age, keep=11,
               about=f"since {what}"),
        Column(key="created", header="CREATED", kind="text", get=created,
               about=f"when {what}"),
    )  # fmt: skip
