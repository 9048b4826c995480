"""Names to offer for completion: from the kubeconfig, and from the cluster."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from typing import Final

from ..commandline.connect import client_of, last
from ..config.kubeconfig import list_contexts
from ..errors import KubeMetricsError
from ..jsonread import as_object, as_objects, as_text, read_object

_TIMEOUT: Final = 2.0
"""Seconds that a person at a prompt may be kept waiting."""


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
        items = as_objects(read_object(body).get("items"))
        names = (as_text(as_object(item.get("metadata")).get("name")) for item in items)
        return list(filter(None, names))
    except KubeMetricsError:
        entries = list_contexts(args.kubeconfig, context=last(args.contexts))
        return sorted({e.namespace for e in entries if e.namespace})
