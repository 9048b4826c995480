"""The diagnosis: from the configuration up to single samples, until a check fails."""

from __future__ import annotations

from ..api import Api, RetryPolicy
from ..api.retry import send
from ..errors import KubeMetricsError, Unauthorized
from ..flow import Flow, Request, attempt, both
from ..snapshot import Snapshot, SnapshotOptions, snapshot
from .connection import (
    Contact,
    Setup,
    clock,
    configuration,
    connection,
    credential,
    unauthorized,
)
from .finding import Diagnosis, Finding
from .metrics_api import Provider, metrics_api, provider
from .permissions import (
    NEEDED,
    POD_METRICS,
    PODS,
    Access,
    access,
    identity,
    permissions,
    role,
)
from .sample_checks import samples


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
        return (yield from _inside(api, setup, findings))
    return Diagnosis(tuple(findings))


def _contact(setup: Setup) -> Flow[Contact]:
    sent = setup.clock()
    version = Request(path="/version", certificate=True)
    result = yield from attempt(send(version, RetryPolicy()))
    return Contact(result, sent, setup.clock())


def _inside(api: Api, setup: Setup, findings: list[Finding]) -> Flow[Diagnosis]:
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
        findings += samples(seen)
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
    return (yield from attempt(snapshot(api, options)))


def _manifest(may: Access, user: str) -> str:
    """Return the role that grants what is missing, for the one namespace if limited."""
    if may.limited:
        missing = [p for p in may.missing if p.namespaced]
        return role(missing, namespace=may.namespace, user=user) if missing else ""
    missing = [p for p in NEEDED if p in may.missing]
    return role(missing, user=user) if missing else ""
