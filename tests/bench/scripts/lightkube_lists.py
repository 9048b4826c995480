"""Pods and their metrics with lightkube."""

from lightkube import Client
from lightkube.generic_resource import create_namespaced_resource
from lightkube.resources.core_v1 import Pod

PodMetrics = create_namespaced_resource(
    "metrics.k8s.io", "v1beta1", "PodMetrics", "pods"
)
client = Client()
pods = list(client.list(Pod, namespace="*"))
samples = list(client.list(PodMetrics, namespace="*"))
print(len(pods), len(samples))
