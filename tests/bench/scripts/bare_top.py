"""`top pods -A` in a few lines: httpx, yaml, argparse and one GET."""

import argparse

from bare import connect, kubeconfig

SCALES = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def number(text: str) -> float:
    for suffix, scale in SCALES.items():
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * scale
    return float(text)


parser = argparse.ArgumentParser()
parser.add_argument("--kubeconfig")
parser.add_argument("-A", "--all-namespaces", action="store_true")
arguments = parser.parse_args()
with connect(kubeconfig(arguments.kubeconfig)) as client:
    answer = client.get("/apis/metrics.k8s.io/v1beta1/pods")
    answer.raise_for_status()
print(f"{'NAMESPACE':20} {'NAME':60} CPU(cores) MEMORY(bytes)")
for pod in answer.json()["items"]:
    used = [container["usage"] for container in pod["containers"]]
    cpu = sum(number(usage["cpu"]) for usage in used)
    memory = sum(number(usage["memory"]) for usage in used)
    place = pod["metadata"]
    print(
        f"{place['namespace']:20} {place['name']:60}"
        f" {cpu * 1000:9.0f}m {memory / 2**20:11.0f}Mi"
    )
