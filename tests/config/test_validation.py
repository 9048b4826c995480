# ruff: noqa: E501 - a case a line
"""The cases of client-go's validation_test.go, and what its transport refuses."""

from __future__ import annotations

import base64

import pytest

from kubemetrics.config.model import OidcConfig
from kubemetrics.config.resolve import build_config_from_flags
from kubemetrics.errors import ConfigError
from tests.config.kubeconfigs import Home, Stanza, kubeconfig

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
DATA = base64.b64encode(b"data").decode()
EXEC = {"command": "c", "apiVersion": V1, "interactiveMode": "Never"}
OIDC_CONFIG = {"idp-issuer-url": "https://i", "client-id": "c"}
OIDC = {"name": "oidc", "config": OIDC_CONFIG}
BAD_OIDC = OIDC | {"config": OIDC_CONFIG | {"idp-certificate-authority-data": "!"}}
IMPERSONATE = "as: needed to impersonate a uid, groups or extra"
TWICE = "given as a file and as data: choose one"


def _load(
    home: Home, user: Stanza, server: str = "https://a", **cluster: object
) -> None:
    home.list_files(kubeconfig(user=user, cluster={"server": server} | cluster))
    home.write("0/file", "there")
    home.write("0/empty", " \n")
    home.load()


@pytest.mark.parametrize(
    "user",
    [
        {"token": "t"},
        {"token": " t\n"},
        {"username": "u"},
        {"username": "u", "password": "p"},
        {"client-certificate": "file", "client-key": "file"},
        {"client-certificate-data": DATA, "client-key": "file"},
        {"client-certificate-data": DATA, "client-key-data": DATA, "token": "t"},
        {"token": "t", "client-key": "missing", "client-key-data": DATA},
        {"tokenFile": "file"},
        {"tokenFile": "file", "token": "t"},
        {"tokenFile": "empty", "token": "t"},
        {"exec": EXEC},
        {"exec": EXEC, "token": "t"},
        {"exec": EXEC | {"interactiveMode": "Always", "env": [{"name": "n"}]}},
        {"exec": {"command": "c", "apiVersion": V1BETA1}},
        {"auth-provider": OIDC},
        {"token": "t", "as": "b", "as-uid": "1", "as-groups": ["g"], "as-user-extra": {"k": []}},
    ],
)  # fmt: skip
def test_a_sound_user_is_accepted(home: Home, user: Stanza) -> None:
    _load(home, user)


# Each of these is refused whatever the server is, as by validateAuthInfo.
@pytest.mark.parametrize("server", ["https://a", "http://a"])
@pytest.mark.parametrize(
    ("user", "problems"),
    [
        ({"token": "t", "username": "u"}, ["token: a token and a username or password: choose one"]),
        ({"token": "t", "password": "p"}, ["token: a token and a username or password: choose one"]),
        ({"client-certificate": "file", "client-certificate-data": DATA, "client-key": "file"}, [f"client-certificate: {TWICE}"]),
        ({"client-certificate": "file", "client-key-data": DATA, "client-key": "file"}, [f"client-key: {TWICE}"]),
        ({"client-certificate-data": DATA}, ["client-key: needed beside the client certificate"]),
        ({"client-certificate": "missing", "client-key": "gone"}, [
            "client-certificate: 0/missing cannot be read: No such file or directory",
            "client-key: 0/gone cannot be read: No such file or directory",
        ]),
        ({"exec": EXEC | {"command": ""}}, ["exec.command: needed"]),
        ({"exec": EXEC | {"apiVersion": ""}}, [f"exec.apiVersion: needed: must be {V1} or {V1BETA1}"]),
        ({"exec": EXEC | {"env": [{"value": "v"}]}}, ["exec.env[0].name: needed"]),
        ({"exec": EXEC | {"interactiveMode": ""}}, ["exec.interactiveMode: must be Never, IfAvailable or Always"]),
        ({"exec": EXEC | {"interactiveMode": "never"}}, ["exec.interactiveMode: must be Never, IfAvailable or Always"]),
        ({"exec": EXEC, "auth-provider": OIDC}, ["auth-provider: contradicts exec: choose one"]),
        ({"token": "t", "as-uid": "1"}, [IMPERSONATE]),
        ({"token": "t", "as-groups": ["g"]}, [IMPERSONATE]),
        ({"token": "t", "as-user-extra": {"k": ["v"]}}, [IMPERSONATE]),
        ({"token": "a\nb"}, ["token: holds a control character, such as a line break"]),
        ({"token": "t", "as": "a\nb", "as-groups": ["c\r"]}, ["as: holds a control character, such as a line break", "as-groups: holds a control character, such as a line break"]),
        ({"exec": {}, "token": "t", "username": "u"}, [
            "token: a token and a username or password: choose one",
            "exec.command: needed",
            f"exec.apiVersion: needed: must be {V1} or {V1BETA1}",
            "exec.interactiveMode: must be Never, IfAvailable or Always",
        ]),
    ],
)  # fmt: skip
def test_an_unsound_user_is_refused_with_all_that_is_wrong(
    home: Home, user: Stanza, problems: list[str], server: str
) -> None:
    with pytest.raises(ConfigError):
        _load(home, user, server)
    where = "0/config: users[0].user."
    told = (text.replace(f"{home.root}/", "") for text in home.problems())
    assert list(told) == [where + problem for problem in problems]


# These are refused where credentials are used, that is over https, as by rest and
# transport; over http client-go never looks at them.
@pytest.mark.parametrize(
    ("user", "problem"),
    [
        ({"tokenFile": "missing"}, "tokenFile: 0/missing cannot be read: No such file or directory"),
        ({"tokenFile": "empty"}, "tokenFile: 0/empty is empty"),
        ({"tokenFile": "file", "username": "u"}, "tokenFile: a token and a username: choose one"),
        ({"exec": EXEC | {"apiVersion": "client.authentication.k8s.io/v2"}}, f'exec.apiVersion: "client.authentication.k8s.io/v2" is not supported: must be {V1} or {V1BETA1}'),
        ({"exec": {"command": "c", "apiVersion": "client.authentication.k8s.io/v1alpha1"}}, "exec.apiVersion: client.authentication.k8s.io/v1alpha1 was removed in Kubernetes 1.24: update the tool that wrote this user, and let it write the user again (aws eks update-kubeconfig, …)"),
        ({"auth-provider": {"name": "gcp"}}, "auth-provider.name: the gcp provider has been removed from Kubernetes: use gke-gcloud-auth-plugin (gcloud components install gke-gcloud-auth-plugin) and let it write this user again"),
        ({"auth-provider": {"name": "azure"}}, "auth-provider.name: the azure provider has been removed from Kubernetes: use kubelogin (https://github.com/Azure/kubelogin) and let it write this user again"),
        ({"auth-provider": {"name": "openstack"}}, "auth-provider.name: 'openstack' is not supported: use oidc or an exec plugin"),
        ({"auth-provider": {}}, "auth-provider.name: '' is not supported: use oidc or an exec plugin"),
        ({"auth-provider": {"name": "oidc", "config": {"client-id": "c"}}}, "auth-provider.config.idp-issuer-url: needed for oidc"),
        ({"auth-provider": {"name": "oidc", "config": {"idp-issuer-url": "i"}}}, "auth-provider.config.client-id: needed for oidc"),
        ({"auth-provider": BAD_OIDC}, "auth-provider.config.idp-certificate-authority-data: must be base64"),
    ],
)  # fmt: skip
def test_credentials_that_cannot_be_used_are_refused_over_https_only(
    home: Home, user: Stanza, problem: str
) -> None:
    _load(home, user, "http://a")
    with pytest.raises(ConfigError):
        _load(home, user)
    assert home.problems() == (f"0/config: users[0].user.{problem}",)


@pytest.mark.parametrize(
    ("cluster", "problem"),
    [
        ({}, "server: no server is given for this cluster"),
        ({"server": ""}, "server: no server is given for this cluster"),
        ({"server": "https://"}, "server: is not a URL with a host"),
        ({"server": "https://me:hunter2@a"}, "server: must not carry a user or a password: use a user stanza"),
        ({"server": "https://a", "proxy-url": "ftp://me:hunter2@p"}, "proxy-url: must be a URL of scheme http, https, socks5"),
        ({"server": "https://a", "certificate-authority": "gone"}, "certificate-authority: 0/gone cannot be read: No such file or directory"),
        ({"server": "http://a", "certificate-authority": "gone"}, "certificate-authority: 0/gone cannot be read: No such file or directory"),
        ({"server": "https://a", "certificate-authority": "file", "certificate-authority-data": DATA}, f"certificate-authority: {TWICE}"),
        ({"server": "https://a", "insecure-skip-tls-verify": True, "certificate-authority-data": DATA}, "insecure-skip-tls-verify: contradicts the certificate authority that is given too: remove one"),
    ],
)  # fmt: skip
def test_an_unsound_cluster_is_refused(
    home: Home, cluster: Stanza, problem: str
) -> None:
    home.write("0/file", "there")
    stanza = {"name": "red", "cluster": cluster}
    home.list_files(kubeconfig(clusters=[stanza]))
    assert home.problems() == (f"0/config: clusters[0].cluster.{problem}",)


SCHEME = (
    "clusters[0].cluster.server: needs a scheme (https://HOST:PORT): "
    "without one it would be http, where credentials and CAs are not used"
)


@pytest.mark.parametrize(
    ("user", "cluster"),
    [
        ({"token": "t"}, {}),
        ({"exec": EXEC}, {}),
        ({}, {"certificate-authority-data": DATA}),
        ({}, {"insecure-skip-tls-verify": True}),
    ],
)
def test_a_server_without_a_scheme_that_would_drop_credentials_is_refused(
    home: Home, user: Stanza, cluster: Stanza
) -> None:
    stanza = {"server": "a:6443"} | dict(cluster)
    home.list_files(kubeconfig(user=user, cluster=stanza))
    assert home.problems() == (f"0/config: {SCHEME}",)


def test_a_server_without_a_scheme_and_with_nothing_to_drop_is_http(home: Home) -> None:
    home.list_files(kubeconfig(user={}, cluster={"server": "localhost:8080"}))
    config = home.load()
    assert config.server == "http://localhost:8080"
    assert not config.secure


def test_a_missing_cluster_is_an_error_even_in_a_pod(home: Home) -> None:
    home.enter_pod()
    home.list_files(kubeconfig(clusters=[]))
    (problem,) = home.problems()
    assert (
        problem
        == "0/config: contexts[0].context.cluster: no cluster 'red' (there is: none at all)"
    )


def test_without_a_current_context_the_contexts_are_listed(home: Home) -> None:
    home.list_files(kubeconfig() | {"current-context": ""})
    assert home.problems() == (
        "no current-context is set: choose a context with --context: red",
    )


def test_of_very_many_contexts_the_first_are_listed(home: Home) -> None:
    names = [{"name": f"c{i:02}", "context": {}} for i in range(25)]
    home.list_files(kubeconfig(contexts=names))
    (problem,) = home.problems()
    assert problem.endswith(
        "(there is: " + ", ".join(f"c{i:02}" for i in range(20)) + ", and 5 more)"
    )


def test_a_current_context_that_is_not_there_is_an_error(home: Home) -> None:
    home.enter_pod()
    home.list_files(kubeconfig() | {"current-context": "blue"})
    assert home.problems() == (
        "0/config: current-context: no context 'blue' (there is: red)",
    )


def test_an_https_server_without_credentials_is_an_error_and_no_prompt(
    home: Home,
) -> None:
    home.list_files(kubeconfig(user={}))
    reason = "no credentials for an https server (token, certificate, exec, …)"
    assert home.problems() == (f"0/config: users[0].user: {reason}",)
    assert home.problems(password="p") == (f"0/config: users[0].user: {reason}",)
    home.list_files(kubeconfig(context={"user": ""}))
    assert home.problems() == (f"0/config: contexts[0].context: {reason}",)
    assert home.problems(server="https://b") == (
        f"0/config: contexts[0].context: {reason}",
    )
    home.list_files()
    assert home.problems(server="https://b") == (f"flags: {reason}",)


def test_a_missing_user_matters_only_where_credentials_do(home: Home) -> None:
    home.list_files(kubeconfig(users=[]))
    assert home.problems() == (
        "0/config: contexts[0].context.user: no user 'red' (there is: none at all)",
    )
    assert home.load(token="t").auth.token == "t"
    assert home.load(server="http://a").user == "red"


def test_client_go_goes_on_anonymously(home: Home) -> None:
    path = home.write("config", kubeconfig(users=[]))
    config = build_config_from_flags("", path, environ={})
    assert (config.server, config.auth.token) == ("https://red:6443", "")


@pytest.mark.parametrize("name", ["a/b", "..", ".", "a%2fb"])
def test_a_namespace_must_fit_into_a_path(home: Home, name: str) -> None:
    home.list_files(kubeconfig(context={"namespace": name}))
    (problem,) = home.problems()
    assert problem.startswith("0/config: contexts[0].context.namespace: ")
    assert home.problems(namespace=name)[0].startswith("--namespace: ")
    assert home.load(namespace="fine").namespace == "fine"


def test_a_bad_stanza_that_is_not_chosen_does_no_harm(home: Home) -> None:
    bad = kubeconfig(
        cluster={"server": "", "certificate-authority": "gone"},
        user={"token": "t", "username": "u"},
    )
    for kind in ("clusters", "users", "contexts"):
        bad[kind][0]["name"] = "bad"
    home.list_files(kubeconfig(), bad)
    assert home.load().context == "red"


def test_oidc_settings_that_are_not_given_are_empty(home: Home) -> None:
    _load(home, {"auth-provider": OIDC})
    assert home.load().auth.oidc == OidcConfig(
        issuer_url="https://i", client_id="c", file=f"{home.root}/0/config", user="red"
    )


def test_an_oidc_authority_is_a_path_against_the_working_directory(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.root)
    settings = OIDC_CONFIG | {"idp-certificate-authority": "ca.crt"}
    _load(home, {"auth-provider": OIDC | {"config": settings}})
    oidc = home.load().auth.oidc
    assert oidc
    assert oidc.certificate_authority == f"{home.root}/ca.crt"


def test_oidc_settings_are_read(home: Home) -> None:
    config = {
        "idp-issuer-url": "https://i",
        "client-id": "c",
        "client-secret": "s",
        "id-token": "t",
        "refresh-token": "r",
        "idp-certificate-authority-data": DATA,
        "extra-scopes": "a,b",
    }
    _load(home, {"auth-provider": {"name": "oidc", "config": config}})
    oidc = home.load().auth.oidc
    assert oidc
    assert (oidc.issuer_url, oidc.client_id, oidc.client_secret) == (
        "https://i",
        "c",
        "s",
    )
    assert (oidc.id_token, oidc.refresh_token) == ("t", "r")
    assert oidc.certificate_authority_data == b"data"
    assert (oidc.file, oidc.user) == (f"{home.root}/0/config", "red")


def test_a_plugin_is_read_with_the_extension_of_its_cluster(home: Home) -> None:
    stanza = EXEC | {
        "args": ["a", None],
        "env": [{"name": "N", "value": "v"}],
        "installHint": "install it",
        "provideClusterInfo": True,
    }
    extension = {"any": ["thing", 1, True, None]}
    extensions = [
        {"name": "other", "extension": 1},
        {"name": "client.authentication.k8s.io/exec", "extension": extension},
    ]
    _load(home, {"exec": stanza}, extensions=extensions)
    plugin = home.load().auth.exec
    assert plugin
    assert (plugin.command, plugin.args) == ("c", ("a", ""))
    assert plugin.env == (("N", "v"),)
    assert (plugin.install_hint, plugin.interactive_mode) == ("install it", "Never")
    assert plugin.provide_cluster_info
    assert plugin.cluster_config == extension


def test_v1beta1_plugins_are_interactive_if_available(home: Home) -> None:
    _load(home, {"exec": {"command": "c", "apiVersion": V1BETA1}})
    plugin = home.load().auth.exec
    assert plugin
    assert plugin.interactive_mode == "IfAvailable"


def test_a_key_without_a_certificate_is_not_used(home: Home) -> None:
    _load(home, {"token": "t", "client-key-data": DATA})
    assert home.load().auth.client_key_data is None
    _load(home, {"token": "t", "client-key": "file"})
    assert home.load().auth.client_key == ""


def test_data_may_be_broken_into_lines(home: Home) -> None:
    lines = "LS0t\r\nLS0t\n"
    _load(home, {"token": "t"}, **{"certificate-authority-data": lines})
    assert home.load().certificate_authority_data == b"------"
