"""Kubeconfig, overrides and surroundings → `Config`.

Source: client-go tools/clientcmd/client_config.go and merged_client_builder.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import ConfigError
from .choice import Choice, choose, listed
from .credentials import auth_info, impersonation
from .files import Loaded
from .in_cluster import Surroundings
from .model import Config, Source
from .origins import origins_of
from .overrides import Overrides, override_cluster, override_user
from .scope import find_namespace, find_timeout
from .stanzas import Cluster, Origin, User
from .urls import parse_server
from .validation import choice_problems


def resolve(
    loaded: Loaded, overrides: Overrides, around: Surroundings, *, as_kubectl: bool
) -> Config:
    """Resolve what was loaded.

    With *as_kubectl* a server that is reached over https must have credentials, since
    kubectl would ask for some, and ``KUBERNETES_MASTER`` is the last resort.

    Raises:
        ConfigError: with every problem there is.
    """
    problems = list(loaded.problems)
    choice = choose(loaded.kubeconfig, overrides, problems)
    if choice is not None:
        source: Source = "kubeconfig" if choice.cluster.origin.where else "flags"
    elif around.in_cluster and not problems and not overrides.get("user"):
        choice, source = pod_choice(overrides, around), "in-cluster"
    else:
        master = around.environ.get("KUBERNETES_MASTER", "") if as_kubectl else ""
        choice, source = _fixed_choice(master, overrides), "flags"
        if not master and not problems:
            raise ConfigError(_nothing(loaded, around))
    problems += choice_problems(choice, credentials_needed=as_kubectl)
    return build(choice, loaded, overrides, around, source, problems)


def pod_choice(overrides: Overrides, around: Surroundings) -> Choice:
    """Choose what a pod has.

    Every override counts; client-go heeds none but server, token and CA there.
    """
    cluster, user = around.stanzas()
    return Choice(
        cluster=override_cluster(cluster, overrides),
        user=override_user(user, overrides),
    )


def build(
    choice: Choice,
    loaded: Loaded,
    overrides: Overrides,
    around: Surroundings,
    source: Source,
    problems: list[str],
) -> Config:
    """Build the `Config`, unless there are *problems*.

    Raises:
        ConfigError: with all of them, and those that show only here.
    """
    cluster, user = choice.cluster, choice.user
    timeout = find_timeout(overrides, problems)
    namespace, named_by = find_namespace(choice, overrides, around, problems)
    if problems:
        raise ConfigError(*_distinct(problems))
    return Config(
        server=str(parse_server(cluster.server)),
        namespace=namespace,
        context=choice.context_name,
        cluster=choice.cluster_name,
        user=choice.user_name,
        certificate_authority=cluster.certificate_authority,
        certificate_authority_data=cluster.certificate_authority_data,
        tls_server_name=cluster.tls_server_name,
        insecure_skip_tls_verify=cluster.insecure_skip_tls_verify,
        proxy_url=cluster.proxy_url,
        disable_compression=cluster.disable_compression,
        timeout=timeout,
        auth=auth_info(choice.user_name, user, cluster),
        impersonate=impersonation(user),
        files=loaded.files,
        missing=loaded.missing,
        origins=origins_of(choice, overrides, named_by),
        source=source,
    )


def _fixed_choice(server: str, overrides: Overrides) -> Choice:
    origin = Origin(sources={"server": "KUBERNETES_MASTER"})
    return Choice(
        cluster=override_cluster(Cluster(origin=origin, server=server), overrides),
        user=override_user(User(), overrides),
    )


def _nothing(loaded: Loaded, around: Surroundings) -> str:
    if loaded.kubeconfig.contexts:
        known = listed(loaded.kubeconfig.contexts)
        return f"no current-context is set: choose a context with --context: {known}"
    if loaded.files:
        found = f"{', '.join(loaded.files)}: no context and no cluster in it"
    elif loaded.missing:
        found = f"no kubeconfig: {', '.join(loaded.missing)}: not there"
    else:
        found = "no kubeconfig, or nothing in it"
    return f"{found}, and {around.why_not_in_cluster}"


def _distinct(problems: list[str]) -> Iterator[str]:
    """Keep the first problem of each place: what is unreadable then seems absent."""
    seen: set[tuple[str, ...]] = set()
    for problem in problems:
        place = tuple(problem.split(": ", 2)[:2])
        if place not in seen:
            yield problem
        seen.add(place)
