"""curl's options for a kubeconfig: pods only, compressed, nothing kept: the floor."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from kubemetrics import Client, load_config

_PODS: Final = "/api/v1/pods"


def options(kubeconfig: Path, folder: Path, *, pages: bool) -> dict[str, Path]:
    """Write files of options to *folder*, by what they get; none without curl.

    With *pages* there is one that follows the tokens of a walk before it, which a
    cluster that changes would soon find too old.
    """
    common = _common(kubeconfig, folder)
    if common is None or shutil.which("curl") is None:
        return {}
    targets = {"pods": [_PODS]}
    if pages:
        targets["pages of pods"] = list(_walk(kubeconfig))
    return {
        what: _write(folder / what.replace(" ", "-"), common, found)
        for what, found in targets.items()
    }


def _walk(kubeconfig: Path) -> Iterator[str]:
    """Yield the paths of all pages of 500 pods."""
    with Client(load_config(str(kubeconfig))) as client:
        path = first = f"{_PODS}?limit=500"
        while path:
            yield path
            token = json.loads(client.get_raw(path))["metadata"].get("continue")
            path = f"{first}&continue={token}" if token else ""


@dataclass(frozen=True, slots=True)
class _Common:
    server: str
    lines: Mapping[str, str]


def _common(kubeconfig: Path, folder: Path) -> _Common | None:
    config = yaml.safe_load(kubeconfig.read_text())
    context = _named(config, "context", config["current-context"])
    cluster = _named(config, "cluster", context["cluster"])
    user = _named(config, "user", context["user"])
    lines = {
        "user-agent": "x",  # for curl's own the server indents its JSON
        "cacert": _file(cluster, "certificate-authority", folder),
    }
    if "token" in user:
        lines["header"] = f"Authorization: Bearer {user['token']}"
    elif "client-key" in user or "client-key-data" in user:
        lines["cert"] = _file(user, "client-certificate", folder)
        lines["key"] = _file(user, "client-key", folder)
    else:
        return None
    return _Common(cluster["server"], lines)


def _write(path: Path, common: _Common, targets: Iterable[str]) -> Path:
    path.touch(mode=0o600)
    text = "".join(f'{name} = "{value}"\n' for name, value in common.lines.items())
    urls = [
        f'url = "{common.server}{target}"\noutput = "/dev/null"\n' for target in targets
    ]
    path.write_text(f"compressed\nsilent\nfail\n{text}{''.join(urls)}")
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
