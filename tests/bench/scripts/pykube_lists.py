"""Pods and their metrics with pykube-ng."""

import pykube

api = pykube.HTTPClient(pykube.KubeConfig.from_env())
PodMetrics = pykube.object_factory(api, "metrics.k8s.io/v1beta1", "PodMetrics")
pods = list(pykube.Pod.objects(api).filter(namespace=pykube.all))
samples = list(PodMetrics.objects(api).filter(namespace=pykube.all))
print(len(pods), len(samples))
