"""Whoever logs everything, of every library, sees no secret; nor does ``-vv``.

The command and both clients, at a real server and through real proxies.
"""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest

from kubemetrics import AsyncClient, Client, Config, load_config
from kubemetrics.cli import main
from kubemetrics.errors import ConfigError, KubeMetricsError
from tests.cluster.proxy import HttpProxy, Proxy
from tests.cluster.socks import SocksProxy
from tests.transport.certs import leaf, ordinary

from .clock import jwt
from .gate import PATH, Gate
from .plugins import V1, answer, says, script
from .provider import Provider

SECRET = "h1dden"
JANE = leaf(ordinary(), name="jane")


def data(content: bytes) -> str:
    return base64.b64encode(content).decode()


def plugin(body: str) -> dict[str, object]:
    return {
        "exec": {
            "apiVersion": V1,
            "command": "./plugin",
            "args": [f"--password={SECRET}-arg"],
            "env": [{"name": "CLOUD_TOKEN", "value": f"{SECRET}-env"}],
            "interactiveMode": "Never",
        },
        "body": body,
    }


def oidc(id_token: str, refresh_token: str) -> dict[str, object]:
    config = {
        "idp-issuer-url": "PROVIDER",
        "idp-certificate-authority-data": data(ordinary().pem),
        "client-id": "c",
        "client-secret": f"{SECRET}-client",
        "id-token": id_token,
        "refresh-token": refresh_token,
    }
    return {"auth-provider": {"name": "oidc", "config": config}}


GIVES = says(answer(token=f"{SECRET}-t", clientCertificateData="", clientKeyData=""))
SAYS = f"echo 'token: {SECRET}' '{jwt(sub=SECRET)}' $CLOUD_TOKEN $1 >&2"
USERS: dict[str, dict[str, object]] = {
    "token": {"token": f"{SECRET}-token"},
    "token refused": {"token": f"{SECRET}-refused"},
    "token that cannot be sent": {"token": f"{SECRET}\n{SECRET}"},
    "basic": {"username": "u", "password": f"{SECRET}-pw"},
    "key of another": {
        "client-certificate-data": data(JANE.pem),
        "client-key-data": data(SECRET.encode() + leaf(ordinary()).key),
    },
    "plugin": plugin(f"{SAYS}\n{GIVES}"),
    "plugin that fails": plugin(f"{SAYS}\nexit 7"),
    "plugin that talks": plugin(f"echo {SECRET}"),
    "plugin refused": plugin(says(answer(token=f"{SECRET}-refused"))),
    "OIDC": oidc(jwt(exp=1, sub=SECRET), f"{SECRET}-0"),
    "OIDC refused": oidc(jwt(exp=1, sub=SECRET), f"{SECRET}-other"),
}


def blocking(kubeconfig: str) -> None:
    with Client(load_config(kubeconfig)) as client:
        client.get_raw(PATH)


def awaiting(kubeconfig: str) -> None:
    async def ask() -> None:
        async with AsyncClient(load_config(kubeconfig)) as client:
            await client.get_raw(PATH)

    anyio.run(ask)


def command(kubeconfig: str) -> None:
    main(["-vv", "raw", PATH, "--kubeconfig", kubeconfig])


def descriptions(kubeconfig: str) -> None:
    for words in (["config"], ["config", "-o", "json"], ["config", "contexts"]):
        main([*words, "-vv", "--kubeconfig", kubeconfig])


def doctor(kubeconfig: str) -> None:
    main(["doctor", "-vv", "--kubeconfig", kubeconfig])


@pytest.fixture(params=[blocking, awaiting, command, descriptions, doctor])
def run(request: pytest.FixtureRequest) -> Callable[[str], None]:
    chosen: Callable[[str], None] = request.param
    return chosen


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as running:
        running.refused = {f"Bearer {SECRET}-refused"}
        yield running


@pytest.fixture
def shown(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Callable[[], str]:
    """Everything that was logged, at any level, or written."""
    caplog.set_level(1)
    for name in ("httpcore", "httpx", "kubemetrics", "asyncio"):
        caplog.set_level(1, logger=name)

    def everything() -> str:
        records = [f"{r.getMessage()} {r.__dict__!r}" for r in caplog.records]
        return "\n".join([*records, *capfd.readouterr()])

    return everything


def kubeconfig(
    folder: Path, gate: Gate, user: dict[str, object], **cluster: str
) -> str:
    known = {
        "server": f"https://127.0.0.1:{gate.port}",
        "certificate-authority-data": data(ordinary().pem),
        **cluster,
    }
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": known}],
        "users": [{"name": "u", "user": user}],
    }
    path = folder / "config"
    path.write_text(json.dumps(document))
    return str(path)


def told(run: Callable[[str], None], path: str) -> str:
    """Run; return the traceback of what went wrong."""
    try:
        run(path)
    except KubeMetricsError as error:
        return "".join(traceback.format_exception(error)) + repr(error)
    return ""


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
def test_no_secret_of_a_user_is_logged_or_written(
    user: dict[str, object],
    run: Callable[[str], None],
    gate: Gate,
    shown: Callable[[], str],
    tmp_path: Path,
) -> None:
    """Item 23: kubernetes-client/python#656, #2258; CVE-2019-11250 (k/k#81114)."""
    script(tmp_path / "plugin", str(user.get("body", "")))
    stanza = {key: value for key, value in user.items() if key != "body"}
    with Provider(secret=f"{SECRET}-client") as provider:
        provider.refresh_token = f"{SECRET}-0"
        text = json.dumps(stanza).replace("PROVIDER", provider.url)
        error = told(run, kubeconfig(tmp_path, gate, json.loads(text)))
    assert SECRET not in error
    written = shown()
    assert written.strip() or error
    assert SECRET not in written
    assert base64.b64encode(f"u:{SECRET}".encode()).decode()[:10] not in written


@pytest.mark.parametrize("credentials", [f"me:{SECRET}", "me:other"], ids=["", "wrong"])
@pytest.mark.parametrize("kind", [HttpProxy, SocksProxy])
def test_no_password_of_a_proxy_is_logged_or_written(
    kind: type[Proxy],
    credentials: str,
    run: Callable[[str], None],
    gate: Gate,
    shown: Callable[[], str],
    tmp_path: Path,
) -> None:
    """httpcore logs what it greets a SOCKS proxy with."""
    with kind(credentials=credentials) as proxy:
        url = proxy.url.replace("://", f"://me:{SECRET}@")
        path = kubeconfig(tmp_path, gate, {"token": "t"}, **{"proxy-url": url})
        error = told(run, path)
    written = shown()
    assert SECRET not in error + written
    assert data(f"me:{SECRET}".encode()) not in error + written
    greeted = "setup_socks5_connection" in written
    assert greeted or kind is HttpProxy or run is descriptions


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_password_in_the_server_of_a_hand_made_configuration_is_refused(
    client: type[Client | AsyncClient],
) -> None:
    with pytest.raises(ConfigError) as caught:
        client(Config(server=f"https://me:{SECRET}@cluster:6443/path"))
    assert SECRET not in "".join(traceback.format_exception(caught.value))
