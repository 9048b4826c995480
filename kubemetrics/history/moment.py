"""A moment of the past: pods, nodes and their samples as the file has them then.

What comes of it is what a cluster would have answered, and is joined by the same code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from ..errors import DecodeError, Forbidden, HistoryError, KubeMetricsError, NotRecorded
from ..frozen import dataclass
from ..jsonread import EMPTY
from ..models import CPU, MEMORY, Pool, Quantities
from ..models.metrics import ContainerMetrics, NodeMetrics, PodMetrics
from ..models.node import Node
from ..models.pod import Pod
from ..quantity import Quantity
from ..times import zoned
from .store import (
    LAST_SECOND,
    cadence_of,
    damage_of,
    damaged,
    meta,
    open_reading,
    texts,
    whole_numbers,
)

if TYPE_CHECKING:
    from .store import Connection

_ROUNDS: Final = 3
"""Rounds for which a sample stands, as in the present: then it is missing."""
_NANO: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What was there *at* a time, of a *context*.

    *refused* is why pods and nodes could not be read, *error* why samples were not;
    *whole*: the pods are all of the cluster.
    """

    at: datetime
    context: str
    pods: tuple[Pod, ...]
    nodes: tuple[Node, ...]
    pod_metrics: tuple[PodMetrics, ...]
    node_metrics: tuple[NodeMetrics, ...]
    whole: bool
    refused: KubeMetricsError | None = None
    error: KubeMetricsError | None = None


def moment(path: Path, at: datetime | None = None) -> Moment:
    """Read a moment of a recorded file: *at* a time, or its last round.

    Raises:
        HistoryError: it cannot be read, or reaches back less far.
    """
    with closing(open_reading(path)) as connection, damage_of(path):
        return _moment(connection, path, at)


def _moment(connection: Connection, path: Path, at: datetime | None) -> Moment:
    first, last = connection.execute(
        "SELECT (SELECT min(at) FROM round WHERE error IS NULL), max(at) FROM round"
    ).fetchone()
    if first is None:
        raise HistoryError(f"{path}: it has no samples yet")
    whole_numbers(path, first, last, most=LAST_SECOND)
    second = last if at is None else int(at.timestamp())
    about = meta(connection)
    texts(path, *about.values())
    _check_reach(path, second, first, int(about.get("raw_from", "0")))
    cadence = cadence_of(path, about)
    since = second - _ROUNDS * max(cadence, _spacing(connection, second))
    pods, nodes = _objects(connection, path, second)
    samples, of_nodes = _samples(connection, path, (since, second), pods)
    hidden = about.get("names_only") == "1" and not pods
    error = None
    if not samples and not of_nodes:
        error = _silence(connection, since, second)
    return Moment(
        at=_moment_of(second),
        context=about.get("context", ""),
        pods=tuple(pods.values()),
        nodes=tuple(nodes),
        pod_metrics=tuple(samples),
        node_metrics=tuple(of_nodes),
        whole=about.get("scope") != "some",
        refused=Forbidden("pods could not be read", status=403) if hidden else None,
        error=error,
    )


def _check_reach(path: Path, second: int, first: int, samples_from: int) -> None:
    """Refuse a moment before the *first* round, or of which no samples are left.

    Raises:
        HistoryError: it is one; says from when on there is something.
    """
    if second < first:
        raise HistoryError(f"{path}: it begins at {_date(first)}")
    if second < samples_from:
        raise HistoryError(
            f"{path}: it reaches back to {_date(samples_from)}; before that it has"
            " hours, which kubemetrics history shows"
        )


def _moment_of(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _date(second: int) -> str:
    return zoned(_moment_of(second))


def _spacing(connection: Connection, at: int) -> int:
    """Return the seconds between rounds that brought something, up to *at*."""
    found = connection.execute(
        "SELECT at FROM round WHERE at<=? AND fresh>0 ORDER BY at DESC LIMIT 6", (at,)
    ).fetchall()
    gaps = sorted(later - earlier for (later,), (earlier,) in pairwise(found))
    return gaps[len(gaps) // 2] if gaps else 0


def _silence(connection: Connection, since: int, at: int) -> KubeMetricsError:
    """Return why there is no sample of anything: what failed then, or nobody asked."""
    row = connection.execute(
        "SELECT error FROM round WHERE at BETWEEN ? AND ? AND error IS NOT NULL"
        " ORDER BY at DESC LIMIT 1",
        (since, at),
    ).fetchone()
    if row is not None:
        from .rounds import read_error  # noqa: PLC0415 - where all failed

        return read_error(str(row[0]))
    (last,) = connection.execute(
        "SELECT max(at) FROM round WHERE at<=?", (at,)
    ).fetchone()
    return NotRecorded(f"nothing was recorded then: the last round was {_date(last)}")


_OBJECTS: Final = """
SELECT o.id, o.kind, v.body FROM object o JOIN version v ON v.object=o.id
WHERE o.seen<=? AND (o.gone IS NULL OR o.gone>?) AND v.since=
  (SELECT max(w.since) FROM version w WHERE w.object=o.id AND w.since<=?)
"""


def _objects(
    connection: Connection, path: Path, at: int
) -> tuple[dict[int, Pod], list[Node]]:
    pods: dict[int, Pod] = {}
    nodes: list[Node] = []
    pool = Pool()
    for known, kind, body in connection.execute(_OBJECTS, (at, at, at)):
        texts(path, kind, body)
        found: object = json.loads(body)
        if not isinstance(found, dict):
            raise damaged(path, f"it has {body!r:.40} as a {kind}")
        obj = cast("Any", found)
        try:
            if kind == "pod":
                pods[known] = Pod.from_json(obj, pool)
            else:
                nodes.append(Node.from_json(obj, pool))
        except DecodeError as error:
            raise damaged(path, str(error)) from None
    return pods, nodes


_VALUES: Final = """
SELECT o.id, o.kind, o.namespace, o.name, s.container, a.at, a.window, a.cpu, a.memory
"""
_SAMPLES: Final = f"""
{_VALUES} FROM object o JOIN series s ON s.object=o.id
  CROSS JOIN settled a ON a.series=s.id AND a.at=(SELECT max(b.at) FROM settled b
    WHERE b.series=s.id AND b.at BETWEEN :since AND :at)
WHERE o.seen<=:at AND (o.gone IS NULL OR o.gone>:at)
UNION ALL
{_VALUES} FROM (SELECT series, max(at) AS at, window, cpu, memory FROM recent
    WHERE at BETWEEN :since AND :at GROUP BY series) a
  CROSS JOIN series s ON s.id=a.series CROSS JOIN object o ON o.id=s.object
WHERE o.gone IS NULL OR o.gone>:at
ORDER BY 1, 6 DESC, 5
"""  # noqa: S608 - of our own text
"""The values of each object, the newest first, and of a series no older ones.

CROSS JOIN keeps SQLite's order: what lives is sought among settled samples, and recent
ones are in the order of time. Beside max() a column is that of the row with it
(https://www.sqlite.org/lang_select.html#bareagg)."""


def _samples(
    connection: Connection, path: Path, bounds: tuple[int, int], pods: Mapping[int, Pod]
) -> tuple[list[PodMetrics], list[NodeMetrics]]:
    found: list[PodMetrics] = []
    of_nodes: list[NodeMetrics] = []
    asked = {"since": bounds[0], "at": bounds[1]}
    for rows in _newest(connection.execute(_SAMPLES, asked)):
        known, kind, namespace, name, _, taken, window, *_ = rows[0]
        texts(path, kind, namespace, name, *(row[4] for row in rows))
        timestamp, length = _moment_of(taken), timedelta(milliseconds=window)
        if kind == "node":
            usage = _usage(rows[0])
            of_nodes.append(
                NodeMetrics(
                    name=name,
                    labels=EMPTY,
                    timestamp=timestamp,
                    window=length,
                    usage=usage,
                )
            )
            continue
        pod = pods.get(known)
        found.append(
            PodMetrics(
                name=name,
                namespace=namespace,
                labels=pod.labels if pod else EMPTY,
                timestamp=timestamp,
                window=length,
                containers=tuple(ContainerMetrics(r[4], _usage(r)) for r in rows),
            )
        )
    return found, of_nodes


def _newest(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Return the rows of each object's newest sample."""
    group: list[tuple[Any, ...]] = []
    for row in rows:
        if group and row[0] != group[0][0]:
            yield group
            group = []
        if not group or row[5] == group[0][5]:
            group.append(row)
    if group:
        yield group


def _usage(row: tuple[Any, ...]) -> Quantities:
    cpu, memory = row[7], row[8]
    found = {} if cpu is None else {CPU: Quantity(f"{cpu}n")}
    return found if memory is None else {**found, MEMORY: Quantity(memory)}
