"""The APIService objects of the metrics API, as its state makes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubemetrics.testing.apiserver import RequestInfo, encode_line, not_found

from .core import json_answer
from .exchange import Answer
from .metrics import GROUP

_API_VERSION = "apiregistration.k8s.io/v1"


class ApiServices:
    """Answers reads of APIServices.

    *bodies* are the recorded objects: "available" and "down"; only the condition
    that the state implies differs between them.
    """

    def __init__(
        self, bodies: Mapping[str, dict[str, Any]], versions: tuple[str, ...]
    ) -> None:
        self._bodies = bodies
        self._names = {f"{version}.{GROUP}": version for version in versions}

    def answer(self, info: RequestInfo, state: str) -> Answer:
        if not info.name:
            return json_answer(encode_line(self._list(state)))
        if info.name not in self._names or state == "absent":
            raise not_found(
                "apiservices",
                info.name,
                "apiregistration.k8s.io",
                "apiservices.apiregistration.k8s.io",
            )
        return json_answer(encode_line(self._object(info.name, state)))

    def _list(self, state: str) -> dict[str, Any]:
        names = [] if state == "absent" else list(self._names)
        return {
            "kind": "APIServiceList",
            "apiVersion": _API_VERSION,
            "metadata": {},
            "items": [self._object(name, state) for name in names],
        }

    def _object(self, name: str, state: str) -> dict[str, Any]:
        body = self._bodies["down" if state in ("down", "warming-1") else "available"]
        version = self._names[name]
        return {
            **body,
            "metadata": {**body["metadata"], "name": name},
            "spec": {**body["spec"], "version": version},
        }
