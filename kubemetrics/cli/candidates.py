"""What may stand at the cursor of a shell: columns, expressions, names of objects.

A candidate is the whole word, with what is typed of it: ``name,mem.usage`` behind
``name,mem``. Names are read from the cluster, their metadata alone.
"""

# ruff: noqa: PLC0415 - what one kind of candidate needs is not imported for the others
from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from ..commandline import UsageError, client_of, last
from ..errors import KubeMetricsError

if TYPE_CHECKING:
    from ..client.sync import Client
    from ..flow import Flow
    from ..table.columns import Column, Kind, Table
    from ..wire import ObjectMetaWire

Candidate: TypeAlias = tuple[str, str]
"""What may stand at the cursor, and its description."""
Candidates: TypeAlias = Iterable[Candidate]

_TIMEOUT: Final = 2.0
"""Seconds that a person at a prompt waits at most."""
_MOST: Final = 2000
"""Objects whose names are read."""
_METADATA: Final = (
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
)

LISTS: Final = frozenset({"columns", "sort", "by", "units", "label_columns"})
"""Flags of several words with commas."""
EXPRESSIONS: Final = frozenset({"where", "having", "fail_on"})
"""Flags whose value is an expression."""


def of_list(dest: str, typed: str, args: Namespace, table: Table[Any]) -> Candidates:
    """Return what may follow the last comma of *typed*, the value of a flag."""
    before, comma, word = typed.rpartition(",")
    sign = next((sign for sign in _SIGNS.get(dest, "") if word.startswith(sign)), "")
    taken = {word.strip("+-") for word in before.split(",")}
    for key, about in _LISTED[dest](args, table):
        if key not in taken:
            yield f"{before}{comma}{sign}{key}", about


_SIGNS: Final = {"columns": "+-", "sort": "+-"}


def _keys(_: Namespace, table: Table[Any]) -> Candidates:
    return _columns(table)


def _by_keys(args: Namespace, _: Table[Any]) -> Candidates:
    from ..snapshot.node_rollup import NODE_KEYS
    from ..snapshot.rollup import KEYS, LABEL

    yield from ((key, "") for key in (NODE_KEYS if _of_nodes(args) else KEYS))
    yield from ((LABEL + label, "") for label, _ in _labels(args))


def _of_nodes(args: Namespace) -> bool:
    """Whether *args* are of nodes, which no flag takes by their pods' fields."""
    return not hasattr(args, "field_selector")


def _labels(args: Namespace, _: Table[Any] | None = None) -> Candidates:
    """Return the labels that the nodes, or the pods, have."""
    names = {name for labels in _labels_of(args) for name in labels}
    return [(name, "") for name in sorted(names)]


_OF_A_LABEL: Final = re.compile(
    r"(?:^|,)\s*(?P<key>[^\s!=,()]+)"
    r"(?:\s*(?:==|=|!=)\s*|\s+(?:not)?in\s*\((?:[^()]*,)?\s*)(?P<value>[^\s=,()]*)$"
)
"""The end of a selector in which a value of *key* is being typed."""
_LABEL_KEY: Final = re.compile(r"(?:^|,)\s*!?(?P<key>[^\s!=,()]*)$")


def of_labels(typed: str, args: Namespace) -> Candidates:
    """Return how the selector *typed* may go on: by a key, or by a value of one."""
    try:
        return list(_of_labels(typed, args))
    except (KubeMetricsError, UsageError):
        return ()


def _of_labels(typed: str, args: Namespace) -> Candidates:
    value, key = _OF_A_LABEL.search(typed), _LABEL_KEY.search(typed)
    if value:
        before, found = typed[: value.start("value")], _label_values(args, value["key"])
        end = ")" if "(" in value[0] else ""  # a shell may close the quote behind it
        words = [f"{text}{end}" for text in found]
    elif key:
        before = typed[: key.start("key")]
        sign = "" if before.endswith("!") else "="
        words = [f"{name}{sign}" for name, _ in _labels(args)]
    else:
        return ()
    return [(before + word, "") for word in words]


def _label_values(args: Namespace, key: str) -> list[str]:
    found = {labels.get(key) for labels in _labels_of(args)}
    return sorted(value for value in found if value)


def _labels_of(args: Namespace) -> list[Mapping[str, Any]]:
    """Return the labels of each node, or of each pod."""
    from ..jsonread import as_object

    path = _nodes_path if _of_nodes(args) else _pods_path
    return [as_object(one.get("labels")) for one in _metadata(args, path)]


def _units(*_: object) -> Candidates:
    from ..table.columns import UNIT_NAMES

    return ((name, "") for name in UNIT_NAMES)


_LISTED: Final[Mapping[str, Callable[[Namespace, Table[Any]], Candidates]]] = {
    "columns": _keys,
    "sort": _keys,
    "by": _by_keys,
    "units": _units,
    "label_columns": _labels,
}


def _columns(table: Table[Any], kind: Kind | None = None) -> Candidates:
    """Return the columns of *table*, or those of one *kind*, and its families."""
    yield from ((c.key, c.about) for c in table.columns if kind in {None, c.kind})
    if kind is None:
        yield from ((prefix, "") for prefix in table.families)


_LAST_WORD: Final = re.compile(r"[^\s()<>=!~]*$")
_JOINTS: Final = ("and", "or")
_COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
_GLOBS: Final = ("=~", "!~")


def of_expression(typed: str, table: Table[Any]) -> Candidates:
    """Return how the expression *typed* may go on: by a column, operator or value.

    Where one column is left, its operators follow at once: a shell would take a single
    candidate for the end of the word, and close its quotes.
    """
    match = _LAST_WORD.search(typed)
    at = match.start() if match else 0
    before, word = typed[:at], typed[at:]
    found = [c for c in _next(before, table) if c[0].startswith(word)]
    column = table.get(found[0][0]) if len(found) == 1 else None
    if column is not None:
        found = [(f"{column.key} {sign}", about) for sign, about in _signs(column)]
    return [(before + text, about) for text, about in found]


def _next(before: str, table: Table[Any]) -> Candidates:
    from ..table.expressions import ExpressionError, tokens

    try:
        *known, _ = tokens(before)  # the last one is the end
    except ExpressionError:
        return ()
    if not known or known[-1].text in {*_JOINTS, "not", "(", "&&", "||"}:
        return [*_columns(table), ("not", "")]
    if known[-1].text in {*_COMPARISONS, *_GLOBS, "="}:
        column = table.get(known[-2].text) if known[1:] else None
        return _values(column, table, known[-1].text) if column else ()
    column = table.get(known[-1].text)
    compared = known[1:] and known[-2].text in {*_COMPARISONS, *_GLOBS, "="}
    if column is not None and not compared:
        return _signs(column)
    return [(joint, "") for joint in _JOINTS]


def _signs(column: Column[Any]) -> Candidates:
    signs = (*_COMPARISONS, *_GLOBS) if column.kind == "text" else _COMPARISONS
    return [(sign, column.about) for sign in signs]


def _values(column: Column[Any], table: Table[Any], sign: str) -> Candidates:
    """Return what *column* may be compared with: known words, or columns alike."""
    absent = [("none", "what has no value")] if sign in {"==", "=", "!="} else []
    if column.key.rpartition(".")[2] == "reason":
        from typing import get_args

        from ..snapshot.reasons import ReasonCode

        return [*absent, *((code, "") for code in get_args(ReasonCode))]
    alike = () if column.kind == "text" else _columns(table, column.kind)
    return [*absent, *(c for c in alike if c[0] != column.key)]


def of_cluster(kind: str, args: Namespace) -> Candidates:
    """Return the names of the objects of *kind*; none after an error."""
    try:
        return _NAMES[kind](args)
    except (KubeMetricsError, UsageError):
        return ()


def of_kind(named: str, typed: str, args: Namespace) -> Candidates:
    """Return the names that a view of *named* takes and that may follow *typed*.

    Those are its own; behind ``deploy/`` and other words for a kind the objects of
    that kind; where no name begins so, the kinds that do.
    """
    from .naming import canonical, kinds

    word, slash, _ = typed.partition("/")
    found = [*of_cluster(named, args)]
    if not slash:
        # Workloads are found by their names alone, too.
        bare = [(name.partition("/")[2], "") for name, _ in found if typed]
        found += bare if named == "workloads" else []
        known = any(name.startswith(typed) for name, _ in found)
        return found if known else [(f"{kind}/", "") for kind in kinds(named)]
    if canonical(typed, named) == typed.partition("/")[2]:  # as pod/
        return [(f"{word}/{name}", about) for name, about in found]
    kind = canonical(f"{word}/", named)
    owners = of_cluster("workloads", args) if kinds(named) else ()
    names = (name.removeprefix(kind) for name, _ in owners if name.startswith(kind))
    return [(f"{word}/{name}", "") for name in names]


def _contexts(args: Namespace) -> Candidates:
    from ..config.kubeconfig import list_contexts  # reads files

    return [(entry.name, "") for entry in list_contexts(args.kubeconfig)]


def _namespaces(args: Namespace) -> Candidates:
    """Return the cluster's namespaces; on an error those of the contexts."""
    from ..config.kubeconfig import list_contexts

    try:
        return _names(_metadata(args, _namespaces_path))
    except KubeMetricsError:
        entries = list_contexts(args.kubeconfig, context=last(args.contexts))
        return [(name, "") for name in sorted({e.namespace for e in entries} - {""})]


def _pods(args: Namespace) -> Candidates:
    return _names(_metadata(args, _pods_path))


def _nodes(args: Namespace) -> Candidates:
    return _names(_metadata(args, _nodes_path))


def _workloads(args: Namespace) -> Candidates:
    """Return the workloads of the pods, as ``deployment/api``."""
    from ..models.pod import Pod
    from ..snapshot.rollup import pod_owner

    pods = (
        Pod.from_json({"metadata": cast("ObjectMetaWire", one)})
        for one in _metadata(args, _pods_path)
    )
    owners = map(pod_owner, pods)
    names = {f"{owner.kind.lower()}/{owner.name}" for owner in owners}
    return [(name, "") for name in sorted(names)]


_NAMES: Final[Mapping[str, Callable[[Namespace], Candidates]]] = {
    "contexts": _contexts,
    "namespaces": _namespaces,
    "pods": _pods,
    "containers": _pods,
    "nodes": _nodes,
    "workloads": _workloads,
}
NAMED: Final = frozenset(_NAMES)
"""The kinds of which `of_cluster` knows the names."""


def _names(found: Iterable[Mapping[str, Any]]) -> Candidates:
    return [(name, "") for one in found if (name := one.get("name"))]


def _namespaces_path(*_: object) -> str:
    return "/api/v1/namespaces"


def _nodes_path(*_: object) -> str:
    return "/api/v1/nodes"


def _pods_path(args: Namespace, client: Client) -> str:
    """Return the path of the pods that the flags typed so far ask for."""
    if getattr(args, "all_namespaces", False):
        return "/api/v1/pods"
    return f"/api/v1/namespaces/{client.config.namespace}/pods"


def _metadata(
    args: Namespace, path: Callable[[Namespace, Client], str]
) -> list[Mapping[str, Any]]:
    """Return the metadata of the objects that are listed at *path*.

    Raises:
        KubeMetricsError: they cannot be listed.
    """
    with client_of(args) as client:
        return client.run(_listed(client, path(args, client)), timeout=_TIMEOUT)


def _listed(client: Client, path: str) -> Flow[list[Mapping[str, Any]]]:
    from ..jsonread import as_object, as_objects, read_object

    query = (("limit", str(_MOST)),)
    response = yield from client.api.get(path, query, accept=_METADATA)
    listed = as_objects(read_object(response.body, url=response.url).get("items"))
    return [as_object(one.get("metadata")) for one in listed]
