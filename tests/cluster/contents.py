"""What a cluster starts with, wherever it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kubemetrics.testing.etcd import Entry, Key

from .samples import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Objects, samples and what is known about the samples that are missing."""

    pods: Sequence[Entry]
    nodes: Sequence[Entry]
    namespaces: Sequence[Entry]
    pod_samples: Sequence[Sample]
    node_samples: Sequence[Sample]
    revision: int
    oldest_revision: int
    now: datetime
    missing: Mapping[Key, str] = field(default_factory=dict)
    partial: frozenset[Key] = frozenset()
