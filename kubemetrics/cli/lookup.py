"""Names to offer for completion: from the kubeconfig, and from the cluster."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from typing import Final

from ..api.discovery import namespace_names
from ..commandline.connect import client_of, last
from ..config.kubeconfig import list_contexts
from ..errors import KubeMetricsError

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
            return client.run(namespace_names(client.api.get), timeout=_TIMEOUT)
    except KubeMetricsError:
        entries = list_contexts(args.kubeconfig, context=last(args.contexts))
        return sorted({e.namespace for e in entries if e.namespace})
