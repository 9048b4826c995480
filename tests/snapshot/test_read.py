"""The flow: what is asked for, side by side, and what becomes of each failure."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from kubemetrics.api import Api
from kubemetrics.errors import Forbidden, TransportError
from kubemetrics.flow import Fork, Request, Response
from kubemetrics.snapshot import Snapshot, SnapshotOptions, snapshot

from . import recorded
from .drive import answer, drive, forbidden

PODS = "/api/v1/pods"
NODES = "/api/v1/nodes"
POD_METRICS = "/apis/metrics.k8s.io/v1beta1/pods"
NODE_METRICS = "/apis/metrics.k8s.io/v1beta1/nodes"
TEAM_A = "/api/v1/namespaces/team-a/pods"
TEAM_A_METRICS = "/apis/metrics.k8s.io/v1beta1/namespaces/team-a/pods"

BODIES = {
    PODS: "pods-all",
    NODES: "nodes",
    POD_METRICS: "podmetrics-all",
    NODE_METRICS: "nodemetrics",
    TEAM_A: "pods-as-nslimited-own",
    TEAM_A_METRICS: "podmetrics-as-nslimited-own",
}


class Recording:
    """A server of recorded bodies; *refused* paths are forbidden."""

    def __init__(self, refused: Collection[str] = ()) -> None:
        self.refused = refused
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        if request.path in self.refused:
            return forbidden(request)
        name = BODIES.get(request.path)
        if name is None:
            return answer({"kind": "Status", "reason": "NotFound", "code": 404}, 404)
        headers = dict(recorded.exchange(name)["headers"])
        return Response(
            status=200, headers=headers, body=recorded.body(name), url=request.path
        )

    @property
    def lists(self) -> list[tuple[str, dict[str, str]]]:
        """The lists asked for, with what chose their items."""
        choosing = ("labelSelector", "fieldSelector")
        return [
            (r.path, {k: v for k, v in r.query if k in choosing}) for r in self.asked
        ]


def take(server: Recording, options: SnapshotOptions | None = None) -> Snapshot:
    return drive(snapshot(Api(), options or {}), server)


def test_a_snapshot_of_everything_is_four_lists_side_by_side() -> None:
    flow = snapshot(Api(), {})
    first = next(flow)
    assert isinstance(first, Fork)
    assert len(first.flows) == 4
    server = Recording()
    taken = take(server)
    assert sorted(r.path for r in server.asked) == sorted(
        [PODS, POD_METRICS, NODES, NODE_METRICS]
    )
    assert len(taken.pods) == 100
    assert taken.failures == ()


def test_reconciling_everything_asks_for_nothing_more() -> None:
    server = Recording()
    taken = take(server, {"reconcile": True})
    assert len(server.asked) == 4
    assert all(row.breakdown for row in taken.nodes)


def test_a_part_of_the_cluster_is_reconciled_with_all_pods() -> None:
    server = Recording()
    taken = take(server, {"namespace": "team-a", "reconcile": True})
    assert {row.namespace for row in taken.pods} == {"team-a"}
    assert {PODS, POD_METRICS} < {r.path for r in server.asked}
    whole = take(Recording(), {"reconcile": True})
    assert taken.nodes == whole.nodes


def test_where_all_pods_may_not_be_read_the_breakdowns_say_so() -> None:
    server = Recording({PODS, POD_METRICS})
    taken = take(server, {"namespace": "team-a", "reconcile": True})
    assert taken.coverage.measured == 14
    assert {
        row.breakdown_reason.code for row in taken.nodes if row.breakdown_reason
    } == {"Forbidden"}
    assert [f.part for f in taken.failures] == ["all pods", "all pod metrics"]


def test_who_may_read_a_namespace_only_sees_its_pods() -> None:
    server = Recording({NODES, NODE_METRICS})
    taken = take(server, {"namespace": "team-a"})
    assert taken.coverage.sentence == (
        "14 of 14 running pods measured; also 2 finished"
    )
    assert taken.nodes == ()
    assert isinstance(taken.error("nodes"), Forbidden)


def test_several_namespaces_fail_each_on_its_own() -> None:
    server = Recording({"/api/v1/namespaces/other/pods"})
    taken = take(server, {"namespace": ["team-a", "other", "team-a"]})
    assert [(f.part, f.namespace) for f in taken.failures] == [
        ("pods", "other"),
        ("pod metrics", "other"),
    ]
    assert {row.namespace for row in taken.pods} == {"team-a"}
    assert [r.path for r in server.asked].count(TEAM_A) == 1


def test_where_nothing_can_be_read_the_error_of_the_pods_is_raised() -> None:
    with pytest.raises(Forbidden, match="/api/v1/pods is forbidden"):
        take(Recording({PODS, POD_METRICS, NODES, NODE_METRICS}))


def test_a_connection_that_fails_for_one_part_spares_the_others() -> None:
    server = Recording()

    def unsteady(request: Request) -> Response:
        if request.path == NODE_METRICS:
            raise TransportError("no answer", url=request.path, reason="timeout")
        return server(request)

    taken = drive(snapshot(Api(), {}), unsteady)
    assert taken.coverage.measured == 81
    assert isinstance(taken.error("node metrics"), TransportError)
    assert {row.reason.code for row in taken.nodes if row.reason} == {"ReadFailed"}


NARROWING: list[SnapshotOptions] = [
    {"field_selector": "status.phase=Pending"},
    {"node": "worker-003"},
    {"node": "worker-003", "field_selector": "status.phase=Pending"},
    {"label_selector": "app=x"},
    {"label_selector": "app=x", "node": "worker-003"},
    {"chunk_size": 7},
]


@pytest.mark.parametrize("chosen", NARROWING, ids=" and ".join)
def test_each_namespace_is_asked_for_the_same_pods(chosen: SnapshotOptions) -> None:
    """The selectors reached the first namespace only: all pods of the others came."""
    server = Recording()
    take(server, {**chosen, "namespace": ["team-b", "team-a", "team-c"]})
    asked = [r.query for r in server.asked if r.path.endswith("/pods")]
    pods, samples = asked[:3], asked[3:]
    assert [len(set(pods)), len(set(samples))] == [1, 1]
    alone = Recording()
    take(alone, {**chosen, "namespace": "team-a"})
    assert pods[0] == next(r.query for r in alone.asked if r.path == TEAM_A)


def test_fields_are_never_asked_of_the_metrics_api() -> None:
    """It knows none but the name and the namespace: kubernetes#131896."""
    server = Recording()
    chosen: SnapshotOptions = {
        "label_selector": "app=x",
        "field_selector": "status.phase=Running",
        "node": "worker-003",
        "node_selector": "zone=a",
    }
    take(server, chosen)
    nodes = {"labelSelector": "zone=a", "fieldSelector": "metadata.name=worker-003"}
    assert sorted(server.lists) == sorted(
        [
            (
                PODS,
                {
                    "labelSelector": "app=x",
                    "fieldSelector": "spec.nodeName=worker-003,status.phase=Running",
                },
            ),
            (POD_METRICS, {"labelSelector": "app=x"}),
            (NODES, nodes),
            (NODE_METRICS, nodes),
        ]
    )


def test_of_one_node_all_its_pods_are_read_for_its_breakdown() -> None:
    server = Recording()
    take(server, {"node": "worker-003", "label_selector": "a=b", "reconcile": True})
    whole = {"fieldSelector": "spec.nodeName=worker-003"}
    assert (PODS, whole) in server.lists
    assert (POD_METRICS, {}) in server.lists


def test_samples_of_pods_that_were_not_chosen_are_no_orphans() -> None:
    server = Recording()
    taken = take(server, {"node": "worker-003"})
    assert taken.coverage.orphans == 0


def test_progress_and_page_size_go_to_the_pods() -> None:
    heard: list[tuple[int, int | None]] = []
    server = Recording()
    take(
        server,
        {
            "chunk_size": 7,
            "progress": lambda done, whole: heard.append((done, whole)),
        },
    )
    (pods,) = [request for request in server.asked if request.path == PODS]
    assert ("limit", "7") in pods.query
    assert heard == [(100, 100)]
