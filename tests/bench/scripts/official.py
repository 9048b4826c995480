"""Pods and their metrics with the official client."""

from kubernetes import client, config

config.load_kube_config()
pods = client.CoreV1Api().list_pod_for_all_namespaces()
samples = client.CustomObjectsApi().list_cluster_custom_object(
    "metrics.k8s.io", "v1beta1", "pods"
)
print(len(pods.items), len(samples["items"]))
