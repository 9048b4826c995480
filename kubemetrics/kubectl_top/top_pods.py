"""``kubemetrics top pods``: kubectl's, to the byte.

Source: kubectl pkg/cmd/top/top_pod.go.
"""

from __future__ import annotations

import time
from argparse import Namespace
from typing import TYPE_CHECKING, Final

from .. import console
from ..api import Api, ListOptions
from ..commandline import CommandSpec, Parser, client_of
from ..errors import KubeMetricsError
from ..flow import Flow
from ..frozen import dataclass
from . import output, top
from .output import PodView, pods_table

if TYPE_CHECKING:
    from ..models.metrics import PodMetrics
    from ..models.pod import Pod


_DESCRIPTION: Final = """\
Show what pods use now, byte for byte as 'kubectl top pods' shows it.

Pods without a sample are missing from it, as they are from kubectl's."""
_EXAMPLES: Final = """\
  kubemetrics top pods
  kubemetrics top pods -n kube-system --containers
  kubemetrics top pods -A --sort-by=memory --sum
  kubemetrics top pod web-0 --show-swap
  kubemetrics top pods -l app=web --field-selector status.phase=Running"""

_RESOURCE: Final = "pods.metrics.k8s.io"
_DELAY: Final = 120 * 10**9
"""Nanoseconds that a new pod may be without metrics; kubectl's metricsCreationDelay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    name: str
    namespace: str
    everywhere: bool
    label_selector: str
    field_selector: str

    @property
    def selection(self) -> ListOptions:
        return {
            "label_selector": self.label_selector or None,
            "field_selector": self.field_selector or None,
        }


def _add_arguments(parser: Parser) -> None:
    """Declare kubectl's flags of ``top pod``."""
    top.add_arguments(parser, "pod")
    parser.add_argument(
        "--field-selector", default="", metavar="FIELDS", help="the pods so found"
    )
    parser.add_argument("--containers", action="store_true", help="show containers")
    parser.add_argument(
        "-A", "--all-namespaces", action="store_true", help="of all namespaces"
    )
    parser.add_argument("--sum", action="store_true", help="show the totals")


def _run(args: Namespace) -> int:
    """Print the table.

    Raises:
        UsageError: more than one name.
        KubeMetricsError: no usable configuration.
    """
    name = top.one_name(args, "pod")
    with client_of(args) as client:
        try:
            top.check(args, "only one of NAME or selector can be provided")
            question = _Question(
                name=name,
                namespace=client.config.namespace,
                everywhere=args.all_namespaces,
                label_selector=args.selector,
                field_selector=args.field_selector,
            )
            metrics = client.run(_metrics(client.api, question))
        except KubeMetricsError as error:
            return output.fail(error)
    if not metrics:
        console.complain(_nothing(question))
    return output.put(pods_table(metrics, _view(args)))


def _view(args: Namespace) -> PodView:
    return PodView(
        containers=args.containers,
        namespaces=args.all_namespaces,
        headers=not args.no_headers,
        sort_by=args.sort_by,
        sum=args.sum,
        swap=args.show_swap,
    )


def _nothing(question: _Question) -> str:
    if question.everywhere:
        return "No resources found"
    return f"No resources found in {question.namespace} namespace."


def _metrics(api: Api, question: _Question) -> Flow[list[PodMetrics]]:
    if question.name:
        return (yield from _one(api, question))
    namespace = None if question.everywhere else question.namespace
    listing = api.list_pod_metrics(
        {"namespace": namespace, "label_selector": question.label_selector or None}
    )
    metrics = list(
        (yield from output.with_kubectl_metrics_errors(listing, _RESOURCE)).whole()
    )
    if metrics and question.field_selector:
        pods = api.list_pods({"namespace": namespace, **question.selection})
        listed = yield from output.with_kubectl_errors(pods, "pods")
        chosen = {pod.key for pod in listed.whole()}
        metrics = [m for m in metrics if (m.namespace, m.name) in chosen]
    if not metrics:
        yield from output.with_kubectl_errors(_check_empty(api, question), "pods")
    return metrics


def _one(api: Api, question: _Question) -> Flow[list[PodMetrics]]:
    yield from output.check_name(question.name)
    # With -A kubectl leaves the namespace out of the path, where no pod is.
    namespace = "" if question.everywhere else question.namespace
    flow = api.get_pod_metrics(question.name, namespace)
    return [
        (
            yield from output.with_kubectl_metrics_errors(
                flow, f"{_RESOURCE} {question.name}"
            )
        )
    ]


def _check_empty(api: Api, question: _Question) -> Flow[None]:
    """Find out why there are no metrics: no pods, new pods, or something is wrong.

    With -A too, kubectl looks at the pods of one namespace only.
    """
    pages = api.pages_of_pods({"namespace": question.namespace, **question.selection})
    found = False
    while pages.more:
        for pod in (yield from pages.next()).whole():
            _check_age(pod)
            found = True
    if found:
        raise output.KubectlError("error: metrics not available yet")


def _check_age(pod: Pod) -> None:
    from ..times import go_duration  # noqa: PLC0415 - seldom needed

    created = pod.creation_timestamp
    age = time.time_ns() - (int(created.timestamp()) * 10**9 if created else 0)
    if age > _DELAY:
        raise output.KubectlError(
            f"error: Metrics not available for pod {pod.namespace}/{pod.name},"
            f" age: {go_duration(age)}"
        )


COMMAND: Final = CommandSpec(_DESCRIPTION, _EXAMPLES, _add_arguments, _run)
