"""A kubeconfig's stanzas and the `Config` resolved from them, as frozen values.

No secret shows in a repr. Source of the names: client-go
tools/clientcmd/api/v1/types.go and rest/config.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, Literal, TypeAlias

from ..errors import ConfigError
from ..frozen import dataclass
from ..text import bounded, printable

InteractiveMode: TypeAlias = Literal["Never", "IfAvailable", "Always"]
Source: TypeAlias = Literal["kubeconfig", "in-cluster", "flags"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A plain value, as JSON has it."""

EXEC_GROUP: Final = "client.authentication.k8s.io"
EXEC_VERSIONS: Final = (f"{EXEC_GROUP}/v1", f"{EXEC_GROUP}/v1beta1")
"""The versions of ``ExecCredential`` that are spoken (KEP-541)."""
REMOVED_EXEC_VERSION: Final = f"{EXEC_GROUP}/v1alpha1"
"""Removed in Kubernetes 1.24."""
CONTROL_CHARACTERS: Final = frozenset(map(chr, (*range(0x20), 0x7F)))


def config_error(*problems: str) -> ConfigError:
    """Return the error of *problems*, each on one short line whatever a file holds."""
    return ConfigError(*(bounded(printable(problem)) for problem in problems))


class DocumentError(ValueError):
    """A document that cannot be read; the text says where and quotes no content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecConfig:
    """An exec credential plugin, as a kubeconfig's ``user.exec`` says it.

    *command* is absolute, or a bare name to look up on ``PATH``. *env* is added to the
    process's own. *cluster_config* is the cluster's extension of the name
    ``client.authentication.k8s.io/exec``, handed to the plugin when
    *provide_cluster_info* is set.
    """

    api_version: str
    command: str
    args: tuple[str, ...] = field(default=(), repr=False)
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    install_hint: str = ""
    interactive_mode: InteractiveMode = "IfAvailable"
    provide_cluster_info: bool = False
    cluster_config: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcConfig:
    """An ``auth-provider`` named oidc; *file* and *user* say where to write it back."""

    issuer_url: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    certificate_authority: str = ""
    certificate_authority_data: bytes | None = field(default=None, repr=False)
    file: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impersonation:
    """Whom to act as: the ``Impersonate-*`` headers."""

    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthInfo:
    """The credentials of a user; what is not set is empty. Data goes before files."""

    token: str = field(default="", repr=False)
    token_file: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    client_certificate: str = ""
    client_certificate_data: bytes | None = field(default=None, repr=False)
    client_key: str = ""
    client_key_data: bytes | None = field(default=None, repr=False)
    exec: ExecConfig | None = None
    oidc: OidcConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How to reach one cluster, resolved: the counterpart of client-go's rest.Config.

    *server* is a URL, with the path prefix where there is one. *namespace* is the one
    to use when none is named. *context*, *cluster* and *user* are the kubeconfig's
    names, empty elsewhere. *certificate_authority(_data)* replaces the system's roots.
    *proxy_url* is the kubeconfig's; without one the environment decides. *timeout* is
    in seconds for a whole call; ``None`` limits silences alone, 0 nothing at all.

    *auth* is what the configuration holds; it may be sent only when `secure` is true.

    For people: *source* is where the answer came from, *files* are those that were
    read, *missing* those that were looked for, and *origins* names, for each of these
    attributes that was given, the file and key, the flag or the variable it is from.
    """

    server: str
    namespace: str = "default"
    context: str = ""
    cluster: str = ""
    user: str = ""
    certificate_authority: str = ""
    certificate_authority_data: bytes | None = field(default=None, repr=False)
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    proxy_url: str = field(default="", repr=False)
    disable_compression: bool = False
    timeout: float | None = None
    auth: AuthInfo = AuthInfo()
    impersonate: Impersonation | None = None
    files: tuple[str, ...] = field(default=(), compare=False)
    missing: tuple[str, ...] = field(default=(), compare=False)
    origins: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)
    source: Source = "kubeconfig"

    @property
    def secure(self) -> bool:
        """Whether *server* is https: credentials and the CA are for nothing else.

        Source: client-go rest/config.go, ``IsConfigTransportTLS``.
        """
        return is_https(self.server)


def is_https(url: str) -> bool:
    """Return whether *url* is an https URL; a scheme has no case (RFC 3986, 3.1)."""
    return url[:8].lower() == "https://"


def exec_version_problem(version: str) -> str:
    """Say why ``ExecCredential`` of *version* is not spoken; empty if it is."""
    if version in EXEC_VERSIONS:
        return ""
    if version == REMOVED_EXEC_VERSION:
        return (
            f"{version} was removed in Kubernetes 1.24: update the tool that wrote this"
            " user, and let it write the user again (aws eks update-kubeconfig, …)"
        )
    wrong = f'"{version}" is not supported' if version else "needed"
    return f"{wrong}: must be {' or '.join(EXEC_VERSIONS)}"


def header_problem(value: str) -> str:
    """Say why no HTTP header can hold *value*, without quoting it; empty if one can."""
    if CONTROL_CHARACTERS.isdisjoint(value):
        return ""
    return "holds a control character, such as a line break"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the values of a stanza are from, for messages.

    *flags* are the keys that a flag has set instead; *sources* names what the others
    are from where there is no kubeconfig.
    """

    where: str = ""
    file: str = ""
    flags: frozenset[str] = frozenset()
    sources: Mapping[str, str] = field(default_factory=dict[str, str])

    def at(self, key: str) -> str:
        """Say where the value of *key* is from: ``FILE: users[0].user.token``."""
        if key in self.flags:
            return flag_of(key)
        if self.where:
            return f"{self.where}.{key}"
        return self.sources.get(key) or flag_of(key)


def flag_of(key: str) -> str:
    """Name kubectl's flag for a kubeconfig's *key*."""
    return "--" + {"as-groups": "as-group"}.get(key, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStanza:
    """A kubeconfig's cluster: how to reach a server.

    *exec_extension* is its extension for exec plugins.
    """

    origin: Origin = Origin()
    server: str = field(default="", repr=False)
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: bytes | None = field(default=None, repr=False)
    proxy_url: str = field(default="", repr=False)
    disable_compression: bool = False
    exec_extension: Json = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthProvider:
    """A user's ``auth-provider``, as written."""

    name: str = ""
    config: dict[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserStanza:
    """A kubeconfig's user: its credentials, and whom it acts as.

    *auth* gets what is missing when the user is selected: ``oidc``, of *auth_provider*,
    and the cluster's extension of ``exec``. *impersonate* without a user is none.
    """

    origin: Origin = Origin()
    auth: AuthInfo = AuthInfo()
    auth_provider: AuthProvider | None = None
    impersonate: Impersonation = Impersonation(user="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextStanza:
    """A kubeconfig's context: a cluster, a user and a namespace, by name."""

    origin: Origin = Origin()
    cluster: str = ""
    user: str = ""
    namespace: str = ""
