"""Roll-ups: by any key, exact, with what is to be known of them carried along."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.models.metrics import PodMetrics
from kubemetrics.models.pod import Pod
from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import (
    KEYS,
    GroupKey,
    Rollup,
    Spread,
    container_rows,
    join,
    rollup,
    summed,
)
from kubemetrics.table.columns import Table
from kubemetrics.table.render import TableOptions, render
from kubemetrics.views.groups import group_table
from kubemetrics.views.pods import pod_table

from .make import node, parts, pod, running, sample

CPU = "cpu"
HASH = "7c9d8f"
TEMPLATE = "pod_template_hash"
HASHED = {TEMPLATE: HASH}


def owned(kind: str, name: str, **labels: str) -> dict[str, object]:
    return {
        "ownerReferences": [{"kind": kind, "name": name, "controller": True}],
        "labels": {key.replace("_", "-"): value for key, value in labels.items()},
    }


def owner_of(made: Pod) -> tuple[str, bool]:
    (group,) = rollup(join(parts((made,))).pods, ["owner"])
    return kind_and_name(group), group.key[0].inferred


def kind_and_name(group: Rollup) -> str:
    (key,) = group.key
    return f"{key.kind}/{key.value}" if key.kind else key.value


@pytest.mark.parametrize(
    ("meta", "owner", "inferred"),
    [
        (owned("ReplicaSet", f"api-{HASH}", **HASHED), "Deployment/api", False),
        (owned("ReplicaSet", "api-other", **HASHED), "ReplicaSet/api-other", False),
        (owned("ReplicaSet", "api"), "ReplicaSet/api", False),
        (owned("Job", "nightly-2024"), "Job/nightly-2024", False),
        (
            owned("ReplicaSet", f"api-{HASH}", **{f"rollouts_{TEMPLATE}": HASH}),
            "Rollout/api",
            False,
        ),
        (owned("StatefulSet", "db"), "StatefulSet/db", False),
        (owned("Node", "n1"), "Node/n1", False),
        ({}, "Pod/p", False),
    ],
)  # fmt: skip
def test_a_pod_belongs_to_its_workload(
    meta: dict[str, object],
    owner: str,
    inferred: bool,  # noqa: FBT001 - a table
) -> None:
    assert owner_of(pod(meta=meta)) == (owner, inferred)


DUE = datetime(2025, 2, 19, 22, 10, tzinfo=UTC)
MINUTES, SECONDS = int(DUE.timestamp()) // 60, int(DUE.timestamp())


@pytest.mark.parametrize(
    ("job", "created", "owner"),
    [
        (f"nightly-{MINUTES}", DUE, "CronJob/nightly"),
        (f"nightly-{MINUTES}", DUE + timedelta(hours=23), "CronJob/nightly"),
        (f"nightly-{MINUTES}", DUE + timedelta(hours=25), f"Job/nightly-{MINUTES}"),
        (f"nightly-{SECONDS}", DUE + timedelta(minutes=3), "CronJob/nightly"),
        (f"nightly-{SECONDS}", DUE + timedelta(days=9), f"Job/nightly-{SECONDS}"),
        ("report-20240630", datetime(2024, 6, 30, tzinfo=UTC), "Job/report-20240630"),
        (f"nightly-{MINUTES}", None, f"Job/nightly-{MINUTES}"),
    ],
)  # fmt: skip
def test_a_job_is_a_cronjobs_only_where_its_name_is_the_time_of_its_pods(
    job: str, created: datetime | None, owner: str
) -> None:
    """opentelemetry-collector-contrib#48300, #47431; opencost#1179; istio#35563."""
    meta = owned("Job", job)
    if created is not None:
        meta["creationTimestamp"] = created.isoformat()
    assert owner_of(pod(meta=meta)) == (owner, owner.startswith("CronJob"))


def test_what_is_concluded_from_a_name_is_marked_and_told_to_machines() -> None:
    """krr#65, kiali#8340 want a Rollout, which its label makes sure."""
    meta = {**owned("Job", f"nightly-{MINUTES}"), "creationTimestamp": DUE.isoformat()}
    rows = join(parts((pod("a", meta=meta), pod("b")))).pods
    groups = rollup(rows, ["owner"])
    tables: list[tuple[Table[Any], Sequence[Any]]]
    tables = [(pod_table(), rows), (group_table(("owner",)), groups)]
    for table, found in tables:
        kind, inferred = table.need("owner.kind"), table.need("owner.inferred")
        assert kind.mark is None
        assert kind.note is not None
        marked = [(kind.get(row), kind.note(row), inferred.get(row)) for row in found]
        assert sorted(marked, key=str) == [
            ("CronJob", ",inferred", "true"), ("Pod", "", None),
        ]  # fmt: skip
    columns = group_table(("owner",)).plain(groups)[1:]
    lines = render(groups, columns, TableOptions(total=True)).lines
    first = [line.split()[0] for line in lines]
    assert first == ["KIND", "Pod", "CronJob,inferred", "TOTAL"]


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        (f"api-{HASH}-x2x9q", "Deployment/api"),
        ("other-x2x9q", ""),
    ],
)
def test_a_sample_without_its_pod_tells_its_deployment_by_name(
    name: str, owner: str
) -> None:
    orphan = sample(name, labels={"pod-template-hash": HASH})
    (group,) = rollup(join(parts((), (orphan,))).pods, ["owner"])
    assert kind_and_name(group) == owner
    assert group.key[0].inferred == bool(owner)


def test_a_sample_without_labels_tells_no_owner() -> None:
    (group,) = rollup(join(parts((), (sample("odd--x2x9q"),))).pods, ["owner"])
    assert kind_and_name(group) == ""


KEY_OF = {
    "namespace": GroupKey("namespace", "default"),
    "node": GroupKey("node", "n1"),
    "owner": GroupKey("owner", "db", "StatefulSet", "default"),
    "pod": GroupKey("pod", "db-0", namespace="default"),
    "container": GroupKey("container", "app"),
    "qos": GroupKey("qos", "Burstable"),
    "priority-class": GroupKey("priority-class", "high"),
    "label:app": GroupKey("label:app", "shop"),
    "label:tier": GroupKey("label:tier", ""),
}


def test_every_key_is_in_the_table_above() -> None:
    assert [by for by in KEY_OF if not by.startswith("label:")] == list(KEYS)


@pytest.mark.parametrize(("by", "key"), KEY_OF.items(), ids=KEY_OF)
def test_a_key_says_what_it_is_of_and_where(by: str, key: GroupKey) -> None:
    made = pod(
        "db-0",
        meta=owned("StatefulSet", "db", app="shop"),
        spec={"priorityClassName": "high"},
        qosClass="Burstable",
    )
    rows = join(parts((made,), (sample("db-0"),))).pods
    for members in (rows, container_rows(rows)):
        (group,) = rollup(members, [by])
        if by == "container" and members is rows:
            assert group.key == (GroupKey("container", ""),)
        else:
            assert group.key == (key,)
            assert not group.key[0].inferred


def test_owners_of_one_name_in_two_namespaces_are_two() -> None:
    meta = owned("StatefulSet", "db")
    pods = (pod("db-0", "a", meta=meta), pod("db-0", "b", meta=meta))
    groups = rollup(join(parts(pods)).pods, ["owner"])
    assert [g.key[0].namespace for g in groups] == ["a", "b"]
    assert [g.count for g in rollup(join(parts(pods)).pods, ["pod"])] == [1, 1]


def test_rows_without_the_label_come_last_with_an_empty_value() -> None:
    pods = (pod("a"), pod("b", meta={"labels": {"app": "x"}}))
    groups = rollup(join(parts(pods)).pods, ["label:app"])
    assert [g.key[0].value for g in groups] == ["x", ""]


@pytest.mark.parametrize("wrong", ["", "label:"])
def test_an_unknown_key_is_refused_with_the_known_ones(wrong: str) -> None:
    with pytest.raises(ValueError, match="choose from namespace, node, owner"):
        rollup((), [wrong])


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("app", "label:app"), ("nodes", "node or label:nodes")],
)
def test_an_unknown_key_may_be_meant_as_a_label(wrong: str, meant: str) -> None:
    with pytest.raises(ValueError, match=rf"did you mean {meant}\?$"):
        rollup((), [wrong])


def test_the_replicas_of_a_group_are_compared() -> None:
    meta = owned("StatefulSet", "db")
    pods = tuple(pod(f"db-{i}", meta=meta) for i in range(5))
    samples = tuple(
        sample(f"db-{i}", app=(cpu, "1Mi"))
        for i, cpu in enumerate(["4", "1", "3", "2"])
    )
    (group,) = rollup(join(parts(pods, samples)).pods, ["owner"])
    assert group.spread[CPU] == Spread(Quantity(1), Quantity(2), Quantity(4))


def test_coverage_and_lower_bounds_are_carried_along() -> None:
    pods = (
        pod("a", "x"),
        pod("b", "x", statuses=(running("app"), running("more"))),
        pod("c", "y"),
        pod("d", "y", phase="Failed"),
        pod("e", "z"),
    )
    samples = (sample("a", "x"), sample("b", "x"), sample("c", "y"))
    x, y, z = rollup(join(parts(pods, samples)).pods, ["namespace"])
    assert x.lower_bound
    assert x.coverage.partial == 1
    assert not y.lower_bound
    assert y.coverage.sentence == "1 of 1 running pod measured; also 1 finished"
    assert z.lower_bound
    assert z.usage == {}
    assert z.coverage.missing == (("Unreported", 1),)


def test_a_percentage_is_over_the_pods_that_were_measured() -> None:
    pods = (pod("a"), pod("b"), pod("c", statuses=(running("app"), running("more"))))
    samples = (sample("a"), sample("c"), sample("gone", app=("9", "9Gi")))
    (group,) = rollup(join(parts(pods, samples)).pods, ["qos"])
    assert group.usage[CPU] == Quantity("9100m")
    assert group.demand.requests[CPU] == Quantity("400m")
    assert group.ratio(CPU, "requests") == Fraction(1, 2)
    assert group.ratio(CPU, "limits") == Fraction(1, 4)


def test_a_group_with_one_unlimited_pod_has_no_percentage_of_limits() -> None:
    pods = (pod("a"), pod("b", spec={"containers": [{"name": "app"}]}))
    total = summed(join(parts(pods, (sample("a"), sample("b")))).pods)
    assert total.demand.limits[CPU] == Quantity("200m")
    assert total.demand.unlimited[CPU] == 1
    assert total.ratio(CPU, "limits") is None


def test_the_sum_of_nothing_is_nothing() -> None:
    total = summed(())
    assert total.usage == {}
    assert total.coverage.sentence == "0 of 0 running pods measured"
    assert rollup((), ["namespace"]) == ()


names = st.sampled_from("abc")
nanos = st.integers(0, 10**12)


@st.composite
def clusters(draw: st.DrawFn) -> tuple[tuple[Pod, ...], tuple[PodMetrics, ...]]:
    """Any few pods and samples, some of either without the other."""
    pods: dict[tuple[str, str], Pod] = {}
    samples: dict[tuple[str, str], PodMetrics] = {}
    for key in draw(st.sets(st.tuples(names, names), max_size=9)):
        name, namespace = key
        if draw(st.booleans()):
            pods[key] = pod(
                name,
                namespace,
                node=draw(st.sampled_from(["n1", "n2", ""])),
                phase=draw(st.sampled_from(["Running", "Pending", "Failed"])),
                meta=owned("StatefulSet", draw(names), app=draw(names)),
                qosClass=draw(st.sampled_from(["Guaranteed", ""])),
            )
        if draw(st.booleans()):
            usage = {
                "cpu": Quantity.from_nanos(draw(nanos)),
                "memory": Quantity.from_nanos(draw(nanos)),
            }
            made = sample(name, namespace)
            (only,) = made.containers
            samples[key] = replace(made, containers=(replace(only, usage=usage),))
    return tuple(pods.values()), tuple(samples.values())


chains = st.lists(st.sampled_from([*KEYS, "label:app"]), max_size=3, unique=True)


@given(clusters(), chains, st.randoms(use_true_random=False), st.booleans())
def test_a_total_equals_the_sum_of_its_rows(
    cluster: tuple[tuple[Pod, ...], tuple[PodMetrics, ...]],
    chain: list[str],
    chance: random.Random,
    by_container: bool,  # noqa: FBT001 - drawn
) -> None:
    """For every chain of keys and every filter; and exactly."""
    pods, samples = cluster
    rows = list(join(parts(pods, samples, (node("n1"), node("n2")))).pods)
    chosen = chance.sample(rows, chance.randint(0, len(rows)))
    members = container_rows(chosen) if by_container else chosen
    groups, total = rollup(members, chain), summed(members)
    assert sum(group.count for group in groups) == total.count == len(members)
    for resource in ("cpu", "memory"):
        usage = sum(g.usage[resource].nanos for g in groups if resource in g.usage)
        known = [r.usage for r in members if r.usage and resource in r.usage]
        exact = sum(amounts[resource].nanos for amounts in known)
        assert usage == exact == total.usage.get(resource, Quantity(0)).nanos
        for kind in ("requests", "limits"):
            parts_of = [getattr(group.demand, kind) for group in groups]
            added = sum((a[resource] for a in parts_of if resource in a), Quantity(0))
            whole = getattr(total.demand, kind)
            assert added == whole.get(resource, Quantity(0))
    assert sum(g.coverage.expected for g in groups) == total.coverage.expected
    assert sum(g.coverage.measured for g in groups) == total.coverage.measured
