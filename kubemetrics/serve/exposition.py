"""Families of metrics as text: Prometheus 0.0.4 and OpenMetrics 1.0.

Sources: prometheus/docs, instrumenting/exposition_formats.md; OpenMetrics 1.0,
prometheus/OpenMetrics, specification/OpenMetrics.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from ..table.machine import escaped_label

Format: TypeAlias = Literal["text", "openmetrics"]
MetricType: TypeAlias = Literal["counter", "gauge"]

CONTENT_TYPES: Final[dict[Format, str]] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
_NOT_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_]")


class Metric(NamedTuple):
    """The name and meaning of a family; a counter's *name* is without ``_total``.

    *unit* is the end of the name where the whole family has one. *about* has neither
    a backslash, a quote nor a line's end, which the two formats escape differently.
    """

    name: str
    type: MetricType
    about: str
    unit: Literal["seconds", "bytes", ""] = ""


class Point(NamedTuple):
    """One series: its *labels* and *value* as they are written.

    *created* is when a counter began, in seconds since the epoch; *stamp* the time of
    the sample in milliseconds, where it is written at all.
    """

    labels: str
    value: str
    created: str = ""
    stamp: int | None = None


class Family(NamedTuple):
    """All series of one metric."""

    metric: Metric
    points: Sequence[Point]


def labels(pairs: Iterable[tuple[str, str]]) -> str:
    """Write labels as they stand between the braces."""
    return ",".join([f'{name}="{_escaped(value)}"' for name, value in pairs])


@lru_cache(maxsize=65536)
def _escaped(value: str) -> str:
    """Remember values: the same ones come round after round."""
    return escaped_label(value)


def label_name(key: str) -> str:
    """Return the label that has the value of the Kubernetes label *key*.

    It is named as by kube-state-metrics: ``label_app_kubernetes_io_name``.
    """
    return f"label_{_NOT_A_NAME.sub('_', key)}"


def decimal(nanos: int) -> str:
    """Write billionths of a second or a core in whole ones, exactly."""
    whole, rest = divmod(nanos, 10**9)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".") if rest else str(whole)


def series(families: Iterable[Family]) -> int:
    """Count the series that OpenMetrics writes of *families*: the more of the two."""
    return sum(
        2 if point.created else 1 for family in families for point in family.points
    )


def rendered(families: Iterable[Family], form: Format) -> bytes:
    """Write *families*; one without a series is left out."""
    return b"".join(pieces(families, form))


def pieces(families: Iterable[Family], form: Format) -> Iterator[bytes]:
    """Write one family after the other: the whole is much larger than any."""
    write = _text if form == "text" else _openmetrics
    for family in families:
        if family.points:
            yield "".join(write(family)).encode()
    if form == "openmetrics":
        yield b"# EOF\n"


def series_name(metric: Metric) -> str:
    """Return the name that the series of a family have."""
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def _text(family: Family) -> Iterator[str]:
    metric = family.metric
    name = series_name(metric)
    yield f"# HELP {name} {metric.about}\n# TYPE {name} {metric.type}\n"
    for labelled, value, _, stamp in family.points:
        braced = f"{{{labelled}}}" if labelled else ""
        when = "" if stamp is None else f" {stamp}"
        yield f"{name}{braced} {value}{when}\n"


def _openmetrics(family: Family) -> Iterator[str]:
    metric = family.metric
    yield heading(metric)
    name = series_name(metric)
    for labelled, value, created, stamp in family.points:
        yield stamped(name, labelled, value, stamp)
        if created:
            # The two of one series stand together: a parser may not meet it twice.
            yield stamped(f"{metric.name}_created", labelled, created, stamp)


def heading(metric: Metric) -> str:
    """Write what OpenMetrics says of a family before its series."""
    unit = f"# UNIT {metric.name} {metric.unit}\n" if metric.unit else ""
    return (
        f"# TYPE {metric.name} {metric.type}\n{unit}"
        f"# HELP {metric.name} {metric.about}\n"
    )


def stamped(name: str, labelled: str, value: str, stamp: int | None) -> str:
    """Write a sample as OpenMetrics has it: its time in seconds."""
    braced = f"{{{labelled}}}" if labelled else ""
    when = "" if stamp is None else f" {stamp // 1000}.{stamp % 1000:03d}"
    return f"{name}{braced} {value}{when}\n"
