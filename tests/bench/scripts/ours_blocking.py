"""Pods and their metrics with kubemetrics, blocking: `ours_blocking.py [PAGE]`."""

import sys

from kubemetrics import Client

with Client() as client:
    pods = client.list_pods(chunk_size=int(sys.argv[1]) if sys.argv[1:] else 500)
    samples = client.list_pod_metrics()
print(len(pods), len(samples))
