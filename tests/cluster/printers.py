"""The rows of pods, nodes and namespaces.

After `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .clock import parse_rfc3339
from .table import Ago, Cell, Printer, Row

_NONE = "<none>"
_ENDINGS = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


def _pod_row(pod: Mapping[str, Any]) -> Row:
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
    statuses = status.get("containerStatuses", [])
    ready = sum(1 for s in statuses if s.get("ready") and "running" in s["state"])
    cells = (
        metadata["name"],
        f"{ready}/{len(spec['containers'])}",
        _pod_reason(pod),
        _restarts(statuses),
        _age(metadata),
        status.get("podIP", _NONE),
        spec.get("nodeName", _NONE),
        status.get("nominatedNodeName", _NONE),
        _NONE,
    )
    return Row(cells, _pod_conditions(status.get("phase", "")))


def _pod_conditions(phase: str) -> tuple[Mapping[str, str], ...]:
    if phase not in _ENDINGS:
        return ()
    head = {"type": "Completed", "status": "True"}
    return (head | {"reason": phase, "message": _ENDINGS[phase]},)


def _pod_reason(pod: Mapping[str, Any]) -> str:
    status = pod.get("status", {})
    reason = status.get("reason") or status.get("phase", "")
    for container in reversed(status.get("containerStatuses", [])):
        reason = _container_reason(container) or reason
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    return str(reason)


def _container_reason(container: Mapping[str, Any]) -> str:
    state = container.get("state", {})
    waiting = state.get("waiting", {}).get("reason", "")
    ended = state.get("terminated")
    if waiting or ended is None:
        return str(waiting)
    return str(ended.get("reason") or f"ExitCode:{ended['exitCode']}")


def _restarts(statuses: Sequence[Mapping[str, Any]]) -> Cell:
    count = sum(s.get("restartCount", 0) for s in statuses)
    ends = [
        s["lastState"]["terminated"]["finishedAt"]
        for s in statuses
        if s.get("lastState", {}).get("terminated", {}).get("finishedAt")
    ]
    if not count or not ends:
        return str(count)
    return Ago(parse_rfc3339(max(ends)), f"{count} (", " ago)")


def _age(metadata: Mapping[str, Any]) -> Ago:
    return Ago(parse_rfc3339(metadata["creationTimestamp"]))


POD_PRINTER = Printer(
    columns=(
        ("Name", "string", "name", 0),
        ("Ready", "string", "", 0),
        ("Status", "string", "", 0),
        ("Restarts", "string", "", 0),
        ("Age", "string", "", 0),
        ("IP", "string", "", 1),
        ("Node", "string", "", 1),
        ("Nominated Node", "string", "", 1),
        ("Readiness Gates", "string", "", 1),
    ),
    row=_pod_row,
)


def _node_row(node: Mapping[str, Any]) -> Row:
    metadata, status = node["metadata"], node["status"]
    prefix = "node-role.kubernetes.io/"
    roles = [k.removeprefix(prefix) for k in metadata["labels"] if k.startswith(prefix)]
    cells = (
        metadata["name"],
        _node_status(node),
        ",".join(sorted(roles)) or _NONE,
        _age(metadata),
        status["nodeInfo"]["kubeletVersion"],
    )
    return Row(cells)


def _node_status(node: Mapping[str, Any]) -> str:
    conditions = {c["type"]: c["status"] for c in node["status"]["conditions"]}
    words = ["Ready" if conditions.get("Ready") == "True" else "NotReady"]
    if node["spec"].get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


NODE_PRINTER = Printer(
    columns=(
        ("Name", "string", "name", 0),
        ("Status", "string", "", 0),
        ("Roles", "string", "", 0),
        ("Age", "string", "", 0),
        ("Version", "string", "", 0),
    ),
    row=_node_row,
)


def _namespace_row(obj: Mapping[str, Any]) -> Row:
    metadata = obj["metadata"]
    return Row((metadata["name"], obj["status"]["phase"], _age(metadata)))


NAMESPACE_PRINTER = Printer(
    columns=(
        ("Name", "string", "name", 0),
        ("Status", "string", "", 0),
        ("Age", "string", "", 0),
    ),
    row=_namespace_row,
)
