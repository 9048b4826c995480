"""The same kubeconfig in kubectl's hands and in ours: what the server saw of each."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kubemetrics.auth.sources import credential_source
from kubemetrics.config.resolve import load_config
from kubemetrics.flow import Request
from kubemetrics.transport.connections import Connections
from kubemetrics.transport.endpoint import Endpoint
from kubemetrics.transport.network import Call
from kubemetrics.transport.tls import Roots
from tests.cluster_tests.kubectl import KUBECTL, needs_kubectl
from tests.tools.kubectl import LEAN
from tests.transport.certs import leaf, ordinary
from tests.transport.servers import ConnectProxy, TlsServer

from .plugins import V1, V1BETA1, answer, says, script

pytestmark = needs_kubectl

CLIENT = leaf(ordinary(), name="jane")
PLUGIN_PAIR = {
    "clientCertificateData": CLIENT.pem.decode(),
    "clientKeyData": CLIENT.key.decode(),
}


def data(pem: bytes) -> str:
    return b64encode(pem).decode()


def plugin(version: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    run = {"apiVersion": version, "command": "./plugin", "interactiveMode": "Never"}
    return {"exec": {**run, **fields}}


# name: (cluster, user, what the plugin answers)
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "token": ({}, {"token": "t0ken"}, ""),
    "token file": ({}, {"tokenFile": "token"}, ""),
    "token file over token": ({}, {"tokenFile": "token", "token": "static"}, ""),
    "basic": ({}, {"username": "jane", "password": "pä:ss"}, ""),
    "certificate": (
        {},
        {
            "client-certificate-data": data(CLIENT.pem),
            "client-key-data": data(CLIENT.key),
        },
        "",
    ),
    "certificate and token": (
        {},
        {
            "client-certificate-data": data(CLIENT.pem),
            "client-key-data": data(CLIENT.key),
            "token": "t0ken",
        },
        "",
    ),
    "exec v1": ({}, plugin(V1), answer(V1, token="plugin")),
    "exec v1beta1": ({}, plugin(V1BETA1), answer(V1BETA1, token="plugin")),
    "exec told of the cluster": (
        {
            "tls-server-name": "foo.example",
            "extensions": [
                {
                    "name": "client.authentication.k8s.io/exec",
                    "extension": {"audience": "x", "n": 1},
                }
            ],
        },
        plugin(V1, provideClusterInfo=True, env=[{"name": "A", "value": "1"}]),
        answer(V1, token="plugin"),
    ),
    "exec env null": ({}, plugin(V1, env=None, args=None), answer(V1, token="p")),
    "exec certificate": ({}, plugin(V1), answer(V1, **PLUGIN_PAIR)),
    "exec both": ({}, plugin(V1), answer(V1, token="plugin", **PLUGIN_PAIR)),
    "exec beside a token": ({}, {**plugin(V1), "token": "t"}, answer(V1, token="p")),
    "impersonation": (
        {},
        {
            "token": "t0ken",
            "as": "joe",
            "as-uid": "42",
            "as-groups": ["dev", "ops"],
            "as-user-extra": {"scopes.example.com/x": ["a", "b"], "100%": ["c"]},
        },
        "",
    ),
    "server name": ({"tls-server-name": "foo.example"}, {"token": "t"}, ""),
    "proxy": ({"proxy-url": "PROXY"}, {"token": "t"}, ""),
}


class Seen:
    """What the server, the proxy and the plugin saw of one caller."""

    def __init__(self, server: TlsServer, proxy: ConnectProxy, folder: Path) -> None:
        self.names = server.names[:]
        self.peers = server.peers[:]
        self.headers = _identity(server.heads[-1])
        self.tunnels = [head.split("\r\n")[0] for head in proxy.requests]
        info = folder / "info"
        self.info = json.loads(info.read_text()) if info.exists() else None
        for log in (server.names, server.peers, server.heads, proxy.requests):
            log.clear()
        info.unlink(missing_ok=True)


def _identity(head: str) -> list[str]:
    lines = head.split("\r\n")[1:]
    kept = ("authorization:", "impersonate-")
    found = (line for line in lines if line.lower().startswith(kept))
    return sorted(f"{name.lower()}:{value}" for name, _, value in map(_split, found))


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def ask(path: Path) -> None:
    """Ask as a client of this package does."""
    config = load_config(str(path), environ={})
    credential = credential_source(config).fetch()
    endpoint, request = Endpoint(config, environ={}), Request(path="/version")
    key = credential.certificate, Roots(config).current()
    headers = endpoint.headers(request, credential)
    with closing(Connections(endpoint, key)) as connections:
        url = endpoint.url(request)
        answer = connections.open("GET", url, headers, None, Call(60), None)
        while answer.read():
            pass
        answer.close()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_server_sees_the_same(
    case: tuple[dict[str, Any], dict[str, Any], str], tmp_path: Path
) -> None:
    cluster, user, output = case
    (tmp_path / "token").write_text("from-file\n")
    body = f'printf %s "$KUBERNETES_EXEC_INFO" > "{tmp_path}/info"\n{says(output)}'
    script(tmp_path / "plugin", body)
    certificate = leaf(ordinary(), "localhost", "127.0.0.1", "foo.example")
    with TlsServer(certificate, clients=ordinary()) as server, ConnectProxy() as proxy:
        server._context.verify_mode = ssl.CERT_OPTIONAL
        path = tmp_path / "config"
        path.write_text(_kubeconfig(cluster, user, server.port, proxy.port))
        _run_kubectl(path)
        theirs = Seen(server, proxy, tmp_path)
        ask(path)
        ours = Seen(server, proxy, tmp_path)
    assert theirs.headers or theirs.peers
    assert vars(ours) == vars(theirs)


def _kubeconfig(
    cluster: dict[str, Any], user: dict[str, Any], port: int, proxy: int
) -> str:
    where = {
        "server": f"https://localhost:{port}",
        "certificate-authority-data": data(ordinary().pem),
        **cluster,
    }
    if "proxy-url" in where:
        where["proxy-url"] = f"http://127.0.0.1:{proxy}"
        where["server"] = f"https://127.0.0.1:{port}"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": where}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": user}],
    }
    return json.dumps(document)


def _run_kubectl(path: Path) -> None:
    subprocess.run(
        [KUBECTL, "get", "--raw", "/version"],
        env={
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(path),
            "HOME": "/none",
            **LEAN,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=True,
    )
