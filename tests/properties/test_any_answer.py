"""Whatever one field of an answer holds: no traceback, and no other item is lost."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypedDict

import pytest

from kubemetrics.api import Api, ResourceList
from kubemetrics.api.answers import error_from_response
from kubemetrics.api.lists import read_object
from kubemetrics.api.metrics_group import is_down_error, registered_versions
from kubemetrics.api.watch import Watch
from kubemetrics.doctor import Diagnosis
from kubemetrics.doctor.diagnose import samples
from kubemetrics.doctor.metrics_api import Provider, metrics_api
from kubemetrics.errors import DecodeError, KubeMetricsError
from kubemetrics.flow import Request, Response
from kubemetrics.snapshot import PodUsage, Snapshot
from kubemetrics.views.findings import json_text, text_lines
from kubemetrics.wire import APIGroupWire, StatusWire, WatchEventWire
from tests.snapshot.drive import drive

from .odd_answers import (
    BAD,
    SHAPES,
    Odd,
    answer,
    encoded,
    fields,
    odd_answers,
    odd_objects,
)
from .odd_kubectl import mark, recorded
from .reading import (
    KINDS,
    VIEWS,
    every_way,
    listed,
    shown,
    snapshot_of,
    sound_list,
    sound_snapshot,
    top,
)

ACCEPTED: Final[Sequence[tuple[str, str]]] = (
    # No amount has so many digits: its item cannot be read. kubectl's integers wrap.
    ("N3", r"(usage|capacity|allocatable)\.{} (1e999|309 digits|5000 digits)"),
    # kubectl gives the first of two samples of a node no percentages.
    ("N12", r"node metrics: items\.\[\] twice"),
    # The field is of Kubernetes 1.36 (alpha); kubectl 1.37 does not know it.
    ("N17", r"nodeAllocatableResourceClaimStatuses\.\[\]\.resources"),
    # On purpose: nothing that a terminal acts upon is printed.
    ("escapes", r"name(space)? (escapes|lone surrogate)"),
)
"""What differs from kubectl: the fault's code, and which answers."""


@contextmanager
def named(name: str) -> Iterator[None]:
    """Say of which answer an exception is."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"of {name}")
        raise


@pytest.mark.parametrize("kind", SHAPES)
def test_an_odd_field_is_decoded_alike_in_every_way(kind: str) -> None:
    for odd in odd_answers(kind):
        with named(odd.name):
            first, *others = every_way(kind, odd.alone)
            assert all(other == first for other in others), odd.name


@pytest.mark.parametrize("kind", SHAPES)
def test_an_odd_field_costs_its_item_and_no_other(kind: str) -> None:
    """In the list, the snapshot, every view and the doctor's findings."""
    seen: set[str] = set()
    for odd in odd_answers(kind):
        with named(odd.name):
            try:
                read = listed(odd.kind, odd.body)
            except KubeMetricsError:
                if odd.in_item:
                    raise
                continue
            _check_list(odd, read)
            # What is read alike is shown alike.
            lost = [item.error.path for item in read.unreadable]
            alike = f"{read[BAD : len(read) - 1]} {lost}"
            if alike not in seen:
                seen.add(alike)
                output = ("table", "json")[len(seen) % 2]
                _check_views(odd, snapshot_of(kind, read), output)


def _check_list(odd: Odd, read: ResourceList[Any]) -> None:
    if not odd.in_item:
        return
    whole = sound_list(odd.kind)
    before, others = [*whole[:BAD]], [*whole[BAD + 1 :]]
    if odd.path == ("items", "[]") and odd.how == "twice":
        assert [*read] == [*before, whole[BAD], whole[BAD], *others]
    elif read.unreadable:
        assert [*read] == [*before, *others]
        (lost,) = read.unreadable
        assert lost.error.path.startswith(f"$.items[{BAD}]"), lost.error
    else:
        assert [*read[:BAD], *read[BAD + 1 :]] == [*before, *others]


def _check_views(odd: Odd, snapshot: Snapshot, output: str) -> None:
    if odd.in_item:
        _check_rows(odd, snapshot)
    lost = [item.item.error.path for item in snapshot.unreadable]
    for view in VIEWS:
        told = shown(view, output, snapshot)
        notes = "\n".join(told.outcome.notes())
        assert all(path in notes for path in lost), (view, notes)
        assert told.outcome.code == 4 or not lost, view
        if output == "json":
            source = json.loads("".join(told.lines))["metadata"]["sources"][0]
            assert len(source["unreadable"]) == len(lost)
    _check_doctor(snapshot, lost)


def _check_rows(odd: Odd, snapshot: Snapshot) -> None:
    """Compare every row but the odd one's with what it is in a sound answer."""
    odd_item = sound_list(odd.kind)[BAD]
    odd_key = (getattr(odd_item, "namespace", ""), odd_item.name)
    rows = {row.key: row for row in snapshot.pods}
    for row in sound_snapshot().pods:
        if row.key != odd_key:
            assert _values(rows[row.key]) == _values(row), row.key
    nodes = {node.name: node for node in snapshot.nodes}
    for node in sound_snapshot().nodes:
        if ("", node.name) != odd_key:
            found = nodes[node.name]
            assert (found.usage, found.node) == (node.usage, node.node), node.name
    told = {row.key: row.reason for row in snapshot.pods}
    told |= {("", node.name): node.reason for node in snapshot.nodes}
    for lost in snapshot.unreadable:
        key = lost.item.namespace, lost.item.name
        if lost.part in ("pod metrics", "node metrics") and key == odd_key:
            reason = told[key]
            assert reason is not None
            assert reason.code == "ReadFailed"
            assert lost.item.error.path in reason.explanation


def _check_doctor(snapshot: Snapshot, lost: list[str]) -> None:
    findings = (
        metrics_api(Provider("v1beta1"), snapshot, allowed=True),
        *samples(snapshot),
    )
    diagnosis = Diagnosis(findings)
    said = "\n".join(text_lines(diagnosis, width=None, colour=False))
    json.loads(json_text(diagnosis))
    assert all(path in said for path in lost), said


def _values(row: PodUsage) -> object:
    return row.usage, row.demand, row.missing, row.pod


def test_top_prints_what_kubectl_prints() -> None:
    """Where kubectl prints; where it fails, this may print or fail."""
    kubectl = recorded()
    compared = 0
    differing: list[str] = []
    excused: set[str] = set()
    for odd in (odd for kind in SHAPES for odd in odd_answers(kind)):
        said = kubectl[mark(odd)] if odd.for_kubectl else {}
        for command, theirs in said.items():
            if theirs.code:
                continue
            compared += 1
            ours = _top(command, odd)
            codes = {code for code, which in ACCEPTED if re.search(which, odd.name)}
            if ours != theirs.stdout:
                excused |= codes
                if not codes:
                    differing.append(f"{odd.name}: {command}: {ours}{theirs.stdout}")
    assert not differing, "\n".join(differing)
    assert compared > 900
    assert excused == {code for code, _ in ACCEPTED}, "some differ no longer"


def _top(command: str, odd: Odd) -> str:
    with named(odd.name):
        try:
            return top(command, {odd.kind: odd.body})
        except KubeMetricsError as error:
            return f"error: {error}"


STATUS: Final = {
    "kind": "Status",
    "status": "Failure",
    "message": "no",
    "reason": "",
    "details": {
        "retryAfterSeconds": 1,
        "causes": [{"reason": "UnexpectedServerResponse", "message": "no"}],
    },
    "code": 429,
}
GROUP: Final = {
    "kind": "APIGroup",
    "name": "metrics.k8s.io",
    "versions": [{"groupVersion": "metrics.k8s.io/v1", "version": "v1"}],
}


class Cause(TypedDict, total=False):
    """What is read of a Status's cause, which has no shape of its own."""

    reason: str
    message: str


class Details(TypedDict, total=False):
    """What is read of a Status's details."""

    retryAfterSeconds: int
    causes: list[Cause]


@pytest.mark.parametrize("code", [403, 404, 410, 429, 503])
def test_an_odd_status_is_an_error_of_the_api(code: int) -> None:
    whole = encoded({**STATUS, "details": "@here@"})
    details = odd_objects(Details, STATUS["details"])
    bodies = [
        *odd_objects(StatusWire, STATUS),
        *((name, whole.replace(b'"@here@"', raw)) for name, raw in details),
    ]
    for name, raw in bodies:
        with named(name):
            error = error_from_response(
                Response(status=code, headers={}, body=raw, url="https://x/")
            )
            is_down_error(error)
            assert error.status == code
            assert str(error)


def _only(group: Response, request: Request) -> Response:
    """Answer with the group, and that there is nothing else."""
    if request.path == "/apis/metrics.k8s.io":
        return group
    return Response(status=404, headers={}, body=b"404 page not found", url="")


def test_an_odd_group_leaves_no_traceback() -> None:
    for name, raw in odd_objects(APIGroupWire, GROUP):
        group = Response(status=200, headers={}, body=raw, url="")
        with named(name):
            with pytest.raises(KubeMetricsError):
                drive(Api().list_pod_metrics({}), partial(_only, group))
            with contextlib.suppress(KubeMetricsError):
                drive(registered_versions(Api().get), partial(_only, group))


def test_an_odd_event_is_told_or_an_error() -> None:
    pod = answer("pods")["items"][BAD]
    sample = {"type": "ADDED", "object": pod}
    for name, raw in odd_objects(WatchEventWire, sample):
        watch = Watch(Api(), {"resource_version": "6"}, clock=lambda: 0.0)
        with named(name), contextlib.suppress(KubeMetricsError):
            list(watch.feed(raw + b"\n"))


def test_an_odd_object_is_read_or_an_error() -> None:
    """Asked for by name."""
    for kind in SHAPES:
        item = answer(kind)["items"][BAD]
        known = KINDS[kind]
        shape = dict(fields(SHAPES[kind]))["items", "[]"]
        for name, raw in odd_objects(shape, {"kind": known.name, **item}):
            response = Response(status=200, headers={}, body=raw, url="https://x/")
            with named(name), contextlib.suppress(DecodeError):
                read_object(response, known)
