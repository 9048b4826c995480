"""curl's options for a kubeconfig: pods only, compressed, nothing kept."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def options(kubeconfig: Path, folder: Path) -> Path | None:
    """Write the file of options to *folder*; ``None`` where curl cannot take part."""
    if shutil.which("curl") is None:
        return None
    config = yaml.safe_load(kubeconfig.read_text())
    context = _named(config, "context", config["current-context"])
    cluster = _named(config, "cluster", context["cluster"])
    user = _named(config, "user", context["user"])
    lines = {
        "url": f"{cluster['server']}/api/v1/pods",
        "cacert": _file(cluster, "certificate-authority", folder),
        "output": "/dev/null",
    }
    if "token" in user:
        lines["header"] = f"Authorization: Bearer {user['token']}"
    elif "client-key" in user or "client-key-data" in user:
        lines["cert"] = _file(user, "client-certificate", folder)
        lines["key"] = _file(user, "client-key", folder)
    else:
        return None
    return _write(folder / "curl", lines)


def _write(path: Path, lines: Mapping[str, str]) -> Path:
    path.touch(mode=0o600)
    text = "".join(f'{name} = "{value}"\n' for name, value in lines.items())
    path.write_text(f"compressed\nsilent\nfail\n{text}")
    return path


def _named(config: Mapping[str, Any], kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        item[kind] for item in config[f"{kind}s"] if item["name"] == name
    )
    return found


def _file(section: Mapping[str, Any], key: str, folder: Path) -> str:
    if f"{key}-data" not in section:
        return str(section[key])
    path = folder / key
    path.touch(mode=0o600)
    path.write_bytes(base64.b64decode(section[f"{key}-data"]))
    return str(path)
