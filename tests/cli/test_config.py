"""`kubemetrics config`: what was resolved and from where, and never a secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubemetrics.cli import main
from tests.cluster import Cluster
from tests.config.kubeconfigs import kubeconfig as kubeconfig_of

SECRETS = ("hush-token", "hush-password", "hush-arg", "hush-env", "hush-refresh")


def jwt(expires: int | str) -> str:
    """Write a token whose end is the JSON *expires*."""
    claims = base64.urlsafe_b64encode(f'{{"exp": {expires}}}'.encode()).decode()
    return f"eyJhbGciOiJub25lIn0.{claims.rstrip('=')}.hush-token"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


@pytest.fixture
def kubeconfig(tmp_path: Path, cluster: Cluster) -> Path:
    """One context for every kind of credential, named like it."""
    pair = cluster.client_certificate("someone")
    token_file = tmp_path / "token"
    token_file.write_text(jwt(2_000_000_000))
    users: dict[str, dict[str, Any]] = {
        "token": {"token": jwt(1_900_000_000)},
        "opaque": {"token": "hush-token"},
        "file": {"tokenFile": str(token_file)},
        "basic": {"username": "me", "password": "hush-password"},
        "certificate": {
            "client-certificate-data": base64.b64encode(pair.cert_pem).decode(),
            "client-key-data": base64.b64encode(pair.key_pem).decode(),
        },
        "exec": {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": "get-token",
                "args": ["--secret=hush-arg"],
                "env": [{"name": "SECRET", "value": "hush-env"}],
                "interactiveMode": "Never",
            }
        },
        "oidc": {
            "auth-provider": {
                "name": "oidc",
                "config": {
                    "idp-issuer-url": "https://issuer.example",
                    "client-id": "cid",
                    "id-token": jwt(1_800_000_000),
                    "refresh-token": "hush-refresh",
                },
            }
        },
    }
    cluster_of = {
        "server": "https://api.example:6443",
        "certificate-authority-data": base64.b64encode(cluster.ca_pem).decode(),
        "proxy-url": "http://me:hush-password@proxy.example:3128",
    }
    document = {
        "current-context": "token",
        "clusters": [{"name": "one", "cluster": cluster_of}],
        "users": [{"name": name, "user": user} for name, user in users.items()],
        "contexts": [
            {
                "name": name,
                "context": {"cluster": "one", "user": name, "namespace": f"n-{name}"},
            }
            for name in users
        ],
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(document))
    return path


def shown(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    assert main(["config", "-o", "json", *args]) == 0
    text = capsys.readouterr().out
    assert not any(secret in text for secret in SECRETS)
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize(
    ("context", "kind", "detail", "expires"),
    [
        ("token", "token", "", "2030-03-17T17:46:40Z"),
        ("opaque", "token", "", None),
        ("file", "token file", "{folder}/token", "2033-05-18T03:33:20Z"),
        ("basic", "basic", "me", None),
        ("exec", "exec plugin", "get-token (v1)", None),
        ("oidc", "oidc", "https://issuer.example", "2027-01-15T08:00:00Z"),
    ],
)
def test_it_says_which_credential_is_used_and_when_it_ends(
    kubeconfig: Path,
    context: str,
    kind: str,
    detail: str,
    expires: str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = ("--kubeconfig", str(kubeconfig), "--context", context)
    (found,) = shown(capsys, *args)["credentials"]
    where = found.pop("from")
    assert found == {
        "kind": kind,
        "detail": detail.format(folder=kubeconfig.parent),
        "expires": expires,
    }
    assert str(kubeconfig) in where


@pytest.mark.parametrize(
    ("written", "expires"),
    [
        ("1800000000000", "never"),
        ("253402300800", "never"),
        ("1" + "0" * 400, None),
        ("Infinity", None),
        ("NaN", None),
        ("-1e30", None),
        ("[" * 20_000 + "]" * 20_000, None),
    ],
)
@pytest.mark.parametrize("kind", ["token", "tokenFile"])
def test_an_end_that_no_calendar_has_kills_neither_config_nor_doctor(
    kind: str,
    written: str,
    expires: str | None,
    tmp_path: Path,
    cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "token").write_text(jwt(written))
    given = jwt(written) if kind == "token" else str(tmp_path / "token")
    document = cluster.kubeconfig_object()
    for user in document["users"]:
        user["user"] = {kind: given}
    path = tmp_path / "config"
    path.write_text(json.dumps(document))
    (found,) = shown(capsys, "--kubeconfig", str(path))["credentials"]
    assert found["expires"] == expires
    assert main(["config", "--kubeconfig", str(path)]) == 0
    assert main(["doctor", "--kubeconfig", str(path)]) == 1  # an unknown token
    assert "unforeseen" not in "".join(capsys.readouterr())


def test_a_client_certificate_says_when_it_ends(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ("--kubeconfig", str(kubeconfig), "--context", "certificate")
    (found,) = shown(capsys, *args)["credentials"]
    assert (found["kind"], found["detail"]) == ("client certificate", "embedded")
    assert found["expires"].startswith("20")


def test_everything_says_where_it_is_from(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ("--kubeconfig", str(kubeconfig), "-n", "mine", "--as", "boss")
    found = shown(capsys, *args, "--as-group", "staff", "--request-timeout=5s")
    assert found["files"] == [str(kubeconfig)]
    assert found["namespace"] == {"value": "mine", "from": "--namespace"}
    assert found["context"]["from"] == f"{kubeconfig}: current-context"
    assert found["server"]["value"] == "https://api.example:6443"
    assert found["proxy"]["value"] == "http://proxy.example:3128"
    assert found["impersonate"] == {"value": "boss, group staff", "from": "--as"}
    assert found["timeout"] == {"value": "5 s", "from": "--request-timeout"}
    unlimited = shown(capsys, *args, "--request-timeout=0")
    assert unlimited["timeout"] == {"value": "none", "from": "--request-timeout"}
    assert found["certificateAuthority"]["value"] == "embedded"


def test_the_table_does_not_repeat_the_name_of_the_only_file(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "--kubeconfig", str(kubeconfig)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "VALUE", "FROM"]
    assert sum(str(kubeconfig) in line for line in lines) == 1
    assert any(
        line.split() == ["context", "token", "current-context"] for line in lines
    )
    assert not any(secret in line for line in lines for secret in SECRETS)


@pytest.mark.parametrize(
    ("flags", "authority"),
    [
        ((), "embedded"),
        (("--certificate-authority", "ca.pem"), "{folder}/ca.pem"),
        (("--insecure-skip-tls-verify",), "not checked: any server is trusted"),
    ],
)
def test_it_says_whom_it_trusts(
    kubeconfig: Path,
    flags: tuple[str, ...],
    authority: str,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = kubeconfig.parent
    (folder / "ca.pem").write_bytes(cluster.ca_pem)
    monkeypatch.chdir(folder)
    found = shown(capsys, "--kubeconfig", str(kubeconfig), *flags)
    assert found["certificateAuthority"]["value"] == authority.format(folder=folder)


def test_without_https_no_credentials_are_sent_and_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config"
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "a",
                "clusters": [{"name": "a", "cluster": {"server": "http://x"}}],
                "contexts": [{"name": "a", "context": {"cluster": "a"}}],
            }
        )
    )
    assert main(["config", "--kubeconfig", str(path)]) == 0
    assert "none are sent without https" in capsys.readouterr().out


def test_files_and_the_way_are_told(
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pair = cluster.client_certificate("someone")
    (tmp_path / "cert.pem").write_bytes(pair.cert_pem)
    (tmp_path / "key.pem").write_bytes(pair.key_pem)
    user = {"client-certificate": "cert.pem", "client-key": "key.pem"}
    path = tmp_path / "config"
    document = {
        "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "https://x/prefix"}}],
        "users": [{"name": "a", "user": user}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    }
    path.write_text(yaml.safe_dump(document))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/nope:{path}")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hush-password@proxy:1")
    flags = ("--tls-server-name", "y", "--disable-compression")
    found = shown(capsys, *flags, "--as=me", "--as-uid=7", "--as-user-extra=k=v")
    assert found["files"] == [str(path)]
    assert found["missingFiles"] == [f"{tmp_path}/nope"]
    assert found["certificateAuthority"]["value"] == "the system's"
    assert found["tlsServerName"] == {"value": "y", "from": "--tls-server-name"}
    assert found["compression"] == {"value": "off", "from": "--disable-compression"}
    assert found["impersonate"]["value"] == "me, UID 7, k=v"
    assert found["proxy"] == {"value": "http://proxy:1", "from": "$HTTPS_PROXY"}
    (credential,) = found["credentials"]
    assert credential["detail"] == f"{tmp_path}/cert.pem"
    assert credential["expires"]
    assert main(["config", *flags]) == 0
    assert f"missing file           {tmp_path}/nope" in capsys.readouterr().out


def test_nothing_is_contacted(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.forget_requests()
    before = cluster.accepted_connections
    shown(capsys, "--kubeconfig", str(cluster.kubeconfig()))
    assert cluster.accepted_connections == before
    assert not cluster.requests


def test_a_wrong_context_is_2_and_says_which_there_are(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "--kubeconfig", str(kubeconfig), "--context", "nope"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert "certificate" in err


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("name", ["basic", "certificate", "exec", "file", "oidc", "opaque", "token"]),
        ("table", ["CURRENT  NAME         CLUSTER  USER         NAMESPACE"]),
    ],
)
def test_contexts_are_listed(
    kubeconfig: Path,
    output: str,
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["config", "contexts", "-o", output, "--kubeconfig", str(kubeconfig)]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(expected)] == expected
    if output == "table":
        (current,) = [line for line in lines if line.startswith("*")]
        assert current.split() == ["*", "token", "one", "token", "n-token"]


def test_contexts_as_json_mark_the_current_one(
    kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--kubeconfig", str(kubeconfig), "--context", "exec", "config", "contexts"]
    assert main([*words, "-o", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed if entry["current"]] == ["exec"]


def test_a_certificate_too_large_to_be_one_has_no_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is an error where it is used; here it tells nothing."""
    paths = [tmp_path / name for name in ("certificate", "key")]
    for path in paths:
        with path.open("wb") as file:
            file.truncate(1 << 30)
    user = {"client-certificate": str(paths[0]), "client-key": str(paths[1])}
    path = tmp_path / "config"
    path.write_text(json.dumps(kubeconfig_of(user=user)))
    assert main(["config", "--kubeconfig", str(path)]) == 0
    assert str(paths[0]) in capsys.readouterr().out
