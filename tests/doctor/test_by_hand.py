"""Answers that no simulated cluster gives, one flow at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from types import MappingProxyType

import pytest

from kubemetrics.api import Api
from kubemetrics.config.model import Config
from kubemetrics.doctor import (
    Diagnosis,
    Finding,
    Permission,
    Setup,
    diagnose,
    misconfigured,
    role,
)
from kubemetrics.errors import ConfigError, CredentialError, TransportError
from kubemetrics.flow import PeerCertificate, Request, Response
from tests.snapshot.drive import DATE, answer, drive, forbidden

NOW = parsedate_to_datetime(DATE).timestamp()
CONFIG = Config(server="https://x", context="here")
CERTIFICATE = PeerCertificate(
    subject="commonName=x", issuer="commonName=ca", names=(),
    not_before=0, not_after=NOW + 86400,
)  # fmt: skip

VERSION = "/version"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
MAY = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
GROUP = "/apis/metrics.k8s.io"
SERVICE = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io"
METRICS = f"{GROUP}/v1beta1"

Reply = Response | Callable[[Request], Response]


def status(code: int, reason: str) -> Response:
    return answer({"kind": "Status", "reason": reason, "message": reason}, code)


UNAUTHORIZED = status(401, "Unauthorized")
NOT_FOUND = status(404, "NotFound")
DOWN = Response(
    status=503, headers={"content-type": "text/plain"}, url="https://x",
    body=b"service unavailable\n",
)  # fmt: skip

GOOD: Mapping[str, Reply] = {
    VERSION: answer({"gitVersion": "v1.36.2"}),
    WHO: answer({"status": {"userInfo": {"username": "me"}}}),
    MAY: answer({"status": {"allowed": True}}),
    GROUP: answer({"versions": [{"version": "v1beta1"}]}),
    METRICS: answer({"kind": "APIResourceList"}),
    "/api/v1/pods": answer({"kind": "PodList", "items": []}),
    "/api/v1/nodes": answer({"kind": "NodeList", "items": []}),
    f"{METRICS}/pods": answer({"kind": "PodMetricsList", "items": []}),
    f"{METRICS}/nodes": answer({"kind": "NodeMetricsList", "items": []}),
}


def examine(changed: Mapping[str, Reply], setup: Setup | None = None) -> Diagnosis:
    replies = {**GOOD, **changed}

    def server(request: Request) -> Response:
        reply = replies.get(request.path, NOT_FOUND)
        return reply(request) if callable(reply) else reply

    setup = setup or Setup(config=CONFIG, clock=lambda: NOW, credential="token")
    return drive(diagnose(Api(), setup), server)


def found(diagnosis: Diagnosis, check: str) -> Finding:
    (only,) = [f for f in diagnosis.findings if f.check == check]
    return only


def lost(request: Request) -> Response:
    raise TransportError("no answer in time", url=request.path, reason="timeout")


def unusable(_: Request) -> Response:
    raise CredentialError("the plugin ended with exit code 1: log in first")


def checks(diagnosis: Diagnosis) -> list[str]:
    return [finding.check for finding in diagnosis.findings]


def test_an_empty_cluster_is_healthy() -> None:
    diagnosis = examine({})
    assert diagnosis.healthy
    assert "samples" not in checks(diagnosis)
    assert found(diagnosis, "pods").what == "0 of 0 running pods measured."


def test_a_credential_that_cannot_be_had_is_the_only_problem() -> None:
    diagnosis = examine({VERSION: unusable})
    assert checks(diagnosis) == ["configuration", "credential"]
    assert "log in first" in found(diagnosis, "credential").evidence
    assert not diagnosis.healthy


def test_a_server_that_hides_its_version_is_still_reached() -> None:
    diagnosis = examine({VERSION: forbidden})
    assert found(diagnosis, "server").severity == "ok"
    assert "403" in found(diagnosis, "server").evidence
    assert "metrics API" in checks(diagnosis)
    assert "clock" not in checks(diagnosis)


def test_a_certificate_that_ends_soon_is_a_warning() -> None:
    version = GOOD[VERSION]
    assert isinstance(version, Response)
    diagnosis = examine({VERSION: replace(version, certificate=CERTIFICATE)})
    finding = found(diagnosis, "server certificate")
    assert finding.severity == "warning"
    assert "expires 2026-11-24T02:59:48Z" in finding.what
    assert "for commonName=x" in finding.evidence


def test_an_answer_without_a_date_tells_nothing_of_clocks() -> None:
    version = GOOD[VERSION]
    assert isinstance(version, Response)
    undated = replace(version, headers={"content-type": "application/json"})
    assert "clock" not in checks(examine({VERSION: undated}))


def test_a_refusal_after_the_version_is_the_credentials_fault() -> None:
    """``/version`` may be public."""
    diagnosis = examine({WHO: UNAUTHORIZED})
    assert found(diagnosis, "identity").severity == "problem"
    assert checks(diagnosis)[-1] == "identity"


GARBAGE = answer([])
WRONG = answer({"status": ["no", "object"], "versions": "none"})


@pytest.mark.parametrize("path", [VERSION, WHO, MAY, GROUP, METRICS, SERVICE])
@pytest.mark.parametrize("reply", [GARBAGE, WRONG])
def test_no_answer_of_a_server_breaks_the_doctor(path: str, reply: Reply) -> None:
    down = {METRICS: DOWN} if path == SERVICE else {}
    assert examine({**down, path: reply}).findings


def test_groups_that_are_no_list_are_not_guessed_at() -> None:
    odd = answer({"status": {"userInfo": {"username": "me", "groups": "all"}}})
    assert found(examine({WHO: odd}), "identity").severity == "warning"


def test_an_anonymous_user_is_warned() -> None:
    anonymous = answer({"status": {"userInfo": {"username": "system:anonymous"}}})
    assert found(examine({WHO: anonymous}), "identity").severity == "warning"


@pytest.mark.parametrize(
    ("reply", "severity"),
    [(NOT_FOUND, "info"), (forbidden, "info"), (lost, "warning")],
)
def test_an_identity_that_is_not_told_is_no_problem(
    reply: Reply, severity: str
) -> None:
    diagnosis = examine({WHO: reply})
    assert found(diagnosis, "identity").severity == severity
    assert "permissions" in checks(diagnosis)


def test_permissions_that_are_not_told_are_no_problem() -> None:
    diagnosis = examine({MAY: forbidden})
    assert found(diagnosis, "permissions").severity == "info"
    assert diagnosis.healthy
    assert diagnosis.manifest == ""


def test_a_group_that_cannot_be_read_is_a_problem() -> None:
    diagnosis = examine({GROUP: lost})
    assert found(diagnosis, "metrics API").evidence == "no answer in time"


def test_a_group_without_a_version_is_a_problem() -> None:
    diagnosis = examine({GROUP: answer({"versions": []})})
    assert found(diagnosis, "metrics API").severity == "problem"


def test_the_version_that_answers_is_told() -> None:
    both = answer({"versions": [{"version": "v1"}, {"version": "v1beta1"}]})
    diagnosis = examine({GROUP: both})
    assert "metrics.k8s.io/v1beta1" in found(diagnosis, "metrics API").what


def apiservice(
    *conditions: Mapping[str, str],
    behind: Mapping[str, str] | None = MappingProxyType(
        {"namespace": "kube-system", "name": "metrics-server"}
    ),
) -> Response:
    return answer(
        {
            "spec": {"service": behind and dict(behind)},
            "status": {"conditions": list(conditions)},
        }
    )


MISSING_ENDPOINTS = apiservice(
    {"type": "Other", "status": "True"},
    {
        "type": "Available",
        "status": "False",
        "reason": "MissingEndpoints",
        "message": "no endpoints",
    },
)
BEHIND = "/api/v1/namespaces/kube-system/services/metrics-server"
ITS_PODS = "/api/v1/namespaces/kube-system/pods"
SELECTS = answer({"spec": {"selector": {"k8s-app": "metrics-server"}}})


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (forbidden, "service unavailable"),
        (answer({}), "service unavailable"),
        (apiservice(), "APIService v1beta1.metrics.k8s.io Available=?"),
        (MISSING_ENDPOINTS, "Available=False: MissingEndpoints: no endpoints"),
    ],
)
def test_what_the_apiservice_says_is_quoted_where_it_may_be_read(
    reply: Reply, said: str
) -> None:
    diagnosis = examine({METRICS: DOWN, SERVICE: reply})
    evidence = found(diagnosis, "metrics API").evidence
    assert "service unavailable" in evidence
    assert evidence.endswith(said)


def its_pods(*pods: Mapping[str, object]) -> Callable[[Request], Response]:
    def reply(request: Request) -> Response:
        assert ("labelSelector", "k8s-app=metrics-server") in request.query
        return answer({"kind": "PodList", "items": list(pods)})

    return reply


CRASHING = {
    "metadata": {"name": "metrics-server-x", "namespace": "kube-system"},
    "spec": {"containers": [{"name": "metrics-server"}]},
    "status": {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "metrics-server",
                "ready": False,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            }
        ],
    },
}


CRASHED = (
    "Pod kube-system/metrics-server-x: phase Running, 0 of 1 container ready. "
    "Container metrics-server is waiting (CrashLoopBackOff)."
)


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        (its_pods(), "Service kube-system/metrics-server selects no pod."),
        (
            its_pods(CRASHING),
            CRASHED,
        ),
        (forbidden, "Available=False: MissingEndpoints: no endpoints"),
    ],
)
def test_the_pods_behind_an_api_that_is_down_are_looked_at(
    pods: Reply, said: str
) -> None:
    diagnosis = examine(
        {METRICS: DOWN, SERVICE: MISSING_ENDPOINTS, BEHIND: SELECTS, ITS_PODS: pods}
    )
    assert found(diagnosis, "metrics API").evidence.endswith(said)


def test_a_service_without_a_selector_selects_no_pod() -> None:
    without = answer({"spec": {"type": "ExternalName"}})
    diagnosis = examine({METRICS: DOWN, SERVICE: MISSING_ENDPOINTS, BEHIND: without})
    assert found(diagnosis, "metrics API").evidence.endswith("selects no pod.")


def unavailable(reason: str, behind: Mapping[str, str] | None) -> Response:
    condition = {"type": "Available", "status": "False", "reason": reason}
    return apiservice({**condition, "message": "it says so"}, behind=behind)


ADAPTER = {"namespace": "monitoring", "name": "prometheus-adapter"}
ITS_SERVICE = "/api/v1/namespaces/monitoring/services/prometheus-adapter"
LABELS = answer({"spec": {"selector": {"app": "adapter", "tier": "metrics"}}})


def commands_on(reason: str, service: Reply = LABELS) -> tuple[str, ...]:
    registered = unavailable(reason, ADAPTER)
    diagnosis = examine({METRICS: DOWN, SERVICE: registered, ITS_SERVICE: service})
    return found(diagnosis, "metrics API").commands


@pytest.mark.parametrize(
    ("reason", "command"),
    [
        ("FailedDiscoveryCheck", "-n monitoring logs -l app=adapter,tier=metrics"),
        ("MissingEndpoints", "-n monitoring get pods -l app=adapter,tier=metrics"),
        ("EndpointsNotFound", "-n monitoring get pods -l app=adapter,tier=metrics"),
        ("ServicePortError", "-n monitoring describe service prometheus-adapter"),
    ],
)
def test_a_command_names_the_service_just_read_kube_prometheus_505(
    reason: str, command: str
) -> None:
    assert commands_on(reason) == (f"kubectl {command}",)


def test_what_a_server_says_cannot_end_a_word_of_a_command() -> None:
    hostile = answer({"spec": {"selector": {"app": "a; rm -rf ~"}}})
    assert commands_on("FailedDiscoveryCheck", hostile) == (
        "kubectl -n monitoring logs -l 'app=a; rm -rf ~'",
    )


def test_a_command_without_the_service_names_no_selector_vcluster_737() -> None:
    assert commands_on("MissingEndpoints", forbidden) == (
        "kubectl -n monitoring describe service prometheus-adapter",
    )


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (status(500, "InternalError"), "cannot be read"),
        (status(502, ""), "cannot be read"),
        (replace(DOWN, status=500, body=b"proxy error: EOF"), "is down"),
        (status(503, "ServiceUnavailable"), "is down"),
    ],
)
def test_a_version_that_fails_has_the_apiservice_for_evidence_vcluster_2092(
    reply: Reply, what: str
) -> None:
    registered = unavailable("FailedDiscoveryCheck", ADAPTER)
    diagnosis = examine({METRICS: reply, SERVICE: registered, ITS_SERVICE: LABELS})
    finding = found(diagnosis, "metrics API")
    assert what in finding.what
    assert "Available=False: FailedDiscoveryCheck: it says so" in finding.evidence
    assert finding.commands == (
        "kubectl -n monitoring logs -l app=adapter,tier=metrics",
    )


def test_a_version_that_fails_without_evidence_has_advice_all_the_same() -> None:
    finding = found(examine({METRICS: status(500, "InternalError")}), "metrics API")
    assert finding.evidence == "InternalError"
    assert "logs of the provider" in finding.advice


def test_a_service_that_is_gone_is_not_looked_for_keda_4772() -> None:
    assert commands_on("ServiceNotFound", NOT_FOUND) == (
        "kubectl delete apiservice v1beta1.metrics.k8s.io",
    )


def test_an_apiservice_without_a_service_keeps_its_condition() -> None:
    registered = unavailable("Local", None)
    finding = found(examine({METRICS: DOWN, SERVICE: registered}), "metrics API")
    assert finding.evidence.endswith("Available=False: Local: it says so")
    assert "names no Service" in finding.advice


@pytest.mark.parametrize(
    ("reply", "blamed"),
    [
        (status(403, "Forbidden"), True),
        (status(401, "Unauthorized"), True),
        (status(500, "InternalError"), False),
        (status(404, "NotFound"), False),
        (lost, False),
    ],
)
def test_certificates_are_blamed_for_a_refusal_only(
    reply: Reply, *, blamed: bool
) -> None:
    finding = found(examine({f"{METRICS}/pods": reply}), "metrics API")
    assert finding.severity == "problem"
    assert ("certificates" in finding.advice) is blamed


def test_lists_that_get_no_answer_are_a_problem_of_the_metrics_api() -> None:
    lists = ("/api/v1/pods", "/api/v1/nodes", f"{METRICS}/pods", f"{METRICS}/nodes")
    diagnosis = examine(dict.fromkeys(lists, lost))
    assert found(diagnosis, "metrics API").severity == "problem"
    assert "no answer in time" in found(diagnosis, "metrics API").evidence


@pytest.mark.parametrize("reply", [status(500, "InternalError"), NOT_FOUND, DOWN, lost])
@pytest.mark.parametrize(
    ("path", "check", "what"),
    [
        ("/api/v1/pods", "pods", "pods"),
        ("/api/v1/nodes", "nodes", "nodes"),
        (f"{METRICS}/nodes", "nodes", "node metrics"),
    ],
)
def test_a_list_that_fails_is_a_problem_and_not_a_check_passed_helm_charts_3613(
    path: str, check: str, what: str, reply: Reply
) -> None:
    diagnosis = examine({path: reply})
    finding = found(diagnosis, check)
    assert finding.severity == "problem"
    assert finding.what == f"The {what} cannot be read, so they are not checked."
    assert finding.evidence
    assert not diagnosis.healthy


def test_a_list_that_cannot_be_decoded_is_a_problem_prometheus_adapter_610() -> None:
    broken = replace(answer({}), body=b"<html>")
    diagnosis = examine({f"{METRICS}/nodes": broken})
    finding = found(diagnosis, "nodes")
    assert finding.severity == "problem"
    assert "JSON" in finding.evidence
    assert "the provider" in finding.advice


def test_lists_that_all_fail_are_a_problem_beside_the_metrics_api() -> None:
    lists = ("/api/v1/pods", "/api/v1/nodes", f"{METRICS}/pods", f"{METRICS}/nodes")
    diagnosis = examine(dict.fromkeys(lists, status(500, "InternalError")))
    assert "pods, nodes and their metrics" in found(diagnosis, "pods").what


def test_a_list_that_is_refused_although_it_is_allowed_is_a_problem() -> None:
    finding = found(examine({"/api/v1/nodes": forbidden}), "nodes")
    assert finding.severity == "problem"
    assert "RBAC or a webhook" in finding.advice


def test_a_refusal_is_a_warning_where_the_server_answers_no_review() -> None:
    diagnosis = examine({MAY: forbidden, "/api/v1/nodes": forbidden})
    assert found(diagnosis, "nodes").severity == "warning"
    assert diagnosis.healthy


def test_which_configuration_was_chosen_is_told_with_why() -> None:
    setup = Setup(
        config=CONFIG, clock=lambda: NOW, explanation=("--kubeconfig names it",)
    )
    finding = found(examine({}, setup), "configuration")
    assert finding.what == "kubeconfig, context here: https://x, namespace default."
    assert finding.evidence == "--kubeconfig names it"


def test_without_a_configuration_that_is_the_finding() -> None:
    finding = misconfigured(ConfigError("no kubeconfig at /nowhere"))
    assert finding.severity == "problem"
    assert finding.evidence == "no kubeconfig at /nowhere"


def test_no_name_breaks_out_of_the_yaml_of_a_role() -> None:
    evil = 'me"\n- kind: Group'
    text = role([Permission("", "pods", namespaced=True)], namespace=evil, user=evil)
    assert '  name: "me\\"\\n- kind: Group"' in text
    assert '  namespace: "me\\"\\n- kind: Group"' in text
    assert "\n- kind: Group" not in text
