"""The checks of the metrics API: absent, down, refused, warming up or served.

Any authenticated user may read ``/apis/metrics.k8s.io`` and the versions below it
(``system:discovery``), so these tell an absent API from a forbidden one. Of an API that
is down the APIService, the Service and its pods are the evidence: each is read if that
is allowed.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Final, TypedDict

from .. import jsonread
from ..api import Api, ListOptions
from ..api.metrics_group import is_down_error, registered_versions
from ..errors import (
    ApiError,
    Forbidden,
    KubeMetricsError,
    NotFound,
    ResponseError,
    ServiceUnavailable,
    Unauthorized,
)
from ..flow import Flow, Response, attempt
from ..frozen import dataclass
from ..jsonread import EMPTY
from ..models import Pool
from ..models.metrics import GROUP_PATH
from ..models.pod import Pod
from ..snapshot import Snapshot
from ..snapshot.reasons import container_reason
from ..text import counted
from .finding import Finding

_SERVICES: Final = "/apis/apiregistration.k8s.io/v1/apiservices"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiService:
    """An APIService: its condition Available with reason and message, and its Service.

    *namespace* and *name* are empty where it has no Service: the API server itself, or
    nothing, serves its group.
    """

    available: str = "?"
    reason: str = ""
    message: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def condition(self) -> str:
        """The condition Available in one line."""
        return ": ".join(filter(None, (self.available, self.reason, self.message)))


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What was read behind an API that is down: *lines*, and what advice is made of.

    *selector* is the Service's, as kubectl's ``-l`` takes it.
    """

    lines: tuple[str, ...] = ()
    service: ApiService | None = None
    selector: str = ""


def _provider_evidence(api: Api, version: str) -> Flow[_Evidence]:
    """Return what may be read of the APIService, its Service and the Service's pods."""
    name = f"{version}.metrics.k8s.io"
    service = yield from attempt(_apiservice(api, name))
    if isinstance(service, KubeMetricsError) or service == ApiService():
        return _Evidence()
    status = f"APIService {name} Available={service.condition}"
    if not service.name:
        return _Evidence((status,), service)
    selector = yield from attempt(_selector(api, service))
    if isinstance(selector, KubeMetricsError):
        return _Evidence((status,), service)
    pods = yield from attempt(_pods(api, service, selector))
    if isinstance(pods, KubeMetricsError):
        return _Evidence((status,), service, selector)
    lines = (status, *(_pod(pod) for pod in pods), *_no_pods(service, pods))
    return _Evidence(lines, service, selector)


def _apiservice(api: Api, name: str) -> Flow[ApiService]:
    return _apiservice_of((yield from api.get_raw(f"{_SERVICES}/{name}")))


def _selector(api: Api, service: ApiService) -> Flow[str]:
    """Return the pod selector of the Service; empty where it has none."""
    path = f"/api/v1/namespaces/{service.namespace}/services/{service.name}"
    selector = _selector_of((yield from api.get_raw(path)))
    return ",".join(f"{key}={value}" for key, value in selector.items())


def _pods(api: Api, service: ApiService, selector: str) -> Flow[tuple[Pod, ...]]:
    """List the pods that the Service selects."""
    if not selector:  # an empty one would select every pod of the namespace
        return ()
    options: ListOptions = {
        "namespace": service.namespace,
        "label_selector": selector,
    }
    return tuple((yield from api.list_pods(options)))


def _pod(pod: Pod) -> str:
    stopped = (container_reason(container, pod) for container in pod.containers)
    why = [reason.explanation for reason in stopped if reason is not None]
    ready = sum(container.ready for container in pod.containers)
    containers = counted(len(pod.containers), "container")
    state = f"phase {pod.phase}, {ready} of {containers} ready"
    return " ".join([f"Pod {pod.namespace}/{pod.name}: {state}.", *why])


def _no_pods(service: ApiService, pods: tuple[Pod, ...]) -> tuple[str, ...]:
    if pods:
        return ()
    return (f"Service {service.namespace}/{service.name} selects no pod.",)


def _apiservice_of(response: Response) -> ApiService:
    """Decode an APIService; ``spec.service`` is null where there is no Service."""
    body = jsonread.read_object(response.body, url=response.url)
    status = jsonread.child(body, "status") or EMPTY
    conditions = jsonread.children(status, "conditions", _condition, Pool())
    spec = jsonread.child(body, "spec") or EMPTY
    service = jsonread.child(spec, "service") or EMPTY
    found = (words for kind, *words in conditions if kind == "Available")
    available, reason, message = next(found, ("?", "", ""))
    return ApiService(
        available=available,
        reason=reason,
        message=message,
        namespace=jsonread.text(service, "namespace"),
        name=jsonread.text(service, "name"),
    )


def _selector_of(response: Response) -> Mapping[str, str]:
    """Decode the pod selector of a Service."""
    spec = (
        jsonread.child(jsonread.read_object(response.body, url=response.url), "spec")
        or EMPTY
    )
    selector = jsonread.child(spec, "selector") or EMPTY
    return {key: jsonread.text(selector, key) for key in selector}


def _condition(obj: Mapping[str, object], _: Pool) -> tuple[str, str, str, str]:
    kind, status = jsonread.text(obj, "type"), jsonread.text(obj, "status")
    return kind, status, jsonread.text(obj, "reason"), jsonread.text(obj, "message")


@dataclass(frozen=True, slots=True)
class Provider:
    """The *version* of the metrics API that answers, or a *finding* why none does."""

    version: str = ""
    finding: Finding | None = None


def provider(api: Api) -> Flow[Provider]:
    """Return the version that answers, or why none does: not registered, or down."""
    versions = yield from attempt(registered_versions(api.get))
    if isinstance(versions, NotFound):
        return Provider(finding=_absent(versions))
    if isinstance(versions, KubeMetricsError):
        return Provider(finding=_failed(versions))
    failure: KubeMetricsError = NotFound("no version is served", status=404)
    for version in versions:
        answer = yield from attempt(api.get_raw(f"{GROUP_PATH}/{version}"))
        if not isinstance(answer, KubeMetricsError):
            return Provider(version)
        failure = answer
    if not isinstance(failure, ApiError) or failure.status < _SERVER_ERROR:
        return Provider(finding=_failed(failure))
    evidence = yield from _provider_evidence(api, versions[-1])
    if isinstance(failure, ServiceUnavailable) or is_down_error(failure):
        return Provider(finding=_down(failure, evidence, versions[-1]))
    return Provider(finding=_failed(failure, evidence, versions[-1]))


def metrics_api(
    found: Provider, seen: Snapshot | KubeMetricsError | None, *, allowed: bool
) -> Finding:
    """Report the state of the metrics API; *allowed*: pod metrics may be read."""
    if found.finding is not None:
        return found.finding
    snapshot = seen if isinstance(seen, Snapshot) else None
    error = seen.error("pod metrics") if isinstance(seen, Snapshot) else seen
    if error is not None and allowed:
        return _failed(error)
    half = _measured_half(snapshot) if snapshot is not None else ""
    if half:
        return Finding(
            check="metrics API",
            severity="warning",
            what=f"The provider measures {half}.",
            evidence=f"samples of {half}",
            advice="Look at its node query or scrape."
            if half == _NO_NODE
            else "Look at its pod query, and at what it may read of the kubelets.",
        )
    if snapshot is not None and snapshot.warming:
        return Finding(
            check="metrics API",
            severity="warning",
            what="The metrics API has no sample of anything yet although nodes are "
            "Ready.",
            evidence=snapshot.node_coverage.sentence,
            advice="It takes two scrapes (up to two minutes) after a start. If it "
            "stays so, read the logs of the provider, which this names:",
            commands=(f"kubectl get apiservice {found.version}.metrics.k8s.io",),
        )
    return Finding(
        check="metrics API",
        severity="ok",
        what=f"metrics.k8s.io/{found.version} is served.",
    )


_NO_NODE: Final = "pods and no node"
_NO_POD: Final = "nodes and no pod"


def _measured_half(snapshot: Snapshot) -> str:
    """Name the half that the provider measures, where it gives nothing of the other."""
    if snapshot.failures:
        return ""
    running = [row for row in snapshot.pods if row.state == "running"]
    pods = any(row.metrics for row in running)
    nodes = any(row.metrics for row in snapshot.nodes)
    if pods and snapshot.nodes and not nodes:
        return _NO_NODE
    return _NO_POD if nodes and running and not pods else ""


def _absent(error: ApiError) -> Finding:
    return Finding(
        check="metrics API",
        severity="problem",
        what="The metrics API is absent: metrics.k8s.io is not registered.",
        evidence=f"GET {GROUP_PATH}: {error.message}",
        advice="Install metrics-server, or another provider of metrics.k8s.io:",
        commands=(f"kubectl apply -f {_RELEASE}",),
    )


_RELEASE: Final = (
    "https://github.com/kubernetes-sigs/metrics-server/releases/latest/download/"
    "components.yaml"
)
"""As metrics-server's README has it installed."""


def _down(error: ApiError, evidence: _Evidence, version: str) -> Finding:
    return Finding(
        check="metrics API",
        severity="problem",
        what="The metrics API is down: registered, and nothing answers behind it.",
        evidence="\n".join((error.message, *evidence.lines)),
        **_advice(evidence, f"{version}.metrics.k8s.io"),
    )


_OF_SERVICE: Final = frozenset({"ServiceAccessError", "ServicePortError"})
_OF_PODS: Final = frozenset(
    {"EndpointsAccessError", "EndpointsNotFound", "MissingEndpoints"}
)


class _Advice(TypedDict):
    """What a finding says to do: its *advice*, and the *commands* to type for it."""

    advice: str
    commands: tuple[str, ...]


def _advice(evidence: _Evidence, name: str) -> _Advice:
    """Return what to do by the reason of the APIService's condition Available.

    Source: kube-aggregator, pkg/controllers/status/remote.
    """
    service, apiservice = evidence.service, shlex.quote(name)
    if service is None:
        return _do("Read the APIService:", f"kubectl describe apiservice {apiservice}")
    if not service.name:
        return _do(f"APIService {name} names no Service: reinstall the provider.")
    if service.reason == "ServiceNotFound":
        return _do(
            f"Service {service.namespace}/{service.name} does not exist: reinstall the "
            "provider, or delete the APIService:",
            f"kubectl delete apiservice {apiservice}",
        )
    kubectl = f"kubectl -n {shlex.quote(service.namespace)}"
    selected = shlex.quote(evidence.selector)
    if service.reason in _OF_PODS and evidence.selector:
        return _do("Check the provider's pods:", f"{kubectl} get pods -l {selected}")
    if service.reason not in _OF_SERVICE and evidence.selector:
        return _do("Read the provider's logs:", f"{kubectl} logs -l {selected}")
    described = f"{kubectl} describe service {shlex.quote(service.name)}"
    return _do("Check the Service:", described)


def _do(advice: str, *commands: str) -> _Advice:
    return {"advice": advice, "commands": commands}


_SERVER_ERROR: Final = 500
_NO_EVIDENCE: Final = _Evidence()


def _failed(
    error: KubeMetricsError, evidence: _Evidence = _NO_EVIDENCE, version: str = ""
) -> Finding:
    return Finding(
        check="metrics API",
        severity="problem",
        what="The metrics API cannot be read.",
        evidence="\n".join((str(error), *evidence.lines)),
        **(
            _advice(evidence, f"{version}.metrics.k8s.io")
            if evidence.lines
            else _do(_failed_advice(error))
        ),
    )


def _failed_advice(error: KubeMetricsError) -> str:
    if isinstance(error, Unauthorized | Forbidden):
        return (
            "Read what the server said; the aggregation layer's certificates may be to "
            "blame where it refuses what it allows."
        )
    if isinstance(error, ResponseError):
        return (
            "Read what the server said, and the logs of the provider of metrics.k8s.io."
        )
    return "Read the error above: no answer came."
