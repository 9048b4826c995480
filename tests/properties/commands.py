"""Command lines drawn at random, from the words that a generated cluster knows."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st

from .asked import (
    All,
    Any,
    Asked,
    Compare,
    Expression,
    Field,
    Not,
    Requirement,
    Taken,
)
from .judge import ALIASES, FIRST_KEYS, kind_of
from .printed import identity
from .truth import TYPE, ZONE

T = TypeVar("T")

VIEWS = ("pods", "containers", "nodes", "namespaces", "workloads")
OUTPUTS = ("table", "wide", "json", "ndjson", "yaml", "csv", "prometheus", "name")
NAMESPACES = (
    "team-a", "team-b", "team-c", "team-d", "default", "kube-system", "nowhere",
)  # fmt: skip
NAMESPACE_GLOBS = ("team-[ab]", "team-*", "*", "Team-*", "kube-?ystem", "team-[!a]")
APPS = ("checkout-api", "catalog", "payments", "kube-proxy", "redis", "notifier")
NODES = (
    "control-plane-0", "ip-10-0-1-1.ec2.internal", "worker-002",
    "ip-10-0-3-3.ec2.internal", "worker-004",
)  # fmt: skip
SOME_NODE = (*NODES, "nothing")
_POD_NAMES = (
    "etcd-control-plane-0", "kube-scheduler-control-plane-0", "nothing", "*-0",
    "Etcd-*", "Kube-*", "kube-*", "*-[a-m]*", "*E*", "[!a-m]*",
)  # fmt: skip
NAMES = {
    "pods": _POD_NAMES,
    "containers": _POD_NAMES,
    "nodes": (*NODES, "nothing", "worker-*", "WORKER-*", "ip-10-0-[0-2]-*", "*-0*"),
    "namespaces": (*NAMESPACES, *NAMESPACE_GLOBS),
    "workloads": ("kube-proxy", "daemonset/kube-proxy", "node/control-plane-0",
                  "DaemonSet/*", "daemonset/*", "deployment/*", "*e*", "nothing"),
}  # fmt: skip
KEYS = {
    "pods": ("namespace", "name", "phase", "node", "qos", "reason", "owner.kind",
             "owner.name", "restarts", "status", "cpu.requests", "mem.limits",
             "cpu.pct_node", "mem.pct_node", "label:app", "label:team"),
    "containers": ("namespace", "pod", "name", "node", "type", "restarts",
                   "mem.requests", "mem.limits", "cpu.pct_node", "label:app"),
    "nodes": ("name", "status", "reason", "pods.count", "cpu.requests", "cpu.pods",
              "mem.rest", "cpu.rest", "mem.pct_node", "cpu.allocatable",
              f"label:{ZONE}"),
    "groups": ("count", "cpu.least", "mem.median", "cpu.most", "mem.requests",
               "cpu.limits"),
}  # fmt: skip
USAGE = ("cpu.usage", "mem.usage", "cpu", "mem")
GROUPS = (
    "namespace", "node", "owner", "pod", "container", "qos", "priority-class",
    "label:app", "label:team",
)  # fmt: skip
LITERALS = {
    "cpu": ("0", "5m", "10m", "0.1", "15000000n", "2"),
    "memory": ("0", "64Mi", "128Mi", "1.5Gi", "67108864", "300000Ki"),
    "percent": ("0", "1", "2.5", "10%", "50"),
    "count": ("0", "1", "2", "5"),
}
TEXTS = (
    "team-a", "default", "Running", "Burstable", "worker-002", "kube-proxy",
    "Finished", "NodeSilent", "Deployment", "regular", "Ready",
)  # fmt: skip
GLOBS = ("*", "team-*", "*-0*", "kube-*", "Kube-*", "?orker-*", "[A-M]*")


OPTIONS = (
    "names", "namespaces", "excluded", "labels", "fields", "node", "where", "by",
    "sort", "sort", "top", "columns", "fail_on",
)  # fmt: skip


class _Some:
    """Draws what is among the few options in use: too many leave no row to judge."""

    def __init__(self, draw: st.DrawFn, options: tuple[str, ...]) -> None:
        self._draw = draw
        one = st.sampled_from(("", *options))
        self._used = draw(st.tuples(one, one, one, one).map(frozenset))

    def __call__(
        self, option: str, strategy: st.SearchStrategy[T], nothing: T, *, fits: bool
    ) -> T:
        return self._draw(strategy) if fits and option in self._used else nothing


@st.composite
def commands(draw: st.DrawFn) -> Asked:
    """Draw one; most of its flags are not there, and all the fewer when it shrinks."""
    # What is drawn last is often the simplest there is.
    output, view = draw(st.sampled_from(OUTPUTS)), draw(st.sampled_from(VIEWS))
    everywhere, headers = draw(mostly()), not draw(rarely())
    total, strict, pages = draw(st.booleans()), draw(rarely()), draw(rarely())
    pods, some = view != "nodes", _Some(draw, OPTIONS)
    by = some("by", many(GROUPS, 2), (), fits=pods)
    keys = _keys(view, tuple(dict.fromkeys([*FIRST_KEYS.get(view, ()), *by])))
    spaces = some("namespaces", many_namespaces(), (), fits=pods)
    node = some("node", st.sampled_from(SOME_NODE), "", fits=pods)
    where = some("where", expressions(keys), None, fits=True)
    columns = some("columns", column_lists(keys), (), fits=True)
    nothing = _names_nothing(spaces, node)
    return Asked(
        view=view,
        names=some("names", many(NAMES[view]), (), fits=True),
        namespaces=spaces,
        everywhere=everywhere and (not spaces or strict),
        excluded=some("excluded", many_namespaces(2), (), fits=pods),
        labels=some("labels", label_selectors(nodes=not pods), (), fits=True),
        fields=some("fields", field_selectors(), (), fits=pods),
        node=node,
        where=where,
        by=by,
        sort=some("sort", sort_keys(keys), (), fits=True),
        top=some("top", st.integers(0, 12), None, fits=True),
        total=total,
        columns=columns,
        headers=headers or not columns,
        output=output,
        strict=strict and not nothing,
        fail_on=some("fail_on", expressions(keys), None, fits=not (where or nothing)),
        pages=pages,
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Taken:
    """Draw the options of a snapshot."""
    alone, reconcile = draw(st.booleans()), draw(st.booleans())
    pages = draw(rarely())
    some = _Some(draw, ("namespaces", "labels", "fields", "node", "node_labels"))
    return Taken(
        namespaces=some("namespaces", many(NAMESPACES), (), fits=True),
        alone=alone,
        labels=some("labels", label_selectors(nodes=False), (), fits=True),
        fields=some("fields", field_selectors(), (), fits=True),
        node=some("node", st.sampled_from(SOME_NODE), "", fits=True),
        node_labels=some("node_labels", label_selectors(nodes=True), (), fits=True),
        reconcile=reconcile,
        pages=pages,
    )


def _names_nothing(spaces: tuple[str, ...], node: str) -> bool:
    """Whether a namespace or node is given by hand that is not there.

    What a gate should say of nothing is not this property's question; nor is which rows
    ``--fail-on`` judges beside ``--where``.
    """
    return "nowhere" in spaces or node == "nothing"


def _keys(view: str, chain: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns of a view, or of its sums by *chain*."""
    if not chain:
        return (*USAGE, *KEYS[view])
    return (*USAGE, *identity(Asked(view=view, by=chain)), *KEYS["groups"])


def rarely() -> st.SearchStrategy[bool]:
    return st.sampled_from((False, False, False, True))


def mostly() -> st.SearchStrategy[bool]:
    return st.sampled_from((False, True, True, True))


def many(words: tuple[str, ...], size: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw one to *size* words, the same one twice as well, and one alone often."""
    one = st.sampled_from(words)
    some = st.lists(one, min_size=1, max_size=size).map(tuple)
    return st.one_of(one.map(lambda word: (word,)), some)


def many_namespaces(size: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw names mostly: with a glob among them the server is asked for all."""
    names = st.lists(st.sampled_from(NAMESPACES), min_size=1, max_size=size).map(tuple)
    return st.one_of(names, names, many(NAMESPACES + NAMESPACE_GLOBS, size))


def column_lists(keys: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    known = [key for key in keys if key not in ALIASES]
    some = st.lists(st.sampled_from(known), min_size=1, max_size=5, unique=True)
    return some.map(tuple)


def sort_keys(keys: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    signed = st.builds(
        "{}{}".format, st.sampled_from(("", "-", "+")), st.sampled_from(keys)
    )
    return st.lists(signed, min_size=1, max_size=3).map(tuple)


def label_selectors(*, nodes: bool) -> st.SearchStrategy[tuple[Requirement, ...]]:
    values = {
        False: {"app": APPS, "team": NAMESPACES, "tier": ("control-plane",)},
        True: {ZONE: ("eu-west-1a", "eu-west-1b"), TYPE: ("m5.4x", "m5.8x", "m5.32x")},
    }[nodes]
    one = st.sampled_from(list(values)).flatmap(
        lambda key: st.builds(
            Requirement,
            st.just(key),
            st.sampled_from(("=", "!=", "in", "notin", "has", "not")),
            many(values[key], 2),
        )
    )
    return st.lists(one.map(_settled), min_size=1, max_size=2).map(tuple)


def _settled(one: Requirement) -> Requirement:
    """Leave as many values as its sign takes."""
    size = {"=": 1, "!=": 1, "has": 0, "not": 0}.get(one.sign, 2)
    return Requirement(one.key, one.sign, one.values[:size])


def field_selectors() -> st.SearchStrategy[tuple[Field, ...]]:
    known = {
        "status.phase": ("Running", "Pending", "Succeeded"),
        "spec.nodeName": (*NODES, ""),
        "metadata.namespace": NAMESPACES,
        "metadata.name": ("etcd-control-plane-0",),
        "spec.restartPolicy": ("Never", "Always"),
    }
    one = st.sampled_from(list(known)).flatmap(
        lambda key: st.builds(
            Field, st.just(key), st.booleans(), st.sampled_from(known[key])
        )
    )
    return st.lists(one, min_size=1, max_size=2).map(tuple)


def expressions(keys: tuple[str, ...]) -> st.SearchStrategy[Expression]:
    leaf = st.sampled_from(keys).flatmap(lambda key: _comparisons(key, keys))
    return st.recursive(
        leaf,
        lambda part: st.one_of(
            st.builds(Not, part),
            st.builds(All, st.tuples(part, part)),
            st.builds(Any, st.tuples(part, part)),
        ),
        max_leaves=3,
    )


def _comparisons(key: str, keys: tuple[str, ...]) -> st.SearchStrategy[Compare]:
    kind = kind_of(key)
    others = [other for other in keys if kind_of(other) == kind]
    signs = st.sampled_from(("==", "!=", "<", "<=", ">", ">="))
    two = st.builds(Compare, st.just(key), signs, other=st.sampled_from(others))
    if kind != "text":
        value = st.sampled_from(LITERALS[kind])
        return st.one_of(st.builds(Compare, st.just(key), signs, value), two)
    quoted = st.sampled_from(TEXTS).map('"{}"'.format)
    globs = st.sampled_from(GLOBS).map('"{}"'.format)
    glob_signs = st.sampled_from(("=~", "!~"))
    return st.one_of(
        st.builds(Compare, st.just(key), signs, quoted),
        st.builds(Compare, st.just(key), glob_signs, globs),
        two,
    )
