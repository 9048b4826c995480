"""One kubeconfig, typed, and several merged: the first to name a thing wins.

Source: client-go tools/clientcmd/loader.go, ``Load`` and ``ResolveLocalPaths``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import reduce
from typing import TypeVar

from ..frozen import dataclass
from .stanzas import (
    Cluster,
    Context,
    User,
    read_cluster,
    read_context,
    read_extensions,
    read_user,
)
from .values import Fields, Json

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubeconfig:
    """Stanzas by name. *current_origin* says which file set the current context."""

    clusters: Mapping[str, Cluster] = field(default_factory=dict[str, Cluster])
    users: Mapping[str, User] = field(default_factory=dict[str, User])
    contexts: Mapping[str, Context] = field(default_factory=dict[str, Context])
    current_context: str = ""
    current_origin: str = ""


def read_kubeconfig(
    values: dict[str, Json], *, file: str, base: str, problems: list[str]
) -> Kubeconfig:
    """Read a parsed kubeconfig; *file* is its name in messages.

    Relative paths in it are against *base*. All that is wrong is added to *problems*;
    what is returned is the rest.
    """
    fields = Fields(values=values, file=file, problems=problems)
    _check_kind(fields)
    read_extensions(fields)
    return Kubeconfig(
        clusters=_named(fields, "clusters", "cluster", base, read_cluster),
        users=_named(fields, "users", "user", base, read_user),
        contexts=_named(fields, "contexts", "context", base, read_context),
        current_context=fields.text("current-context"),
        current_origin=fields.at("current-context"),
    )


def merge(kubeconfigs: Iterable[Kubeconfig]) -> Kubeconfig:
    """Merge in order: the first whole stanza of a name wins, nothing is mixed."""
    return reduce(_merged, kubeconfigs, Kubeconfig())


def _merged(first: Kubeconfig, second: Kubeconfig) -> Kubeconfig:
    chosen = first if first.current_context else second
    return Kubeconfig(
        clusters={**second.clusters, **first.clusters},
        users={**second.users, **first.users},
        contexts={**second.contexts, **first.contexts},
        current_context=chosen.current_context,
        current_origin=chosen.current_origin,
    )


def _check_kind(fields: Fields) -> None:
    for key, wanted in (("kind", "Config"), ("apiVersion", "v1")):
        if fields.text(key) not in {"", wanted}:
            fields.problem(key, f"must be {wanted}: this is not a kubeconfig")
    if preferences := fields.section("preferences"):
        preferences.flag("colors")
        read_extensions(preferences)


def _named(
    fields: Fields,
    plural: str,
    singular: str,
    base: str,
    read: Callable[[Fields, str], _T],
) -> dict[str, _T]:
    found: dict[str, _T] = {}
    for item in fields.sections(plural):
        name = item.text("name")
        if name in found:
            item.problem("name", f"duplicate name {name!r}")
        body = item.section(singular) or _empty(item, singular)
        found.setdefault(name, read(body, base))
    return found


def _empty(item: Fields, key: str) -> Fields:
    path = f"{item.path}.{key}"
    return Fields(values={}, file=item.file, path=path, problems=item.problems)
