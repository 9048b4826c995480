"""What the doctor finds: each with its evidence and with what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

from .. import jsonread
from ..api.answers import date_of
from ..config.model import Config
from ..errors import ApiError, KubeMetricsError
from ..flow import Response
from ..frozen import dataclass
from ..jsonread import EMPTY
from ..models.resources import Pool
from ..wire import APIGroupWire, decode

Severity: TypeAlias = Literal["ok", "info", "warning", "problem"]

Check: TypeAlias = Literal[
    "configuration",
    "server",
    "server certificate",
    "credential",
    "clock",
    "identity",
    "permissions",
    "metrics API",
    "answers",
    "samples",
    "pods",
    "nodes",
    "node clock",
]
"""What is looked at, in this order; a rung that does not hold ends the ladder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    *what* was found is one sentence, *evidence* what it was concluded from (the
    server's own words where there are any), *advice* what to do, empty where nothing is
    to be done. *severity*: only a ``problem`` makes the command fail.
    """

    check: Check
    severity: Severity
    what: str
    evidence: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings in the order of the checks; *manifest* grants what is missing.

    *manifest* is the YAML of a Role or ClusterRole and of its binding, or empty.
    """

    findings: tuple[Finding, ...]
    manifest: str = ""

    @property
    def healthy(self) -> bool:
        """Whether nothing is a problem; warnings are none."""
        return all(finding.severity != "problem" for finding in self.findings)


# What is known before the first request, and the first exchange itself.


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is known before the first request.

    *explanation* says which configuration was chosen and why, a line each. *credential*
    is the kind of what is sent, *expires_at* its end in seconds since the epoch where
    that is known. *clock* gives the local time in seconds since the epoch.
    """

    config: Config
    clock: Callable[[], float]
    explanation: Sequence[str] = ()
    credential: str = "none"
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """The first exchange: its result, and the local times before and after it."""

    result: Response | KubeMetricsError
    sent: float
    received: float

    @property
    def reached(self) -> bool:
        """Whether the API server answered anything, a refusal included."""
        return isinstance(self.result, Response | ApiError)

    @property
    def date(self) -> float | None:
        """The server's clock, in seconds since the epoch."""
        found = date_of(self.result) if isinstance(self.result, Response) else None
        return None if found is None else found.timestamp()


def configuration(setup: Setup) -> Finding:
    """Say which configuration is used, and why."""
    config = setup.config
    context = f", context {config.context}" if config.context else ""
    what = f"{config.source}{context}: {config.server}, namespace {config.namespace}."
    evidence = "\n".join(setup.explanation) or ", ".join(config.files)
    if config.insecure_skip_tls_verify:
        return Finding(
            check="configuration",
            severity="warning",
            what=f"{what} The server's certificate is not verified.",
            evidence="insecure-skip-tls-verify: true",
            advice="Give certificate-authority instead.",
        )
    return Finding(check="configuration", severity="ok", what=what, evidence=evidence)


def misconfigured(error: KubeMetricsError) -> Finding:
    """Say that there is no usable configuration, so that nothing can be asked."""
    return Finding(
        check="configuration",
        severity="problem",
        what="There is no usable configuration.",
        evidence=str(error),
        advice="Name a kubeconfig with --kubeconfig or KUBECONFIG; kubemetrics config "
        "shows what is used.",
    )


# Reading what the server says of us and of the metrics API.
#
# Each raises `DecodeError` for what is not the JSON that the API promises.


@dataclass(frozen=True, slots=True)
class User:
    """Who the server takes us for (``authentication/v1`` ``UserInfo``)."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiService:
    """An APIService: its condition Available and the Service behind it."""

    available: str
    namespace: str
    name: str


def user_of(review: Mapping[str, Any]) -> User:
    """Read an answered SelfSubjectReview."""
    info = jsonread.child(_status(review), "userInfo") or EMPTY
    return User(jsonread.text(info, "username"), _texts(info, "groups"))


def allowed(review: Mapping[str, Any]) -> bool:
    """Read an answered SelfSubjectAccessReview."""
    return jsonread.boolean(_status(review), "allowed")


def versions_of(group: Response) -> tuple[str, ...]:
    """Read the versions that an APIGroup lists."""
    body = decode(group.body, APIGroupWire, url=group.url)
    return jsonread.children(body, "versions", _version, Pool())


def apiservice_of(response: Response) -> ApiService:
    """Read an APIService."""
    body = jsonread.read_object(response.body, url=response.url)
    told = jsonread.children(_status(body), "conditions", _condition, Pool())
    spec = jsonread.child(body, "spec") or EMPTY
    service = jsonread.child(spec, "service") or EMPTY
    return ApiService(
        available=next((text for kind, text in told if kind == "Available"), "?"),
        namespace=jsonread.required(service, "namespace"),
        name=jsonread.required(service, "name"),
    )


def selector_of(response: Response) -> Mapping[str, str]:
    """Read which pods a Service selects."""
    body = jsonread.read_object(response.body, url=response.url)
    spec = jsonread.child(body, "spec") or EMPTY
    selector = jsonread.child(spec, "selector") or EMPTY
    return {key: jsonread.text(selector, key) for key in selector}


def _status(obj: Mapping[str, Any]) -> Mapping[str, object]:
    return jsonread.child(obj, "status") or EMPTY


def _version(obj: Mapping[str, object], _: Pool) -> str:
    return jsonread.text(obj, "version")


def _condition(obj: Mapping[str, object], _: Pool) -> tuple[str, str]:
    said = [jsonread.text(obj, key) for key in ("status", "reason", "message")]
    return jsonread.text(obj, "type"), ": ".join(filter(None, said))


def _texts(obj: Mapping[str, object], key: str) -> tuple[str, ...]:
    values = obj.get(key)
    if values is None:
        return ()
    if not isinstance(values, list):
        raise jsonread.wrong(key, "a list", values)
    listed = cast("list[object]", values)
    return tuple(value for value in listed if isinstance(value, str))
