"""The contexts there are, whatever else may be wrong with the files."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..frozen import dataclass
from .files import KubeconfigSource, load


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextEntry:
    """A context as written; what it names need not exist."""

    name: str
    cluster: str
    user: str
    namespace: str
    current: bool


def list_contexts(
    kubeconfig: KubeconfigSource | None = None,
    *,
    context: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[ContextEntry, ...]:
    """List the contexts by name; *context* takes the place of the current one.

    Files are found as by `load_config`. Stanzas that are wrong do no harm.

    Raises:
        ConfigError: a file cannot be read or parsed at all.
    """
    found = load(kubeconfig, os.environ if environ is None else environ).kubeconfig
    current = context or found.current_context
    return tuple(
        ContextEntry(
            name=name,
            cluster=stanza.cluster,
            user=stanza.user,
            namespace=stanza.namespace,
            current=name == current,
        )
        for name, stanza in sorted(found.contexts.items())
    )
