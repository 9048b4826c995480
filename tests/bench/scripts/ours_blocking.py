"""Pods and their metrics with kubemetrics, blocking."""

from kubemetrics import Client

with Client() as client:
    pods = client.list_pods()
    samples = client.list_pod_metrics()
print(len(pods), len(samples))
