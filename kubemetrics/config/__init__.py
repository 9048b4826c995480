"""Where the server, the CA and the credentials come from: kubeconfig, pod, flags.

Names are imported when they are first used: what needs the value types only does not
pay for the finding of files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..lazy import lazily

if TYPE_CHECKING:
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

_HOME: Final = {
    "AuthInfo": "model",
    "Config": "model",
    "ContextEntry": "contexts",
    "ExecConfig": "model",
    "Impersonation": "model",
    "InteractiveMode": "model",
    "OidcConfig": "model",
    "Overrides": "overrides",
    "Source": "model",
    "build_config_from_flags": "load",
    "in_cluster_config": "load",
    "list_contexts": "contexts",
    "load_config": "load",
}

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


if not TYPE_CHECKING:  # to a type checker a misspelt name stays an error
    __getattr__ = lazily(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
