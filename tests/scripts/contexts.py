"""What all pods of each cluster of the kubeconfig use."""

from __future__ import annotations

from kubemetrics import (
    Client,
    KubeMetricsError,
    list_contexts,
    load_config,
    summed,
)

for context in list_contexts():
    try:
        with Client(load_config(context=context.name)) as client:
            total = summed(client.snapshot().pods)
    except KubeMetricsError as error:
        print(f"{context.name}: {error}")
    else:
        print(f"{context.name}: {total.cpu or 0} cores in {total.count} pods")
