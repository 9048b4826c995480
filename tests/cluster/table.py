"""What `kubectl get` prints: the server's Table of an object or a list.

Cells after `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from .clock import Clock, parse_rfc3339
from .encoding import encode_line
from .store import Entry

Cells: TypeAlias = list[Any]
_NONE = "<none>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Printer:
    """The columns of a resource, as (name, type, format, priority), and its cells.

    *ended* gives the conditions of a row whose object has run its course.
    """

    columns: tuple[tuple[str, str, str, int], ...]
    cells: Callable[[Mapping[str, Any]], Cells]
    ended: Callable[[Mapping[str, Any]], list[dict[str, str]]] = lambda _: []


def table_body(
    printer: Printer, entries: Sequence[Entry], metadata: Mapping[str, object]
) -> bytes:
    rows = [_row(printer, entry.load()) for entry in entries]
    return encode_line(
        {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": [_column(*column) for column in printer.columns],
            "rows": rows,
        }
    )


def _column(name: str, kind: str, form: str, priority: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "format": form,
        "description": "",
        "priority": priority,
    }


def _row(printer: Printer, obj: Mapping[str, Any]) -> dict[str, Any]:
    partial = {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }
    row: dict[str, Any] = {"cells": printer.cells(obj)}
    if conditions := printer.ended(obj):
        row["conditions"] = conditions
    return row | {"object": partial}


def pod_printer(clock: Clock) -> Printer:
    return Printer(
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
        cells=lambda pod: _pod_cells(pod, clock.now()),
        ended=_pod_ended,
    )


_ENDINGS = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


def _pod_ended(pod: Mapping[str, Any]) -> list[dict[str, str]]:
    phase = pod.get("status", {}).get("phase", "")
    if phase not in _ENDINGS:
        return []
    message = _ENDINGS[phase]
    head = {"type": "Completed", "status": "True"}
    return [head | {"reason": phase, "message": message}]


def _pod_cells(pod: Mapping[str, Any], now: datetime) -> Cells:
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
    statuses = status.get("containerStatuses", [])
    ready = sum(1 for s in statuses if s.get("ready") and "running" in s["state"])
    return [
        metadata["name"],
        f"{ready}/{len(spec['containers'])}",
        _pod_reason(pod),
        _restarts(statuses, now),
        _age(metadata, now),
        status.get("podIP", _NONE),
        spec.get("nodeName", _NONE),
        status.get("nominatedNodeName", _NONE),
        _NONE,
    ]


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


def _restarts(statuses: Sequence[Mapping[str, Any]], now: datetime) -> str:
    count = sum(s.get("restartCount", 0) for s in statuses)
    ends = [
        s["lastState"]["terminated"]["finishedAt"]
        for s in statuses
        if s.get("lastState", {}).get("terminated", {}).get("finishedAt")
    ]
    if not count or not ends:
        return str(count)
    return f"{count} ({duration(now - parse_rfc3339(max(ends)))} ago)"


def _age(metadata: Mapping[str, Any], now: datetime) -> str:
    return duration(now - parse_rfc3339(metadata["creationTimestamp"]))


def duration(span: timedelta) -> str:
    """Shorten as apimachinery's `duration.HumanDuration` does, to two units."""
    seconds = max(0, int(span.total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    steps = (
        (seconds < 120, f"{seconds}s"),
        (minutes < 10, _two(minutes, "m", seconds % 60, "s")),
        (minutes < 180, f"{minutes}m"),
        (hours < 8, _two(hours, "h", minutes % 60, "m")),
        (hours < 48, f"{hours}h"),
        (days < 8, _two(days, "d", hours % 24, "h")),
        (days < 730, f"{days}d"),
        (True, _two(days // 365, "y", days % 365, "d")),
    )
    return next(text for fits, text in steps if fits)


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def node_printer(clock: Clock) -> Printer:
    return Printer(
        columns=(
            ("Name", "string", "name", 0),
            ("Status", "string", "", 0),
            ("Roles", "string", "", 0),
            ("Age", "string", "", 0),
            ("Version", "string", "", 0),
        ),
        cells=lambda node: _node_cells(node, clock.now()),
    )


def _node_cells(node: Mapping[str, Any], now: datetime) -> Cells:
    metadata, status = node["metadata"], node["status"]
    prefix = "node-role.kubernetes.io/"
    roles = [k.removeprefix(prefix) for k in metadata["labels"] if k.startswith(prefix)]
    return [
        metadata["name"],
        _node_status(node),
        ",".join(sorted(roles)) or _NONE,
        _age(metadata, now),
        status["nodeInfo"]["kubeletVersion"],
    ]


def _node_status(node: Mapping[str, Any]) -> str:
    conditions = {c["type"]: c["status"] for c in node["status"]["conditions"]}
    words = ["Ready" if conditions.get("Ready") == "True" else "NotReady"]
    if node["spec"].get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def namespace_printer(clock: Clock) -> Printer:
    return Printer(
        columns=(
            ("Name", "string", "name", 0),
            ("Status", "string", "", 0),
            ("Age", "string", "", 0),
        ),
        cells=lambda obj: [
            obj["metadata"]["name"],
            obj["status"]["phase"],
            _age(obj["metadata"], clock.now()),
        ],
    )


METRICS_COLUMNS = (
    ("Name", "string", "name", 0),
    ("cpu", "string", "quantity", 0),
    ("memory", "string", "quantity", 0),
    ("Window", "string", "duration", 0),
)
