"""Select a cluster and a user, of a kubeconfig or of the pod, and apply the overrides.

Sources: client-go tools/clientcmd/client_config.go (``getContext``, ``getCluster``,
``getAuthInfo``, ``inClusterClientConfig``) and rest/config.go (``InClusterConfig``).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias, TypedDict

from ..errors import check_type
from ..files import BUNDLE, absolute, read_file, utf8
from ..frozen import dataclass
from ..text import quoted
from .kubeconfig import Kubeconfig
from .model import (
    AuthInfo,
    ClusterStanza,
    ContextStanza,
    Impersonation,
    Origin,
    UserStanza,
    flag_of,
)

DIRECTORIES: Final = (
    "/var/run/secrets/kubernetes.io/serviceaccount",
    # Images whose /var/run is not a link to /run.
    "/run/secrets/kubernetes.io/serviceaccount",
)
_log = logging.getLogger("kubemetrics")


@dataclass(frozen=True, slots=True)
class PodEnvironment:
    """What a pod gives a process: variables and the service account's directory."""

    environ: Mapping[str, str]
    service_account: Path

    @property
    def host_and_port(self) -> tuple[str, str] | None:
        """The API server's address in the cluster, if the variables name it."""
        host = self.environ.get("KUBERNETES_SERVICE_HOST", "")
        port = self.environ.get("KUBERNETES_SERVICE_PORT", "")
        return (host, port) if host and port else None

    @property
    def in_cluster(self) -> bool:
        """Whether this looks like a pod with a service account."""
        return self.host_and_port is not None and _is_file(self._token)

    @property
    def why_not_in_cluster(self) -> str:
        """What is missing to be in a pod, for a message."""
        if self.host_and_port is None:
            names = "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT"
            return f"this is not a pod: {names} are not both set"
        return f"this is not a pod with a service account: no file {self._token}"

    @property
    def namespace(self) -> tuple[str, str] | None:
        """The pod's own namespace, and the variable or file it is from."""
        if named := self.environ.get("POD_NAMESPACE"):
            return named, "POD_NAMESPACE"
        path = self.service_account / "namespace"
        try:
            named = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return (named, str(path)) if named else None

    def stanzas(self) -> tuple[ClusterStanza, UserStanza]:
        """Return the pod's cluster and user as stanzas; the token stays in its file."""
        host, port = self.host_and_port or ("", "")
        # An IPv6 address needs brackets (Go's net.JoinHostPort).
        address = f"[{host}]" if {":", "%"} & set(host) else host
        authority = self._certificate_authority()
        names = {
            "server": "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT",
            "certificate-authority": authority,
            "tokenFile": str(self._token),
        }
        origin = Origin(sources=names)
        return (
            ClusterStanza(
                origin=origin,
                server=f"https://{address}:{port}",
                certificate_authority=authority,
            ),
            UserStanza(origin=origin, auth=AuthInfo(token_file=str(self._token))),
        )

    @property
    def _token(self) -> Path:
        return self.service_account / "token"

    def _certificate_authority(self) -> str:
        path = self.service_account / "ca.crt"
        try:
            if b"-----BEGIN CERTIFICATE-----" in read_file(path, BUNDLE):
                return str(path)
        except OSError:
            pass
        _log.warning("%s holds no certificate: the system's CAs are used", path)
        return ""


def find_pod_environment(
    environ: Mapping[str, str], directories: tuple[str, ...] = DIRECTORIES
) -> PodEnvironment:
    """Find the service account: the first of *directories* that has a token."""
    check_type("environ", environ, "Mapping")
    check_type("service_account", directories, "Sequence[str]")
    present = (path for path in map(Path, directories) if _is_file(path / "token"))
    return PodEnvironment(environ, next(present, Path((*directories, *DIRECTORIES)[0])))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


FilePath: TypeAlias = "str | os.PathLike[str]"


class Overrides(TypedDict, total=False):
    """kubectl's global flags as keywords; ``None`` and an empty text mean: not given.

    *context*, *cluster* and *user* name stanzas of the kubeconfig. Paths are against
    the working directory. *request_timeout* is in seconds, or a text as kubectl takes
    it (``30``, ``1m30s``); zero is no limit. *as_user_extra* maps keys to values.
    """

    context: str | None
    cluster: str | None
    user: str | None
    namespace: str | None
    server: str | None
    token: str | None
    username: str | None
    password: str | None
    as_user: str | None
    as_uid: str | None
    as_groups: Sequence[str] | None
    as_user_extra: Mapping[str, Sequence[str]] | None
    certificate_authority: FilePath | None
    client_certificate: FilePath | None
    client_key: FilePath | None
    insecure_skip_tls_verify: bool | None
    tls_server_name: str | None
    proxy_url: str | None
    disable_compression: bool | None
    request_timeout: str | float | None


_KEYS: Final = {  # keywords whose kubeconfig key is not just written with dashes
    "as_user": "as",
}
_IMPERSONATION: Final = {  # the fields of `Impersonation`, by keyword
    "user": "as_user",
    "uid": "as_uid",
    "groups": "as_groups",
    "extra": "as_user_extra",
}


def override_cluster(cluster: ClusterStanza, overrides: Overrides) -> ClusterStanza:
    """Return *cluster* with the overrides that concern it."""
    given = _given(
        overrides,
        ("server", "tls_server_name", "proxy_url"),
        ("certificate_authority",),
        ("insecure_skip_tls_verify", "disable_compression"),
    )
    changes = dict(given)
    if "certificate_authority" in given or given.get("insecure_skip_tls_verify"):
        # Each of them replaces all that the file says of trust.
        changes = _NO_TRUST | changes
    if "server" in given or "tls_server_name" in given:
        changes = {"tls_server_name": ""} | changes
    return replace(cluster, origin=_flagged(cluster.origin, given), **changes)


def override_user(user: UserStanza, overrides: Overrides) -> UserStanza:
    """Return *user* with the overrides that concern it."""
    given = _given(
        overrides,
        ("token", "username", "password"),
        ("client_certificate", "client_key"),
        (),
    )
    changes = dict(given)
    if "client_certificate" in given:
        changes["client_certificate_data"] = None
    if "client_key" in given:
        changes["client_key_data"] = None
    if "token" in given:
        changes["token"] = given["token"].strip()
        # client-go keeps the file's tokenFile, which then goes before the flag.
        changes["token_file"] = ""
    impersonate = _given_impersonation(user.impersonate, overrides)
    flags = (*given, *(_IMPERSONATION[name] for name in impersonate))
    return replace(
        user,
        origin=_flagged(user.origin, flags),
        auth=replace(user.auth, **changes),
        impersonate=replace(user.impersonate, **impersonate),
    )


_NO_TRUST: Final[dict[str, Any]] = {
    "insecure_skip_tls_verify": False,
    "certificate_authority": "",
    "certificate_authority_data": None,
}


def _given(
    overrides: Overrides,
    texts: tuple[str, ...],
    paths: tuple[str, ...],
    flags: tuple[str, ...],
) -> dict[str, Any]:
    values: Mapping[str, Any] = dict(overrides)
    files: dict[str, str | os.PathLike[str]] = {
        key: values[key] for key in paths if values.get(key)
    }
    return (
        {key: values[key] for key in texts if values.get(key)}
        | {key: absolute(utf8(os.fspath(file))) for key, file in files.items()}
        | {key: values[key] for key in flags if values.get(key) is not None}
    )


def _given_impersonation(
    impersonate: Impersonation, overrides: Overrides
) -> dict[str, Any]:
    values: Mapping[str, Any] = dict(overrides)
    given = {
        name: values[keyword]
        for name, keyword in _IMPERSONATION.items()
        if values.get(keyword)
    }
    if "groups" in given:
        given["groups"] = tuple(given["groups"])
    if "extra" in given:
        added = {key: tuple(values) for key, values in given["extra"].items()}
        given["extra"] = tuple((dict(impersonate.extra) | added).items())
    return given


def _flagged(origin: Origin, keywords: Iterable[str]) -> Origin:
    keys = (_KEYS.get(key, key.replace("_", "-")) for key in keywords)
    return replace(origin, flags=origin.flags | frozenset(keys))


_LISTED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The context, cluster and user that were selected, with the overrides applied.

    *user_missing* says that the user is not there: where only the context names it,
    client-go goes on without credentials, so that it is no error by itself.
    """

    context_name: str = ""
    context_origin: str = ""
    cluster_name: str = ""
    user_name: str = ""
    context: ContextStanza = field(default_factory=ContextStanza)
    cluster: ClusterStanza = field(default_factory=ClusterStanza)
    user: UserStanza = field(default_factory=UserStanza)
    user_missing: str = ""


def select(
    kubeconfig: Kubeconfig, overrides: Overrides, problems: list[str]
) -> Selection | None:
    """Select what the context and the overrides name; ``None`` if they name no cluster.

    A name that leads nowhere is added to *problems*.
    """
    named = _select_context(kubeconfig, overrides, problems)
    context = named.context
    cluster_name = overrides.get("cluster") or context.cluster
    user_name = overrides.get("user") or context.user
    cluster = _cluster(kubeconfig, cluster_name, context, overrides, problems)
    user_missing = _check_user(kubeconfig, user_name, context, overrides, problems)
    if not named.context_name and not cluster_name and not overrides.get("server"):
        return None
    return replace(
        named,
        cluster_name=cluster_name,
        user_name=user_name,
        cluster=override_cluster(cluster, overrides),
        user=override_user(kubeconfig.users.get(user_name, UserStanza()), overrides),
        user_missing=user_missing,
    )


def _select_context(
    kubeconfig: Kubeconfig, overrides: Overrides, problems: list[str]
) -> Selection:
    name = overrides.get("context") or kubeconfig.current_context
    by_flag = bool(overrides.get("context"))
    origin = flag_of("context") if by_flag else kubeconfig.current_origin
    if name and name not in kubeconfig.contexts:
        missing = _not_found("context", name, kubeconfig.contexts)
        problems.append(f"{origin}: {missing}")
    context = kubeconfig.contexts.get(name, ContextStanza())
    return Selection(context_name=name, context_origin=origin, context=context)


def select_pod(
    kubeconfig: Kubeconfig, overrides: Overrides, pod: PodEnvironment
) -> Selection | None:
    """Select the pod's own cluster and user; ``None`` if a cluster or user is named.

    A context that names neither gives its namespace. Every override counts; client-go
    heeds none but server, token and CA there.
    """
    problems: list[str] = []
    named = _select_context(kubeconfig, overrides, problems)
    context = named.context
    asked = any(overrides.get(key) for key in ("cluster", "user", "server"))
    nameless = bool(named.context_name) and "" in kubeconfig.clusters
    if asked or context.cluster or context.user or nameless or problems:
        return None
    if not pod.in_cluster:
        return None
    cluster, user = pod.stanzas()
    return replace(
        named,
        cluster=override_cluster(cluster, overrides),
        user=override_user(user, overrides),
    )


def _cluster(
    kubeconfig: Kubeconfig,
    name: str,
    context: ContextStanza,
    overrides: Overrides,
    problems: list[str],
) -> ClusterStanza:
    found = kubeconfig.clusters.get(name)
    if found is None and overrides.get("cluster"):
        problem = _not_found("cluster", name, kubeconfig.clusters)
        problems.append(f"{flag_of('cluster')}: {problem}")
    elif found is None and context.origin.where and not overrides.get("server"):
        # client-go takes this for an empty kubeconfig: a pod would go in-cluster.
        problem = (
            _not_found("cluster", name, kubeconfig.clusters)
            if name
            else f"none is named (there is: {listed(kubeconfig.clusters)})"
        )
        problems.append(f"{context.origin.at('cluster')}: {problem}")
    return found or ClusterStanza()


def _check_user(
    kubeconfig: Kubeconfig,
    name: str,
    context: ContextStanza,
    overrides: Overrides,
    problems: list[str],
) -> str:
    if name in kubeconfig.users or not name:
        return ""
    by_flag = bool(overrides.get("user"))
    where = flag_of("user") if by_flag else context.origin.at("user")
    missing = f"{where}: {_not_found('user', name, kubeconfig.users)}"
    if by_flag:
        problems.append(missing)
    return missing


def _not_found(kind: str, name: str, names: Iterable[str]) -> str:
    return f"no {kind} {quoted(name)} (there is: {listed(names)})"


def listed(names: Iterable[str]) -> str:
    """Join *names* in order, 20 of them at most, for a message."""
    known = sorted(names)
    more = f", and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return ", ".join(known[:_LISTED]) + more or "none at all"
