"""Kubeconfigs for the simulated cluster."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from kubemetrics.testing import objects

from .certs import KeyPair

CLUSTER = "simulated"
_FAST: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""A test that runs the command writes one; the one in C takes a tenth of the time."""


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def kubeconfig_object(
    url: str,
    ca_pem: bytes | None,
    tokens: Mapping[str, str],
    certificates: Mapping[str, KeyPair],
    current: str,
) -> dict[str, Any]:
    """Return a kubeconfig with a context for every user, named like the user."""
    cluster: dict[str, Any] = {"server": url}
    if ca_pem is not None:
        cluster["certificate-authority-data"] = base64_text(ca_pem)
    users: dict[str, dict[str, Any]] = {
        name: {"token": token} for name, token in tokens.items()
    }
    users |= {name: _certificate(pair) for name, pair in certificates.items()}
    users["anonymous"] = {}
    return objects.kubeconfig_object(
        CLUSTER, cluster, users, current, {"nslimited": "team-a"}
    )


def _certificate(pair: KeyPair) -> dict[str, str]:
    return {
        "client-certificate-data": base64_text(pair.cert_pem),
        "client-key-data": base64_text(pair.key_pem),
    }


def write_kubeconfig(path: Path, content: Mapping[str, Any]) -> Path:
    path.touch(mode=0o600)
    path.write_text(yaml.dump(dict(content), Dumper=_FAST, sort_keys=False))
    return path
