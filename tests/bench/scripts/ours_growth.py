"""Pods and their metrics with kubemetrics; says how many, and what they took.

Connecting, and importing what reads a list, is done before.
"""

import time

from kubemetrics import Client

with Client() as client:
    client.list_pods(field_selector="metadata.name=none")
    client.list_pod_metrics(label_selector="none=none")
    wall, cpu = time.perf_counter(), time.process_time()
    pods = client.list_pods()
    samples = client.list_pod_metrics()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(len(pods), len(samples), wall, cpu)
