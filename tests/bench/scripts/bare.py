"""What a script does by itself: a kubeconfig read, an httpx client made."""

import base64
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import yaml

Json: TypeAlias = Any


def kubeconfig(given: str | None = None) -> Json:
    path = Path(given or os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser()
    return yaml.safe_load(path.read_text())


def connect(config: Json) -> httpx.Client:
    """Make a client for the current context: a token or a client certificate."""
    named = {
        kind: {item["name"]: item[kind] for item in config[f"{kind}s"]}
        for kind in ("cluster", "user", "context")
    }
    context = named["context"][config["current-context"]]
    cluster, user = named["cluster"][context["cluster"]], named["user"][context["user"]]
    tls = ssl.create_default_context(
        cadata=content(cluster, "certificate-authority").decode()
    )
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    headers = {}
    if "token" in user:
        headers["Authorization"] = f"Bearer {user['token']}"
    else:
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder) / "pair.pem"
            pair.touch(mode=0o600)
            pair.write_bytes(
                content(user, "client-certificate") + content(user, "client-key")
            )
            tls.load_cert_chain(pair)
    return httpx.Client(
        base_url=cluster["server"], verify=tls, headers=headers, timeout=60
    )


def content(section: Json, key: str) -> bytes:
    if f"{key}-data" in section:
        return base64.b64decode(section[f"{key}-data"])
    return Path(section[key]).read_bytes()
