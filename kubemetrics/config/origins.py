"""Where each value of a `Config` is from, for people who ask why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .choice import Choice
from .overrides import Overrides
from .stanzas import Origin, flag_of

_CLUSTER: Final = (
    "server", "certificate_authority", "certificate_authority_data", "tls_server_name",
    "insecure_skip_tls_verify", "proxy_url", "disable_compression",
)  # fmt: skip
_USER: Final = {
    "token": "token",
    "token_file": "tokenFile",
    "username": "username",
    "password": "password",
    "client_certificate": "client-certificate",
    "client_certificate_data": "client-certificate-data",
    "client_key": "client-key",
    "client_key_data": "client-key-data",
    "plugin": "exec",
    "auth_provider": "auth-provider",
    "as_user": "as",
}
_NAMES: Final = {
    "plugin": "auth.exec",
    "auth_provider": "auth.oidc",
    "as_user": "impersonate",
}


def origins_of(
    choice: Choice, overrides: Overrides, namespace: str
) -> tuple[tuple[str, str], ...]:
    """Pair each attribute that was given with the file and key, or the flag."""
    return tuple(
        (name, origin)
        for name, origin in (
            *_names(choice, overrides),
            ("namespace", namespace),
            *_cluster(choice),
            *_user(choice),
            ("timeout", _flag(overrides, "request_timeout")),
        )
        if origin
    )


def _names(choice: Choice, overrides: Overrides) -> Iterator[tuple[str, str]]:
    origin = choice.context.origin
    if choice.context_name:
        yield "context", choice.context_origin
    if choice.cluster_name:
        yield "cluster", _flag(overrides, "cluster") or origin.at("cluster")
    if choice.user_name:
        yield "user", _flag(overrides, "user") or origin.at("user")


def _cluster(choice: Choice) -> Iterator[tuple[str, str]]:
    origin = choice.cluster.origin
    for name in _CLUSTER:
        if getattr(choice.cluster, name):
            yield name, origin.at(name.replace("_", "-"))


def _user(choice: Choice) -> Iterator[tuple[str, str]]:
    origin: Origin = choice.user.origin
    for name, key in _USER.items():
        if getattr(choice.user, name):
            yield _NAMES.get(name, f"auth.{name}"), origin.at(key)


def _flag(overrides: Overrides, keyword: str) -> str:
    given = overrides.get(keyword)
    return flag_of(keyword.replace("_", "-")) if given is not None else ""
