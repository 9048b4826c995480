"""What is behind a metrics API that is down: its APIService, Service and pods.

Each step is taken only if it may be; what may not be read is left out.
"""

from __future__ import annotations

from typing import Final

from ..api import Api, ListOptions
from ..errors import KubeMetricsError
from ..flow import Flow, attempt
from ..models import Pod
from ..snapshot.reasons import container_reason
from .answers import ApiService, apiservice_of, selector_of

_SERVICES: Final = "/apis/apiregistration.k8s.io/v1/apiservices"


def behind(api: Api, version: str) -> Flow[tuple[str, ...]]:
    """Return a line for each thing that the API shows of the provider."""
    name = f"{version}.metrics.k8s.io"
    service = yield from attempt(_apiservice(api, name))
    if isinstance(service, KubeMetricsError):
        return ()
    said = f"APIService {name} Available={service.available}"
    pods = yield from attempt(_pods(api, service))
    if isinstance(pods, KubeMetricsError):
        return (said,)
    return (said, *(_pod(pod) for pod in pods), *_none(service, pods))


def _apiservice(api: Api, name: str) -> Flow[ApiService]:
    return apiservice_of((yield from api.get_raw(f"{_SERVICES}/{name}")))


def _pods(api: Api, service: ApiService) -> Flow[tuple[Pod, ...]]:
    """List the pods that the Service selects."""
    path = f"/api/v1/namespaces/{service.namespace}/services/{service.name}"
    selector = selector_of((yield from api.get_raw(path)))
    if not selector:  # an empty one would select every pod of the namespace
        return ()
    labels = ",".join(f"{key}={value}" for key, value in selector.items())
    options: ListOptions = {"namespace": service.namespace, "label_selector": labels}
    return tuple((yield from api.list_pods(options)))


def _pod(pod: Pod) -> str:
    stopped = (container_reason(container, pod) for container in pod.containers)
    why = [reason.explanation for reason in stopped if reason is not None]
    ready = sum(container.ready for container in pod.containers)
    state = f"phase {pod.phase}, {ready} of {len(pod.containers)} containers ready"
    return " ".join([f"Pod {pod.namespace}/{pod.name}: {state}.", *why])


def _none(service: ApiService, pods: tuple[Pod, ...]) -> tuple[str, ...]:
    if pods:
        return ()
    return (f"Service {service.namespace}/{service.name} selects no pod.",)
