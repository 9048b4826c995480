"""Metrics samples as metrics-server holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from kubemetrics.testing.etcd import Entry, Key, sample_entry
from kubemetrics.testing.objects import sample_object
from kubemetrics.times import parse_rfc3339, rfc3339


@dataclass(frozen=True, slots=True)
class Usage:
    """One container's (or a node's) usage, in the text the API sends."""

    name: str
    cpu: str
    memory: str

    def to_json(self) -> dict[str, str]:
        return {"cpu": self.cpu, "memory": self.memory}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The sample of a pod, or of a node when *namespace* is empty."""

    namespace: str = ""
    name: str
    created: str
    labels: Mapping[str, str] = field(default_factory=dict)
    timestamp: str | None
    window: str
    usages: tuple[Usage, ...]

    @property
    def key(self) -> Key:
        return (self.namespace, self.name)

    def to_json(self) -> dict[str, Any]:
        return sample_object(
            self.name,
            self.namespace,
            usage={usage.name: usage.to_json() for usage in self.usages},
            created=self.created,
            labels=self.labels,
            timestamp=self.timestamp,
            window=self.window,
        )

    def entry(self) -> Entry:
        return sample_entry(self.to_json())


def sample_from_json(obj: Mapping[str, Any]) -> Sample:
    metadata = obj["metadata"]
    measured = obj.get("containers") or [{"name": "", "usage": obj.get("usage")}]
    return Sample(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        created=metadata["creationTimestamp"],
        labels=metadata.get("labels", {}),
        timestamp=obj["timestamp"],
        window=obj["window"],
        usages=tuple(
            Usage(c["name"], c["usage"]["cpu"], c["usage"]["memory"]) for c in measured
        ),
    )


class SampleStore:
    """The samples of all pods, or of all nodes; replaced as a whole by a scrape."""

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        self.version = 0
        self._followed: datetime | None = None
        self._by_key = {sample.key: sample for sample in samples}
        self._entries: list[Entry] | None = None

    def __len__(self) -> int:
        return len(self._by_key)

    def samples(self) -> list[Sample]:
        return list(self._by_key.values())

    def get(self, namespace: str, name: str) -> Sample | None:
        return self._by_key.get((namespace, name))

    def put(self, sample: Sample) -> None:
        self._by_key[sample.key] = sample
        self._changed()

    def remove(self, namespace: str, name: str) -> None:
        del self._by_key[namespace, name]
        self._changed()

    def replace(self, samples: Iterable[Sample]) -> None:
        """Hold these alone, as after a scrape."""
        self._by_key = {sample.key: sample for sample in samples}
        self._changed()

    def retime(self, timestamp: str) -> None:
        """Give every sample a new timestamp, as the next scrape would."""
        for key, sample in self._by_key.items():
            self._by_key[key] = replace(sample, timestamp=timestamp)
        self._changed()

    def follow(self, now: datetime) -> None:
        """Give every sample the time of *now*, and a window since its last one."""
        second = now.replace(microsecond=0)
        for key, sample in self._by_key.items():
            if self._followed is not None:
                length = now - self._followed
            else:
                length = second - parse_rfc3339(sample.timestamp or rfc3339(second))
            self._by_key[key] = replace(
                sample,
                timestamp=rfc3339(second),
                window=f"{length.total_seconds():.3f}s",
            )
        self._followed = now
        self._changed()

    def _changed(self) -> None:
        self.version += 1
        self._entries = None

    def entries(self) -> list[Entry]:
        """Return the encoded samples in metrics-server's order: namespace, name."""
        if self._entries is None:
            ordered = sorted(self._by_key.values(), key=lambda sample: sample.key)
            self._entries = [sample.entry() for sample in ordered]
        return self._entries
