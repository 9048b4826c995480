"""The join: who meets whom, what is dropped, what is flagged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from kubemetrics.doctor.diagnose import samples as sample_findings
from kubemetrics.errors import Forbidden
from kubemetrics.models.metrics import PodMetrics
from kubemetrics.quantity import Quantity
from kubemetrics.snapshot import Part, PodUsage, Snapshot, container_rows, join, summed
from kubemetrics.views.pods import pod_table

from .make import at, node, node_sample, parts, pod, running, sample

FORBIDDEN = Forbidden("forbidden", status=403)
TWO = (running("a"), running("b"))


def rows(snapshot: Snapshot) -> dict[tuple[str, str], PodUsage]:
    return {row.key: row for row in snapshot.pods}


def test_names_that_join_to_the_same_text_are_different_pods() -> None:
    """kube-capacity's key is ``namespace-name``: these two collide there."""
    first, second = pod("c", "a-b"), pod("b-c", "a")
    snapshot = join(parts((first, second), (sample("c", "a-b", app=("1", "1Gi")),)))
    assert rows(snapshot)["a-b", "c"].usage is not None
    assert rows(snapshot)["a", "b-c"].usage is None


def test_rows_are_in_the_order_of_namespace_and_name() -> None:
    pods = (pod("b", "b"), pod("a", "b"), pod("z", "a"))
    snapshot = join(parts(pods, (sample("aa", "b"),)))
    assert list(rows(snapshot)) == [("a", "z"), ("b", "a"), ("b", "aa"), ("b", "b")]


def test_a_missing_sample_is_nothing_and_never_zero() -> None:
    (row,) = join(parts((pod(),))).pods
    assert row.usage is None
    assert row.ratio("cpu", "requests") is None
    assert row.ratio("cpu", "node") is None


def test_a_measured_zero_is_zero() -> None:
    (row,) = join(parts((pod(),), (sample(app=("0", "0")),))).pods
    assert row.usage == {"cpu": Quantity(0), "memory": Quantity(0)}
    assert row.reason is None


def test_a_sample_of_an_earlier_pod_of_that_name_is_dropped() -> None:
    young = pod(statuses=(running(since=at(-5)),), startTime=at(-5))
    (row,) = join(parts((young,), (sample(age=25),))).pods
    assert row.usage is None
    assert row.reason is not None
    assert row.reason.code == "TooYoung"


def test_a_sample_within_a_window_of_the_start_is_the_pods_own() -> None:
    """The node dates the start and the provider the sample: clocks are not that equal.

    A sample of 10 s ago, over 15 s, beside a start of 5 s ago.
    """
    young = pod(statuses=(running(since=at(-5)),), startTime=at(-5))
    (row,) = join(parts((young,), (sample(age=10),))).pods
    assert row.usage is not None


def test_a_start_in_the_future_is_a_node_clock_that_is_ahead() -> None:
    """metrics-server dates by its own clock: the sample is this pod's all the same."""
    ahead = pod(statuses=(running(since=at(3000)),), startTime=at(3000))
    (row,) = join(parts((ahead,), (sample(age=10),))).pods
    assert row.usage is not None
    (row,) = join(parts((ahead,), (sample(age=3600),))).pods
    assert row.usage is None


def test_a_sample_without_containers_is_none() -> None:
    """``timestamp: null`` and no container: the provider skipped them all."""
    empty = PodMetrics.from_json(
        {"metadata": {"name": "p", "namespace": "default"}, "containers": []}
    )
    snapshot = join(parts((pod(),), (empty, replace(empty, name="gone"))))
    (row,) = snapshot.pods
    assert row.reason is not None


def test_a_sample_whose_pod_is_gone_stays_and_counts() -> None:
    snapshot = join(parts((pod(),), (sample(), sample("gone"))))
    gone = rows(snapshot)["default", "gone"]
    assert gone.state == "orphan"
    assert gone.demand is None
    assert summed(snapshot.pods).usage["cpu"] == Quantity("100m")
    assert snapshot.coverage.sentence == (
        "1 of 1 running pod measured; also 1 sample of pods not in the list"
    )


def test_where_pods_were_chosen_otherwise_other_samples_are_no_orphans() -> None:
    read = replace(parts((pod(),), (sample(), sample("other"))), narrowed=True)
    assert list(rows(join(read))) == [("default", "p")]


@pytest.mark.parametrize(
    ("statuses", "missing"),
    [
        (TWO, ("b",)),
        ((running("a"), {"name": "b", "state": {"waiting": {}}}), ()),
        ((running("a"), {"name": "b", "state": {"terminated": {}}}), ()),
    ],
)
def test_only_a_running_container_can_be_missing(
    statuses: tuple[dict[str, Any], ...], missing: tuple[str, ...]
) -> None:
    (row,) = join(parts((pod(statuses=statuses),), (sample(a=("1m", "1Mi")),))).pods
    assert row.missing == missing
    assert row.partial == bool(missing)


def test_a_sidecar_and_a_debugging_container_can_be_missing_too() -> None:
    richer = pod(
        spec={
            "initContainers": [{"name": "s", "restartPolicy": "Always"}],
            "ephemeralContainers": [{"name": "d"}],
        },
        initContainerStatuses=[running("s")],
        ephemeralContainerStatuses=[running("d")],
    )
    (row,) = join(parts((richer,), (sample(),))).pods
    assert row.missing == ("s", "d")


def test_a_container_measured_by_half_is_missing_beside_a_whole_one() -> None:
    half = sample(a=("1m", "1Mi"), b=("2m", "2Mi"))
    first, second = half.containers
    first = replace(first, usage={"cpu": Quantity("1m")})
    half = replace(half, containers=(first, second))
    (row,) = join(parts((pod(statuses=TWO),), (half,))).pods
    assert row.missing == ("a",)
    assert row.usage == {"cpu": Quantity("3m"), "memory": Quantity("2Mi")}


def test_a_container_named_twice_in_a_sample_is_summed_in_every_row() -> None:
    """metrics-server#301: 170m of the pod, and of its only container 120m."""
    twice = sample(app=("50m", "50Mi"))
    again = replace(twice.containers[0], usage={"cpu": Quantity("120m")})
    twice = replace(twice, containers=(*twice.containers, again))
    two = pod(statuses=(running(), running("b")))
    snapshot = join(parts((two,), (twice,)))
    (row,) = snapshot.pods
    assert row.usage == {"cpu": Quantity("170m"), "memory": Quantity("50Mi")}
    assert row.ratio("cpu", "requests") == Fraction(17, 10)
    one, other = container_rows(snapshot.pods)
    assert (one.usage, other.usage) == (row.usage, None)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_samples_of_one_name_the_newest_counts_and_both_are_named(
    order: int,
) -> None:
    """metrics-server#301: whichever the provider lists first."""
    samples = (sample(app=("1m", "1Mi")), sample(age=40, app=("9m", "9Mi")))[::order]
    nodes = (node_sample(), node_sample(cpu="2", age=40))[::order]
    undated = replace(samples[0], timestamp=None)
    for given in (samples, (*samples, undated), (undated, *samples)):
        snapshot = join(parts((pod(),), given, node_samples=nodes))
        (row,), (node_row,) = snapshot.pods, snapshot.nodes
        assert row.usage == {"cpu": Quantity("1m"), "memory": Quantity("1Mi")}
        assert node_row.usage is not None
        assert node_row.usage["cpu"] == Quantity("1")
        (found,) = [f for f in sample_findings(snapshot) if f.check == "answers"]
        assert found.severity == "warning"
        assert found.evidence == "pod metrics: default/p\nnode metrics: n1"


def test_the_doctor_names_a_container_that_a_sample_has_twice() -> None:
    twice = sample(app=("50m", "50Mi"), other=("1m", "1Mi"))
    twice = replace(twice, containers=(*twice.containers, twice.containers[0]))
    snapshot = join(parts((pod(statuses=(running(), running("other"))),), (twice,)))
    (found,) = [f for f in sample_findings(snapshot) if f.check == "answers"]
    assert found.evidence == "pod metrics: default/p, container app"


def test_percentages_of_a_partial_value_are_over_what_was_measured() -> None:
    (row,) = join(parts((pod(statuses=TWO),), (sample(a=("50m", "50Mi")),))).pods
    assert row.ratio("cpu", "requests") == Fraction(1, 2)
    assert row.ratio("memory", "limits") == Fraction(1, 4)


def test_no_percentage_is_taken_of_a_partial_limit() -> None:
    unlimited = pod(
        statuses=TWO,
        spec={"containers": [{"name": "a", "resources": {"limits": {"cpu": "1"}}},
                             {"name": "b"}]},
    )  # fmt: skip
    whole = sample(a=("50m", "50Mi"), b=("1m", "1Mi"))
    (row,) = join(parts((unlimited,), (whole,))).pods
    assert row.demand is not None
    assert row.demand.limits == {"cpu": Quantity(1)}
    assert row.ratio("cpu", "limits") is None
    measured = sample(a=("50m", "50Mi"))
    (row,) = join(parts((unlimited,), (measured,))).pods
    assert row.ratio("cpu", "limits") == Fraction(1, 20)


def test_a_share_of_nothing_is_nothing() -> None:
    """kubectl prints -9223372036854775808% where allocatable is 0."""
    zero = node(allocatable={"cpu": "0"})
    (row,) = join(parts((pod(),), (sample(),), (zero,))).pods
    assert row.ratio("cpu", "node") is None
    assert row.ratio("memory", "node") is None


def test_a_nodes_share_is_of_its_allocatable() -> None:
    (row,) = join(parts((pod(),), (sample(app=("900m", "1Gi")),))).pods
    assert row.ratio("cpu", "node") == Fraction(1, 2)
    assert row.ratio("memory", "node") == Fraction(1, 3)


def test_age_goes_by_the_servers_clock() -> None:
    (row,) = join(parts((pod(),), (sample(age=12),))).pods
    assert row.age == timedelta(seconds=12)


def test_windows_without_a_length_make_no_sample_stale() -> None:
    samples = (sample(window="0s"), sample("q", window="-5s"))
    found = parts((pod(), pod("q")), samples, node_samples=())
    snapshot = join(found)
    assert snapshot.cadence is None
    assert not any(row.stale for row in snapshot.pods)


def test_a_sample_is_stale_for_the_cadence_of_the_list_not_for_its_own() -> None:
    """A window of its own that is long does not excuse one that is late."""
    late = sample("late", age=50, window="5m0s")
    others = tuple(sample(f"s{i}") for i in range(3))
    pods = tuple(pod(s.name) for s in (late, *others))
    snapshot = join(parts(pods, (late, *others)))
    assert snapshot.cadence == timedelta(seconds=15)
    assert [row.name for row in snapshot.pods if row.stale] == ["late"]
    assert snapshot.coverage.stale == 1


def test_a_sample_whose_pod_is_gone_may_be_stale_too() -> None:
    samples = (sample("old", age=46), sample("new", age=45), sample("p"))
    snapshot = join(parts((pod(),), samples))
    assert [(row.name, row.stale) for row in snapshot.pods] == [
        ("new", False), ("old", True), ("p", False)
    ]  # fmt: skip
    assert [row.age for row in snapshot.pods][:2] == [
        timedelta(seconds=45), timedelta(seconds=46)
    ]  # fmt: skip


def test_a_nodes_pods_tell_its_wrong_clock_where_it_has_no_sample() -> None:
    nodes = tuple(node(f"n{i}") for i in range(3))
    pods = tuple(pod(f"p{i}", node=f"n{i}") for i in range(3))
    samples = (sample("p0", age=-30), sample("p1"), sample("p2"))
    snapshot = join(parts(pods, samples, nodes, ()))
    skews = [row.skew for row in snapshot.nodes]
    assert skews == [timedelta(seconds=40), None, None]


@pytest.mark.parametrize(("age", "skew"), [(-30, 40), (100, -90)])
def test_one_node_with_other_times_has_a_wrong_clock(age: float, skew: float) -> None:
    nodes = tuple(node(f"n{i}") for i in range(4))
    pods = tuple(pod(f"p{i}", node=f"n{i}") for i in range(4))
    ages = [age, 10, 10, 10]
    snapshot = join(
        parts(
            pods,
            tuple(sample(f"p{i}", age=a) for i, a in enumerate(ages)),
            nodes,
            tuple(node_sample(f"n{i}", age=a) for i, a in enumerate(ages)),
        )
    )
    assert [row.skew for row in snapshot.nodes] == [
        timedelta(seconds=skew), None, None, None
    ]  # fmt: skip
    assert not any(row.stale for row in snapshot.pods)
    assert not any(row.stale for row in snapshot.nodes)


def test_where_all_samples_are_old_no_node_is_accused() -> None:
    nodes = tuple(node(f"n{i}") for i in range(3))
    old = tuple(node_sample(f"n{i}", age=100) for i in range(3))
    snapshot = join(parts((pod(),), (sample(age=100),), nodes, old))
    assert all(row.skew is None for row in snapshot.nodes)
    assert all(row.stale for row in snapshot.pods)
    assert all(row.stale for row in snapshot.nodes)


def test_a_node_alone_cannot_be_told_from_the_server() -> None:
    snapshot = join(parts((), (), (node(),), (node_sample(age=-30),)))
    assert snapshot.nodes[0].skew is None


def test_nodes_that_may_not_be_read_are_known_by_their_samples() -> None:
    read = replace(parts((pod(),), (sample(),)), nodes=Part(errors={"": FORBIDDEN}))
    (row,) = join(read).nodes
    assert row.node is None
    assert row.usage == {"cpu": Quantity(1), "memory": Quantity("1Gi")}
    assert row.ratio("cpu", "usage") is None
    assert row.reserved == {}


def test_node_metrics_that_may_not_be_read_are_the_nodes_reason() -> None:
    read = replace(parts((pod(),)), node_metrics=Part(errors={"": FORBIDDEN}))
    (row,) = join(read).nodes
    assert row.reason is not None
    assert row.reason.code == "Forbidden"


def test_failures_say_which_part_and_where() -> None:
    read = parts((pod(),), (sample(),))
    read = replace(
        read,
        all_pods=Part(errors={"": FORBIDDEN}),
        all_pod_metrics=Part(errors={"": FORBIDDEN}),
        pods=replace(read.pods, errors={"other": FORBIDDEN}),
    )
    snapshot = join(read)
    assert [(f.part, f.namespace) for f in snapshot.failures] == [
        ("pods", "other"), ("all pods", ""), ("all pod metrics", "")
    ]  # fmt: skip
    assert snapshot.error("pods") is FORBIDDEN
    assert snapshot.error("nodes") is None


def test_each_container_has_its_own_value_or_its_own_reason() -> None:
    mixed = pod(
        statuses=(
            running("a"),
            {"name": "b", "state": {"waiting": {"reason": "ImagePullBackOff"}}},
            running("c"),
        ),
        spec={"initContainers": [{"name": "i"}]},
        initContainerStatuses=[
            {"name": "i", "state": {"terminated": {"reason": "Completed"}}}
        ],
    )
    snapshot = join(parts((mixed,), (sample(a=("1m", "1Mi"), odd=("2m", "1Mi")),)))
    found = {row.name: row for row in container_rows(snapshot.pods)}
    codes = {name: row.reason and row.reason.code for name, row in found.items()}
    assert codes == {
        "i": "Finished",
        "a": None,
        "b": "ContainerNotRunning",
        "c": "Unreported",
    }
    assert snapshot.pods[0].extra == ("odd",)
    assert found["a"].kind == "regular"
    assert found["a"].ratio("cpu", "limits") == Fraction(1, 200)
    assert found["a"].ratio("cpu", "node") == Fraction(1, 1800)
    assert summed(found.values()).usage == summed(snapshot.pods).usage
    assert summed(found.values()).coverage.sentence == (
        "1 of 3 running containers measured (1 ContainerNotRunning, 1 Unreported); "
        "also 1 finished"
    )


def test_a_container_shows_what_it_asks_for_one_that_runs_to_its_end_as_well() -> None:
    asking = {"resources": {"requests": {"cpu": "1"}}}
    mixed = pod(
        spec={
            "initContainers": [
                {"name": "i", **asking},
                {"name": "s", "restartPolicy": "Always", **asking},
            ]
        },
    )
    rows = container_rows(join(parts((mixed,))).pods)
    asked = [(row.name, row.demand and row.demand.requests) for row in rows]
    assert asked == [
        ("i", {"cpu": Quantity(1)}),
        ("s", {"cpu": Quantity(1)}),
        ("app", {"cpu": Quantity("100m"), "memory": Quantity("100Mi")}),
    ]


def test_a_container_that_runs_beside_a_crashed_one_does_not_get_its_reason() -> None:
    waiting = {"name": "b", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    again = running("d", since=at(-5), restartCount=3)
    for other, code in ((waiting, "ContainerNotRunning"), (again, "Restarted")):
        crashed = pod(statuses=(running("a"), other))
        snapshot = join(parts((crashed,), (), (node(),), (node_sample("n1"),)))
        beside, own = container_rows(snapshot.pods)
        assert beside.reason is not None
        assert own.reason is not None
        assert (beside.reason.code, own.reason.code) == ("Unreported", code)
        assert beside.reason.explanation.startswith("Container a runs, and ")


def test_a_pods_reason_holds_for_its_containers_first() -> None:
    silent = pod(node="n2", statuses=(running("a"),))
    snapshot = join(parts((silent,), (), (node("n1"), node("n2"))))
    (row,) = container_rows(snapshot.pods)
    assert row.reason == snapshot.pods[0].reason


def test_the_nodes_silence_comes_before_a_containers_own_state() -> None:
    """What its status says is as old as its kubelet's last word."""
    waiting = {"name": "a", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    silent = pod(node="n2", statuses=(waiting,))
    (row,) = container_rows(join(parts((silent,), (), (node("n2"),))).pods)
    assert row.reason is not None
    assert row.reason.code == "NodeSilent"


def test_one_old_sample_is_not_its_nodes_clock() -> None:
    nodes = tuple(node(f"n{i}") for i in range(3))
    pods = tuple(pod(f"p{i}", node=f"n{i}") for i in range(3))
    samples = (sample("p0", age=100), sample("p1"), sample("p2"))
    measured = tuple(node_sample(f"n{i}") for i in range(3))
    snapshot = join(parts(pods, samples, nodes, measured))
    assert [row.skew for row in snapshot.nodes] == [None] * 3
    assert [row.name for row in snapshot.pods if row.stale] == ["p0"]


def with_total(made: PodMetrics | None = None) -> PodMetrics:
    """Return a sample with a value of no name, before those of *made*."""
    whole = sample(app=("30m", "150Mi"))
    total = replace(whole.containers[0], name="")
    return replace(whole, containers=(total, *(made.containers if made else ())))


def test_a_value_without_a_name_beside_containers_is_not_added() -> None:
    """It is the pod's cgroup: metrics-server#210, kubernetes#102051."""
    twice = with_total(sample(app=("30m", "150Mi")))
    snapshot = join(parts((pod(),), (twice,)))
    (row,) = snapshot.pods
    assert row.usage == {"cpu": Quantity("30m"), "memory": Quantity("150Mi")}
    assert row.extra == ("",)
    assert row.reason is None
    assert not row.partial
    assert [found.name for found in container_rows([row])] == ["app"]
    assert summed(snapshot.pods).usage == summed(container_rows(snapshot.pods)).usage


def test_a_container_that_the_pod_does_not_have_is_named_and_in_no_sum() -> None:
    mixed = sample(app=("30m", "150Mi"), POD=("1m", "1Mi"))
    snapshot = join(parts((pod(),), (mixed,)))
    (row,) = snapshot.pods
    assert row.usage == {"cpu": Quantity("30m"), "memory": Quantity("150Mi")}
    assert row.extra == ("POD",)
    assert snapshot.nodes[0].breakdown is not None
    assert snapshot.nodes[0].breakdown.pods_usage["cpu"] == Quantity("30m")


def test_a_value_without_a_name_alone_is_the_pods() -> None:
    """k3s: kube-prometheus#319."""
    snapshot = join(parts((pod(statuses=TWO),), (with_total(),)))
    (row,) = snapshot.pods
    assert row.usage == {"cpu": Quantity("30m"), "memory": Quantity("150Mi")}
    assert row.ratio("cpu", "requests") == Fraction(30, 200)
    assert not row.partial
    assert row.extra == ()
    found = container_rows([row])
    assert [(c.name, c.usage) for c in found] == [("a", None), ("b", None)]
    assert {c.reason.code for c in found if c.reason} == {"Unreported"}


def test_a_sample_of_other_containers_alone_is_no_sample_of_the_pod() -> None:
    (row,) = join(parts((pod(),), (sample(other=("1m", "1Mi")),))).pods
    assert row.usage is None
    assert row.extra == ("other",)
    assert row.reason is not None
    assert row.reason.code == "Unreported"
    assert "other" in row.reason.explanation


def test_of_a_sample_without_its_pod_what_has_a_name_is_summed() -> None:
    twice = with_total(sample(app=("30m", "150Mi")))
    (row,) = join(parts((), (twice,))).pods
    assert row.usage == {"cpu": Quantity("30m"), "memory": Quantity("150Mi")}
    assert row.extra == ("",)
    (container,) = container_rows([row])
    assert container.container is None
    assert container.ratio("cpu", "limits") is None
    assert summed([container]).coverage.sentence == (
        "0 of 0 running containers measured; also 1 sample of containers not in the"
        " list"
    )
    (alone,) = join(parts((), (with_total(),))).pods
    assert alone.usage == {"cpu": Quantity("30m"), "memory": Quantity("150Mi")}


def test_the_doctor_and_json_name_what_is_of_no_container() -> None:
    names = ("a", "b", "c", "d")
    samples = tuple(sample(n, app=("1m", "1Mi"), POD=("1m", "1Mi")) for n in names)
    twice = replace(with_total(sample(app=("1m", "1Mi"))), name="a0")
    snapshot = join(parts((*map(pod, names), pod("a0")), (*samples, twice)))
    get = pod_table().need("extra").get
    assert [get(row) for row in snapshot.pods] == ["POD", "(no name)", *["POD"] * 3]
    (found,) = [f for f in sample_findings(snapshot) if f.check == "pods"]
    assert found.severity == "info"
    assert found.evidence == (
        "in no sum, as the pod has no such container: default/a (POD), "
        "default/a0 (no name) and 3 more"
    )
