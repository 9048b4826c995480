"""Where the server, the CA and the credentials come from: kubeconfig, pod, flags."""

from __future__ import annotations

from .contexts import ContextEntry, list_contexts
from .load import build_config_from_flags, in_cluster_config, load_config
from .model import (
    AuthInfo,
    Config,
    ExecConfig,
    Impersonation,
    InteractiveMode,
    OidcConfig,
    Source,
)
from .overrides import Overrides

__all__ = [
    "AuthInfo",
    "Config",
    "ContextEntry",
    "ExecConfig",
    "Impersonation",
    "InteractiveMode",
    "OidcConfig",
    "Overrides",
    "Source",
    "build_config_from_flags",
    "in_cluster_config",
    "list_contexts",
    "load_config",
]
