"""Generated nodes."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

_SIZES = ((4, 16), (8, 32), (16, 64), (32, 128))
_ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")
_SILENT_SHARE = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlan:
    """A node: *silent* ones report no metrics, and all but one of them are NotReady."""

    name: str
    number: int
    cores: int
    gibibytes: int
    silent: bool
    ready: bool
    cordoned: bool

    @property
    def address(self) -> str:
        return (
            f"10.{self.number >> 14 & 255}.{self.number >> 6 & 255}.{self.number & 63}"
        )


def plan_nodes(count: int, rng: Random) -> list[NodePlan]:
    """Plan *count* nodes: the first is the control plane, about 4 in 100 are silent."""
    silent = (
        set(rng.sample(range(1, count), max(1, count // _SILENT_SHARE)))
        if count > 2
        else set()
    )
    deaf = max(silent) if len(silent) > 1 else -1
    plans = []
    for number in range(count):
        cores, gibibytes = rng.choice(_SIZES)
        name = f"worker-{number:03}" if number else "control-plane-0"
        if number % 2:
            name = f"ip-10-0-{number}-{number % 250}.ec2.internal"
        plans.append(
            NodePlan(
                name=name,
                number=number,
                cores=cores,
                gibibytes=gibibytes,
                silent=number in silent,
                ready=number not in silent or number == deaf,
                cordoned=number > 0 and rng.random() < 0.03,
            )
        )
    return plans


def node_object(plan: NodePlan, created: str, revision: int) -> dict[str, Any]:
    return {
        "metadata": {
            "name": plan.name,
            "uid": f"00000000-0000-4000-8000-{plan.number:012x}",
            "resourceVersion": str(revision),
            "creationTimestamp": created,
            "labels": node_labels(plan),
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
        },
        "spec": _spec(plan),
        "status": _status(plan, created),
    }


def node_labels(plan: NodePlan) -> dict[str, str]:
    role = "worker" if plan.number else "control-plane"
    return {
        "beta.kubernetes.io/arch": "amd64",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": plan.name,
        "kubernetes.io/os": "linux",
        f"node-role.kubernetes.io/{role}": "",
        "node.kubernetes.io/instance-type": f"m5.{plan.cores}x",
        "topology.kubernetes.io/region": "eu-west-1",
        "topology.kubernetes.io/zone": _ZONES[plan.number % len(_ZONES)],
    }


def _spec(plan: NodePlan) -> dict[str, Any]:
    spec: dict[str, Any] = {"podCIDR": f"10.100.{plan.number % 256}.0/24"}
    taints = []
    if plan.number == 0:
        key = "node-role.kubernetes.io/control-plane"
        taints.append({"key": key, "effect": "NoSchedule"})
    if plan.cordoned:
        spec["unschedulable"] = True
        taints.append(
            {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
        )
    if not plan.ready:
        taints.append({"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"})
    return spec | ({"taints": taints} if taints else {})


def _status(plan: NodePlan, created: str) -> dict[str, Any]:
    capacity = {
        "cpu": str(plan.cores),
        "ephemeral-storage": "104845292Ki",
        "hugepages-2Mi": "1Gi",
        "memory": f"{plan.gibibytes << 20}Ki",
        "nvidia.com/gpu": "2",
        "pods": "250",
    }
    allocatable = capacity | {
        "cpu": f"{plan.cores * 1000 - 80}m",
        "ephemeral-storage": "95551679124",
        "memory": f"{(plan.gibibytes << 20) - (1 << 20)}Ki",
    }
    return {
        "capacity": capacity,
        "allocatable": allocatable,
        "conditions": _conditions(plan, created),
        "addresses": [
            {"type": "InternalIP", "address": plan.address},
            {"type": "Hostname", "address": plan.name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": _info(plan),
        "images": [
            {
                "names": [f"registry.example.com/team/image-{at}:v6.14.{at}"],
                "sizeBytes": 222_507_220 + at,
            }
            for at in range(20)
        ],
    }


def _conditions(plan: NodePlan, created: str) -> list[dict[str, str]]:
    ready = "True" if plan.ready else "Unknown"
    reason = "KubeletReady" if plan.ready else "NodeStatusUnknown"
    states = (
        ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID"),
        ("Ready", ready, reason),
    )
    return [
        {
            "type": kind,
            "status": status,
            "lastHeartbeatTime": created,
            "lastTransitionTime": created,
            "reason": reason,
            "message": reason,
        }
        for kind, status, reason in states
    ]


def _info(plan: NodePlan) -> dict[str, Any]:
    mark = f"{plan.number:032x}"
    info: dict[str, Any] = {
        "machineID": mark,
        "systemUUID": mark,
        "bootID": mark,
        "kernelVersion": "6.1.119-129.201.amzn2023.x86_64",
        "osImage": "Amazon Linux 2023.6.20241212",
        "containerRuntimeVersion": "containerd://1.7.23",
        "kubeletVersion": "v1.36.2",
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": "amd64",
    }
    if plan.number % 5 == 1:
        info["swap"] = {"capacity": 4 << 30}
    return info
