# ruff: noqa: E501 - a case a line
"""What `kubectl config view --minify --raw` makes of several files, and we."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kubemetrics import Config, load_config
from tests.tools.kubectl import LEAN

from .bench import KUBECTL, PATH, needs_kubectl

pytestmark = needs_kubectl

CA = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()


def part(name: str, *, cluster: str = "", user: str = "", context: str = "") -> str:
    return f"""
clusters: [{{name: {name}, cluster: {{server: 'https://{name}:6443', {cluster}}}}}]
users: [{{name: {name}, user: {{token: {name}-token, {user}}}}}]
contexts: [{{name: {name}, context: {{cluster: {name}, user: {name}, {context}}}}}]
"""


RED = part("red", context="namespace: red-ns") + "current-context: red\n"
BLUE = part("blue", context="namespace: blue-ns") + "current-context: blue\n"
FILES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "one file": ((RED,), {}),
    "two files": ((RED, BLUE), {}),
    "two files, the other way round": ((BLUE, RED), {}),
    "another context": ((RED, BLUE), {"context": "blue"}),
    "the current context in the second": ((part("red"), BLUE), {}),
    "the same names in both": ((RED, RED.replace("red-", "other-").replace("//red", "//other")), {}),
    "a cluster in the second": ((RED.replace("clusters:", "preferences: {}\nx:"), part("red", cluster="tls-server-name: far")), {}),
    "a user in the second": ((RED.replace("users:", "x:"), part("red", user="tokenFile: token")), {}),
    "relative files": ((part("red", cluster="certificate-authority: pki/ca", user="client-certificate: crt, client-key: ../0/key") + "current-context: red",), {}),
    "relative files in the second": ((RED.replace("users:", "x:").replace("clusters:", "y:"), part("red", cluster="certificate-authority: ca", user="client-certificate: crt, client-key: key")), {}),
    "absolute files": ((part("red", cluster="certificate-authority: <root>/0/ca", user="client-certificate: <root>/0/crt, client-key: <root>/0/key") + "current-context: red",), {}),
    "data": ((part("red", cluster=f"certificate-authority-data: {CA}, proxy-url: 'http://p:1', disable-compression: true") + "current-context: red",), {}),
    "insecure": ((part("red", cluster="insecure-skip-tls-verify: true") + "current-context: red",), {}),
    "impersonation": ((part("red", user="as: jane, as-uid: '1', as-groups: [g, h], as-user-extra: {k: [v, w]}") + "current-context: red",), {}),
    "no namespace": ((part("red") + "current-context: red",), {}),
    "an empty file and one that is missing": (("", "<missing>", RED), {}),
}  # fmt: skip


def written(root: Path, texts: tuple[str, ...]) -> str:
    """Write each into a folder of its own; return the list of them."""
    for number, text in enumerate(texts):
        folder = root / str(number)
        (folder / "pki").mkdir(parents=True)
        for name in ("ca", "pki/ca", "crt", "key", "token"):
            (folder / name).write_text(f"the {name} of {number}")
        if text != "<missing>":
            (folder / "config").write_text(text.replace("<root>", str(root)))
    return ":".join(str(root / str(n) / "config") for n in range(len(texts)))


def viewed(environ: Mapping[str, str], flags: Mapping[str, str]) -> dict[str, Any]:
    command = [KUBECTL, "config", "view", "--minify", "--raw", "--flatten"]
    command += ["-o", "json"]
    command += [f"--{name}={value}" for name, value in flags.items()]
    done = subprocess.run(
        command, env=dict(environ) | LEAN, capture_output=True, check=True
    )
    found = json.loads(done.stdout)
    (cluster,), (user,) = found["clusters"], found["users"]
    (context,) = found["contexts"]
    return {
        "context": found["current-context"],
        "names": (context["context"]["cluster"], context["context"]["user"]),
        "namespace": context["context"].get("namespace", "default"),
        "cluster": cluster["cluster"],
        "user": user["user"],
    }


def inlined(path: str, data: bytes | None = None) -> str:
    """Return what is in a file, as kubectl does when it flattens."""
    content = data or (Path(path).read_bytes() if path else b"")
    return base64.b64encode(content).decode()


def resolved(config: Config) -> dict[str, Any]:
    """Spell a configuration as a kubeconfig's stanzas."""
    auth, who = config.auth, config.impersonate
    authority = config.certificate_authority_data
    cluster = {
        "server": config.server,
        "certificate-authority-data": inlined(config.certificate_authority, authority),
        "tls-server-name": config.tls_server_name,
        "insecure-skip-tls-verify": config.insecure_skip_tls_verify,
        "proxy-url": config.proxy_url,
        "disable-compression": config.disable_compression,
    }  # fmt: skip
    user: dict[str, Any] = {
        "token": auth.token,
        "tokenFile": Path(auth.token_file).name,
        "client-certificate-data": inlined(auth.client_certificate),
        "client-key-data": inlined(auth.client_key),
        "as": who and who.user,
        "as-uid": who and who.uid,
        "as-groups": who and list(who.groups),
        "as-user-extra": who and {key: list(values) for key, values in who.extra},
    }
    return {
        "context": config.context,
        "names": (config.cluster, config.user),
        "namespace": config.namespace,
        "cluster": {key: value for key, value in cluster.items() if value},
        "user": {key: value for key, value in user.items() if value},
    }


@pytest.mark.parametrize(("texts", "flags"), FILES.values(), ids=FILES)
def test_files_are_merged_as_kubectl_shows_them(
    texts: tuple[str, ...], flags: dict[str, str], tmp_path: Path
) -> None:
    """Item 12: kubernetes-client/python#2180, #2187; kr8s#305, #425; k/k#39897."""
    listed = written(tmp_path, texts)
    environ = {"KUBECONFIG": listed, "HOME": str(tmp_path), "PATH": PATH}
    config = load_config(environ=environ, context=flags.get("context"))
    assert resolved(config) == viewed(environ, flags)
