"""Who the server sees: each kind of credential, before and after it changes.

With both clients, at a real server: at its end, when it is rotated, and after a 401.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest
import yaml

from kubemetrics import client as session
from kubemetrics.auth.sources import credential_source
from kubemetrics.config.model import AuthInfo, Config, ExecConfig, OidcConfig
from kubemetrics.config.resolve import in_cluster_config
from kubemetrics.errors import CredentialError, Forbidden, TransportError, Unauthorized
from kubemetrics.transport import connections
from kubemetrics.transport.tls import Roots
from tests.transport.certs import Issued, authority, leaf, ordinary

from .clock import Clock, jwt
from .gate import Gate, Visit, Visitors
from .plugins import V1, answer, script
from .provider import Provider

JANE = leaf(ordinary(), name="jane")
JOAN = leaf(ordinary(), name="joan")
FAR = 4_000_000_000


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give every client, credential and authority file the time of the test."""
    told = Clock()
    timed = partial(credential_source, clock=told)
    monkeypatch.setattr(session, "credential_source", timed)
    monkeypatch.setattr(connections, "Roots", partial(Roots, clock=told))
    return told


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as running:
        yield running


@pytest.fixture(params=["Client", "AsyncClient"])
def visit(request: pytest.FixtureRequest) -> Iterator[Visit]:
    with Visitors(request.param) as visitors:
        yield visitors


class Plugin:
    """A plugin that gives what it was last told to give, and counts its runs."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        body = f"echo x >> '{folder}/runs'; cat '{folder}/answer'"
        self._command = script(folder / "plugin", body)

    def gives(self, *, lasting: float | None = None, **status: object) -> None:
        if lasting is not None:
            end = datetime.fromtimestamp(self._clock() + lasting, UTC)
            status["expirationTimestamp"] = end.isoformat()
        (self._folder / "answer").write_text(answer(V1, **status))

    @property
    def config(self) -> ExecConfig:
        return ExecConfig(
            api_version=V1, command=str(self._command), interactive_mode="Never"
        )

    @property
    def runs(self) -> int:
        path = self._folder / "runs"
        return len(path.read_text().split()) if path.exists() else 0


@pytest.fixture
def plugin(tmp_path: Path, clock: Clock) -> Plugin:
    return Plugin(tmp_path, clock)


def pair(issued: Issued) -> dict[str, str]:
    return {
        "clientCertificateData": issued.pem.decode(),
        "clientKeyData": issued.key.decode(),
    }


def oidc(provider: Provider, folder: Path, id_token: str) -> OidcConfig:
    config = {"id-token": id_token, "refresh-token": "refresh-0"}
    user = {"auth-provider": {"name": "oidc", "config": config}}
    file = folder / "config"
    file.write_text(json.dumps({"users": [{"name": "jane", "user": user}]}))
    return OidcConfig(
        issuer_url=provider.url,
        client_id="client",
        id_token=id_token,
        refresh_token="refresh-0",
        certificate_authority_data=ordinary().pem,
        file=str(file),
        user="jane",
    )


def certificate_files(folder: Path, issued: Issued) -> dict[str, str]:
    (folder / "crt").write_bytes(issued.pem)
    (folder / "key").write_bytes(issued.key)
    return {
        "client_certificate": str(folder / "crt"),
        "client_key": str(folder / "key"),
    }


DATA: dict[str, object] = {
    "client_certificate_data": JANE.pem,
    "client_key_data": JANE.key,
}
BASIC: dict[str, object] = {"username": "jane", "password": "pw"}
GOLDEN: list[tuple[dict[str, object], str]] = [
    ({"token": "t"}, "Bearer t"),
    (BASIC, "Basic amFuZTpwdw=="),
    (DATA, "certificate jane"),
    ({**DATA, "token": "t"}, "Bearer t, certificate jane"),
    ({**DATA, **BASIC}, "Basic amFuZTpwdw==, certificate jane"),
]


@pytest.mark.parametrize(("auth", "who"), GOLDEN)
def test_python_2582_2584_2585_what_is_configured_arrives(
    auth: dict[str, object], who: str, gate: Gate, visit: Visit
) -> None:
    """Item 7: kubernetes-client/python#2582 sent everything as system:anonymous."""
    visitor = visit(gate.config(**auth))
    visitor.ask()
    visitor.ask()
    assert gate.came == [who, who]


@pytest.mark.parametrize(("auth", "who"), GOLDEN)
def test_a_refused_fixed_credential_is_told_and_not_sent_again(
    auth: dict[str, object], who: str, gate: Gate, visit: Visit
) -> None:
    gate.refused = {who}
    with pytest.raises(Unauthorized):
        visit(gate.config(**auth)).ask()
    assert gate.came == [who]


def test_inspect_k8s_sandbox_179_a_token_file_is_read_again_after_a_401(
    gate: Gate, visit: Visit, tmp_path: Path
) -> None:
    """Item 5: kubernetes-client/python#741, #1768; lightkube#141; dagster#17351."""
    path = tmp_path / "token"
    path.write_text("old\n")
    visitor = visit(gate.config(token_file=str(path)))
    visitor.ask()
    path.write_text("new\n")
    gate.refused = {"Bearer old"}
    visitor.ask()
    assert gate.came == ["Bearer old", "Bearer old", "Bearer new"]


def test_a_token_file_that_did_not_change_is_not_sent_twice(
    gate: Gate, visit: Visit, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text("old\n")
    gate.refused = {"Bearer old"}
    with pytest.raises(Unauthorized):
        visit(gate.config(token_file=str(path))).ask()
    assert gate.came == ["Bearer old"]


def test_kubernetes_67359_a_service_accounts_token_is_read_again(
    gate: Gate, visit: Visit, tmp_path: Path
) -> None:
    """Item 5: kubernetes/kubernetes#67359, #70606; airflow#17951."""
    (tmp_path / "token").write_text("old\n")
    (tmp_path / "ca.crt").write_bytes(ordinary().pem)
    around = {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(gate.port),
    }
    visitor = visit(in_cluster_config(environ=around, service_account=(str(tmp_path),)))
    visitor.ask()
    (tmp_path / "token").write_text("new\n")
    gate.refused = {"Bearer old"}
    visitor.ask()
    assert gate.came == ["Bearer old", "Bearer old", "Bearer new"]


def test_a_rotated_certificate_is_shown(
    gate: Gate, visit: Visit, tmp_path: Path, clock: Clock
) -> None:
    """In its midst, with the new certificate beside the old key, the old pair goes on.

    Item 13: kubernetes-client/python#765, #1782; kopf#1231.
    """
    visitor = visit(gate.config(**certificate_files(tmp_path, JANE)))
    visitor.ask()
    (tmp_path / "crt").write_bytes(JOAN.pem)
    clock.now += 1
    visitor.ask()
    (tmp_path / "key").write_bytes(JOAN.key)
    clock.now += 1
    visitor.ask()
    assert gate.came == ["certificate jane", "certificate jane", "certificate joan"]


def test_a_401_to_the_certificate_kept_names_the_file_and_what_is_wrong(
    gate: Gate, visit: Visit, tmp_path: Path, clock: Clock
) -> None:
    visitor = visit(gate.config(**certificate_files(tmp_path, JANE)))
    visitor.ask()
    (tmp_path / "key").unlink()
    clock.now += 1
    visitor.ask()
    gate.refused.add("certificate jane")
    for _ in range(2):
        with pytest.raises(CredentialError) as caught:
            visitor.ask()
        assert str(caught.value) == (
            f'unable to read client-key {tmp_path}/key for user "jane": No such file or'
            " directory; the certificate read before was refused (401)"
        )
    (tmp_path / "crt").write_bytes(JOAN.pem)
    (tmp_path / "key").write_bytes(JOAN.key)
    clock.now += 1
    visitor.ask()
    assert gate.came == [*["certificate jane"] * 3, "certificate joan"]


def test_a_rotated_authority_is_trusted_and_the_old_one_no_longer(
    gate: Gate, visit: Visit, tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(ordinary().pem)
    known = {"certificate_authority_data": None, "certificate_authority": str(path)}
    visitor = visit(replace(gate.config(token="t"), **known))  # type: ignore[arg-type]
    visitor.ask()
    other = authority("renewed")
    gate.show(leaf(other, "127.0.0.1"))
    with pytest.raises(TransportError) as caught:
        visitor.ask()
    assert caught.value.reason == "tls"
    path.write_bytes(other.pem)
    clock.now += 1
    visitor.ask()
    gate.show(leaf(ordinary(), "127.0.0.1"))
    with pytest.raises(TransportError):
        visitor.ask()
    assert gate.came == ["Bearer t", "Bearer t"]


def test_a_plugin_runs_again_shortly_before_the_end(
    gate: Gate, visit: Visit, plugin: Plugin, clock: Clock
) -> None:
    """Item 6: kubernetes_asyncio#257, #205; kr8s#27, #536; METR/inspect-action#108."""
    plugin.gives(token="old", lasting=1000, **pair(JANE))
    visitor = visit(gate.config(exec=plugin.config))
    visitor.ask()
    plugin.gives(token="new", lasting=1000, **pair(JOAN))
    clock.now += 939
    visitor.ask()
    clock.now += 1
    visitor.ask()
    old, new = "Bearer old, certificate jane", "Bearer new, certificate joan"
    assert gate.came == [old, old, new]
    assert plugin.runs == 2


@pytest.mark.parametrize(
    ("first", "second", "came"),
    [
        ({"token": "old"}, {"token": "new"}, ("Bearer old", "Bearer new")),
        (pair(JANE), pair(JOAN), ("certificate jane", "certificate joan")),
        (
            {"token": "t", **pair(JANE)},
            {"token": "t", **pair(JOAN)},
            ("Bearer t, certificate jane", "Bearer t, certificate joan"),
        ),
        (pair(JANE), {"token": "new"}, ("certificate jane", "Bearer new")),
    ],
    ids=["token", "certificate", "certificate beside a token", "one for the other"],
)
def test_headlamp_7482_a_401_runs_the_plugin_and_is_tried_again(
    first: dict[str, object],
    second: dict[str, object],
    came: tuple[str, str],
    gate: Gate,
    visit: Visit,
    plugin: Plugin,
) -> None:
    """Item 6: kubernetes/kubernetes#87369; kubernetes_asyncio#258; kopf#926."""
    plugin.gives(lasting=1000, **first)
    visitor = visit(gate.config(exec=plugin.config))
    visitor.ask()
    plugin.gives(lasting=1000, **second)
    gate.refused = {came[0]}
    visitor.ask()
    visitor.ask()
    assert gate.came == [came[0], came[0], came[1], came[1]]
    assert plugin.runs == 2


def test_a_second_401_is_told_and_not_tried_again(
    gate: Gate, visit: Visit, plugin: Plugin
) -> None:
    gate.refused = {"Bearer old", "Bearer new"}
    plugin.gives(token="old")
    visitor = visit(gate.config(exec=plugin.config))
    with pytest.raises(Unauthorized):
        visitor.ask()
    assert (gate.came, plugin.runs) == (["Bearer old"], 2)
    plugin.gives(token="new")
    with pytest.raises(Unauthorized):
        visitor.ask()
    assert gate.came[1:] == ["Bearer old", "Bearer new"]


def test_what_may_not_be_sent_twice_is_not_but_the_next_has_a_new_credential(
    gate: Gate, visit: Visit, plugin: Plugin
) -> None:
    plugin.gives(token="old")
    visitor = visit(gate.config(exec=plugin.config))
    visitor.post()
    plugin.gives(token="new")
    gate.refused = {"Bearer old"}
    with pytest.raises(Unauthorized):
        visitor.post()
    visitor.post()
    assert gate.came == ["Bearer old", "Bearer old", "Bearer new"]


def test_kr8s_214_a_403_runs_no_plugin(
    gate: Gate, visit: Visit, plugin: Plugin
) -> None:
    plugin.gives(token="t")
    gate.forbidden = {"Bearer t"}
    with pytest.raises(Forbidden):
        visit(gate.config(exec=plugin.config)).ask()
    assert (gate.came, plugin.runs) == (["Bearer t"], 1)


def test_a_burst_of_fifty_401s_runs_the_plugin_once(
    gate: Gate, visit: Visit, plugin: Plugin
) -> None:
    """All fifty are answered only when all have come with the same token."""
    plugin.gives(token="old")
    visitor = visit(gate.config(exec=plugin.config))
    visitor.ask()
    plugin.gives(token="new")
    gate.meeting = Barrier(50)
    gate.refused = {"Bearer old"}
    assert visitor.ask_at_once(50) == [b"{}"] * 50
    assert gate.came.count("Bearer old") == 51
    assert gate.came.count("Bearer new") == 50
    assert plugin.runs == 2


def test_an_id_token_is_renewed_ten_seconds_before_its_end(
    gate: Gate, visit: Visit, tmp_path: Path, clock: Clock
) -> None:
    old = jwt(exp=clock() + 100)
    with Provider() as provider:
        visitor = visit(gate.config(oidc=oidc(provider, tmp_path, old)))
        clock.now += 89
        visitor.ask()
        clock.now += 2
        visitor.ask()
    written = yaml.safe_load((tmp_path / "config").read_text())
    found = written["users"][0]["user"]["auth-provider"]["config"]
    assert gate.came == [f"Bearer {old}", f"Bearer {found['id-token']}"]
    assert found["refresh-token"] == "refresh-1"


def test_python_2341_a_401_renews_the_id_token(
    gate: Gate, visit: Visit, tmp_path: Path
) -> None:
    """Item 22."""
    old = jwt(exp=FAR)
    gate.refused = {f"Bearer {old}"}
    with Provider() as provider:
        visit(gate.config(oidc=oidc(provider, tmp_path, old))).ask()
    assert len(gate.came) == 2
    assert gate.came[1] not in (gate.came[0], "nobody")


def test_a_key_of_another_is_told_with_its_file(
    gate: Gate, visit: Visit, tmp_path: Path
) -> None:
    files = certificate_files(tmp_path, JANE)
    (tmp_path / "key").write_bytes(JOAN.key)
    with pytest.raises(CredentialError) as caught:
        visit(gate.config(**files)).ask()
    assert str(caught.value) == (
        f"client certificate {tmp_path}/crt: the private key does not belong to the"
        " certificate"
    )


Broken = Callable[[Gate, Path], Config]


def broken_plugin(body: str) -> Broken:
    def config(gate: Gate, folder: Path) -> Config:
        command = str(script(folder / "plugin", body))
        return gate.config(exec=ExecConfig(api_version=V1, command=command))

    return config


def with_files(**content: str) -> Broken:
    """Make a credential of files, some of which may be missing."""

    def config(gate: Gate, folder: Path) -> Config:
        for name, text in content.items():
            (folder / name).write_text(text)
        return gate.config(**{name: str(folder / name) for name in content})

    return config


def missing(name: str) -> Broken:
    return lambda gate, folder: gate.config(**{name: str(folder / "none")})


def ended_id_token(gate: Gate, folder: Path) -> Config:
    file = folder / "config"
    file.write_text("users: []")
    issuer = "https://127.0.0.1:1"
    return gate.config(
        oidc=OidcConfig(
            issuer_url=issuer,
            client_id="c",
            id_token=jwt(exp=1),
            refresh_token="r",
            file=str(file),
            user="jane",
        )
    )


BROKEN: dict[str, Broken] = {
    "a plugin that fails": broken_plugin("exit 1"),
    "a plugin that says nothing": broken_plugin("exit 0"),
    "a plugin that gives nothing": broken_plugin(f"echo '{answer(V1)}'"),
    "a plugin that gives an empty token": broken_plugin(
        f"echo '{answer(V1, token='')}'"
    ),
    "a plugin that gives white space": broken_plugin(f"echo '{answer(V1, token=' ')}'"),
    "a plugin that gives another kind": broken_plugin(
        f"echo '{answer(V1, token='t').replace('ExecC', 'C')}'"
    ),
    "a plugin that is not there": lambda gate, _: gate.config(
        exec=ExecConfig(api_version=V1, command="/none/such")
    ),
    "a plugin of an old version": lambda gate, _: gate.config(
        exec=ExecConfig(api_version=f"{V1}alpha1", command="true")
    ),
    "a token file that is missing": missing("token_file"),
    "a token file that is empty": with_files(token_file="\n"),
    "a certificate without a key": missing("client_certificate"),
    "a certificate that is none": with_files(client_certificate="x", client_key="y"),
    "a token that cannot be sent": lambda gate, _: gate.config(token="a\nb"),
    "an id-token that cannot be renewed": ended_id_token,
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_python_2219_and_2591_a_credential_that_fails_is_an_error_and_no_anonymity(
    broken: Broken, gate: Gate, visit: Visit, tmp_path: Path
) -> None:
    """Items 7 and 8: #2592, #2595, #2604; kubernetes/kubernetes#139150."""
    with pytest.raises(CredentialError) as caught:
        visit(broken(gate, tmp_path)).ask()
    assert gate.came == []
    assert str(caught.value)


def test_without_any_credential_the_request_is_anonymous_as_was_asked_for(
    gate: Gate, visit: Visit
) -> None:
    visit(gate.config()).ask()
    assert gate.came == ["nobody"]
    assert gate.config().auth == AuthInfo()
