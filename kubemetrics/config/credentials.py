"""A user stanza that was found valid → `AuthInfo` and `Impersonation`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from .model import AuthInfo, ExecConfig, Impersonation, InteractiveMode, OidcConfig
from .stanzas import AUTHORITY_DATA, Cluster, Plugin, User
from .values import base64_data


def auth_info(name: str, user: User, cluster: Cluster) -> AuthInfo:
    """Say how *user*, whose stanza has that *name*, authenticates to *cluster*."""
    # A key without a certificate is for nothing (clientcmd/client_config.go).
    certificate = bool(user.client_certificate or user.client_certificate_data)
    return AuthInfo(
        token=user.token,
        token_file=user.token_file,
        username=user.username,
        password=user.password,
        client_certificate=user.client_certificate,
        client_certificate_data=user.client_certificate_data,
        client_key=user.client_key if certificate else "",
        client_key_data=user.client_key_data if certificate else None,
        exec=_exec(user.plugin, cluster) if user.plugin else None,
        oidc=_oidc(name, user),
    )


def impersonation(user: User) -> Impersonation | None:
    """Say whom to act as."""
    if not user.as_user:
        return None
    return Impersonation(
        user=user.as_user,
        uid=user.as_uid,
        groups=user.as_groups,
        extra=user.as_user_extra,
    )


def _exec(plugin: Plugin, cluster: Cluster) -> ExecConfig:
    return ExecConfig(
        api_version=plugin.api_version,
        command=plugin.command,
        args=plugin.args,
        env=plugin.env,
        install_hint=plugin.install_hint,
        interactive_mode=cast("InteractiveMode", plugin.interactive_mode),
        provide_cluster_info=plugin.provide_cluster_info,
        cluster_config=cluster.exec_config,
    )


def _oidc(name: str, user: User) -> OidcConfig | None:
    if not user.auth_provider or user.auth_provider.name != "oidc":
        return None
    config = user.auth_provider.config
    authority = config.get("idp-certificate-authority", "")
    scopes = config.get("extra-scopes", "")
    return OidcConfig(
        issuer_url=config.get("idp-issuer-url", ""),
        client_id=config.get("client-id", ""),
        client_secret=config.get("client-secret", ""),
        id_token=config.get("id-token", ""),
        refresh_token=config.get("refresh-token", ""),
        # Against the working directory: client-go resolves no path in here.
        certificate_authority=str(Path(authority).absolute()) if authority else "",
        certificate_authority_data=base64_data(config.get(AUTHORITY_DATA, "")),
        extra_scopes=tuple(scope for scope in scopes.split(",") if scope),
        file=user.origin.file,
        user=name,
    )
