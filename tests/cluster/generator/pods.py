"""Pods made from their plans, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, overload

from kubemetrics.testing.etcd import Entry

from ..clock import rfc3339
from .fates import Fate
from .managed import managed_fields
from .plan import PodPlan
from .podspec import pod_spec
from .podstatus import pod_status
from .template import Template
from .workloads import Workload

_MONTH = 30 * 86_400
_JUST_NOW = 4
_FRESH = (Fate.YOUNG, Fate.RESTARTED)
_UNIQUE = "kubemetrics.example/unique"
_OWNER_VERSIONS = {"Job": "batch/v1", "Node": "v1"}


def pod_object(workload: Workload, fate: Fate, *, unique: bool) -> dict[str, Any]:
    """Return a pod with slots for what is its own."""
    metadata: dict[str, Any] = {
        "name": "{{name}}",
        "namespace": workload.namespace,
        "uid": "{{uid}}",
        "resourceVersion": "{{revision}}",
        "generation": 1,
        "creationTimestamp": "{{created}}",
    }
    if fate in (Fate.TERMINATING, Fate.TERMINATING_MEASURED):
        metadata["deletionTimestamp"] = "{{running}}"
        metadata["deletionGracePeriodSeconds"] = 30
    labels = dict(workload.labels) | ({_UNIQUE: "{{uid}}"} if unique else {})
    metadata |= {"labels": labels, "annotations": _annotations(workload)}
    if workload.kind != "Bare":
        metadata["ownerReferences"] = [_owner(workload)]
    spec = pod_spec(workload, scheduled=fate.value.scheduled)
    status = pod_status(workload, fate)
    metadata["managedFields"] = managed_fields(metadata, spec, status)
    return {"metadata": metadata, "spec": spec, "status": status}


def _annotations(workload: Workload) -> dict[str, str]:
    if workload.kind == "Node":
        return {"kubernetes.io/config.source": "file"}
    return {
        "checksum/config": "bb93fb253717f71f85412e0f14644c3a1e941ad21db53fab20ec61761d",
        "prometheus.io/port": "9090",
        "prometheus.io/scrape": "true",
    }


def _owner(workload: Workload) -> dict[str, Any]:
    return {
        "apiVersion": _OWNER_VERSIONS.get(workload.kind, "apps/v1"),
        "kind": workload.kind,
        "name": workload.owner,
        "uid": "d6e01dcc-c5b1-52c3-83e8-937ee9b3e5c1",
        "controller": True,
    }


class Pods(Sequence[Entry]):
    """The planned pods as a sequence whose items are made when asked for."""

    def __init__(
        self, plans: Sequence[PodPlan], seed: int, now: datetime, *, unique: bool
    ) -> None:
        self.plans = plans
        self._seed = seed
        self._now = now
        self._unique = unique
        self._templates: dict[tuple[int, Fate], Template] = {}

    def __len__(self) -> int:
        return len(self.plans)

    @overload
    def __getitem__(self, at: int) -> Entry: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Entry]: ...
    def __getitem__(self, at: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(at, slice):
            return [self._entry(i) for i in range(*at.indices(len(self.plans)))]
        return self._entry(range(len(self.plans))[at])

    def _template(self, plan: PodPlan) -> Template:
        key = (id(plan.workload), plan.fate)
        if key not in self._templates:
            made = pod_object(plan.workload, plan.fate, unique=self._unique)
            self._templates[key] = Template(made)
        return self._templates[key]

    def labels(self, at: int) -> dict[str, str]:
        labels = self.plans[at].workload.labels
        return labels | {_UNIQUE: self._uid(self._rng(at))} if self._unique else labels

    def _entry(self, at: int) -> Entry:
        plan = self.plans[at]
        values = self._values(at, plan)
        return Entry(
            namespace=plan.workload.namespace,
            name=plan.name,
            revision=int(values["revision"]),
            raw=self._template(plan).fill(values),
            labels=self.labels(at),
            fields=_fields(plan, values),
        )

    def _values(self, at: int, plan: PodPlan) -> dict[str, str]:
        rng = self._rng(at)
        uid = self._uid(rng)
        age = _JUST_NOW if plan.fate is Fate.YOUNG else rng.randint(900, _MONTH)
        since = _JUST_NOW if plan.fate in _FRESH else rng.randint(400, age)
        created = self._ago(age)
        digest = f"{rng.getrandbits(256):064x}"
        return {
            "name": plan.name,
            "uid": uid,
            "revision": str(1000 + at),
            "node": plan.node.name if plan.node else "",
            "host": plan.node.address if plan.node else "",
            "ip": f"10.{100 + (at >> 16)}.{at >> 8 & 255}.{at & 255}",
            "created": created,
            "started": created,
            "running": self._ago(since),
            "ended": self._ago(since + (0 if since == age else 5)),
            "restarts": str(rng.randint(1, 40)),
            **{f"cid{i}": digest[i:] + digest[:i] for i in range(5)},
        }

    def _rng(self, at: int) -> Random:
        return Random((self._seed << 32) + at)  # noqa: S311 - reproducible

    @staticmethod
    def _uid(rng: Random) -> str:
        bits = f"{rng.getrandbits(128):032x}"
        return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-8{bits[17:20]}-{bits[20:]}"

    def _ago(self, seconds: int) -> str:
        return rfc3339(self._now - timedelta(seconds=seconds))


def _fields(plan: PodPlan, values: dict[str, str]) -> dict[str, str]:
    running = plan.fate.value.phase == "Running"
    return {
        "metadata.name": plan.name,
        "metadata.namespace": plan.workload.namespace,
        "spec.nodeName": values["node"],
        "spec.restartPolicy": "Never" if plan.workload.kind == "Job" else "Always",
        "spec.schedulerName": "default-scheduler",
        "spec.serviceAccountName": plan.workload.app,
        "spec.hostNetwork": str(plan.workload.kind == "Node").lower(),
        "status.phase": plan.fate.value.phase,
        "status.podIP": values["ip"] if running else "",
    }
