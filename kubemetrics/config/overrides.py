"""What is said by keyword or by flag goes before what a kubeconfig says.

Source: client-go tools/clientcmd/client_config.go, ``getCluster``, ``getAuthInfo``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias, TypedDict

from .stanzas import Cluster, Origin, User

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


def override_cluster(cluster: Cluster, overrides: Overrides) -> Cluster:
    """Apply the overrides of a cluster."""
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


def override_user(user: User, overrides: Overrides) -> User:
    """Apply the overrides of a user."""
    given = _given(
        overrides,
        ("token", "username", "password", "as_user", "as_uid"),
        ("client_certificate", "client_key"),
        (),
    )
    given |= _given_impersonation(user, overrides)
    changes = dict(given)
    if "client_certificate" in given:
        changes["client_certificate_data"] = None
    if "client_key" in given:
        changes["client_key_data"] = None
    if "token" in given:
        changes["token"] = given["token"].strip()
        # client-go keeps the file's tokenFile, which then goes before the flag.
        changes["token_file"] = ""
    return replace(user, origin=_flagged(user.origin, given), **changes)


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
    return (
        {key: values[key] for key in texts if values.get(key)}
        | {key: str(Path(values[key]).absolute()) for key in paths if values.get(key)}
        | {key: values[key] for key in flags if values.get(key) is not None}
    )


def _given_impersonation(user: User, overrides: Overrides) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if groups := overrides.get("as_groups"):
        given["as_groups"] = tuple(groups)
    if extra := overrides.get("as_user_extra"):
        added = {key: tuple(values) for key, values in extra.items()}
        given["as_user_extra"] = tuple((dict(user.as_user_extra) | added).items())
    return given


def _flagged(origin: Origin, given: Mapping[str, Any]) -> Origin:
    keys = (_KEYS.get(key, key.replace("_", "-")) for key in given)
    return replace(origin, flags=origin.flags | frozenset(keys))
