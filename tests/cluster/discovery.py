"""Discovery: `/api`, `/apis`, group and version documents, plain and aggregated.

One aggregated document is the source; the plain documents are derived from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from kubemetrics.testing.apiserver import encode_line

from .exchange import JSON_TYPE, Answer, Problem, page_not_found
from .metrics import GROUP
from .negotiation import Shape

Document: TypeAlias = dict[str, Any]
AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_READ = ["get", "list"]
_WRITE = ["create", "delete", "deletecollection", "get", "list", "patch", "update"]
_ALL = [*_WRITE, "watch"]
#: name, kind, singular, short names, namespaced
_CORE: tuple[tuple[str, str, tuple[str, ...], bool], ...] = (
    ("componentstatuses", "ComponentStatus", ("cs",), False),
    ("configmaps", "ConfigMap", ("cm",), True),
    ("endpoints", "Endpoints", ("ep",), True),
    ("events", "Event", ("ev",), True),
    ("limitranges", "LimitRange", ("limits",), True),
    ("namespaces", "Namespace", ("ns",), False),
    ("nodes", "Node", ("no",), False),
    ("persistentvolumeclaims", "PersistentVolumeClaim", ("pvc",), True),
    ("persistentvolumes", "PersistentVolume", ("pv",), False),
    ("pods", "Pod", ("po",), True),
    ("podtemplates", "PodTemplate", (), True),
    ("replicationcontrollers", "ReplicationController", ("rc",), True),
    ("resourcequotas", "ResourceQuota", ("quota",), True),
    ("secrets", "Secret", (), True),
    ("serviceaccounts", "ServiceAccount", ("sa",), True),
    ("services", "Service", ("svc",), True),
)
_CATEGORY_ALL = ("pods", "services", "replicationcontrollers")


def resource(
    name: str, kind: str, short: Sequence[str], verbs: list[str], *, namespaced: bool
) -> Document:
    document: Document = {
        "resource": name,
        "responseKind": {"group": "", "version": "", "kind": kind},
        "scope": "Namespaced" if namespaced else "Cluster",
        "singularResource": kind.lower(),
        "verbs": verbs,
    }
    if short:
        document["shortNames"] = list(short)
    if name in _CATEGORY_ALL:
        document["categories"] = ["all"]
    return document


def core_group() -> Document:
    resources = [
        resource(name, kind, short, _ALL, namespaced=namespaced)
        for name, kind, short, namespaced in _CORE
    ]
    version = {"version": "v1", "resources": resources, "freshness": "Current"}
    return {"metadata": {}, "versions": [version]}


def metrics_group(versions: Sequence[tuple[str, bool]]) -> Document:
    """Describe metrics.k8s.io; *versions* are (name, reachable)."""
    return {
        "metadata": {"name": GROUP},
        "versions": [_metrics_version(name, ok) for name, ok in versions],
    }


def _metrics_version(name: str, reachable: bool) -> Document:  # noqa: FBT001
    if not reachable:
        return {"version": name, "freshness": "Stale"}
    nodes = resource("nodes", "NodeMetrics", (), _READ, namespaced=False)
    pods = resource("pods", "PodMetrics", (), _READ, namespaced=True)
    for document in (nodes, pods):
        document["singularResource"] = ""
        document.pop("categories", None)
    return {"version": name, "resources": [nodes, pods], "freshness": "Current"}


class Discovery:
    """Answers discovery; *groups* are the built-in ones, aggregated form."""

    def __init__(self, groups: Sequence[Document], address: str) -> None:
        self._groups = list(groups)
        self._address = address

    def api(self, shape: Shape) -> Answer:
        if shape is Shape.AGGREGATED_DISCOVERY:
            return _aggregated([core_group()])
        return _json(
            {
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [
                    {"clientCIDR": "0.0.0.0/0", "serverAddress": self._address}
                ],
            }
        )

    def apis(self, shape: Shape, metrics: Document | None) -> Answer:
        groups = self._all(metrics)
        if shape is Shape.AGGREGATED_DISCOVERY:
            return _aggregated(groups)
        plain = [_group(group) for group in groups]
        return _json({"kind": "APIGroupList", "apiVersion": "v1", "groups": plain})

    def _all(self, metrics: Document | None) -> list[Document]:
        return [*self._groups, metrics] if metrics else self._groups

    def group(self, name: str, metrics: Document | None) -> Answer:
        for group in self._all(metrics):
            if group["metadata"]["name"] == name:
                head = {"kind": "APIGroup", "apiVersion": "v1"}
                return _json(head | _group(group))
        raise Problem(page_not_found())

    def version(self, group: str, version: str, metrics: Document | None) -> Answer:
        for found in self._versions(group, metrics):
            if found["version"] == version:
                return _json(_resource_list(group, found))
        raise Problem(page_not_found())

    def _versions(self, name: str, metrics: Document | None) -> Iterator[Document]:
        groups = self._all(metrics) if name else [core_group()]
        for group in groups:
            if group["metadata"].get("name", "") == name:
                yield from group["versions"]


def _json(document: Mapping[str, Any]) -> Answer:
    return Answer(body=encode_line(document), content_type=JSON_TYPE)


def _aggregated(groups: list[Document]) -> Answer:
    document = {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": groups,
    }
    return Answer(
        body=encode_line(document),
        content_type=AGGREGATED_TYPE,
        headers=(("Vary", "Accept"),),
    )


def _group(group: Document) -> Document:
    name = group["metadata"]["name"]
    versions = [
        {"groupVersion": f"{name}/{v['version']}", "version": v["version"]}
        for v in group["versions"]
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _resource_list(group: str, version: Document) -> Document:
    name = f"{group}/{version['version']}" if group else version["version"]
    resources = [
        plain for found in version["resources"] for plain in _plain_resources(found)
    ]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": name,
        "resources": resources,
    }


def _plain_resources(found: Document) -> Iterator[Document]:
    namespaced = found["scope"] == "Namespaced"
    kind = found["responseKind"]["kind"]
    plain: Document = {
        "name": found["resource"],
        "singularName": found["singularResource"],
        "namespaced": namespaced,
        "kind": kind,
        "verbs": found["verbs"],
    }
    extras = {k: found[k] for k in ("shortNames", "categories") if k in found}
    yield plain | extras
    for sub in found.get("subresources", []):
        yield {
            "name": f"{found['resource']}/{sub['subresource']}",
            "singularName": "",
            "namespaced": namespaced,
            "kind": sub["responseKind"]["kind"],
            "verbs": sub["verbs"],
        }
