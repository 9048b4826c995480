"""The names on the command line: ``deploy/api``, where else one is, and whether it is.

kubectl takes ``TYPE/NAME`` wherever it takes a name, and what ``-o name`` prints is
such a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..api import Api, ListOptions
from ..errors import BadRequest, KubeMetricsError, NotFound
from ..flow import Flow, attempt
from ..snapshot import PodUsage, Snapshot
from ..snapshot.parts import Scope, is_glob, matcher
from ..text import field_value
from ..views.view import owner_names, pod_names

if TYPE_CHECKING:
    from ..client.sync import Client
    from ..views.view import View

_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "pod": ("pods", "po"),
    "node": ("nodes", "no"),
    "namespace": ("namespaces", "ns"),
    "deployment": ("deployments", "deploy"),
    "statefulset": ("statefulsets", "sts"),
    "daemonset": ("daemonsets", "ds"),
    "replicaset": ("replicasets", "rs"),
    "job": ("jobs",),
    "cronjob": ("cronjobs", "cj"),
}
"""Kinds, and their other names, as ``kubectl api-resources`` lists them."""
_KIND_OF: Final = {
    word: kind for kind, others in _KINDS.items() for word in (kind, *others)
}
_OWN: Final = {"pods": "pod", "nodes": "node", "namespaces": "namespace"}
"""The kind of a name without one, by what a view takes names of."""
_SHOWN: Final = 3


def canonical(name: str, named: str) -> str:
    """Return *name* with its kind written out, or without one that says nothing.

    *named* is what the view takes names of. A group behind the kind, as in
    ``deployments.apps/api``, is left out.
    """
    word, slash, rest = name.partition("/")
    kind = _KIND_OF.get(word.lower().partition(".")[0])
    if not slash or kind is None:
        return name
    return rest if kind == _OWN.get(named) else f"{kind}/{rest}"


def kinds(named: str) -> list[str]:
    """Return the words for kinds of workloads, where a view takes names of those."""
    if named not in {"pods", "workloads"}:
        return []
    own = {*_OWN.values()}
    return [word for word, kind in _KIND_OF.items() if kind not in own]


def elsewhere(client: Client, view: View[Any], names: Sequence[str]) -> Iterator[str]:
    """Return a line for each of *names* that is in other namespaces: which ones.

    Nothing is said where nobody may look.
    """
    answers = _answers(view)
    if answers is None:
        return
    for name in names:
        options: ListOptions = {}
        if view.pods_by_name and "/" not in name:
            options["field_selector"] = f"metadata.name={field_value(name)}"
        try:
            pods = client.run(client.api.list_pods(options))
        except KubeMetricsError:
            return
        matches = matcher((name,))
        rows = (
            PodUsage(namespace=p.namespace, name=p.name, state="running", pod=p)
            for p in pods
        )
        found = sorted({r.namespace for r in rows if any(map(matches, answers(r)))})
        if found:
            yield _line(view.named, name, found)


def _answers(view: View[Any]) -> Callable[[PodUsage], Sequence[str]] | None:
    if view.pods_by_name:
        return pod_names
    return owner_names if view.named == "workloads" else None


def _line(named: str, name: str, namespaces: Sequence[str]) -> str:
    """Name the namespaces, or the first of many, and the flag to type."""
    more = len(namespaces) - _SHOWN
    listed = ", ".join(namespaces[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    one = len(namespaces) == 1
    where = f"namespace {listed}" if one else f"namespaces {listed}"
    return f'{named} "{name}" found in {where}: {f"-n {listed}" if one else "-A"}'


def absent(api: Api, node: str, scope: Scope, taken: Snapshot) -> Flow[tuple[str, ...]]:
    """Return what was named by ``-n`` and ``--node`` and does not exist.

    Only what nothing was read of is asked for. Where we may not look, nothing is known.
    """
    found: list[str] = []
    for name in _empty(scope, taken):
        answer = yield from attempt(api.get_namespace(name))
        if isinstance(answer, NotFound | BadRequest):
            found.append(f'namespace "{name}"')
    if node and not (taken.nodes or taken.pods or taken.error("nodes")):
        found.append(f'node "{node}"')
    return tuple(found)


def _empty(scope: Scope, taken: Snapshot) -> list[str]:
    """Return the namespaces named by hand that have no pod, as far as was read."""
    if taken.error("pods"):
        return []
    words = scope.named or scope.kept
    seen = {row.namespace for row in taken.pods}
    return [name for name in words if not is_glob(name) and name not in seen]
