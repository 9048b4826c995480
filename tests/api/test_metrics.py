"""The metrics API: versions, and what may be said of it when it does not answer."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest

from kubemetrics.api import Api, RetryPolicy
from kubemetrics.errors import (
    ApiError,
    DecodeError,
    Forbidden,
    InternalError,
    KubeMetricsError,
    MetricsUnavailable,
    NotFound,
    ServiceUnavailable,
    TransportError,
    Unauthorized,
)
from kubemetrics.flow import Pause, Request, Response

from .playing import Play, answer, broken, by_path, status, text

BETA = "/apis/metrics.k8s.io/v1beta1"
V1 = "/apis/metrics.k8s.io/v1"
GROUP = "/apis/metrics.k8s.io"
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

NO_PAGE = text(404, "404 page not found\n")
NO_SERVICE = text(503, "service unavailable\n")
LIST = answer(200, {"kind": "PodMetricsList", "items": []})
VERSION = answer(200, {"major": "1"})
ALLOWED = answer(201, {"status": {"allowed": True}})
DENIED = answer(201, {"status": {"allowed": False}})

Answers = dict[str, Response | KubeMetricsError]


def group(*versions: str) -> Response:
    return answer(
        200, {"kind": "APIGroup", "versions": [{"version": v} for v in versions]}
    )


def forbidden(user: str, where: str = "at the cluster scope") -> Response:
    message = (
        f'pods.metrics.k8s.io is forbidden: User "{user}" cannot list resource "pods"'
        f' in API group "metrics.k8s.io" {where}'
    )
    return status(403, "Forbidden", message)


def api() -> Api:
    return Api(retry=RetryPolicy(attempts=1))


def ask(answers: Answers, client: Api | None = None) -> Play:
    play = Play(by_path(answers))
    play.run((client or api()).list_pod_metrics({}))
    return play


def refused(answers: Answers) -> tuple[KubeMetricsError, list[str]]:
    play = Play(by_path(answers))
    with pytest.raises(KubeMetricsError) as caught:
        play.run(api().list_pod_metrics({}))
    return caught.value, play.paths


def test_the_happy_path_is_one_request() -> None:
    assert ask({f"{BETA}/pods": LIST}).paths == [f"{BETA}/pods"]


def test_an_empty_list_is_a_result() -> None:
    assert (
        len(Play(by_path({f"{BETA}/pods": LIST})).run(api().list_pod_metrics({}))) == 0
    )


def test_paging_and_versions_are_not_asked_of_an_api_that_ignores_them() -> None:
    play = Play(by_path({f"{BETA}/namespaces/ns/pods": LIST}))
    play.run(
        api().list_pod_metrics(
            {
                "namespace": "ns",
                "chunk_size": 5,
                "resource_version": "1",
                "resource_version_match": "Exact",
                "label_selector": "a=b",
            }
        )
    )
    assert play.requests[0].query == (("labelSelector", "a=b"),)


@pytest.mark.parametrize("first", [NO_PAGE, NO_SERVICE], ids=["404", "503"])
def test_another_version_that_is_listed_is_tried_and_remembered(
    first: Response,
) -> None:
    client = api()
    answers: Answers = {
        f"{BETA}/pods": first,
        GROUP: group("v1", "v1beta1"),
        f"{V1}/pods": LIST,
    }
    assert ask(answers, client).paths == [f"{BETA}/pods", GROUP, f"{V1}/pods"]
    assert ask(answers, client).paths == [f"{V1}/pods"]


def test_a_version_is_remembered_although_its_first_answer_is_no() -> None:
    client = api()
    answers: Answers = {
        f"{BETA}/pods": NO_PAGE,
        GROUP: group("v1"),
        f"{V1}/pods": status(400, "BadRequest"),
    }
    with pytest.raises(ApiError):
        ask(answers, client)
    assert ask({f"{V1}/pods": LIST}, client).paths == [f"{V1}/pods"]


def test_a_version_that_nobody_knows_is_not_tried() -> None:
    answers: Answers = {f"{BETA}/pods": NO_PAGE, GROUP: group("v2", "v1beta1")}
    error, paths = refused(answers)
    assert isinstance(error, NotFound)
    assert "registered with versions: v2, v1beta1" in str(error)
    assert paths == [f"{BETA}/pods", GROUP]


def test_a_status_404_is_the_apis_own_answer_and_is_not_looked_into() -> None:
    error, paths = refused({f"{BETA}/pods": status(404, "", "mine")})
    assert isinstance(error, NotFound)
    assert str(error) == "mine"
    assert paths == [f"{BETA}/pods"]


class TestAbsent:
    def test_it_takes_the_text_404_twice_and_a_core_that_answers(self) -> None:
        error, paths = refused(
            {f"{BETA}/pods": NO_PAGE, GROUP: NO_PAGE, "/version": VERSION}
        )
        assert isinstance(error, MetricsUnavailable)
        assert error.cause == "absent"
        assert "install metrics-server" in str(error)
        assert paths == [f"{BETA}/pods", GROUP, "/version"]

    def test_a_core_that_refuses_is_a_core_as_well(self) -> None:
        error, _ = refused(
            {
                f"{BETA}/pods": NO_PAGE,
                GROUP: NO_PAGE,
                "/version": status(403, "Forbidden"),
            }
        )
        assert isinstance(error, MetricsUnavailable)

    @pytest.mark.parametrize("core", [NO_PAGE, broken("refused")], ids=["404", "none"])
    def test_something_else_that_knows_nothing_is_no_kubernetes(
        self, core: Response | TransportError
    ) -> None:
        error, _ = refused({f"{BETA}/pods": NO_PAGE, GROUP: NO_PAGE, "/version": core})
        assert type(error) is NotFound
        assert "does not answer as a Kubernetes API" in str(error)


class TestDown:
    @pytest.mark.parametrize(
        "words", ["service unavailable", "error trying to reach service: x"]
    )
    def test_it_takes_the_aggregators_own_words(self, words: str) -> None:
        error, paths = refused(
            {f"{BETA}/pods": text(503, words), GROUP: group("v1beta1")}
        )
        assert isinstance(error, MetricsUnavailable)
        assert error.cause == "down"
        assert f'"{words}"' in str(error)
        assert "kubectl describe apiservice v1beta1.metrics.k8s.io" in str(error)
        assert paths == [f"{BETA}/pods", GROUP]

    @pytest.mark.parametrize(
        "answered",
        [
            status(503, "ServiceUnavailable", "error trying to reach service: EOF"),
            status(503, "", "mine"),
            text(500, "proxy error: no route to host"),
            status(500, "InternalError", "Proxy error: EOF"),
        ],
    )
    def test_a_proxy_may_say_it_in_other_words_vcluster_737(
        self, answered: Response
    ) -> None:
        error, paths = refused({f"{BETA}/pods": answered, GROUP: group("v1beta1")})
        assert isinstance(error, MetricsUnavailable)
        assert error.cause == "down"
        assert isinstance(error.__cause__, ServiceUnavailable | InternalError)
        assert paths == [f"{BETA}/pods", GROUP]

    def test_another_version_that_a_proxy_cannot_reach_is_down_as_well(self) -> None:
        gone = status(503, "ServiceUnavailable", "x")
        error, _ = refused(
            {
                f"{BETA}/pods": NO_PAGE,
                GROUP: group("v1", "v1beta1"),
                f"{V1}/pods": gone,
            }
        )
        assert isinstance(error, MetricsUnavailable)
        assert error.cause == "down"

    def test_a_server_in_trouble_is_no_provider_that_is_down(self) -> None:
        shed = status(503, "ServiceUnavailable", "shutting down")
        error, _ = refused({f"{BETA}/pods": shed, GROUP: shed})
        assert type(error) is ServiceUnavailable
        assert str(error) == "shutting down"

    @pytest.mark.parametrize(
        "answered", [status(500, "InternalError", "mine"), text(500, "mine")]
    )
    def test_any_other_500_is_said_as_it_is(self, answered: Response) -> None:
        error, paths = refused({f"{BETA}/pods": answered})
        assert type(error) is InternalError
        assert "mine" in str(error)
        assert paths == [f"{BETA}/pods"]

    def test_any_other_503_is_said_as_it_is(self) -> None:
        error, _ = refused(
            {f"{BETA}/pods": text(503, "no healthy upstream"), GROUP: group("v1beta1")}
        )
        assert type(error) is ServiceUnavailable
        assert "no healthy upstream" in str(error)

    def test_it_is_down_even_if_nobody_says_whether_it_is_registered(self) -> None:
        error, _ = refused(
            {f"{BETA}/pods": NO_SERVICE, GROUP: status(403, "Forbidden")}
        )
        assert isinstance(error, MetricsUnavailable)
        assert error.cause == "down"

    def test_every_listed_version_may_be_down(self) -> None:
        error, paths = refused(
            {
                f"{BETA}/pods": NO_SERVICE,
                GROUP: group("v1", "v1beta1"),
                f"{V1}/pods": NO_SERVICE,
            }
        )
        assert isinstance(error, MetricsUnavailable)
        assert paths == [f"{BETA}/pods", GROUP, f"{V1}/pods"]


@pytest.mark.parametrize(
    "listed",
    [b"[]", b"{}", b'{"versions":7}', b'{"versions":[7,{"version":1},null]}'],
)
def test_a_group_that_says_nothing_of_use_is_taken_as_such(listed: bytes) -> None:
    error, _ = refused({f"{BETA}/pods": NO_PAGE, GROUP: answer(200, listed)})
    assert isinstance(error, NotFound | DecodeError)


class TestForbidden:
    """RBAC answers before anyone looks at what is installed."""

    def test_an_absent_api_is_said_to_be_absent(self) -> None:
        error, paths = refused(
            {f"{BETA}/pods": forbidden("me"), GROUP: NO_PAGE, "/version": VERSION}
        )
        assert isinstance(error, Forbidden)
        assert "the metrics API is absent" in str(error)
        assert paths == [f"{BETA}/pods", GROUP, "/version"]

    def test_without_a_binding_one_is_suggested(self) -> None:
        error, _ = refused(
            {f"{BETA}/pods": forbidden("me"), GROUP: group("v1beta1"), REVIEW: DENIED}
        )
        assert isinstance(error, Forbidden)
        assert "ClusterRole view" in str(error)

    def test_what_the_core_allows_was_refused_by_the_aggregation_layer(self) -> None:
        error, _ = refused(
            {f"{BETA}/pods": forbidden("me"), GROUP: group("v1beta1"), REVIEW: ALLOWED}
        )
        assert "requestheader-client-ca-file" in str(error)

    def test_anonymous_means_that_no_credentials_arrived(self) -> None:
        error, _ = refused(
            {
                f"{BETA}/pods": forbidden("system:anonymous"),
                GROUP: forbidden("system:anonymous"),
                REVIEW: forbidden("system:anonymous"),
            }
        )
        assert "no credentials arrived" in str(error)

    def test_anonymous_to_metrics_alone_means_the_aggregation_layer(self) -> None:
        error, _ = refused(
            {
                f"{BETA}/pods": forbidden("system:anonymous"),
                GROUP: group("v1beta1"),
                REVIEW: DENIED,
            }
        )
        assert "requestheader-client-ca-file" in str(error)

    @pytest.mark.parametrize(
        ("where", "namespace"),
        [("at the cluster scope", ""), ('in the namespace "team-a"', "team-a")],
    )
    def test_the_core_is_asked_about_exactly_what_was_refused(
        self, where: str, namespace: str
    ) -> None:
        play = Play(
            by_path(
                {
                    f"{BETA}/pods": forbidden("me", where),
                    GROUP: group("v1beta1"),
                    REVIEW: DENIED,
                }
            )
        )
        with pytest.raises(Forbidden):
            play.run(api().list_pod_metrics({}))
        body = json.loads(play.requests[-1].body or b"")
        assert body["spec"]["resourceAttributes"] == {
            "group": "metrics.k8s.io",
            "verb": "list",
            "resource": "pods",
            "namespace": namespace,
        }

    def test_a_refusal_in_other_words_stays_as_it_is(self) -> None:
        error, _ = refused(
            {f"{BETA}/pods": status(403, "Forbidden", "no"), GROUP: group("v1beta1")}
        )
        assert str(error) == "no"


@pytest.mark.parametrize(
    ("core", "says"),
    [
        (VERSION, "requestheader-client-ca-file"),
        (status(401, "Unauthorized"), "does not know these credentials"),
        (broken("refused"), "does not know these credentials"),
    ],
    ids=["accepted", "refused", "silent"],
)
def test_a_401_is_compared_with_the_core(
    core: Response | TransportError, says: str
) -> None:
    error, _ = refused({f"{BETA}/pods": status(401, "Unauthorized"), "/version": core})
    assert isinstance(error, Unauthorized)
    assert says in str(error)


class TestLookingOnce:
    """Two requests that fail side by side, as a snapshot's, look once."""

    answers: ClassVar[Answers] = {
        f"{BETA}/pods": NO_SERVICE,
        f"{BETA}/nodes": NO_SERVICE,
        GROUP: group("v1beta1"),
    }

    def step(self, request: object) -> Response:
        assert isinstance(request, Request)
        answer = self.answers[request.path]
        assert isinstance(answer, Response)
        return answer

    def test_who_fails_meanwhile_waits_for_the_others_look(self) -> None:
        client = api()
        pods, nodes = client.list_pod_metrics({}), client.list_node_metrics({})
        asked_pods, asked_nodes = next(pods), next(nodes)
        look = pods.send(self.step(asked_pods))
        assert isinstance(look, Request)
        assert look.path == GROUP
        assert isinstance(nodes.send(self.step(asked_nodes)), Pause)
        assert isinstance(nodes.send(LIST), Pause)
        with pytest.raises(MetricsUnavailable):
            pods.send(self.step(look))
        with pytest.raises(MetricsUnavailable):
            nodes.send(LIST)

    def test_a_look_that_ended_after_the_request_was_sent_counts(self) -> None:
        client = api()
        nodes = client.list_node_metrics({})
        asked = next(nodes)
        with pytest.raises(MetricsUnavailable):
            ask(self.answers, client)
        with pytest.raises(MetricsUnavailable):
            nodes.send(self.step(asked))

    def test_a_look_before_the_request_does_not_count(self) -> None:
        client = api()
        for _ in range(2):
            play = Play(by_path(self.answers))
            with pytest.raises(MetricsUnavailable):
                play.run(client.list_pod_metrics({}))
            assert play.paths == [f"{BETA}/pods", GROUP]

    def test_who_gives_up_looking_leaves_the_look_to_others(self) -> None:
        client = api()
        pods, nodes = client.list_pod_metrics({}), client.list_node_metrics({})
        asked_pods, asked_nodes = next(pods), next(nodes)
        pods.send(self.step(asked_pods))
        nodes.send(self.step(asked_nodes))
        pods.close()
        look = nodes.send(LIST)
        assert isinstance(look, Request)
        assert look.path == GROUP


class TestOneSample:
    """A pod without a sample is told from no pod."""

    path = f"{BETA}/namespaces/ns/pods/a"
    core = "/api/v1/namespaces/ns/pods/a"

    def missing(self, core: Response) -> tuple[NotFound, Play]:
        play = Play(
            by_path(
                {
                    self.path: status(404, "NotFound", 'pods "a" not found'),
                    self.core: core,
                }
            )
        )
        with pytest.raises(NotFound) as caught:
            play.run(api().get_pod_metrics("a", "ns"))
        return caught.value, play

    def test_one_that_exists(self) -> None:
        pod = {"kind": "Pod", "metadata": {"name": "a"}, "status": {"phase": "Failed"}}
        error, play = self.missing(answer(200, pod))
        assert "pod ns/a exists, in phase Failed, and has no sample" in str(error)
        assert play.paths == [self.path, self.core]

    def test_one_that_does_not(self) -> None:
        error, _ = self.missing(status(404, "NotFound"))
        assert "there is no pod ns/a" in str(error)

    def test_one_that_may_not_be_read(self) -> None:
        error, _ = self.missing(status(403, "Forbidden"))
        assert str(error) == 'pods "a" not found'

    def test_a_node_that_exists(self) -> None:
        message = 'nodemetrics.metrics.k8s.io "n" not found'
        missing = status(404, "NotFound", message, kind="nodemetrics", name="n")
        with pytest.raises(NotFound, match="the node exists and has no sample"):
            Play(by_path({f"{BETA}/nodes/n": missing})).run(api().get_node_metrics("n"))

    def test_a_node_that_does_not(self) -> None:
        missing = status(404, "NotFound", 'node "n" not found', kind="node", name="n")
        with pytest.raises(NotFound, match=r'^node "n" not found$'):
            Play(by_path({f"{BETA}/nodes/n": missing})).run(api().get_node_metrics("n"))
