"""Who owns a pod, without a further request: concluded from names where it must be."""

from __future__ import annotations

import re
from typing import Final

from ..frozen import dataclass
from ..models import EMPTY, Pod
from .model import PodUsage

_HASH: Final = "pod-template-hash"
_SCHEDULED: Final = re.compile(r"(.+)-(?:[0-9]{8}|[0-9]{10})")
"""A CronJob's Job ends with minutes (before 1.21: seconds) since the epoch.

Source: pkg/controller/cronjob/utils.go, ``getJobName``.
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """What a pod belongs to; *inferred* says that it is a conclusion from a name."""

    kind: str
    name: str
    inferred: bool = False


def owner(row: PodUsage) -> Owner:
    """Return the workload of a row: the pod itself where nothing owns it.

    A ReplicaSet that is named after its pods' template hash belongs to a Deployment
    (pkg/controller/deployment/sync.go). Of a sample without its pod only the labels and
    the name can tell.
    """
    if row.pod is None:
        return _of_sample(row)
    reference = row.pod.owner
    if reference is None:
        return Owner("Pod", row.name)
    if reference.kind == "ReplicaSet":
        return _of_replica_set(reference.name, row.pod)
    if reference.kind == "Job":
        return _of_job(reference.name)
    return Owner(reference.kind, reference.name)


def _of_replica_set(name: str, pod: Pod) -> Owner:
    deployment = _without_hash(name, pod.labels.get(_HASH, ""))
    return Owner("Deployment", deployment) if deployment else Owner("ReplicaSet", name)


def _of_job(name: str) -> Owner:
    scheduled = _SCHEDULED.fullmatch(name)
    if scheduled is None:
        return Owner("Job", name)
    return Owner("CronJob", scheduled[1], inferred=True)


def _of_sample(row: PodUsage) -> Owner:
    labels = row.metrics.labels if row.metrics else EMPTY
    replica_set = row.name.rpartition("-")[0]
    deployment = _without_hash(replica_set, labels.get(_HASH, ""))
    if deployment:
        return Owner("Deployment", deployment, inferred=True)
    return Owner("", "")


def _without_hash(name: str, hashed: str) -> str:
    return (
        name.removesuffix(f"-{hashed}")
        if name.endswith(f"-{hashed}") and hashed
        else ""
    )
