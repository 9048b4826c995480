"""Roll-ups: by any key, exact, with what is to be known of them carried along."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

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

from .make import node, parts, pod, running, sample

CPU = "cpu"
HASH = "7c9d8f"
HASHED = {"pod_template_hash": HASH}


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
        (owned("Job", "nightly-29000010"), "CronJob/nightly", True),
        (owned("Job", "nightly-1700000000"), "CronJob/nightly", True),
        (owned("Job", "nightly-2024"), "Job/nightly-2024", False),
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
    assert [g.rows for g in rollup(join(parts(pods)).pods, ["pod"])] == [1, 1]


def test_rows_without_the_label_come_last_with_an_empty_value() -> None:
    pods = (pod("a"), pod("b", meta={"labels": {"app": "x"}}))
    groups = rollup(join(parts(pods)).pods, ["label:app"])
    assert [g.key[0].value for g in groups] == ["x", ""]


@pytest.mark.parametrize("wrong", ["", "label:", "deployment"])
def test_an_unknown_key_is_refused_with_the_known_ones(wrong: str) -> None:
    with pytest.raises(ValueError, match="choose from namespace, node, owner"):
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
    assert y.coverage.sentence == "1 of 1 running pods measured; also 1 finished"
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
    assert sum(group.rows for group in groups) == total.rows == len(members)
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
