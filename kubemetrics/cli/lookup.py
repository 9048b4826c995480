"""Names to offer for completion: from the kubeconfig, and from the cluster."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from typing import Final, TypedDict

from ..commandline.connect import client_of, last
from ..config.kubeconfig import list_contexts
from ..errors import KubeMetricsError
from ..wire import decode

_TIMEOUT: Final = 2.0
"""Seconds that a person at a prompt may be kept waiting."""


class _Meta(TypedDict, total=False):
    name: str


class _Named(TypedDict, total=False):
    metadata: _Meta


class _NamedList(TypedDict, total=False):
    items: list[_Named]


def contexts(args: Namespace) -> Iterable[str]:
    """Return the names of the contexts.

    Raises:
        ConfigError: a kubeconfig cannot be read.
    """
    return [entry.name for entry in list_contexts(args.kubeconfig)]


def namespaces(args: Namespace) -> Iterable[str]:
    """Return the cluster's namespaces; where it has no answer, those of contexts.

    Raises:
        ConfigError: a kubeconfig cannot be read.
    """
    try:
        with client_of(args) as client:
            body = client.get_raw("/api/v1/namespaces?limit=500", timeout=_TIMEOUT)
        items = decode(body, _NamedList).get("items", [])
        return [item.get("metadata", _Meta()).get("name", "") for item in items]
    except KubeMetricsError:
        entries = list_contexts(args.kubeconfig, context=last(args.contexts))
        return sorted({e.namespace for e in entries if e.namespace})
