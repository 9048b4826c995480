"""Resolve a `Config` from a kubeconfig, the overrides and the pod's environment.

Source: client-go tools/clientcmd/client_config.go and merged_client_builder.go. Where
client-go fails in silence, asks at the terminal or takes another identity than was
asked for, this raises or obeys instead:

- A context whose cluster is not there, or no current-context: client-go takes the
  configuration for empty (kubectl then tries localhost:8080); here an error that says
  which there are. In a pod, no current-context still means in-cluster, unless a *user*
  is asked for; so does a context that names no cluster, with its namespace, unless it
  names a user, for whom client-go would take the pod's.
- A cluster without a server: kubectl tries localhost:8080; here an error.
- A server without a scheme: client-go takes it for http, and drops credentials and CA;
  here an error, if there are any to drop.
- An https server and no credentials: kubectl asks for a username; here an error
  (`build_config_from_flags` goes on anonymously, as client-go does).
- A password in the server's URL: client-go sends it, over http too; here an error.
- ``insecure_skip_tls_verify=False`` and ``disable_compression=False`` overrule the
  file; kubectl's flags cannot.
- *token* goes before the user's tokenFile; for client-go the file wins.
- In a pod every override counts; client-go drops all but server, token and CA.
- A token's surrounding white space is dropped; Go refuses to send it. One with a tab or
  letters beyond ASCII in it is an error; Go sends it.
- A proxy of an unknown scheme in the environment is an error; Go speaks http to it.
- A negative time limit is an error; client-go takes it for none.
- A kubeconfig over 10 MiB, 500,000 values (aliases expanded) or 100 levels is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, Unpack

from ..errors import check_options, check_type
from ..files import absolute
from ..text import quoted
from ..times import parse_timeout
from .kubeconfig import (
    AUTHORITY_DATA,
    Kubeconfig,
    KubeconfigSource,
    Loaded,
    base64_data,
    load,
)
from .model import (
    AuthInfo,
    ClusterStanza,
    Config,
    OidcConfig,
    Origin,
    Source,
    UserStanza,
    config_error,
    flag_of,
)
from .selection import (
    DIRECTORIES,
    Overrides,
    PodEnvironment,
    Selection,
    find_pod_environment,
    listed,
    override_cluster,
    override_user,
    select,
    select_pod,
)
from .validate import parse_server, selection_problems


def _find_namespace(
    selection: Selection, overrides: Overrides, pod: PodEnvironment, problems: list[str]
) -> tuple[str, str]:
    """Return the namespace to use when none is named, and where it is from.

    The override, else the context's (an explicit ``default`` counts), else the pod's
    own, else ``default``. Source: clientcmd/merged_client_builder.go, ``Namespace``.
    """
    namespace, origin = _namespace(selection, overrides, pod)
    if _invalid_namespace(namespace):
        problems.append(
            f"{origin}: {quoted(namespace)} cannot be the name of a namespace"
        )
    return namespace, origin


def _find_timeout(overrides: Overrides, problems: list[str]) -> float | None:
    """Return the time limit of a whole call in seconds: ``None`` where none is said."""
    given = overrides.get("request_timeout")
    if given is None or given == "":
        return None
    try:
        return _timeout(given or "0") or 0.0
    except ValueError as error:
        problems.append(f"{flag_of('request-timeout')}: {error}")
        return None


_LONGEST: Final = 2**33
"""Seconds, nearly, that a Go duration holds: 292 years."""


def _timeout(given: str | float) -> float | None:
    if isinstance(given, str):
        return parse_timeout(given)
    if not 0 < given < _LONGEST:
        raise ValueError("must be positive and finite, or zero for no limit")
    return float(given)


def _namespace(
    selection: Selection, overrides: Overrides, pod: PodEnvironment
) -> tuple[str, str]:
    if given := overrides.get("namespace"):
        return given, flag_of("namespace")
    if selection.context.namespace:
        return selection.context.namespace, selection.context.origin.at("namespace")
    in_pod = pod.namespace if pod.in_cluster else None
    return in_pod or ("default", "")


def _invalid_namespace(namespace: str) -> bool:
    # What rest.Request refuses as a part of a path (IsValidPathSegmentName).
    return namespace in {".", ".."} or bool({"/", "%"} & set(namespace))


_CLUSTER: Final = (
    "server", "certificate_authority", "certificate_authority_data", "tls_server_name",
    "insecure_skip_tls_verify", "proxy_url", "disable_compression",
)  # fmt: skip
_AUTH: Final = {
    "token": "token",
    "token_file": "tokenFile",
    "username": "username",
    "password": "password",
    "client_certificate": "client-certificate",
    "client_certificate_data": "client-certificate-data",
    "client_key": "client-key",
    "client_key_data": "client-key-data",
    "exec": "exec",
}


def _origins(
    selection: Selection, overrides: Overrides, namespace: str
) -> tuple[tuple[str, str], ...]:
    """Pair each attribute that was given with its file and key, or its flag."""
    return tuple(
        (name, origin)
        for name, origin in (
            *_names(selection, overrides),
            ("namespace", namespace),
            *_cluster(selection),
            *_user(selection),
            ("timeout", _flag(overrides, "request_timeout")),
        )
        if origin
    )


def _names(selection: Selection, overrides: Overrides) -> Iterator[tuple[str, str]]:
    origin = selection.context.origin
    if selection.context_name:
        yield "context", selection.context_origin
    if selection.cluster_name:
        yield "cluster", _flag(overrides, "cluster") or origin.at("cluster")
    if selection.user_name:
        yield "user", _flag(overrides, "user") or origin.at("user")


def _cluster(selection: Selection) -> Iterator[tuple[str, str]]:
    origin = selection.cluster.origin
    for name in _CLUSTER:
        if getattr(selection.cluster, name):
            yield name, origin.at(name.replace("_", "-"))


def _user(selection: Selection) -> Iterator[tuple[str, str]]:
    user = selection.user
    for name, key in _AUTH.items():
        if getattr(user.auth, name):
            yield f"auth.{name}", user.origin.at(key)
    if user.auth_provider:
        yield "auth.oidc", user.origin.at("auth-provider")
    if user.impersonate.user:
        yield "impersonate", user.origin.at("as")


def _flag(overrides: Overrides, keyword: str) -> str:
    given = overrides.get(keyword)
    return flag_of(keyword.replace("_", "-")) if given is not None else ""


def _auth_info(name: str, user: UserStanza, cluster: ClusterStanza) -> AuthInfo:
    """Return how *user*, whose stanza has that *name*, authenticates to *cluster*."""
    auth, plugin = user.auth, user.auth.exec
    # A key without a certificate is for nothing (clientcmd/client_config.go).
    certificate = bool(auth.client_certificate or auth.client_certificate_data)
    return replace(
        auth,
        client_key=auth.client_key if certificate else "",
        client_key_data=auth.client_key_data if certificate else None,
        exec=plugin and replace(plugin, cluster_config=cluster.exec_extension),
        oidc=_oidc(name, user),
    )


def _oidc(name: str, user: UserStanza) -> OidcConfig | None:
    if not user.auth_provider or user.auth_provider.name != "oidc":
        return None
    config = user.auth_provider.config
    authority = config.get("idp-certificate-authority", "")
    return OidcConfig(
        issuer_url=config.get("idp-issuer-url", ""),
        client_id=config.get("client-id", ""),
        client_secret=config.get("client-secret", ""),
        id_token=config.get("id-token", ""),
        refresh_token=config.get("refresh-token", ""),
        # Against the working directory: client-go resolves no path in here.
        certificate_authority=absolute(authority) if authority else "",
        certificate_authority_data=base64_data(config.get(AUTHORITY_DATA, "")),
        file=user.origin.file,
        user=name,
    )


def _resolve(
    loaded: Loaded, overrides: Overrides, pod: PodEnvironment, *, as_kubectl: bool
) -> Config:
    """Select from what was *loaded*, or from the pod, and build the `Config`.

    With *as_kubectl* a server that is reached over https must have credentials, since
    kubectl would ask for some, and ``KUBERNETES_MASTER`` is the last resort.

    Raises:
        ConfigError: with every problem there is.
    """
    problems = list(loaded.problems)
    source: Source = "in-cluster"
    selection = None if problems else select_pod(loaded.kubeconfig, overrides, pod)
    if selection is None:
        selection = select(loaded.kubeconfig, overrides, problems)
        where = selection and selection.cluster.origin.where
        source = "kubeconfig" if where else "flags"
    if selection is None:
        master = pod.environ.get("KUBERNETES_MASTER", "") if as_kubectl else ""
        selection = _select_server(master, overrides)
        if not master and not problems:
            raise config_error(_nothing_found(loaded, pod))
    problems += selection_problems(selection, credentials_needed=as_kubectl)
    return _build(selection, loaded, overrides, pod, source, problems)


def _build(
    selection: Selection,
    loaded: Loaded,
    overrides: Overrides,
    pod: PodEnvironment,
    source: Source,
    problems: list[str],
) -> Config:
    """Build the `Config`, unless there are *problems*.

    Raises:
        ConfigError: with all of them, and those that show only here.
    """
    cluster, user = selection.cluster, selection.user
    timeout = _find_timeout(overrides, problems)
    namespace, named_by = _find_namespace(selection, overrides, pod, problems)
    if problems:
        raise config_error(*_distinct(problems))
    return Config(
        server=str(parse_server(cluster.server)),
        namespace=namespace,
        context=selection.context_name,
        cluster=selection.cluster_name,
        user=selection.user_name,
        certificate_authority=cluster.certificate_authority,
        certificate_authority_data=cluster.certificate_authority_data,
        tls_server_name=cluster.tls_server_name,
        insecure_skip_tls_verify=cluster.insecure_skip_tls_verify,
        proxy_url=cluster.proxy_url,
        disable_compression=cluster.disable_compression,
        timeout=timeout,
        auth=_auth_info(selection.user_name, user, cluster),
        impersonate=user.impersonate if user.impersonate.user else None,
        files=loaded.files,
        missing=loaded.missing,
        origins=_origins(selection, overrides, named_by),
        source=source,
    )


def _select_server(server: str, overrides: Overrides) -> Selection:
    origin = Origin(sources={"server": "KUBERNETES_MASTER"})
    return Selection(
        cluster=override_cluster(
            ClusterStanza(origin=origin, server=server), overrides
        ),
        user=override_user(UserStanza(), overrides),
    )


def _nothing_found(loaded: Loaded, pod: PodEnvironment) -> str:
    if loaded.kubeconfig.contexts:
        known = listed(loaded.kubeconfig.contexts)
        return f"no current-context is set: choose a context with --context: {known}"
    if loaded.files:
        found = f"{', '.join(loaded.files)}: no context and no cluster in it"
    elif loaded.missing:
        found = f"no kubeconfig: {', '.join(loaded.missing)}: not there"
    else:
        found = "no kubeconfig, or nothing in it"
    name = "--kubeconfig or KUBECONFIG names another"
    return f"{found}, and {pod.why_not_in_cluster}; {name}"


def _distinct(problems: list[str]) -> Iterator[str]:
    """Keep the first problem of each place: what cannot be read then seems absent."""
    seen: set[tuple[str, ...]] = set()
    for problem in problems:
        place = tuple(problem.split(": ", 2)[:2])
        if place not in seen:
            yield problem
        seen.add(place)


def load_config(
    kubeconfig: KubeconfigSource | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    service_account: tuple[str, ...] = DIRECTORIES,
    **overrides: Unpack[Overrides],
) -> Config:
    """Resolve the `Config` that kubectl would use.

    *kubeconfig* is a path, or a kubeconfig that is parsed already; without one the
    files of ``$KUBECONFIG`` are merged, or ``~/.kube/config`` is read. If nothing in
    them names a cluster, a pod's own service account is used. Each of *overrides* goes
    before what was found. *environ* and *service_account* (directories) are for tests.

    Raises:
        ConfigError: nothing is there, or something is wrong: all of it, by file and
            key. The module's docstring lists what is none for kubectl.
    """
    check_options(overrides, Overrides)
    variables = os.environ if environ is None else environ
    pod = find_pod_environment(variables, service_account)
    return _resolve(load(kubeconfig, variables), overrides, pod, as_kubectl=True)


def build_config_from_flags(
    master_url: str = "",
    kubeconfig_path: str | os.PathLike[str] = "",
    *,
    environ: Mapping[str, str] | None = None,
    service_account: tuple[str, ...] = DIRECTORIES,
) -> Config:
    """Resolve a `Config` as client-go's function of that name does.

    With neither argument: the pod's service account, and nothing else. Otherwise that
    one file, and *master_url* in place of its server; ``$KUBECONFIG`` and
    ``~/.kube/config`` are not looked at.

    Raises:
        ConfigError: as for `load_config`.
    """
    check_type("master_url", master_url, "str")
    check_type("kubeconfig_path", kubeconfig_path, "FilePath")
    variables = os.environ if environ is None else environ
    pod = find_pod_environment(variables, service_account)
    given = os.fspath(kubeconfig_path)
    if not given and not master_url:
        return in_cluster_config(environ=variables, service_account=service_account)
    loaded = load(given, variables) if given else Loaded()
    return _resolve(loaded, {"server": master_url}, pod, as_kubectl=False)


def in_cluster_config(
    *,
    environ: Mapping[str, str] | None = None,
    service_account: tuple[str, ...] = DIRECTORIES,
) -> Config:
    """Resolve the `Config` of the pod this runs in, from its service account.

    Its token is read again from its file, by whoever needs it. Without a CA beside it
    the system's are trusted. *environ* and *service_account* are for tests.

    Raises:
        ConfigError: this is not a pod, or its token cannot be read.
    """
    variables = os.environ if environ is None else environ
    pod = find_pod_environment(variables, service_account)
    selection = select_pod(Kubeconfig(), {}, pod)
    if selection is None:
        raise config_error(pod.why_not_in_cluster)
    problems = list(selection_problems(selection, credentials_needed=True))
    return _build(selection, Loaded(), {}, pod, "in-cluster", problems)
