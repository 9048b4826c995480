"""Which context, cluster and user of a merged kubeconfig, and what is missing of them.

Source: client-go tools/clientcmd/client_config.go, ``getContext`` and its kin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Final

from ..frozen import dataclass
from .kubeconfig import Kubeconfig
from .overrides import Overrides, override_cluster, override_user
from .stanzas import Cluster, Context, User, flag_of

_LISTED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The chosen stanzas with the overrides applied.

    *user_missing* says that the user is not there: where only the context names it,
    client-go goes on without credentials, so that it is no error by itself.
    """

    context_name: str = ""
    context_origin: str = ""
    cluster_name: str = ""
    user_name: str = ""
    context: Context = field(default_factory=Context)
    cluster: Cluster = field(default_factory=Cluster)
    user: User = field(default_factory=User)
    user_missing: str = ""


def choose(
    kubeconfig: Kubeconfig, overrides: Overrides, problems: list[str]
) -> Choice | None:
    """Choose, or say that nothing names a cluster: ``None``.

    A name that leads nowhere is added to *problems*.
    """
    context_name = overrides.get("context") or kubeconfig.current_context
    by_flag = bool(overrides.get("context"))
    context_origin = flag_of("context") if by_flag else kubeconfig.current_origin
    if context_name and context_name not in kubeconfig.contexts:
        missing = none_such("context", context_name, kubeconfig.contexts)
        problems.append(f"{context_origin}: {missing}")
    context = kubeconfig.contexts.get(context_name, Context())
    cluster_name = overrides.get("cluster") or context.cluster
    user_name = overrides.get("user") or context.user
    cluster = _cluster(kubeconfig, cluster_name, context, overrides, problems)
    user_missing = _check_user(kubeconfig, user_name, context, overrides, problems)
    if not context_name and not cluster_name and not overrides.get("server"):
        return None
    return Choice(
        context_name=context_name,
        context_origin=context_origin,
        cluster_name=cluster_name,
        user_name=user_name,
        context=context,
        cluster=override_cluster(cluster, overrides),
        user=override_user(kubeconfig.users.get(user_name, User()), overrides),
        user_missing=user_missing,
    )


def _cluster(
    kubeconfig: Kubeconfig,
    name: str,
    context: Context,
    overrides: Overrides,
    problems: list[str],
) -> Cluster:
    found = kubeconfig.clusters.get(name)
    if found is None and overrides.get("cluster"):
        problem = none_such("cluster", name, kubeconfig.clusters)
        problems.append(f"{flag_of('cluster')}: {problem}")
    elif found is None and context.origin.where and not overrides.get("server"):
        # client-go takes this for an empty kubeconfig: a pod would go in-cluster.
        problem = none_such("cluster", name, kubeconfig.clusters)
        problems.append(f"{context.origin.at('cluster')}: {problem}")
    return found or Cluster()


def _check_user(
    kubeconfig: Kubeconfig,
    name: str,
    context: Context,
    overrides: Overrides,
    problems: list[str],
) -> str:
    if name in kubeconfig.users or not name:
        return ""
    by_flag = bool(overrides.get("user"))
    where = flag_of("user") if by_flag else context.origin.at("user")
    missing = f"{where}: {none_such('user', name, kubeconfig.users)}"
    if by_flag:
        problems.append(missing)
    return missing


def none_such(kind: str, name: str, names: Iterable[str]) -> str:
    """Say that there is no *kind* of that *name*, and which there are."""
    return f"no {kind} {name!r} (there is: {listed(names)})"


def listed(names: Iterable[str]) -> str:
    """Write *names* in order, and not too many of them."""
    known = sorted(names)
    more = f", and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return ", ".join(known[:_LISTED]) + more or "none at all"
