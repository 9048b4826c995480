"""What the system may lack or refuse: a home, a folder, a locale, a character.

Go takes paths and arguments for bytes, and its homedir.HomeDir fails without a panic.
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kubemetrics import Client
from kubemetrics.auth.sources import credential_source
from kubemetrics.cli import main
from kubemetrics.config.kubeconfig import list_contexts
from kubemetrics.config.model import AuthInfo, Config, ExecConfig, OidcConfig
from kubemetrics.config.resolve import load_config
from kubemetrics.config.write_back import locked, read_auth_provider
from kubemetrics.errors import ConfigError, CredentialError
from tests.config.kubeconfigs import Home, kubeconfig

ROOT = Path(__file__).parents[2]


@pytest.fixture
def homeless(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A random user id in a container: no HOME, and no entry in passwd."""

    def unknown(*_: object) -> None:
        raise KeyError("no such user")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("USERPROFILE", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    del home.environ["HOME"]
    return home


def test_no_home_is_no_file(homeless: Home) -> None:
    """eclipse-che/che#13454: OpenShift's random user ids have no passwd entry."""
    assert homeless.problems()[0].startswith("no kubeconfig, or nothing in it, and ")
    assert list_contexts(environ=homeless.environ) == ()
    assert homeless.load(server="http://a").server == "http://a"
    homeless.enter_pod()
    assert homeless.load().source == "in-cluster"


@pytest.mark.parametrize("path", ["~/config", "~nosuchuser/config"])
def test_a_home_that_is_not_there_holds_no_file(homeless: Home, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ=homeless.environ)
    assert caught.value.problems == (f"{path}: no such kubeconfig file",)


def test_a_tilde_is_the_home_of_the_user(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home.root))
    home.write("größe", kubeconfig())
    assert load_config("~/größe", environ={}).files == (str(home.root / "größe"),)


WITH_PATHS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("users[0].user.tokenFile", {"tokenFile": "a\0b"}, {}),
    (
        "users[0].user.client-certificate",
        {"client-certificate": "a\0b", "client-key-data": "eA=="},
        {},
    ),
    (
        "users[0].user.client-key",
        {"client-certificate-data": "eA==", "client-key": "a\0b"},
        {},
    ),
    (
        "clusters[0].cluster.certificate-authority",
        {"token": "t"},
        {"certificate-authority": "a\0b"},
    ),
]


@pytest.mark.parametrize("odd", ["\0", "\ud800"], ids=["null", "half a pair"])
@pytest.mark.parametrize(("key", "user", "cluster"), WITH_PATHS)
def test_a_path_that_no_file_can_have_is_told_with_its_file_and_key(
    home: Home, key: str, user: dict[str, Any], cluster: dict[str, Any], odd: str
) -> None:
    text = json.dumps(kubeconfig(user=user, cluster={"server": "https://a", **cluster}))
    home.list_files(text.replace(r"\u0000", json.dumps(odd)[1:-1]))
    (problem,) = home.problems()
    assert problem.startswith(f"0/config: {key}: ")
    assert "cannot be read: no file has " in problem
    assert "\n" not in problem


@pytest.mark.parametrize("path", ["a\0b", "~a\0b", "a\ud800b", "~a\ud800b"])
def test_a_kubeconfig_that_no_file_can_be_is_told(path: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read: no file has"):
        load_config(path, environ={})
    with pytest.raises(ConfigError, match="cannot be read: no file has"):
        load_config(environ={"KUBECONFIG": path})
    with pytest.raises(ConfigError, match="cannot be read: no file has"):
        load_config(environ={"HOME": path})
    with pytest.raises(ConfigError, match="cannot read"):
        read_auth_provider(path, "jane")
    with pytest.raises(ConfigError, match="cannot lock"), locked(path):
        pass


@pytest.mark.parametrize("path", ["a\0b", "a\ud800b"])
def test_a_path_in_a_config_made_by_hand_is_told(path: str) -> None:
    for auth in (
        AuthInfo(token_file=path),
        AuthInfo(client_certificate=path, client_key=path),
    ):
        config = Config(server="https://127.0.0.1:1", auth=auth)
        with pytest.raises(CredentialError, match="no file has"):
            credential_source(config).fetch()
    oidc = OidcConfig(
        issuer_url="https://a",
        client_id="c",
        refresh_token="r",
        certificate_authority=path,
        file=path,
    )
    config = Config(server="https://127.0.0.1:1", auth=AuthInfo(oidc=oidc))
    with pytest.raises(CredentialError):
        credential_source(config, persist=True).fetch()
    config = Config(server="https://127.0.0.1:1", certificate_authority=path)
    with pytest.raises(ConfigError, match="no file has"), Client(config) as client:
        client.get_raw("/version")


def run_elsewhere(
    home: Home, *words: str | bytes, **environ: str
) -> tuple[int, str, str]:
    """Run the command in a process of its own, where the locale knows ASCII alone."""
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "kubemetrics", *words],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home.root),
            "PYTHONPATH": str(ROOT),
            **plain,
            **environ,
        },
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_paths_are_utf_8_where_the_locale_is_not(home: Home) -> None:
    home.write("größe/tok", "eyJ.token")
    home.write("größe/crt", "no matter")
    path = home.write(
        "größe/config",
        kubeconfig(
            user={"tokenFile": "../größe/tok"},
            cluster={"server": "https://127.0.0.1:1"},
        ),
    )
    home.write("config", path.read_text().replace("../", ""))
    shown = str(home.root / r"gr\xf6\xdfe" / "tok")
    for words, environ in (
        (("--kubeconfig", str(path)), {}),
        (("--kubeconfig", str(home.root / "config")), {}),
        ((), {"KUBECONFIG": str(path)}),
        ((), {"KUBECONFIG": f"{home.root}/none:{path}"}),
    ):
        code, out, err = run_elsewhere(home, "config", *words, **environ)
        assert (code, err) == (0, ""), (words, environ)
        assert f"token file {shown}" in out
    code, out, err = run_elsewhere(home, "raw", "/version", "--kubeconfig", str(path))
    assert (code, out) == (1, "")
    assert "refused the connection" in err


def test_a_plugin_gets_utf_8_where_the_locale_is_not(home: Home) -> None:
    plugin = home.write(
        "größe/plug",
        """#!/bin/sh
printf '%s %s' "$1" "$WORD" > "$(dirname "$0")/seen"
echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
"status": {"token": "t"}}'
""",
    )
    plugin.chmod(0o700)
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./größe/plug",
            "args": ["größe"],
            "env": [{"name": "WORD", "value": "grün"}],
            "interactiveMode": "Never",
        }
    }
    cluster = {"server": "https://127.0.0.1:1"}
    path = str(home.write("config", kubeconfig(user=user, cluster=cluster)))
    code, _, err = run_elsewhere(home, "raw", "/version", "--kubeconfig", path)
    assert code == 1
    assert "refused the connection" in err
    assert (plugin.parent / "seen").read_text("utf-8") == "größe grün"


@pytest.mark.parametrize("stdin", [object(), None])
def test_stdin_may_be_anything(stdin: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    plugin = ExecConfig(
        api_version="client.authentication.k8s.io/v1", command="/none/such"
    )
    config = Config(server="https://127.0.0.1:1", auth=AuthInfo(exec=plugin))
    with pytest.raises(CredentialError, match="/none/such not found"):
        credential_source(config).fetch()


def test_a_home_is_utf_8_where_the_locale_is_not(home: Home) -> None:
    home.write("größe/.kube/config", kubeconfig())
    code, out, err = run_elsewhere(home, "config", HOME=str(home.root / "größe"))
    assert (code, err) == (0, "")
    assert r"gr\xf6\xdfe/.kube/config" in out


def test_arguments_are_utf_8_where_the_locale_is_not(home: Home) -> None:
    path = str(home.write("config", kubeconfig()))
    words = ("--kubeconfig", path, "-n", "größe", "--as", "jürgen")
    code, out, err = run_elsewhere(home, "config", "-o", "json", *words)
    assert (code, err) == (0, "")
    shown = json.loads(out)
    assert shown["namespace"]["value"] == "größe"
    assert shown["impersonate"]["value"] == "jürgen"


def test_bytes_that_are_no_utf_8_name_their_file_all_the_same(home: Home) -> None:
    path = os.fsencode(home.root) + b"/\xff\xfe"
    Path(os.fsdecode(path)).write_text(json.dumps(kubeconfig()))
    for environ in ({}, {"PYTHONUTF8": "1"}):
        code, _, err = run_elsewhere(home, "config", b"--kubeconfig", path, **environ)
        assert (code, err) == (0, "")


@pytest.fixture
def nowhere(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A working directory that somebody has deleted."""
    gone = tmp_path_factory.mktemp("gone")
    monkeypatch.chdir(gone)
    gone.rmdir()


@pytest.mark.usefixtures("nowhere")
def test_a_deleted_working_directory_matters_to_relative_paths_alone(
    home: Home,
) -> None:
    home.list_files(kubeconfig())
    assert home.load().server == "https://red:6443"
    assert load_config(kubeconfig(), environ={}).server == "https://red:6443"
    with pytest.raises(ConfigError) as caught:
        load_config("config", environ={})
    assert caught.value.problems == ("config: no such kubeconfig file",)
    problem = home.problems(certificate_authority="ca.crt")
    assert problem == (
        "--certificate-authority: ca.crt cannot be read: No such file or directory",
    )
    with pytest.raises(ConfigError, match="tokenFile: sa/tok cannot be read: No such"):
        load_config(kubeconfig(user={"tokenFile": "sa/tok"}), environ={})


@pytest.mark.usefixtures("nowhere")
def test_the_command_runs_in_a_deleted_working_directory(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(home.write("config", kubeconfig()))
    assert main(["config", "--kubeconfig", path]) == 0
    shown = capsys.readouterr()
    assert "https://red:6443" in shown.out
    assert shown.err == ""
