"""For any sample and any pod, sums agree, or the row that differs says why."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as some

from kubemetrics.accounting import requested
from kubemetrics.models import Quantities, total
from kubemetrics.models.metrics import NodeMetrics, PodMetrics
from kubemetrics.models.pod import Pod
from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import (
    ContainerUsage,
    Parts,
    PodUsage,
    Snapshot,
    container_rows,
    join,
    rollup,
    summed,
)

from .make import at, node, parts

NAMES = ("app", "side", "setup", "", "POD", "debug")
STATES: tuple[Any, ...] = (
    {"running": {"startedAt": at(-3600)}}, {"running": {}},
    {"terminated": {"exitCode": 0}}, {"waiting": {"reason": "CrashLoopBackOff"}}, None,
)  # fmt: skip
VALUES = ("1", "999999999n", "250m", "3", "0", "-5m", "9223372036854775807")
RESOURCES = ("cpu", "memory")

_usage = some.dictionaries(
    some.sampled_from(RESOURCES), some.sampled_from(VALUES), max_size=2
)
_amounts = some.dictionaries(
    some.sampled_from(("requests", "limits")),
    some.dictionaries(some.sampled_from(RESOURCES), some.sampled_from(("1", "2", "0"))),
    min_size=1,
)


@some.composite
def pods(draw: some.DrawFn, index: int) -> Pod:
    """Draw a pod of any containers in any state, on any node or none."""
    lists: dict[str, list[dict[str, Any]]] = {"containers": [], "initContainers": []}
    statuses: dict[str, list[dict[str, Any]]] = {}
    for name in draw(
        some.sets(some.sampled_from(("app", "side", "setup")), min_size=1)
    ):
        kind = draw(some.sampled_from(tuple(lists)))
        made: dict[str, Any] = {"name": name, "resources": draw(_amounts)}
        if kind == "initContainers" and draw(some.booleans()):
            made["restartPolicy"] = "Always"
        lists[kind].append(made)
        state = draw(some.sampled_from(STATES))
        if state is not None:
            key = kind.removesuffix("s")
            statuses.setdefault(f"{key}Statuses", []).append(
                {"name": name, "state": state}
            )
    spec: dict[str, Any] = {"nodeName": draw(some.sampled_from(("n1", "n2", "")))}
    level = draw(some.none() | _amounts)
    whole: Any = {
        "metadata": {
            "name": f"p{index}",
            "namespace": "xy"[index % 2],
            "ownerReferences": draw(
                some.sampled_from(
                    [None, [{"kind": "StatefulSet", "name": "s", "controller": True}]]
                )
            ),
        },
        "spec": {**spec, **lists, **({"resources": level} if level else {})},
        "status": {
            "phase": draw(
                some.sampled_from(("Running", "Running", "Pending", "Succeeded"))
            ),
            "startTime": at(-3600),
            **statuses,
        },
    }
    return Pod.from_json(whole)


def samples(index: int) -> some.SearchStrategy[PodMetrics]:
    """Return samples of pod *index*, of any containers."""

    namespace = "xy"[index % 2]

    def made(age: int, given: list[tuple[str, Any]]) -> PodMetrics:
        obj: Any = {
            "metadata": {"name": f"p{index}", "namespace": namespace},
            "timestamp": at(-age),
            "window": "15s",
            "containers": [{"name": name, "usage": usage} for name, usage in given],
        }
        return PodMetrics.from_json(obj)

    return some.builds(
        made,
        some.integers(0, 30),
        some.lists(
            some.tuples(some.sampled_from(NAMES), _usage), min_size=1, max_size=4
        ),
    )


def node_samples(name: str) -> some.SearchStrategy[NodeMetrics]:
    return _usage.map(
        lambda usage: NodeMetrics.from_json(
            {"metadata": {"name": name}, "timestamp": at(-5), "usage": usage}
        )
    )


@some.composite
def clusters(draw: some.DrawFn) -> Parts:
    """Draw up to four pods, and samples of them or of others."""
    count = draw(some.integers(0, 4))
    found = tuple(draw(pods(index)) for index in range(count))
    whose = [*range(count), *draw(some.lists(some.integers(0, 4), max_size=2))]
    given = tuple(draw(samples(index)) for index in whose)
    known = (node(), node("n2", capacity=draw(some.sampled_from([None, {"cpu": "2"}]))))
    measured = tuple(draw(some.lists(some.sampled_from(("n1", "n2")), unique=True)))
    return parts(found, given, known, tuple(draw(node_samples(n)) for n in measured))


Row = PodUsage | ContainerUsage


def used(rows: Iterable[Row]) -> Quantities:
    return total([row.usage for row in rows if row.usage])


@given(clusters())
def test_sums_agree_or_the_row_that_differs_says_why(read: Parts) -> None:
    found = join(read)
    containers = container_rows(found.pods)
    for row in found.pods:
        own = [c for c in containers if c.row is row]
        for resource in RESOURCES:
            _agrees(row, own, resource)
    whole = used(found.pods)
    assert summed(found.pods).usage == whole
    for key in ("namespace", "owner", "node", "pod", "qos"):
        groups = rollup(found.pods, [key])
        assert total([group.usage for group in groups]) == whole, key
        assert sum(group.count for group in groups) == len(found.pods)
    groups = rollup(containers, ["container"])
    assert total([group.usage for group in groups]) == used(containers)
    _agrees_by_node(found)


def _agrees(row: PodUsage, own: list[ContainerUsage], resource: str) -> None:
    """Check that a pod is the sum of its containers, or one of them has a reason."""
    mine = (row.usage or {}).get(resource)
    theirs = used(own).get(resource)
    if mine == theirs:
        assert mine is not None or row.reason is not None or row.state == "orphan"
    elif mine is None:
        # Each can be, and their sum cannot.
        assert row.reasons[resource].code == "Implausible"
    else:
        assert row.metrics is not None
        assert row.metrics.of_whole_pod
        assert theirs is None
        assert all(c.reason is not None for c in own)


def _agrees_by_node(found: Snapshot) -> None:
    for row in found.nodes:
        assert row.breakdown is not None
        here = [pod for pod in found.pods if pod.node_name == row.name]
        assert row.breakdown.pods_usage == used(here)
        for resource, value in (row.usage or {}).items():
            pods = used(here).get(resource, Quantity(0))
            rest = (row.breakdown.rest or {}).get(resource)
            if rest is None or rest + pods != value:
                assert pods > value


BASES: tuple[Literal["requests", "limits"], ...] = ("requests", "limits")


@given(clusters())
def test_a_share_is_of_the_containers_that_serve_are_measured_and_have_it(
    read: Parts,
) -> None:
    found = join(read)
    containers = container_rows(found.pods)
    for row in found.pods:
        own = [c for c in containers if c.row is row]
        for resource in RESOURCES:
            for base in BASES:
                _is_of_the_same(row, own, resource, base)


def _is_of_the_same(
    row: PodUsage,
    own: list[ContainerUsage],
    resource: str,
    base: Literal["requests", "limits"],
) -> None:
    share = row.ratio(resource, base)
    if row.pod is None or row.metrics is None or row.metrics.of_whole_pod:
        return
    if row.pod.resources and getattr(row.pod.resources, base).get(resource):
        return
    counted = [
        c
        for c in own
        if resource in (c.usage or {})
        and (c.kind != "init" or (c.container is not None and c.container.running))
    ]
    having = [c for c in counted if c.demand and getattr(c.demand, base).get(resource)]
    unbound = base == "limits" and len(having) < len(counted)
    if base == "requests" and _is_of_the_pods_own(row, own, resource):
        amount, whole = (row.usage or {})[resource], requested(row.demand, resource)
        assert whole is not None
        assert share == Fraction(amount.nanos, whole.nanos)
        return
    if not having or unbound or row.pod.finished or resource not in (row.usage or {}):
        assert share is None
        return
    amounts = [getattr(c.demand, base)[resource] for c in having]
    whole = sum(amounts, Quantity(0))
    assert share == Fraction(used(having)[resource].nanos, whole.nanos)


def _is_of_the_pods_own(
    row: PodUsage, own: list[ContainerUsage], resource: str
) -> bool:
    """Whether something is set aside for a pod, and nothing that serves requests it."""
    serve = [
        c.demand
        for c in own
        if c.kind != "init" or (c.container is not None and c.container.running)
    ]
    return (
        resource in (row.usage or {})
        and bool(requested(row.demand, resource))
        and not any(requested(demand, resource) for demand in serve)
    )
