"""The cases of client-go's loader_test.go, and what is wrong in a file."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from kubemetrics.config.kubeconfig import load
from kubemetrics.config.resolve import load_config
from kubemetrics.errors import ConfigError
from tests.config.kubeconfigs import Home, Stanza, kubeconfig

ALFA = """
clusters: [{name: cow, cluster: {server: "http://cow.org:8080"}}]
users: [{name: red-user, user: {token: red-token}}]
contexts: [{name: federal, context: {user: red-user, cluster: cow, namespace: hammer}}]
"""
CONFLICTING = """
current-context: federal
clusters:
- name: cow
  cluster: {server: "http://a-different-cow.org:8080", disable-compression: true}
- {name: donkey, cluster: {server: "http://donkey.org:8080"}}
users:
- {name: red-user, user: {token: a-different-red-token, username: mixed-in}}
- {name: yellow-user, user: {token: yellow-token}}
"""


def test_the_first_file_to_name_a_thing_wins_with_its_whole_stanza(home: Home) -> None:
    home.list_files(ALFA, CONFLICTING)
    config = home.load()
    assert config.server == "http://cow.org:8080"
    assert config.disable_compression is False
    assert (config.auth.token, config.auth.username) == ("red-token", "")
    assert config.namespace == "hammer"
    assert (
        home.load(cluster="donkey", user="yellow-user").server
        == "http://donkey.org:8080"
    )
    assert home.load(user="yellow-user").auth.token == "yellow-token"


def test_the_first_current_context_that_is_not_empty_counts(home: Home) -> None:
    empty = kubeconfig() | {"current-context": ""}
    context = {"name": "blue", "context": {"cluster": "red", "user": "red"}}
    blue = kubeconfig(contexts=[context]) | {"current-context": "blue"}
    home.list_files(empty, blue, kubeconfig())
    assert home.load().context == "blue"


def test_an_explicit_file_is_merged_with_nothing(home: Home) -> None:
    home.list_files(CONFLICTING)
    path = home.write("explicit", ALFA)
    found = load(path, home.environ).kubeconfig
    assert (list(found.clusters), found.current_context) == (["cow"], "")


@pytest.mark.parametrize("spell", [str, os.fspath, Path])
def test_an_explicit_file_is_a_text_or_a_path(home: Home, spell: type) -> None:
    path = home.write("config", kubeconfig())
    assert load_config(spell(path), environ={}).files == (str(path),)


def test_an_explicit_file_that_is_not_there_is_an_error(home: Home) -> None:
    with pytest.raises(ConfigError, match="bogus: no such kubeconfig file"):
        load_config(home.root / "bogus", environ={})


def test_without_a_list_the_file_of_the_home_directory_is_read(home: Home) -> None:
    path = home.write(".kube/config", kubeconfig())
    assert home.load().files == (str(path),)
    assert load_config("", environ=home.environ) == home.load()


def test_missing_files_of_the_list_are_passed_over(home: Home) -> None:
    home.list_files(kubeconfig())
    there = home.environ["KUBECONFIG"]
    home.environ["KUBECONFIG"] = f"/bogus1::{there}:/bogus2:{there}"
    config = home.load()
    assert config.files == (there,)
    assert config.missing == ("/bogus1", "/bogus2")


def test_when_all_files_are_missing_the_error_names_them(home: Home) -> None:
    home.environ["KUBECONFIG"] = "/bogus1:/bogus2"
    (problem,) = home.problems()
    assert "no kubeconfig: /bogus1, /bogus2: not there" in problem
    assert problem.endswith("; --kubeconfig or KUBECONFIG names another")
    assert "KUBERNETES_SERVICE_HOST" in problem


def test_a_list_of_nothing_is_not_the_home_directory(home: Home) -> None:
    home.write(".kube/config", kubeconfig())
    home.environ["KUBECONFIG"] = ":"
    assert "no kubeconfig, or nothing in it" in home.problems()[0]


def test_all_files_that_cannot_be_read_are_named_at_once(home: Home) -> None:
    home.list_files("[", kubeconfig(), "bogus value", "users: 3")
    (home.root / "dir").mkdir()
    home.environ["KUBECONFIG"] += f":{home.root}/dir"
    first, second, third, fourth = home.problems()
    assert first.startswith("dir: cannot be read: ")
    assert second.startswith("0/config: not valid YAML: line 2, column 1: did not")
    assert third == "2/config: not a kubeconfig: it must be a mapping at the top"
    assert fourth == "3/config: users: must be a list, not a number"


def test_an_empty_file_is_an_empty_kubeconfig(home: Home) -> None:
    home.list_files("", kubeconfig())
    assert home.load().server == "https://red:6443"


def test_relative_paths_are_against_the_file_of_their_own_stanza(home: Home) -> None:
    user = {
        "client-certificate": "relative/cert",
        "client-key": "../relative/key",
        "tokenFile": "token",
        "exec": {"command": "./bin/cmd", "apiVersion": V1BETA1},
    }
    cluster = {"server": "https://a", "certificate-authority": "ca"}
    home.list_files(
        {"users": kubeconfig(user=user)["users"], "current-context": "red"},
        {"clusters": kubeconfig(cluster=cluster)["clusters"]},
        {"contexts": kubeconfig()["contexts"]},
    )
    for path in ("0/relative/cert", "relative/key", "0/token", "1/ca"):
        home.write(path, "there")
    config, root = home.load(), home.root
    assert config.certificate_authority == f"{root}/1/ca"
    assert config.auth.client_certificate == f"{root}/0/relative/cert"
    assert config.auth.client_key == f"{root}/relative/key"
    assert config.auth.token_file == f"{root}/0/token"
    assert config.auth.exec
    assert config.auth.exec.command == f"{root}/0/bin/cmd"


@pytest.mark.parametrize("command", ["cmd", "/abs/cmd"])
def test_bare_and_absolute_commands_stay_as_they_are(home: Home, command: str) -> None:
    home.list_files(
        kubeconfig(user={"exec": {"command": command, "apiVersion": V1BETA1}})
    )
    plugin = home.load().auth.exec
    assert plugin
    assert plugin.command == command


def test_relative_names_of_kubeconfigs_do_not_matter_for_paths_in_them(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = {"server": "https://a", "certificate-authority": "ca"}
    home.write("sub/config", kubeconfig(cluster=cluster))
    home.write("sub/ca", "there")
    monkeypatch.chdir(home.root)
    config = load_config("sub/config", environ={})
    assert config.certificate_authority == f"{home.root}/sub/ca"


NUMBER = "must be a string, not a number (quote it)"
BOOLEAN = "must be a string, not a boolean (quote it)"
MAPPING = "must be a mapping, not a string"
NOWHERE = "no cluster 'nowhere' (there is: none at all)"
LIST = "must be a list, not a string"
FLAG = "must be true or false, not a string"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
TWICE = "duplicate name 'red'"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kind": "Pod"}, "kind: must be Config: this is not a kubeconfig"),
        ({"apiVersion": "v2"}, "apiVersion: must be v1: this is not a kubeconfig"),
        ({"kind": True}, f"kind: {BOOLEAN}"),
        ({"current-context": 1}, f"current-context: {NUMBER}"),
        ({"clusters": {}}, "clusters: must be a list, not a mapping"),
        ({"clusters": "x"}, "clusters: must be a list, not a string"),
        ({"users": [3]}, "users[0]: must be a mapping, not a number"),
        ({"users": [{"name": ["x"]}]}, "users[0].name: must be a string, not a list"),
        ({"users": [{"name": "x", "user": "y"}]}, f"users[0].user: {MAPPING}"),
        ({"preferences": []}, "preferences: must be a mapping, not a list"),
        ({"preferences": {"colors": "x"}}, f"preferences.colors: {FLAG}"),
        ({"clusters": kubeconfig()["clusters"] * 2}, f"clusters[1].name: {TWICE}"),
        ({"contexts": kubeconfig()["contexts"] * 2}, f"contexts[1].name: {TWICE}"),
        ({"users": kubeconfig()["users"] * 2}, f"users[1].name: {TWICE}"),
        ({"extensions": [{"name": "red"}] * 2}, f"extensions[1].name: {TWICE}"),
        ({"users": [None, {}]}, "users[1].name: duplicate name ''"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_said_with_its_key(
    home: Home, changes: Stanza, problem: str
) -> None:
    home.list_files(kubeconfig() | dict(changes))
    assert f"0/config: {problem}" in home.problems()


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        ({"token": 1}, f"token: {NUMBER}"),
        ({"client-key-data": "a"}, "client-key-data: must be base64"),
        ({"client-key-data": "YQ==YQ=="}, "client-key-data: must be base64"),
        ({"client-certificate-data": "é"}, "client-certificate-data: must be base64"),
        ({"as-groups": "a"}, "as-groups: must be a list, not a string"),
        ({"as-groups": [1]}, f"as-groups[0]: {NUMBER}"),
        ({"as-user-extra": {"k": "v"}}, f"as-user-extra.k: {LIST}"),
        ({"exec": {"args": [True]}}, f"exec.args[0]: {BOOLEAN}"),
        ({"exec": {"env": [{"value": 1}]}}, f"exec.env[0].value: {NUMBER}"),
        ({"exec": {"provideClusterInfo": "y"}}, f"exec.provideClusterInfo: {FLAG}"),
        ({"auth-provider": {"config": {"k": 1}}}, f"auth-provider.config.k: {NUMBER}"),
        ({"extensions": 1}, "extensions: must be a list, not a number"),
    ],
)  # fmt: skip
def test_wrong_types_in_a_stanza_are_refused_even_where_it_is_not_chosen(
    home: Home, user: Stanza, problem: str
) -> None:
    users = [*kubeconfig()["users"], {"name": "other", "user": user}]
    home.list_files(kubeconfig(users=users))
    assert home.problems() == (f"0/config: users[1].user.{problem}",)


def test_every_problem_of_every_file_is_said_at_once(home: Home) -> None:
    home.list_files(
        "current-context: c\nusers: [{name: 1}, {name: u, user: {token: 2}}]",
        "contexts: [{name: c, context: {cluster: nowhere, user: u, namespace: off}}]",
    )
    assert home.problems(proxy_url="ftp://p", request_timeout="soon") == (
        f"0/config: users[0].name: {NUMBER}",
        f"0/config: users[1].user.token: {NUMBER}",
        f"1/config: contexts[0].context.namespace: {BOOLEAN}",
        f"1/config: contexts[0].context.cluster: {NOWHERE}",
        "--proxy-url: must be a URL of scheme http, https, socks5",
        "--request-timeout: must be seconds or a duration, such as 30, 90s or 1m30s",
    )


def test_a_parsed_kubeconfig_is_as_good_as_a_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.root)
    home.write("ca", "there")
    cluster = {"server": "https://a", "certificate-authority": "ca"}
    config = load_config(kubeconfig(cluster=cluster), environ={})
    assert config.certificate_authority == f"{home.root}/ca"
    assert config.files == ()
    with pytest.raises(ConfigError, match=r"^kubeconfig: users: must be a list"):
        load_config(kubeconfig(users={}), environ={})
    with pytest.raises(ConfigError, match=r"^kubeconfig: not a kubeconfig"):
        load_config({"users": {1, 2}}, environ={})


def test_a_file_that_may_not_be_opened_is_an_error(home: Home) -> None:
    home.list_files(kubeconfig())
    path = home.environ["KUBECONFIG"]
    home.environ["KUBECONFIG"] = f"{path}/below-a-file"
    assert "cannot be read: Not a directory" in home.problems()[0]


def test_loading_logs_no_secret(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.list_files(kubeconfig(user={"token": "hunter2"}))
    with caplog.at_level(logging.DEBUG):
        home.load()
    assert "hunter2" not in caplog.text
