"""Pods and their metrics with kr8s."""

import kr8s
from kr8s.objects import new_class

PodMetrics = new_class(
    "PodMetrics", "metrics.k8s.io/v1beta1", namespaced=True, plural="pods"
)
api = kr8s.api()
pods = list(api.get("pods", namespace=kr8s.ALL))
samples = list(api.get(PodMetrics, namespace=kr8s.ALL))
print(len(pods), len(samples))
