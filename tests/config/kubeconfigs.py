"""A directory with kubeconfigs in it, a pod around it if need be, and a way to load."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, Unpack

import pytest

from kubemetrics.config.model import Config
from kubemetrics.config.resolve import load_config
from kubemetrics.config.selection import Overrides
from kubemetrics.errors import ConfigError

Stanza: TypeAlias = Mapping[str, Any]
CA = "-----BEGIN CERTIFICATE-----\nno matter\n-----END CERTIFICATE-----\n"


def kubeconfig(
    *,
    cluster: Stanza | None = None,
    user: Stanza | None = None,
    context: Stanza | None = None,
    **top: object,
) -> dict[str, Any]:
    """Build a kubeconfig with one of each, named red; stanzas as given."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "red",
        "clusters": [
            {"name": "red", "cluster": cluster or {"server": "https://red:6443"}}
        ],
        "users": [{"name": "red", "user": {"token": "red"} if user is None else user}],
        "contexts": [
            {
                "name": "red",
                "context": {"cluster": "red", "user": "red"} | dict(context or {}),
            }
        ],
    } | top


@dataclass
class Home:
    """Writes files under *root*; loads with its own environment."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def service_account(self) -> Path:
        return self.root / "serviceaccount"

    def write(self, name: str, content: str | bytes | Stanza) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Mapping):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def list_files(self, *contents: str | bytes | Stanza) -> None:
        """Write one file each and name them in KUBECONFIG."""
        paths = [self.write(f"{i}/config", text) for i, text in enumerate(contents)]
        self.environ["KUBECONFIG"] = ":".join(map(str, paths))

    def enter_pod(self, namespace: str = "in-pod", ca: str = CA) -> None:
        """Look like a pod from now on."""
        self.environ["KUBERNETES_SERVICE_HOST"] = "10.0.0.1"
        self.environ["KUBERNETES_SERVICE_PORT"] = "443"
        self.write("serviceaccount/token", "pod-token\n")
        self.write("serviceaccount/namespace", namespace + "\n")
        self.write("serviceaccount/ca.crt", ca)

    def load(self, **overrides: Unpack[Overrides]) -> Config:
        return load_config(
            environ=self.environ,
            service_account=(str(self.service_account),),
            **overrides,
        )

    def problems(self, **overrides: Unpack[Overrides]) -> tuple[str, ...]:
        """Load, expect it to fail, and take the root's path out of the messages."""
        with pytest.raises(ConfigError) as caught:
            self.load(**overrides)
        assert caught.value.__context__ is None
        root = f"{self.root}/"
        return tuple(text.replace(root, "") for text in caught.value.problems)
