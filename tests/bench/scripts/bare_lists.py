"""The loop that everybody writes: pages of 500, json.loads, nothing kept."""

import json

from bare import connect, kubeconfig

counts = []
with connect(kubeconfig()) as client:
    for path in ("/api/v1/pods", "/apis/metrics.k8s.io/v1beta1/pods"):
        query, count = {"limit": 500}, 0
        while True:
            answer = client.get(path, params=query)
            answer.raise_for_status()
            page = json.loads(answer.content)
            count += len(page["items"])
            token = page["metadata"].get("continue")
            if not token:
                break
            query["continue"] = token
        counts.append(count)
print(*counts)
