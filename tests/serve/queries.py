"""What krr, dashboards and the VPA ask Prometheus, and what is right for `pasts.quiet`.

Read in kubernetes-mixin (rules/apps, dashboards/resources/queries), in
dotdc/grafana-dashboards-kubernetes (k8s-views-*), in krr (integrations/prometheus) and
in the recommender of the Vertical Pod Autoscaler (input/history): each query that asks
for CPU, memory, requests, limits or states, of those that differ by grouping alone one.
Variables have values; the label of the cluster, which there is none of, is left out.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

MIB: Final = 2.0**20
DB_MEMORY: Final = 900 * MIB + 12_345
_CORES, _MEMORY = 8.0, 2 * 16 * 1024 * MIB

Answer: TypeAlias = float | dict[str, float] | str | None


class Asked(NamedTuple):
    """A query, and its *answer*: a value, one by label, a query of the same, or any."""

    query: str
    answer: Answer = None


_KSM: Final = 'job="kube-state-metrics"'
_CADVISOR: Final = 'job="kubelet", metrics_path="/metrics/cadvisor"'
_CPU: Final = f'container_cpu_usage_seconds_total{{{_CADVISOR}, image!=""}}'
_ON_NODE: Final = (
    "* on (namespace, pod) group_left(node) topk by (namespace, pod) (1,"
    ' max by (namespace, pod, node) (kube_pod_info{node!=""}))'
)
_ACTIVE: Final = (
    "* on (namespace, pod) group_left() max by (namespace, pod) ("
    '(kube_pod_status_phase{phase=~"Pending|Running"} == 1))'
)
_PODS_SETS: Final = (
    f'label_replace(kube_pod_owner{{{_KSM}, owner_kind="ReplicaSet"}},'
    ' "replicaset", "$1", "owner_name", "(.*)") * on (replicaset, namespace)'
    " group_left(owner_name) topk by (replicaset, namespace) (1, max by"
    f" (replicaset, namespace, owner_name) (kube_replicaset_owner{{{_KSM},"
    ' owner_kind="Deployment"}))'
)


def _active(resource: str, kind: str) -> tuple[str, str]:
    name = f"kube_pod_container_resource_{kind}"
    return (
        f"cluster:namespace:pod_{resource}:active:{name}",
        f'{name}{{resource="{resource}", {_KSM}}} {_ACTIVE}',
    )


def _summed(resource: str, kind: str) -> tuple[str, str]:
    name = f"kube_pod_container_resource_{kind}"
    return (
        f"namespace_{resource}:{name}:sum",
        (
            "sum by (namespace) (sum by (namespace, pod) (max by (namespace, pod,"
            f' container) ({name}{{resource="{resource}", {_KSM}}}) {_ACTIVE}))'
        ),
    )


USAGE: Final = (
    "node_namespace_pod_container:container_cpu_usage_seconds_total:sum_rate5m"
)
_WORKING_SET: Final = "node_namespace_pod_container:container_memory_working_set_bytes"
_OWNER: Final = "namespace_workload_pod:kube_pod_owner:relabel"
RULES: Final = (
    (USAGE, f"sum by (namespace, pod, container) (rate({_CPU}[5m])) {_ON_NODE}"),
    (
        _WORKING_SET,
        f'container_memory_working_set_bytes{{{_CADVISOR}, image!=""}} {_ON_NODE}',
    ),
    *(_active(r, k) for r in ("cpu", "memory") for k in ("requests", "limits")),
    *(_summed(r, k) for r in ("cpu", "memory") for k in ("requests", "limits")),
    (
        _OWNER,
        (
            "max by (namespace, workload, pod) (label_replace("
            f'{_PODS_SETS}, "workload", "$1", "owner_name", "(.*)"))'
        ),
    ),
    (
        _OWNER,
        (
            "max by (namespace, workload, pod) (label_replace("
            f'kube_pod_owner{{{_KSM}, owner_kind="StatefulSet"}},'
            ' "workload", "$1", "owner_name", "(.*)"))'
        ),
    ),
)
"""The recording rules of kubernetes-mixin that its dashboards are of."""


def _of_cores(kind: str, answer: Answer) -> Asked:
    """Return a query of dotdc's: requests or limits of what runs, by container."""
    return Asked(
        f'sum(kube_pod_container_resource_{kind}{{resource="cpu"}} and on(namespace,'
        ' pod) max by (namespace, pod) (kube_pod_status_phase{phase="Running"} == 1))'
        " by (container)",
        answer,
    )


def _of(metric: str) -> str:
    """Return krr's selection of a Deployment's containers."""
    return f'{metric}{{namespace="shop", pod=~"web-.*", container="app"}}'


_RATES: Final = "sum(rate(container_cpu_usage_seconds_total[5m])) by (namespace)"

MIXIN: Final = (
    Asked(f"sum({USAGE}) by (namespace)", _RATES),
    Asked(
        "sum(namespace_cpu:kube_pod_container_resource_requests:sum)"
        f' / sum(kube_node_status_allocatable{{{_KSM}, resource="cpu"}})',
        1.1 / _CORES,
    ),
    Asked(
        "sum(namespace_memory:kube_pod_container_resource_limits:sum)"
        f' / sum(kube_node_status_allocatable{{{_KSM}, resource="memory"}})',
        (2 * 256 + 128) * MIB / _MEMORY,
    ),
    Asked(
        f"sum(kube_pod_owner{{{_KSM}}}) by (namespace)", {"shop": 3, "data": 1}
    ),
    Asked(
        f"count(avg({_OWNER}) by (workload, namespace)) by (namespace)",
        {"shop": 2, "data": 1},
    ),
    Asked(
        "sum(namespace_cpu:kube_pod_container_resource_requests:sum) by (namespace)",
        {"shop": 0.6, "data": 0.5},
    ),
    Asked(
        "sum(namespace_cpu:kube_pod_container_resource_limits:sum) by (namespace)",
        {"shop": 1},
    ),
    Asked(
        f"sum({USAGE}) by (namespace) / sum("
        "namespace_cpu:kube_pod_container_resource_requests:sum) by (namespace)",
        f"{_RATES} / sum(kube_pod_container_resource_requests"
        '{resource="cpu"}) by (namespace)',
    ),
    Asked(
        "sum(max by (namespace, pod, container)(container_memory_working_set_bytes{"
        f'{_CADVISOR}, namespace="data", container!="", image!=""}})) by (pod)',
        {"db-0": DB_MEMORY},
    ),
    Asked(
        "sum(max by (namespace, pod, container)(cluster:namespace:pod_memory:active:"
        'kube_pod_container_resource_requests{namespace="data"})) by (pod)',
        {"db-0": 1024 * MIB},
    ),
    Asked(
        f'sum(kube_node_status_capacity{{{_KSM}, node=~"n1|n2", resource="cpu"}})',
        _CORES,
    ),
    Asked(
        f'sum by (node) ({_WORKING_SET}{{container!=""}}) / sum by (node) ('
        f'kube_node_status_allocatable{{{_KSM}, resource="memory"}})',
        "sum by (node) (container_memory_working_set_bytes) / sum by (node) ("
        'kube_node_status_allocatable{resource="memory"})',
    ),
    Asked(f"count(kube_node_info{{{_KSM}}})", 2),
    Asked(
        f"sum({USAGE} * on(namespace, pod) group_left(workload)"
        f' {_OWNER}{{workload="db"}}) by (pod)',
        'sum(rate(container_cpu_usage_seconds_total{pod="db-0"}[5m])) by (pod)',
    ),
    Asked(
        "sum(max by (namespace, pod, container)(kube_pod_container_resource_requests"
        f'{{{_KSM}, resource="memory"}}) * on(namespace, pod) group_left(workload)'
        f" {_OWNER}) by (workload)",
        {"web": 256 * MIB, "leak": 64 * MIB, "db": 1024 * MIB},
    ),
)  # fmt: skip
DOTDC: Final = (
    Asked(
        'sum(rate(container_cpu_usage_seconds_total{image!=""}[5m]))'
        " / sum(machine_cpu_cores)",
        f"sum({_RATES}) / {_CORES}",
    ),
    Asked(
        'sum(container_memory_working_set_bytes{namespace=~"data", image!=""})'
        " / sum(machine_memory_bytes)",
        DB_MEMORY / _MEMORY,
    ),
    Asked(
        'sum(rate(container_cpu_usage_seconds_total{node="n1", image!=""}[5m]))'
        " by (pod) > 0"
    ),
    Asked(
        'count(rate(container_cpu_usage_seconds_total{image!=""}[5m])) by (image)',
        {"app:1": 3, "proxy:1": 2, "db:1": 1},
    ),
    _of_cores("requests", {"app": 0.6, "db": 0.5}),
    _of_cores("limits", {"app": 1}),
    Asked(
        'sum(container_memory_working_set_bytes{pod="db-0", image!="",'
        ' container!=""}) by (container, id)',
        {"db": DB_MEMORY},
    ),
    Asked("sum(kube_pod_container_status_running)", 6),
    Asked('sum(kube_pod_status_phase{phase="Running"})', 4),
    Asked('sum(kube_pod_info{node="n1"}) + sum(kube_pod_info{node="n2"})', 4),
    Asked("sum(kube_pod_container_status_restarts_total) by (namespace)",
          {"shop": 0, "data": 0}),
    Asked("count(count by (node) (kube_node_info))", 2),
)  # fmt: skip
KRR: Final = (
    Asked(
        "quantile_over_time(0.95, max(rate("
        f"{_of('container_cpu_usage_seconds_total')}[30s])) by (container, pod, job)"
        "[1m:10s]) > 0"
    ),
    Asked(
        f"count_over_time(max({_of('container_cpu_usage_seconds_total')})"
        " by (container, pod, job)[1m:10s])"
    ),
    Asked(
        'max_over_time(max(container_memory_working_set_bytes{namespace="data",'
        ' pod=~"db-0", container="db"}) by (container, pod, job)[1m:10s])',
        {"db,kubelet,db-0": DB_MEMORY},
    ),
    Asked(
        'kube_replicaset_owner{owner_name="web", owner_kind="Deployment",'
        ' namespace="shop"}',
        1,
    ),
    Asked(
        'count(last_over_time(kube_pod_owner{owner_name=~"web-a",'
        ' owner_kind="ReplicaSet", namespace="shop"}[1h]))',
        2,
    ),
    Asked(
        'count(kube_pod_status_phase{phase="Running", pod=~"web-.*",'
        ' namespace="shop"} == 1)',
        2,
    ),
    Asked("sum(max by (instance) (machine_memory_bytes{ }))", _MEMORY),
    Asked("sum(max by (instance) (machine_cpu_cores{ }))", _CORES),
    Asked(
        'sum(max(kube_pod_container_resource_requests{namespace="data",'
        ' resource="cpu"}) by (job, pod, container))',
        0.5,
    ),
)
VPA: Final = (
    Asked(
        'rate(container_cpu_usage_seconds_total{job="kubelet", pod=~".+",'
        ' container!="POD", container!=""}[5m])[1m:10s]'
    ),
    Asked(
        'container_memory_working_set_bytes{job="kubelet", pod=~".+",'
        ' container!="POD", container!=""}[1m]'
    ),
    Asked('kube_pod_labels{label_app="web"}[1m]'),
)
QUERIES: Final = (*MIXIN, *DOTDC, *KRR, *VPA)

OOM_KILLED: Final = Asked(
    "max(max(kube_pod_container_resource_limits"
    '{resource="memory", namespace="shop"}) by (pod, container, job)'
    " * on(pod, container, job) group_left(reason) max("
    'kube_pod_container_status_last_terminated_reason{reason="OOMKilled",'
    ' namespace="shop"}) by (pod, container, job, reason)) by (container, pod, job)'
)
"""krr's --use-oomkill-data; empty as long as nothing was killed."""

UNANSWERED: Final = (
    "container_cpu_cfs_periods_total",
    "container_cpu_cfs_throttled_periods_total",
    "container_cpu_cfs_throttled_seconds_total",
    "container_fs_reads_bytes_total",
    "container_fs_writes_bytes_total",
    "container_memory_cache",
    "container_memory_rss",
    "container_memory_swap",
    "container_network_receive_bytes_total",
    "container_network_transmit_bytes_total",
    "container_oom_events_total",
    "kube_deployment_status_replicas_available",
    "kube_namespace_created",
    "kube_pod_container_info",
    "kube_pod_status_ready",
    "kube_pod_status_scheduled",
    "kube_resourcequota",
    "kubelet_running_pods",
    "kubelet_volume_stats_used_bytes",
    "node_cpu_seconds_total",
    "node_memory_MemAvailable_bytes",
)
"""What the same dashboards show too, and neither the metrics API nor a pod tells."""
