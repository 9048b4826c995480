"""Write the JSON schema of ``-o json``: ``python -m tests.tools.schema``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kubemetrics.cli.view_commands import WHOLE
from kubemetrics.snapshot import KEYS
from kubemetrics.snapshot.node_rollup import NODE_KEYS
from kubemetrics.table.columns import Column, Table
from kubemetrics.views.containers import container_table
from kubemetrics.views.groups import group_table
from kubemetrics.views.node_groups import node_group_table
from kubemetrics.views.nodes import node_table
from kubemetrics.views.pods import pod_table
from kubemetrics.views.ranges import RANGE_KEYS, range_table

SCHEMA = Path(__file__).parents[2] / "kubemetrics" / "table" / "schema.json"
JsonObject = dict[str, Any]

_TYPES = {
    "cpu": "integer", "memory": "integer", "count": "integer", "percent": "number",
    "age": "number", "text": "string", "core_hours": "number",
}  # fmt: skip
_UNITS = {
    "cpu": "nanocores", "memory": "bytes", "percent": "per cent", "age": "seconds",
}  # fmt: skip
_FAMILIES = {"label:": ("labels", "string"), "requests:": ("requests", "integer"),
             "limits:": ("limits", "integer"),
             "allocatable:": ("allocatable", "integer"),
             "headroom:": ("headroom", "integer")}  # fmt: skip


def schema() -> JsonObject:
    tables: Sequence[Table[Any]] = (
        pod_table(),
        container_table(),
        node_table(),
        group_table(tuple(KEYS)),
        node_group_table(NODE_KEYS),
        range_table(tuple(RANGE_KEYS)),
    )
    kinds = {table.kind: _item(table) for table in tables}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "kubemetrics/v2",
        "description": "What kubemetrics writes with -o json and -o yaml, and in each"
        " line of -o ndjson. A value is null where it is not known or not there. With"
        " --columns only those columns are there. What the command prints has the"
        " context of each item.",
        "anyOf": [
            *({"$ref": f"#/$defs/{kind}List"} for kind in kinds),
            *({"$ref": f"#/$defs/{kind}Line"} for kind in kinds),
            {"$ref": "#/$defs/Diagnosis"},
            {"$ref": "#/$defs/Comparison"},
        ],
        "$defs": {
            **kinds,
            **{f"{kind}List": _list(kind, whole=kind in WHOLE) for kind in kinds},
            **{f"{kind}Line": _line(kind) for kind in kinds},
            "metadata": _metadata(),
            "source": _source(),
            "range": _range(),
            "Diagnosis": _diagnosis(),
            "Comparison": _comparison(),
        },
    }


def _item(table: Table[Any]) -> JsonObject:
    properties: JsonObject = {
        **_head(table.kind),
        "context": _nullable("string", "the kubeconfig context"),
    }
    for column in table.columns:
        place = properties
        for name in column.path[:-1]:
            place = place.setdefault(name, _object({}))["properties"]
        place[column.path[-1]] = _cell(column)
    properties["cost"] = (
        _COST_OF_RANGE
        if table.kind == "RangeUsage"
        else _object(
            {
                "hour": _nullable("number", "with --price: the price of an hour"),
                "unused": _nullable("number", "with --price: that of what is unused"),
            }
        )
    )
    for prefix in table.families:
        name, kind = _FAMILIES[prefix]
        properties[name] = {"type": "object", "additionalProperties": _nullable(kind)}
    if table.kind in {"UsageRollup", "NodeRollup", "RangeUsage"}:
        properties["labels"] = {
            "type": "object", "additionalProperties": _nullable("string"),
        }  # fmt: skip
    return _object(properties)


def _cell(column: Column[Any]) -> JsonObject:
    unit = _UNITS.get(column.kind)
    about = f"{column.about} ({unit})" if unit else column.about
    more = _MORE.get(column.key) or _MORE.get(column.json_type or "", {})
    return {**_nullable(column.json_type or _TYPES[column.kind], about), **more}


_MORE: dict[str, JsonObject] = {
    "array": {"items": {"type": "string"}},
    "object": {"additionalProperties": {"type": "integer"}},
    "trend": {"items": {"type": ["integer", "null"]}},
}


def _nullable(kind: str, about: str = "") -> JsonObject:
    described = {"description": about} if about else {}
    return {"type": [kind, "null"], **described}


_COST_OF_RANGE: JsonObject = {
    "type": "object",
    "properties": {
        "used": {
            "type": "number",
            "description": "with --price: the price of what was used",
        }
    },
    "additionalProperties": False,
}


def _object(properties: JsonObject, *, required: bool = False) -> JsonObject:
    needs = {"required": list(properties)} if required else {}
    return {
        "type": "object", "properties": properties, **needs,
        "additionalProperties": False,
    }  # fmt: skip


def _head(kind: str) -> JsonObject:
    return {"apiVersion": {"const": "kubemetrics/v2"}, "kind": {"const": kind}}


def _list(kind: str, *, whole: bool) -> JsonObject:
    found = _object(
        {
            **_head(f"{kind}List"),
            "metadata": {"$ref": "#/$defs/metadata"},
            "items": {"type": "array", "items": {"$ref": f"#/$defs/{kind}"}},
        },
        required=True,
    )
    if whole:
        found["properties"]["objects"] = {
            "type": "array",
            "description": "what was read, as the API gave it, where all of it is"
            " shown: what --from reads back",
            "items": {
                "type": "object",
                "properties": {"kind": {"enum": list(_OBJECTS)}},
                "required": ["kind"],
            },
        }
    return found


_OBJECTS = ("Snapshot", "Pod", "PodMetrics", "Node", "NodeMetrics")


def _line(kind: str) -> JsonObject:
    return {
        "$ref": f"#/$defs/{kind}",
        "properties": _head(kind),
        "required": ["apiVersion", "kind"],
    }


def _metadata() -> JsonObject:
    units = {name: {"const": unit} for name, unit in _METADATA_UNITS.items()}
    each = [{"$ref": "#/$defs/source"}, {"$ref": "#/$defs/range"}]
    sources = {"type": "array", "items": {"anyOf": each}}
    known = _object(units, required=True)
    money = {"money": _nullable("string", "with --price: the currency")}
    return _object(
        {"units": {**known, "properties": {**units, **money}}, "sources": sources},
        required=True,
    )


_METADATA_UNITS = {
    "cpu": "nanocores", "memory": "bytes", "percent": "percent", "age": "seconds",
}  # fmt: skip


def _source() -> JsonObject:
    counts = (
        "expected", "measured", "finished", "waiting", "terminating", "unlisted",
        "partial", "stale",
    )  # fmt: skip
    count = {"type": "integer", "minimum": 0}
    coverage = _object(
        {
            **dict.fromkeys(counts, count),
            "missing": {"type": "object", "additionalProperties": count},
        },
        required=True,
    )
    failure = _object(
        {
            "part": {"type": "string"},
            "namespace": _nullable("string"),
            "message": {"type": "string"},
        },
        required=True,
    )
    unreadable = _object(
        {
            "part": {"type": "string"},
            "namespace": _nullable("string"),
            "name": _nullable("string"),
            "message": {"type": "string"},
        },
        required=True,
    )
    return _object(
        {
            "context": _nullable("string", "the kubeconfig context"),
            "date": _nullable("string", "the server's time"),
            "own_clock": _nullable("boolean", "no answer was dated: *date* is ours"),
            "cadence": _nullable("number", "how far samples are apart (seconds)"),
            "coverage": {"anyOf": [{"type": "null"}, coverage]},
            "failures": {"type": "array", "items": failure},
            "unreadable": {"type": "array", "items": unreadable},
            "error": _nullable("string", "why nothing was read"),
        },
        required=True,
    )


def _time(about: str) -> JsonObject:
    return {"type": "string", "format": "date-time", "description": about}


def _range() -> JsonObject:
    count = {"type": "integer", "minimum": 0}
    gap = _object(
        {
            "since": _time("when the last sample before it came"),
            "until": _time("when the next one came"),
            "cause": {"type": "string"},
        },
        required=True,
    )
    silence = _object(
        {
            "namespace": {"type": "string"},
            "pod": {"type": "string"},
            "since": _time("when its last sample before it came"),
            "until": _time("when its next one came"),
            "reason": {"type": "string"},
        },
        required=True,
    )
    return _object(
        {
            "context": _nullable("string", "the kubeconfig context"),
            "file": {"type": "string"},
            "since": _time("the beginning of the range"),
            "until": _time("its end"),
            "cadence": {**count, "description": "how far samples are apart (seconds)"},
            "step": {**count, "description": "of a sum's percentiles (seconds)"},
            "pods": _nullable("integer", "how many pods; null with --level node"),
            "nodes": _nullable("integer", "how many nodes, with --level node"),
            "samples": count,
            "gaps": {"type": "array", "items": gap},
            "silences": {"type": "array", "items": silence},
            "error": {"type": "null"},
        },
        required=True,
    )


def _comparison() -> JsonObject:
    text, count = {"type": "string"}, {"type": "integer", "minimum": 0}
    amounts = _object(
        {
            name: _nullable("integer", "of a pod, in nanocores or bytes")
            for name in ("mean", "lowest_pod", "highest_pod", "p95", "max")
        },
        required=True,
    )
    side = _object(
        {
            "template": _nullable("string"),
            "since": _time("its beginning"),
            "until": _time("its end"),
            **dict.fromkeys(("replicas", "pods", "samples"), count),
            "coverage": _nullable("number", "how much of the time was measured (%)"),
            "cpu": amounts,
            "mem": amounts,
            "restarts": count,
            "oom_kills": count,
            "lacking": {"type": "array", "items": {"enum": ["night", "weekend"]}},
        },
        required=True,
    )
    changes = _object(
        {
            **{
                name: _nullable("number", "per cent") for name in ("mean", "p95", "max")
            },
            "within_range_before": _nullable(
                "boolean", "whether the mean is one that a replica had before"
            ),
        },
        required=True,
    )
    return _object(
        {
            **_head("Comparison"),
            "context": text,
            "namespace": text,
            "owner": _object({"kind": text, "name": text}, required=True),
            "before": side,
            "after": side,
            "change": _object({"cpu": changes, "mem": changes}, required=True),
        },
        required=True,
    )


def _diagnosis() -> JsonObject:
    text = {"type": "string"}
    finding = _object(
        {
            "check": text,
            "severity": {"enum": ["ok", "info", "warning", "problem"]},
            "what": text,
            "evidence": text,
            "advice": text,
            "commands": {"type": "array", "items": text},
        },
        required=True,
    )
    return _object(
        {
            **_head("Diagnosis"),
            "healthy": {"type": "boolean"},
            "problems": {"type": "integer"},
            "warnings": {"type": "integer"},
            "findings": {"type": "array", "items": finding},
            "manifest": _nullable("string", "the YAML of the roles that are missing"),
        },
        required=True,
    )


def text() -> str:
    return json.dumps(schema(), indent=1) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(text(), encoding="ascii")
