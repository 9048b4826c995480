"""The diagnosis: all checks in their order, and the checks of the samples.

The checks go from the configuration up to single samples, and end at the first that
rules out those above it.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from operator import itemgetter
from typing import Final, get_args

from ..api import Api, RetryPolicy
from ..api.exchange import send
from ..errors import Forbidden, KubeMetricsError, Unauthorized
from ..flow import Flow, Request, attempt, both
from ..models import CPU, MEMORY
from ..snapshot import (
    Coverage,
    NodeUsage,
    PartName,
    PodUsage,
    Snapshot,
    SnapshotOptions,
    above_full,
    below_pods,
    snapshot,
)
from ..snapshot.reasons import TOLERANCE, median
from ..text import agreeing, counted
from ..times import two_units
from .connection import (
    Contact,
    Setup,
    clock,
    configuration,
    connection,
    credential,
    unauthorized,
)
from .finding import Check, Diagnosis, Finding, Severity
from .metrics_api import Provider, metrics_api, provider
from .permissions import (
    NEEDED,
    NODE_METRICS,
    NODES,
    POD_METRICS,
    PODS,
    Access,
    Permission,
    access,
    identity,
    permissions,
    role,
)

_ORDER: Final[tuple[str, ...]] = get_args(Check)
_NAMED: Final = 2
"""Rows named for each reason; the others are counted."""


def diagnose(api: Api, setup: Setup) -> Flow[Diagnosis]:
    """Run the checks in their order until one rules the others out.

    It raises nothing that a server or a configuration can cause: that is a finding.
    """
    findings = [configuration(setup)]
    contact = yield from _contact(setup)
    findings += [*connection(setup, contact), *credential(setup, contact)]
    findings += clock(contact)
    if isinstance(contact.result, Unauthorized):
        findings.append(unauthorized(contact.result))
    elif contact.reached:
        return (yield from _checks_of_cluster(api, setup, findings))
    return Diagnosis(tuple(findings))


def _contact(setup: Setup) -> Flow[Contact]:
    sent = setup.clock()
    version = Request(path="/version", certificate=True)
    result = yield from attempt(send(version, RetryPolicy()))
    return Contact(result, sent, setup.clock())


def _checks_of_cluster(
    api: Api, setup: Setup, findings: list[Finding]
) -> Flow[Diagnosis]:
    """Check identity, permissions, metrics API and samples of a server that answers."""
    who, user = yield from identity(api)
    findings.append(who)
    if who.severity == "problem":
        return Diagnosis(tuple(findings))
    may, found = yield from both(access(api, setup.config.namespace), provider(api))
    findings += permissions(may)
    seen = yield from _snapshot(api, may, found)
    allowed = POD_METRICS not in may.missing
    findings.append(metrics_api(found, seen, allowed=allowed))
    if isinstance(seen, Snapshot):
        here = f"-n {shlex.quote(may.namespace)}" if may.limited else "-A"
        findings += samples(seen, here)
    findings += _unread(seen, may)
    findings.sort(key=lambda finding: _ORDER.index(finding.check))
    return Diagnosis(tuple(findings), _manifest(may, user))


def _snapshot(
    api: Api, may: Access, found: Provider
) -> Flow[Snapshot | KubeMetricsError | None]:
    """Take a snapshot of what may be read, if the metrics API answers at all."""
    if found.finding is not None:
        return None
    options: SnapshotOptions = {}
    if {PODS, POD_METRICS} & may.here:
        options["namespace"] = may.namespace
    else:
        options["reconcile"] = True  # the same lists, and nodes beside their pods
    return (yield from attempt(snapshot(api, options)))


_LISTS: Final[Mapping[PartName, tuple[Check, Permission]]] = {
    "pods": ("pods", PODS),
    "nodes": ("nodes", NODES),
    "node metrics": ("nodes", NODE_METRICS),
}
"""The lists of a snapshot, each with the check that needs it; `metrics_api` reports
the list of pod metrics."""


def _unread(seen: Snapshot | KubeMetricsError | None, may: Access) -> Iterator[Finding]:
    """Report each list that may be read and was not: its check has not been made."""
    allowed: list[tuple[PartName, Check]] = [
        (part, check)
        for part, (check, permission) in _LISTS.items()
        if permission not in may.missing
    ]
    if isinstance(seen, KubeMetricsError) and allowed:
        yield _not_checked("pods", "pods, nodes and their metrics", seen, may)
    if not isinstance(seen, Snapshot):
        return
    for part, check in allowed:
        error = seen.error(part)
        if error is not None:
            yield _not_checked(check, part, error, may)


def _not_checked(
    check: Check, what: str, error: KubeMetricsError, may: Access
) -> Finding:
    # Where the server answers no review, only the list shows that it is not allowed.
    refused = may.error is not None and isinstance(error, Forbidden)
    return Finding(
        check=check,
        severity="warning" if refused else "problem",
        what=f"The {what} cannot be read, so they are not checked.",
        evidence=str(error),
        advice=_list_advice(what, error),
    )


def _list_advice(what: str, error: KubeMetricsError) -> str:
    if isinstance(error, Forbidden):
        return "Ask who runs the cluster what refuses it: RBAC or a webhook."
    if what == "node metrics":
        return "Read the logs of the provider of metrics.k8s.io."
    return "Read the error above, and the logs of the API server."


def _manifest(may: Access, user: str) -> str:
    """Return the role that grants what is missing, for the one namespace if limited."""
    if may.limited:
        missing = [p for p in may.missing if p.namespaced]
        return role(missing, namespace=may.namespace, user=user) if missing else ""
    missing = [p for p in NEEDED if p in may.missing]
    return role(missing, user=user) if missing else ""


def samples(snapshot: Snapshot, scope: str = "-A") -> Iterator[Finding]:
    """Judge the samples of a snapshot whose metrics could be read.

    *scope* are the flags that read the same pods again.
    """
    if snapshot.own_clock:
        yield Finding(
            check="clock",
            severity="info",
            what="The server does not date its answers: ages here go by our clock.",
        )
    if snapshot.unreadable:
        yield _unreadable(snapshot)
    twice = list(_twice(snapshot))
    if twice:
        yield _doubled(twice)
    if snapshot.warming and not any(row.metrics for row in snapshot.pods):
        return
    yield from _freshness(snapshot)
    if snapshot.error("pods") is None and snapshot.error("pod metrics") is None:
        yield _pods(snapshot, scope)
    if snapshot.error("nodes") is None and snapshot.error("node metrics") is None:
        yield _nodes(snapshot)
    yield from _clocks([node for node in snapshot.nodes if node.skew])


def _unreadable(snapshot: Snapshot) -> Finding:
    found = snapshot.unreadable
    lines = _first(f"{lost.part}: {lost.item.error}" for lost in found)
    return Finding(
        check="answers",
        severity="warning",
        what=f"{len(found)} of the items answered cannot be read; all others count.",
        evidence="\n".join(lines),
        advice="Report it to what wrote them, which breaks the API's rules; samples "
        "are written by the provider of metrics.k8s.io.",
    )


def _doubled(names: Sequence[str]) -> Finding:
    return Finding(
        check="answers",
        severity="warning",
        what="What was answered has a name twice: of two samples the newest counts, "
        "what is given of one container twice is summed.",
        evidence="\n".join(_first(names)),
        advice="Look behind metrics.k8s.io for a second provider, or for two series of "
        "one container.",
    )


def _twice(snapshot: Snapshot) -> Iterator[str]:
    """Name what lists have twice, and what samples have."""
    for found in snapshot.duplicates:
        of = f"{found.namespace}/{found.name}" if found.namespace else found.name
        yield f"{found.part}: {of}"
    for row in snapshot.pods:
        named = [c.name for c in row.metrics.containers] if row.metrics else []
        for name, count in Counter(named).items() if named[1:] else ():
            if count > 1:
                yield f"pod metrics: {_name(row)}, container {name or 'without a name'}"


_SET_CLOCKS: Final = "Set the clocks of the API server and of the nodes (NTP)."


def _freshness(snapshot: Snapshot) -> Iterator[Finding]:
    rows: list[PodUsage | NodeUsage] = [*snapshot.pods, *snapshot.nodes]
    ages = sorted(row.age for row in rows if row.age is not None)
    if not ages:
        return
    middle = median(ages)
    newest = next((age for age in ages if age >= -TOLERANCE), ages[0])
    off = {node.name for node in snapshot.nodes if node.skew}
    ahead = [
        -row.age
        for row in rows
        if row.age is not None and row.age < -TOLERANCE and _node_of(row) not in off
    ]
    over = _over(rows)
    samples = counted(len(ages), "sample")
    evidence = f"{samples}{over}; the newest {two_units(newest)} old"
    stale = sum(row.stale for row in rows)
    if middle < -TOLERANCE:
        yield _in_the_future("Most samples are", -middle, evidence)
    elif ahead:
        of_all = f"{len(ahead)} of {samples} {agreeing(len(ahead), 'is', 'are')}"
        yield _in_the_future(of_all, max(ahead), evidence)
    elif stale:
        yield Finding(
            check="samples",
            severity="warning",
            what=f"{stale} of {samples} {agreeing(stale, 'is', 'are')} old: "
            f"{two_units(ages[-1])}.",
            evidence=evidence,
            advice="Read the logs of the provider: its scrapes fail or take too long.",
        )
    else:
        dated_now = over and snapshot.cadence is None
        yield Finding(
            check="samples",
            severity="ok",
            what=f"Samples are stamped when asked{over}: they do not tell their age."
            if dated_now
            else f"Samples are {two_units(middle)} old{over}.",
            evidence=evidence,
        )


def _in_the_future(samples: str, ahead: timedelta, evidence: str) -> Finding:
    return Finding(
        check="samples",
        severity="warning",
        what=f"{samples} dated in the future: {two_units(ahead)} ahead of the "
        "server's clock.",
        evidence=evidence,
        advice=_SET_CLOCKS,
    )


def _node_of(row: PodUsage | NodeUsage) -> str:
    return row.name if isinstance(row, NodeUsage) else row.node_name


def _over(rows: Iterable[PodUsage | NodeUsage]) -> str:
    """Return the typical window of the samples: what they cover, which is no pace."""
    windows = [row.metrics.window for row in rows if row.metrics]
    known = sorted(w for w in windows if w is not None and w > timedelta())
    return f", each over {two_units(median(known))}" if known else ""


def _pods(snapshot: Snapshot, scope: str) -> Finding:
    coverage = snapshot.coverage
    running = [row for row in snapshot.pods if row.state == "running"]
    partial = [row for row in snapshot.pods if row.partial]
    lines = [*_of_one_kind(snapshot, running), *_by_reason(running)]
    lines += _listed("in part", [f"{_name(r)} ({_lacks(r)})" for r in partial])
    odd = [r for r in running if r.reason and r.reason.code == "Implausible"]
    lines += [f"{_name(r)}: {r.reason.explanation}" for r in odd[:1] if r.reason]
    lines += _extra([row for row in snapshot.pods if row.extra])
    return Finding(
        check="pods",
        severity=_severity(coverage, odd=any(row.extra for row in snapshot.pods)),
        what=f"{_without_value(coverage)}.",
        evidence="\n".join(lines),
        advice="Look at the provider's query or scrape of pods."
        if snapshot.unmeasured == "pods"
        else "",
        commands=tuple(_rows_of_pods(scope, coverage)),
    )


def _severity(coverage: Coverage, *, odd: bool) -> Severity:
    """Return how bad it is: what is young has a sample soon, at each scale-up."""
    young = dict(coverage.missing).get("TooYoung", 0)
    if coverage.partial or coverage.measured + young < coverage.expected:
        return "warning"
    return "info" if young or odd else "ok"


def _without_value(coverage: Coverage) -> str:
    """Say how many have no value, and why, or that all have one."""
    if coverage.complete:
        return coverage.sentence
    lacking, partial = coverage.expected - coverage.measured, coverage.partial
    parts: list[str] = []
    if lacking:
        have = agreeing(lacking, "has", "have")
        why = ", ".join(f"{count} {code}" for code, count in coverage.missing)
        of_all = f"{lacking} of {counted(coverage.expected, coverage.noun)}"
        parts.append(f"{of_all} {have} no value: {why}")
    if partial:
        parts.append(f"{partial} {agreeing(partial, 'is', 'are')} measured in part")
    return "; ".join(parts)


def _rows_of_pods(scope: str, coverage: Coverage) -> Iterator[str]:
    """Return the commands that show the pods that are not measured, and why."""
    if coverage.missing:
        which = "phase == Running and reason != none"
        yield f"kubemetrics pods {scope} --where '{which}'"
    if coverage.partial:
        yield f"kubemetrics pods {scope} --where 'missing != none'"


def _name(row: PodUsage) -> str:
    return f"{row.namespace}/{row.name}"


def _lacks(row: PodUsage) -> str:
    return f"lacks {', '.join(row.missing)}"


def _listed(what: str, names: Sequence[str]) -> Iterator[str]:
    """Name the first, and count the others; no names, no line."""
    if names:
        more = len(names) - _NAMED
        rest = f" … and {more} more" if more > 0 else ""
        yield f"{what}: {', '.join(names[:_NAMED])}{rest}"


def _of_one_kind(snapshot: Snapshot, running: Sequence[PodUsage]) -> list[str]:
    """Say what the pods without a value have in common: all of them, or a node."""
    if snapshot.unmeasured == "pods":
        return ["the provider measures nodes and no pod"]
    return list(_one_node(running)) or [
        f"no pod of node {node} is measured ({pods} Unreported), others' are"
        for node, pods in _silent_nodes(snapshot.pods)
    ]


def _silent_nodes(rows: Sequence[PodUsage]) -> Iterator[tuple[str, int]]:
    """Return the nodes of whose pods none is measured, of two or more that run."""
    running = [row for row in rows if row.state == "running" and row.node_name]
    measured = {row.node_name for row in running if row.usage}
    gone = Counter(
        row.node_name
        for row in running
        if row.reason is not None and row.reason.code == "Unreported"
    )
    for node, count in gone.items():
        if measured and node not in measured and count > 1:
            yield node, count


def _first(lines: Iterable[str]) -> list[str]:
    """Return the first of *lines*; the others are counted."""
    every = list(lines)
    more = len(every) - _NAMED
    return [*every[:_NAMED], *([f"… and {more} more"] if more > 0 else [])]


_LEAST: Final = 2
"""Pods without a sample that, all on one node, show that it is the node."""


def _one_node(running: Sequence[PodUsage]) -> Iterator[str]:
    """Say that all pods without a sample are of one node, and no other pod of it."""
    missing = [row for row in running if row.metrics is None]
    nodes = {row.node_name for row in missing}
    if len(missing) < _LEAST or len(nodes) != 1:
        return
    (node,) = nodes
    measured = {row.node_name for row in running if row.metrics is not None}
    if node and measured and node not in measured:
        yield f"all {len(missing)} are on node {node}, and no pod of it is measured"


def _extra(rows: Sequence[PodUsage]) -> Iterator[str]:
    """Name what samples have beyond the containers of their pods."""
    named = [
        f"{row.namespace}/{row.name} ({', '.join(n or 'no name' for n in row.extra)})"
        for row in rows[:_NAMED]
    ]
    more = f" and {len(rows) - _NAMED} more" if rows[_NAMED:] else ""
    if named:
        yield f"in no sum, as the pod has no such container: {', '.join(named)}{more}"


def _nodes(snapshot: Snapshot) -> Finding:
    coverage = snapshot.node_coverage
    silent = [row for row in snapshot.nodes if row.reason]
    full = _worst_first(snapshot.nodes)
    low = [
        (row, why)
        for row in snapshot.nodes
        for why in (below_pods(row, CPU), below_pods(row, MEMORY))
        if why
    ]
    lines = [*_explained(silent), *_above_full(full)]
    lines += _first(f"{row.name}: {why}" for row, why in low)
    what = _without_value(coverage)
    if low:
        count = len({row.name for row, _ in low})
        use = f"{counted(count, 'node')} {agreeing(count, 'uses', 'use')}"
        what = f"{what}; {use} less than its pods, which cannot be"
    return Finding(
        check="nodes",
        severity="warning" if low else _severity(coverage, odd=bool(full)),
        what=f"{what}.",
        evidence="\n".join(lines),
        advice=_nodes_advice(snapshot, below=bool(low)),
        commands=tuple(_node_commands(snapshot, silent, [row for row, _ in low], full)),
    )


def _explained(rows: Sequence[NodeUsage]) -> Iterator[str]:
    """Explain the first node of each reason, and name the others of it."""
    groups: dict[str, list[NodeUsage]] = {}
    for row in rows:
        if row.reason is not None:
            groups.setdefault(row.reason.code, []).append(row)
    for code, (first, *others) in groups.items():
        yield first.reason.explanation if first.reason else code
        yield from _listed(f"{code} as well", [row.name for row in others])


def _worst_first(rows: Iterable[NodeUsage]) -> list[tuple[NodeUsage, str]]:
    """Return the nodes above what is allocatable, each with what it is above of."""
    full = [
        (ratio, row, resource)
        for row in rows
        for resource in (CPU, MEMORY)
        if (ratio := row.ratio(resource, "usage")) and ratio > 1
    ]
    full.sort(key=itemgetter(0), reverse=True)
    return [(row, resource) for _, row, resource in full]


def _above_full(full: Sequence[tuple[NodeUsage, str]]) -> Iterator[str]:
    """Explain the worst of the nodes above what is allocatable, and count them."""
    for row, resource in full[:1]:
        count = len({other.name for other, _ in full})
        use = f"{counted(count, 'node')} {agreeing(count, 'uses', 'use')}"
        which = "" if count == 1 else "the worst, "
        yield f"{use} more than is allocatable: {which}{row.name}: " + (
            above_full(row, resource)
        )


_NODE_ADVICE: Final[Mapping[str, str]] = {
    "NodeSilent": "Check the kubelet of each silent node, and read what the provider "
    "logs about it.",
    "TooYoung": "A node that just joined has a sample after two scrapes.",
    "Implausible": "Report impossible values to who runs the provider, and read what "
    "the kubelet gives.",
    "Unreported": "Read what the provider gives of the node, and its logs.",
}
_NODE_COMMANDS: Final[Mapping[str, str]] = {
    "NodeSilent": "kubectl describe node {}",
    "Implausible": "kubemetrics raw /api/v1/nodes/{}/proxy/stats/summary",
    "Unreported": "kubemetrics raw /apis/metrics.k8s.io/v1beta1/nodes/{}",
}
"""For the first node of each reason."""


def _nodes_advice(snapshot: Snapshot, *, below: bool) -> str:
    """Return what to do by the reasons there are; *below*: some use less than pods."""
    if snapshot.unmeasured == "nodes":
        return "Look at the provider's node query or scrape."
    codes = {row.reason.code for row in snapshot.nodes if row.reason}
    advice = [text for code, text in _NODE_ADVICE.items() if code in codes]
    if below:
        advice.append(
            "A node that uses less than its pods is measured wrongly: "
            "compare it with what its kubelet gives."
        )
    return " ".join(advice)


def _node_commands(
    snapshot: Snapshot,
    silent: Sequence[NodeUsage],
    low: Sequence[NodeUsage],
    full: Sequence[tuple[NodeUsage, str]],
) -> Iterator[str]:
    """Return the commands that show the nodes meant, and look at the first of each."""
    first: dict[str, NodeUsage] = {}
    for row in silent if snapshot.unmeasured != "nodes" else ():
        first.setdefault(row.reason.code if row.reason else "", row)
    for row in low[:1]:
        first.setdefault("Implausible", row)
    for code, row in first.items():
        if code in _NODE_COMMANDS:
            yield _NODE_COMMANDS[code].format(shlex.quote(row.name))
    if silent[1:]:
        yield "kubemetrics nodes --where 'reason != none'"
    if full:
        keys = dict.fromkeys({CPU: "cpu", MEMORY: "mem"}[name] for _, name in full)
        asked = " or ".join(f"{key}.pct_node > 100" for key in keys)
        yield f"kubemetrics nodes --where '{asked}'"


def _by_reason(rows: Iterable[PodUsage]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for row in rows:
        if row.reason is not None:
            groups.setdefault(row.reason.code, []).append(_name(row))
    for code, names in groups.items():
        yield from _listed(code, names)


def _clocks(nodes: Sequence[NodeUsage]) -> Iterator[Finding]:
    """Report the nodes whose own clocks are wrong: the first, and how many more."""
    for node in nodes[:1]:
        skew = node.skew or timedelta()
        way = "ahead of" if skew > timedelta() else "behind"
        others = ", ".join(other.name for other in nodes[1:_NAMED])
        more = f"; so are those of {len(nodes) - 1} more: {others}" if others else ""
        yield Finding(
            check="node clock",
            severity="warning",
            what=f"Node {node.name}'s clock is {two_units(abs(skew))} {way} the "
            f"others'{more}.",
            evidence="only its samples are dated like that",
            advice="Set its clock (NTP).",
        )
