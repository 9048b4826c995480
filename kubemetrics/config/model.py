"""What was resolved, as values: `Config` and its parts. No secret shows in a repr."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final, Literal, TypeAlias

from ..frozen import dataclass

InteractiveMode: TypeAlias = Literal["Never", "IfAvailable", "Always"]
Source: TypeAlias = Literal["kubeconfig", "in-cluster", "flags"]

EXEC_GROUP: Final = "client.authentication.k8s.io"
EXEC_VERSIONS: Final = (f"{EXEC_GROUP}/v1", f"{EXEC_GROUP}/v1beta1")
"""The versions of ``ExecCredential`` that are spoken (KEP-541)."""
REMOVED_EXEC_VERSION: Final = f"{EXEC_GROUP}/v1alpha1"
"""Removed in Kubernetes 1.24."""


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
    extra_scopes: tuple[str, ...] = ()
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
    """How to say who we are; what is not set is empty. Data goes before files."""

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
    in seconds for a whole call, ``None`` for no limit.

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
