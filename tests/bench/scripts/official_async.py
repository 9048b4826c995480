"""Pods and their metrics with kubernetes_asyncio."""

import asyncio

from kubernetes_asyncio import client, config


async def main() -> None:
    await config.load_kube_config()
    async with client.ApiClient() as api:
        pods = await client.CoreV1Api(api).list_pod_for_all_namespaces()
        samples = await client.CustomObjectsApi(api).list_cluster_custom_object(
            "metrics.k8s.io", "v1beta1", "pods"
        )
    print(len(pods.items), len(samples["items"]))


asyncio.run(main())
