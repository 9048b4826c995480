"""Every other resource: served, and empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubemetrics.testing.apiserver import RequestInfo, no_such_route, not_found
from kubemetrics.testing.etcd import ResourceKind, Revision

from .core import json_answer, list_json
from .discovery import Document, core_group
from .exchange import Answer, page_not_found


class Generic:
    """Answers lists with nothing and gets with 404, for all *groups* discovered."""

    def __init__(self, groups: Sequence[Document], revision: Revision) -> None:
        self._revision = revision
        self._kinds = dict(_kinds([core_group(), *groups]))
        self._versions = {key[:2] for key in self._kinds}

    def answer(self, info: RequestInfo) -> Answer:
        if (info.group, info.version) not in self._versions:
            return page_not_found()
        kind = self._kinds.get((info.group, info.version, info.resource))
        if kind is None or info.subresource:
            raise no_such_route()
        if info.name:
            resource = f"{info.resource}.{info.group}" if info.group else ""
            raise not_found(info.resource, info.name, info.group, resource)
        listed = ResourceKind(
            kind=kind, api_version=info.group_version, resource=info.resource
        )
        metadata = {"resourceVersion": str(self._revision.current)}
        return json_answer(bytes(list_json(listed, metadata, [])))


def _kinds(groups: Sequence[Document]) -> Iterator[tuple[tuple[str, str, str], str]]:
    for group in groups:
        name = group["metadata"].get("name", "")
        for version in group["versions"]:
            for found in version["resources"]:
                key = (name, version["version"], found["resource"])
                yield key, found["responseKind"]["kind"]
