"""The columns that pods, containers, nodes and groups share, and how they are made.

Usage beside requests and limits, why a value is missing, how good and how old a sample
is, and since when an object has been there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final, Protocol, TypeVar

from ..accounting import NO_DEMAND, Demand, Totals, requested
from ..frozen import dataclass
from ..jsonread import EMPTY, empty
from ..models import CPU, MEMORY, Quantities
from ..quantity import Quantity
from ..snapshot import Base, Compared, Reason
from ..snapshot.percentages import Division, ratio, summed_parts
from ..snapshot.rows import HasReasons, RowState, reason_of
from ..table.columns import (
    ALWAYS,
    APART,
    PARTIAL,
    STALE,
    WIDE,
    Column,
    Family,
    Kind,
    Severity,
    TotalCell,
    Value,
    label_column,
)
from ..times import rfc3339

R = TypeVar("R")

USAGE_ALIASES: Final[Mapping[str, str]] = {
    "cpu": "cpu.usage", "mem": "mem.usage", "memory": "mem.usage",
    "swap": "swap.usage",
    "cpu.no_request": "cpu.unrequested", "mem.no_request": "mem.unrequested",
    "cpu.no_limit": "cpu.unlimited", "mem.no_limit": "mem.unlimited",
    "sample": "sample.age",
}  # fmt: skip
INFERRED: Final = ",inferred"
"""What stands behind a word that is concluded from something else."""
_ZERO: Final = Quantity(0)
_BYTES: Final = ("ephemeral-storage", "hugepages-", "memory")
_EXPECTED: Final = frozenset({"Finished", "NotScheduled", "NotStarted", "Terminating"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource that has usage, CPU or memory; its columns' keys begin with *key*."""

    key: str
    name: str
    header: str
    kind: Kind
    noun: str


RESOURCES: Final = (
    Resource(key="cpu", name=CPU, header="CPU", kind="cpu", noun="CPU"),
    Resource(key="mem", name=MEMORY, header="MEM", kind="memory", noun="memory"),
)
SWAP: Final = Resource(
    key="swap", name="swap", header="SWAP", kind="memory", noun="swap"
)
"""What few providers report: metrics-server does not (metrics-server#1680)."""
_HEADERS: Final[Mapping[str, str]] = {
    "usage": "", "requests": "-REQ", "limits": "-LIM", "pct_request": "%REQ",
    "pct_limit": "%LIM", "pct_node": "%", "pct_requested": "-REQ%",
    "pct_limited": "-LIM%", "allocatable": "-ALLOC", "capacity": "-CAP",
    "reserved": "-RESERVED", "headroom": "-ROOM", "schedulable": "-OPEN",
    "pods": "-PODS", "rest": "-REST",
    "least": "-MIN", "median": "-MEDIAN", "most": "-MAX",
    "unrequested": "-NOREQ", "unlimited": "-NOLIM",
    "compared.usage_in_requests": "*REQ-PART", "compared.requests": "*REQ-WHOLE",
    "compared.usage_in_limits": "*LIM-PART", "compared.limits": "*LIM-WHOLE",
    "reason": "-REASON", "unused": "-UNUSED", "pct_node_requests": "-REQ%",
    "pct_node_limits": "-LIM%",
}  # fmt: skip
"""The last part of each key, and what stands behind the resource in its header.

A ``%`` with nothing behind it is of the node's allocatable, as ``kubectl top`` has it.
"""


class HasUsage(Protocol):
    """A row of pods, containers or groups of them, with its usage and demand."""

    @property
    def usage(self) -> Quantities | None:
        """CPU in cores and memory in bytes."""
        ...

    @property
    def demand(self) -> Demand | None:
        """Requests and limits."""
        ...

    @property
    def unused(self) -> Quantities:
        """Requests less usage."""
        ...

    @property
    def compared(self) -> Compared:
        """The parts of its percentages: usage and amounts of the same containers."""
        ...

    def ratio(self, resource: str, base: Base) -> Fraction | None:
        """Return usage in requests, limits or the node's allocatable."""
        ...


class OnNode(Protocol):
    """A row of a pod or of its containers, on a node that may be known."""

    @property
    def demand(self) -> Demand | None:
        """Requests and limits."""
        ...

    @property
    def allocatable(self) -> Quantities:
        """What the node offers to pods."""
        ...


class HasReason(Protocol):
    """A row with a value, or with the reason why it has none."""

    @property
    def reason(self) -> Reason | None:
        """Why there is no value."""
        ...


class Metrics(Protocol):
    """A sample of a pod or node, as the metrics API dates it."""

    @property
    def timestamp(self) -> datetime | None:
        """When it was taken."""
        ...

    @property
    def window(self) -> timedelta | None:
        """Over how long its CPU was averaged."""
        ...


class HasSample(HasReason, Protocol):
    """A row with a sample, or with the reason why there is none."""

    @property
    def age(self) -> timedelta | None:
        """How old its sample is."""
        ...

    @property
    def metrics(self) -> Metrics | None:
        """Its sample."""
        ...


class HasDate(Protocol):
    """A row that keeps the time of its own server."""

    @property
    def date(self) -> datetime | None:
        """The server's clock when the row was read."""
        ...


class HasState(HasReason, Protocol):
    """A row with a state, which tells whether it should have a value."""

    @property
    def state(self) -> RowState:
        """Its state: one that is ``running`` should have a value."""
        ...

    @property
    def usage(self) -> Quantities | None:
        """CPU in cores and memory in bytes."""
        ...


class HasLabels(Protocol):
    """An object with labels: a pod, a node or a sample of one."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        ...


class HasValue(Protocol):
    """A row of anything that is measured."""

    @property
    def usage(self) -> Quantities | None:
        """What it uses, by resource."""
        ...


U = TypeVar("U", bound=HasValue)
M = TypeVar("M", bound=HasUsage)
P = TypeVar("P", bound=HasSample)
D = TypeVar("D", bound=HasDate)


def usage_columns(mark: Callable[[M, str], str]) -> tuple[Column[M], ...]:
    """Return the columns of CPU, then of memory; *mark* is that of a row's usage."""
    return tuple(c for of in RESOURCES for c in resource_columns(of, mark))


def resource_columns(
    of: Resource, mark: Callable[[M, str], str]
) -> tuple[Column[M], ...]:
    """Return the columns of one resource; *mark* is that of a row's usage."""
    name = of.name
    more = of.name == MEMORY  # what runs out of memory is killed; CPU only throttles

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
        *_amounts(of, mark),
        share(of, "pct_request", of_requests, "usage as % of requests; * not of those"
              " beside it", keep=50 + more, mark=lambda row: share_mark(row, name,
              "requests"), unset=lambda row: _shares_not(row, name, "requests")),
        share(of, "pct_limit", of_limits, "usage as % of limits, unless they are"
              " partial; * not of those beside it", keep=60 + more, alarm=True,
              mark=lambda row: share_mark(row, name, "limits"),
              unset=lambda row: _shares_not(row, name, "limits")),
        share(of, "pct_node", of_node, "usage as % of the node's allocatable",
              alarm=True,
              mark=lambda row: mark(row, name)),
        *_compared_columns(of),
        _unused_column(of, mark),
        _number(of, "unrequested", unrequested, "containers without a request"),
        _number(of, "unlimited", unlimited, "containers without a limit"),
    )  # fmt: skip


def _amounts(of: Resource, mark: Callable[[M, str], str]) -> tuple[Column[M], ...]:
    """Return the columns of what is used, requested and allowed of one resource."""
    name = of.name

    def usage(row: M) -> Quantity | None:
        return row.usage.get(name) if row.usage else None

    def requests(row: M) -> Quantity | None:
        return requested(row.demand, name)

    def limits(row: M) -> Quantity | None:
        return row.demand.limits.get(name) if row.demand else None

    def partial_limit(row: M) -> str:
        return PARTIAL if row.demand and row.demand.partial_limit(name) else ""

    return (
        amount(of, "usage", usage, "usage; ~ a lower bound, ! an old sample",
               keep=90, mark=lambda row: mark(row, name)),
        amount(of, "requests", requests, "what the scheduler sets aside", keep=31,
               unset=lambda row: _asks_not(row, requests(row))),
        amount(of, "limits", limits, "what may be used; ~ binds not all containers",
               keep=30, mark=partial_limit,
               unset=lambda row: _asks_not(row, limits(row))),
    )  # fmt: skip


def swap_column(mark: Callable[[U], str] | None = None) -> Column[U]:
    """Return the column of swap, which tables have where it is reported."""

    def usage(row: U) -> Quantity | None:
        return (row.usage or EMPTY).get(SWAP.name)

    about = "usage, where the provider reports it; metrics-server does not"
    made = amount(SWAP, "usage", usage, about, keep=28, mark=mark)
    return replace(made, optional=True)


def _unused_column(of: Resource, mark: Callable[[M, str], str]) -> Column[M]:
    def get(row: M) -> Quantity | None:
        return row.unused.get(of.name)

    def partial(row: M) -> str:
        return PARTIAL if PARTIAL in mark(row, of.name) else ""

    about = "requests less usage, of what is measured; below 0 if more is used"
    return amount(of, "unused", get, about, mark=partial)


def node_share_columns() -> tuple[Column[OnNode], ...]:
    """Return the columns of what a pod takes of its node, by its requests and limits.

    ``kubectl describe node`` has the same percentages.
    """
    return tuple(_node_share(of, base) for of in RESOURCES for base in _BASES)


def _node_share(of: Resource, base: Base) -> Column[OnNode]:
    def get(row: OnNode) -> Fraction | None:
        if row.demand is None or row.demand is NO_DEMAND:
            return None
        asked = row.demand.requests if base == "requests" else row.demand.limits
        return ratio(asked.get(of.name, _ZERO), row.allocatable.get(of.name))

    return share(of, f"pct_node_{base}", get, f"{base} as % of the node's allocatable")


def _asks_not(row: HasUsage, amount: Quantity | None) -> bool:
    """Whether *row* is known to ask for nothing: what has ended is not asked."""
    ended = row.demand is NO_DEMAND and row.usage is None
    return row.demand is not None and not ended and not amount


def _shares_not(row: HasUsage, resource: str, base: Base) -> bool:
    """Whether there is no percentage because nothing is set that it would be of."""
    demand = row.demand
    if demand is None or row.ratio(resource, base) is not None:
        return False
    whole = demand.requests if base == "requests" else demand.limits
    if _asks_not(row, whole.get(resource)):
        return True
    unlimited = base == "limits" and demand.unlimited.get(resource)
    return resource in (row.usage or EMPTY) and bool(unlimited)


def share_mark(row: HasUsage, resource: str, base: Base) -> str:
    """Return the marks of a percentage: a lower bound, or not of what stands beside."""
    division = row.compared.over(base)
    if division is None:
        return ""
    partial = PARTIAL if resource in division.partial else ""
    return partial + APART if _apart(row, resource, base, division) else partial


@dataclass(frozen=True, slots=True)
class _Sum:
    """What rows use and ask for together; no percentage of a node."""

    usage: Quantities | None
    demand: Demand | None
    compared: Compared
    unused: Quantities = field(default_factory=empty)

    def ratio(self, resource: str, base: Base) -> Fraction | None:
        return self.compared.ratio(resource, base)


def usage_totals(rows: Sequence[HasUsage]) -> Mapping[str, TotalCell]:
    """Return the percentages of all *rows* together, by the keys of their columns."""
    totals = Totals()
    for row in rows:
        totals.add(row.usage, row.demand)
    compared = summed_parts(row.compared for row in rows)
    whole = _Sum(totals.usage, totals.demand, compared)
    return {
        f"{of.key}.pct_{base.removesuffix('s')}": TotalCell(
            whole.ratio(of.name, base), share_mark(whole, of.name, base)
        )
        for of in RESOURCES
        for base in _BASES
    }


def _apart(row: HasUsage, resource: str, base: Base, division: Division) -> bool:
    """Whether a percentage divides something else than the amounts beside it."""
    demand = row.demand or NO_DEMAND
    if base == "limits" and demand.partial_limit(resource):
        # The limit beside is of some containers, and says nothing.
        return division.known(resource)
    beside = demand.requests if base == "requests" else demand.limits
    if division.whole is beside and division.used is row.usage:
        return False
    if not division.known(resource):
        return False
    used = (row.usage or EMPTY).get(resource)
    return (division.used.get(resource), division.whole.get(resource)) != (
        used,
        beside.get(resource),
    )


def _compared_columns(of: Resource) -> tuple[Column[HasUsage], ...]:
    """Return what a marked percentage divides, for machines and wide tables."""
    return tuple(_compared(of, base, used=used) for base in _BASES for used in _PARTS)


_BASES: Final[tuple[Base, ...]] = ("requests", "limits")
_PARTS: Final = (True, False)


def _compared(of: Resource, base: Base, *, used: bool) -> Column[HasUsage]:
    def get(row: HasUsage) -> Quantity | None:
        division = row.compared.over(base)
        if division is None or not _apart(row, of.name, base, division):
            return None
        return (division.used if used else division.whole).get(of.name)

    def unset(row: HasUsage) -> bool:
        return get(row) is None

    what = "usage" if used else base
    about = f"{what} that a % of {base} with * is of"
    key = f"compared.usage_in_{base}" if used else f"compared.{base}"
    made = amount(of, key, get, about, additive=False)
    return replace(made, optional=True, unset=unset)


def reason_columns() -> tuple[Column[HasReasons], ...]:
    """Return the columns of why CPU is missing, and why memory is."""
    return tuple(map(_reason_column, RESOURCES))


def _reason_column(of: Resource) -> Column[HasReasons]:
    def get(row: HasReasons) -> str | None:
        return reason_code(reason_of(row, of.name))

    def unset(row: HasReasons) -> bool:
        return get(row) is None

    made = _column(of, "reason", "text", get, "why there is no value of it")
    return replace(made, optional=True, unset=unset, last=True)


def reason_code(reason: Reason | None) -> str | None:
    """Return the code of a reason; ``None`` where there is no reason."""
    return reason.code if reason else None


def _reason(row: HasReason) -> str | None:
    return reason_code(row.reason)


def _explanation(row: HasReason) -> str | None:
    return row.reason.explanation or None if row.reason else None


def _reason_severity(row: HasReason) -> Severity | None:
    """Return the severity of a reason: one that is in order is quiet."""
    if row.reason is None:
        return None
    return "quiet" if row.reason.code in _EXPECTED else "warning"


REASON: Final[Column[HasReason]] = Column(
    key="reason", header="REASON", kind="text", get=_reason, keep=80, optional=True,
    about="why there is no value", severity=_reason_severity,
    unset=lambda row: row.reason is None, last=True,
)  # fmt: skip
EXPLANATION: Final[Column[HasReason]] = Column(
    key="explanation", header="EXPLANATION", kind="text", get=_explanation,
    about="the reason as a sentence", optional=True,
    unset=lambda row: row.reason is None, last=True,
)  # fmt: skip


def sample_columns(mark: Callable[[P], str]) -> tuple[Column[P], ...]:
    """Return the columns of a sample's quality, which *mark* tells, and of its time."""

    def flaws(row: P) -> str | None:
        measured = row.metrics is not None and row.reason is None
        return flaws_of(mark(row)) if measured else None

    def age(row: P) -> timedelta | None:
        return row.age

    def window(row: P) -> timedelta | None:
        return row.metrics.window if row.metrics else None

    def timestamp(row: P) -> str | None:
        taken = row.metrics.timestamp if row.metrics else None
        return rfc3339(taken) if taken else None

    return (
        Column(key="quality", header="QUALITY", kind="text", get=flaws,
               about="ok, partial (a lower bound) or stale (an old sample)",
               typed=listed_flaws(flaws), json_type="array"),
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
    """Return the columns of when a row's object was *born*; *what* says it in words.

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


def name_column(
    key: str, header: str, get: Callable[[R], str | None], about: str
) -> Column[R]:
    """Return a column of names: it never leaves a table, and is cut last."""
    return Column(key=key, header=header, kind="text", get=get, keep=ALWAYS, name=True,
                  about=about)  # fmt: skip


def label_family(labelled: Callable[[R], HasLabels | None]) -> Family[R]:
    """Return the family of label columns; *labelled* takes their object from a row."""

    def labels(row: R) -> Mapping[str, str]:
        found = labelled(row)
        return found.labels if found else EMPTY

    return lambda name: label_column(name, labels)


def demand_families() -> dict[str, Family[HasUsage]]:
    """Return the families of columns for any resource: ``requests:nvidia.com/gpu``."""

    def requests(row: HasUsage, name: str) -> Quantity | None:
        return requested(row.demand, name)

    def limits(row: HasUsage, name: str) -> Quantity | None:
        return row.demand.limits.get(name) if row.demand else None

    def known(row: HasUsage) -> bool:
        return row.demand is not None and row.demand is not NO_DEMAND

    return {
        "requests:": resource_family("requests", requests, known),
        "limits:": resource_family("limits", limits, known),
    }


def resource_family(
    what: str,
    of: Callable[[R, str], Quantity | None],
    known: Callable[[R], bool],
) -> Family[R]:
    """Return the family of columns of any resource; *of* takes its amount by name.

    What a row lacks of which such amounts are *known* is not set.
    """
    return lambda name: _any_resource(
        f"{what}:{name}", name, lambda row: of(row, name), known
    )


def _any_resource(
    key: str,
    name: str,
    of: Callable[[R], Quantity | None],
    known: Callable[[R], bool],
) -> Column[R]:
    kind = _resource_kind(name)

    def unset(row: R) -> bool:
        return of(row) is None and known(row)

    def get(row: R) -> Value:
        found = of(row)
        return int(found.value) if found is not None and kind == "count" else found

    return Column(
        key=key,
        header=key.upper(),
        kind=kind,
        get=get,
        about=f"{key.partition(':')[0]} of {name}",
        keep=ALWAYS,
        unset=unset,
    )


def _resource_kind(name: str) -> Kind:
    """Return the kind of a resource's amounts: those of extended ones are counts."""
    if name == "cpu":
        return "cpu"
    return "memory" if name.startswith(_BYTES) else "count"


def amount(
    resource: Resource,
    key: str,
    get: Callable[[R], Quantity | None],
    about: str,
    *,
    keep: int = WIDE,
    additive: bool = True,
    mark: Callable[[R], str] | None = None,
    unset: Callable[[R], bool] | None = None,
) -> Column[R]:
    """Return a column of amounts of *resource*, in its own unit."""
    made = _column(resource, key, resource.kind, get, about)
    return replace(made, keep=keep, additive=additive, mark=mark, unset=unset)


def share(
    resource: Resource,
    key: str,
    get: Callable[[R], Fraction | None],
    about: str,
    *,
    keep: int = WIDE,
    alarm: bool = False,
    mark: Callable[[R], str] | None = None,
    unset: Callable[[R], bool] | None = None,
) -> Column[R]:
    """Return a column of percentages of *resource*."""
    made = _column(resource, key, "percent", get, about)
    return replace(made, keep=keep, alarm=alarm, mark=mark, unset=unset)


def _number(
    resource: Resource, key: str, get: Callable[[R], int | None], about: str
) -> Column[R]:
    """Return a column of counts of what concerns *resource*."""
    return _column(resource, key, "count", get, about)


def _column(
    resource: Resource, key: str, kind: Kind, get: Callable[[R], Value], about: str
) -> Column[R]:
    return Column(
        key=f"{resource.key}.{key}",
        header=f"{resource.header}{_HEADERS[key]}",
        group=resource.key,
        kind=kind,
        get=get,
        about=f"{resource.noun}: {about}",
    )


def listed(
    get: Callable[[R], str | None], known: Callable[[R], bool]
) -> Callable[[R], list[str] | None]:
    """Return the parts of a text that commas separate, for JSON; none are a list too.

    ``None`` where nothing is *known*.
    """

    def parts(row: R) -> list[str] | None:
        text = get(row)
        return text.split(",") if text else [] if known(row) else None

    return parts


def listed_flaws(
    get: Callable[[R], str | None],
) -> Callable[[R], list[str] | None]:
    """Return the flaws that a text names, for JSON: none in ``ok``."""

    def flaws(row: R) -> list[str] | None:
        text = get(row)
        return None if text is None else [f for f in text.split(",") if f != _OK]

    return flaws


def marks(*, partial: bool = False, stale: bool = False) -> str:
    """Return the marks of a value that is a lower bound, or whose sample is old."""
    return (PARTIAL if partial else "") + (STALE if stale else "")


def lacks(row: HasState, resource: str) -> bool:
    """Whether *row* lacks a value that it should have, and a total is too small."""
    known = row.usage or EMPTY
    return row.state == "running" and row.reason is not None and resource not in known


def flaws_of(mark: str) -> str:
    """Name the flaws that a mark stands for; ``ok`` where there are none."""
    return ",".join(_FLAWS[sign] for sign in mark) or _OK


_OK: Final = "ok"
_FLAWS: Final = {PARTIAL: "partial", STALE: "stale"}


_BAD: Final = (
    "CrashLoopBackOff", "Error", "OOMKilled", "ImagePullBackOff", "ErrImagePull",
    "ExitCode:", "Signal:", "Evicted", "Failed", "ContainerCannotRun", "NodeLost",
    "InvalidImageName", "CreateContainer", "RunContainerError", "StartError",
    "DeadlineExceeded", "NotReady", "Unknown",
)  # fmt: skip
_QUIET: Final = frozenset({"Completed", "Succeeded"})
_GOOD: Final = frozenset({"Running", "Ready", ""})


def status_severity(word: str) -> Severity | None:
    """Return the severity of a status: what fails is critical, what waits a warning."""
    if word in _GOOD:
        return None
    if word in _QUIET:
        return "quiet"
    return "critical" if word.removeprefix("Init:").startswith(_BAD) else "warning"
