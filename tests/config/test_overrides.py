"""The cases of client-go's client_config_test.go: what a flag replaces."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from kubemetrics.config.model import Config, Impersonation
from kubemetrics.config.selection import Overrides
from tests.config.kubeconfigs import CA, Home, Stanza, kubeconfig

CA_DATA = base64.b64encode(CA.encode()).decode()


@pytest.fixture
def full(home: Home) -> Home:
    """A kubeconfig that says all there is to say."""
    cluster = {
        "server": "https://red:6443",
        "tls-server-name": "red",
        "certificate-authority-data": CA_DATA,
        "proxy-url": "http://proxy:1",
    }
    user = {
        "client-certificate-data": base64.b64encode(b"cert").decode(),
        "client-key-data": base64.b64encode(b"key").decode(),
        "as": "boss",
        "as-uid": "1",
        "as-groups": ["g"],
        "as-user-extra": {"a": ["1"], "b": ["2"]},
    }
    home.list_files(kubeconfig(cluster=cluster, user=user, context={"namespace": "ns"}))
    for name in ("ca", "cert", "key"):
        home.write(name, name)
    return home


def test_what_is_not_overridden_stays(full: Home) -> None:
    config = full.load(
        token="", server=None, as_groups=[], insecure_skip_tls_verify=None
    )
    assert config == full.load()
    assert config.certificate_authority_data == CA.encode()
    assert config.auth.client_certificate_data == b"cert"
    assert config.auth.client_key_data == b"key"
    assert config.tls_server_name == "red"
    assert config.proxy_url == "http://proxy:1"
    assert config.secure


def test_insecure_drops_the_ca_of_the_file(full: Home) -> None:
    config = full.load(insecure_skip_tls_verify=True)
    assert config.insecure_skip_tls_verify
    assert config.certificate_authority_data is None


def test_a_ca_drops_the_data_and_insecure_of_the_file(full: Home) -> None:
    config = full.load(certificate_authority=full.root / "ca")
    assert config.certificate_authority == f"{full.root}/ca"
    assert config.certificate_authority_data is None
    full.list_files(
        kubeconfig(cluster={"server": "https://a", "insecure-skip-tls-verify": True})
    )
    assert full.load().insecure_skip_tls_verify
    assert not full.load(
        certificate_authority=full.root / "ca"
    ).insecure_skip_tls_verify


def test_insecure_said_to_be_false_verifies_whatever_the_file_says(home: Home) -> None:
    home.list_files(
        kubeconfig(cluster={"server": "https://a", "insecure-skip-tls-verify": True})
    )
    assert not home.load(insecure_skip_tls_verify=False).insecure_skip_tls_verify


def test_insecure_said_to_be_false_keeps_the_ca_of_the_file(full: Home) -> None:
    assert full.load(insecure_skip_tls_verify=False) == full.load()


def test_insecure_with_a_ca_is_a_contradiction(full: Home) -> None:
    (problem,) = full.problems(
        insecure_skip_tls_verify=True, certificate_authority=full.root / "ca"
    )
    assert problem.startswith("--insecure-skip-tls-verify: contradicts the certificate")


def test_a_server_drops_the_tls_server_name_of_the_file(full: Home) -> None:
    assert full.load(server="https://b").tls_server_name == ""
    assert full.load(server="https://b", tls_server_name="c").tls_server_name == "c"
    assert full.load(tls_server_name="c").server == "https://red:6443"


def test_a_certificate_and_a_key_each_drop_the_data_of_the_file(full: Home) -> None:
    auth = full.load(client_certificate=full.root / "cert").auth
    assert auth.client_certificate == f"{full.root}/cert"
    assert auth.client_certificate_data is None
    assert auth.client_key_data == b"key"
    auth = full.load(client_key=str(full.root / "key")).auth
    assert auth.client_certificate_data == b"cert"
    assert (auth.client_key, auth.client_key_data) == (f"{full.root}/key", None)


def test_paths_of_flags_are_against_the_working_directory(
    full: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(full.root)
    auth = full.load(client_certificate="cert", client_key=Path("key")).auth
    assert auth.client_certificate == f"{full.root}/cert"
    assert auth.client_key == f"{full.root}/key"


def test_compression_can_be_turned_off_and_on_again(home: Home) -> None:
    home.list_files(kubeconfig())
    assert home.load(disable_compression=True).disable_compression
    home.list_files(
        kubeconfig(cluster={"server": "https://a", "disable-compression": True})
    )
    assert home.load().disable_compression
    assert not home.load(disable_compression=False).disable_compression


def test_impersonation_is_replaced_and_extras_are_merged_by_key(full: Home) -> None:
    assert full.load().impersonate == Impersonation(
        user="boss", uid="1", groups=("g",), extra=(("a", ("1",)), ("b", ("2",)))
    )
    config = full.load(
        as_user="me",
        as_uid="2",
        as_groups=["h", "i"],
        as_user_extra={"b": ["3", "4"], "c": ("5",)},
    )
    assert config.impersonate == Impersonation(
        user="me",
        uid="2",
        groups=("h", "i"),
        extra=(("a", ("1",)), ("b", ("3", "4")), ("c", ("5",))),
    )


def test_a_token_goes_before_the_token_file_of_the_file(home: Home) -> None:
    home.write("token", "from-file")
    home.list_files(kubeconfig(user={"tokenFile": str(home.root / "token")}))
    auth = home.load(token="flag").auth
    assert (auth.token, auth.token_file) == ("flag", "")


def test_a_token_and_a_token_file_of_one_stanza_are_both_kept(home: Home) -> None:
    home.write("token", "from-file")
    home.list_files(
        kubeconfig(user={"token": "a", "tokenFile": str(home.root / "token")})
    )
    auth = home.load().auth
    assert (auth.token, auth.token_file) == ("a", str(home.root / "token"))


def test_basic_credentials_come_from_the_file_or_from_flags(home: Home) -> None:
    home.list_files(kubeconfig(user={"username": "me", "password": "mypass"}))
    auth = home.load().auth
    assert (auth.username, auth.password) == ("me", "mypass")
    auth = home.load(username="you").auth
    assert (auth.username, auth.password) == ("you", "mypass")
    home.list_files(kubeconfig(user={}))
    assert home.load(username="you", password="x").auth.password == "x"


def test_a_context_a_cluster_and_a_user_can_be_chosen(home: Home) -> None:
    other = {
        "clusters": [{"name": "blue", "cluster": {"server": "https://blue"}}],
        "users": [{"name": "blue", "user": {"token": "blue"}}],
        "contexts": [
            {
                "name": "blue",
                "context": {"cluster": "blue", "user": "blue", "namespace": "b"},
            }
        ],
    }
    home.list_files(kubeconfig(context={"namespace": "r"}), other)

    def chosen(config: Config) -> tuple[str, ...]:
        return config.server, config.auth.token, config.namespace, config.context

    assert chosen(home.load()) == ("https://red:6443", "red", "r", "red")
    assert chosen(home.load(context="blue")) == ("https://blue", "blue", "b", "blue")
    assert chosen(home.load(cluster="blue")) == ("https://blue", "red", "r", "red")
    assert chosen(home.load(user="blue")) == ("https://red:6443", "blue", "r", "red")
    assert home.load(user="blue").user == "blue"


def test_a_cluster_and_a_user_do_without_a_context(home: Home) -> None:
    home.list_files(kubeconfig() | {"current-context": "", "contexts": []})
    config = home.load(cluster="red", user="red")
    assert (config.server, config.auth.token) == ("https://red:6443", "red")
    assert (config.context, config.namespace) == ("", "default")


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ({"context": "x"}, "--context: no context 'x' (there is: red)"),
        ({"cluster": "x"}, "--cluster: no cluster 'x' (there is: red)"),
        ({"user": "x"}, "--user: no user 'x' (there is: red)"),
    ],
)
def test_a_name_that_a_flag_gives_must_be_there(
    home: Home, override: Overrides, problem: str
) -> None:
    home.list_files(kubeconfig())
    assert home.problems(**override) == (problem,)


def test_a_context_without_its_cluster_does_with_a_server(home: Home) -> None:
    home.list_files(kubeconfig(clusters=[]))
    config = home.load(server="https://b")
    assert (config.server, config.auth.token, config.source) == (
        "https://b",
        "red",
        "flags",
    )


def test_flags_alone_are_a_configuration(home: Home) -> None:
    config = home.load(server="https://a:6443/p/", token="t", namespace="n")
    assert (config.server, config.auth.token) == ("https://a:6443/p", "t")
    assert (config.namespace, config.context, config.source) == ("n", "", "flags")


def test_kubernetes_master_is_the_last_resort(home: Home) -> None:
    home.environ["KUBERNETES_MASTER"] = "http://master:8080"
    config = home.load()
    assert (config.server, config.source) == ("http://master:8080", "flags")
    assert ("server", "KUBERNETES_MASTER") in config.origins
    home.environ["KUBERNETES_MASTER"] = "https://master"
    assert home.load(token="t", tls_server_name="n").auth.token == "t"
    assert home.load(token="t", tls_server_name="n").tls_server_name == "n"
    home.enter_pod()
    assert home.load().source == "in-cluster"
    home.list_files(kubeconfig())
    assert home.load().source == "kubeconfig"


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        ("", None),
        ("0s", 0),
        (0, 0),
        ("90", 90),
        (2.5, 2.5),
        ("1m", 60),
    ],
)
def test_the_time_limit_is_a_number_or_a_text(
    home: Home, given: str | float | None, seconds: float | None
) -> None:
    home.list_files(kubeconfig())
    assert home.load(request_timeout=given).timeout == seconds


@pytest.mark.parametrize(
    "given", [-1, float("nan"), float("inf"), 10**400, "-1s", "soon"]
)
def test_a_time_limit_must_make_sense(home: Home, given: str | float) -> None:
    home.list_files(kubeconfig())
    (problem,) = home.problems(request_timeout=given)
    assert problem.startswith("--request-timeout: must be ")


def test_where_a_value_is_from_does_not_make_configurations_differ(full: Home) -> None:
    config = full.load()
    assert replace(config, origins=(), files=(), missing=("x",)) == config


def test_every_value_says_where_it_is_from(full: Home) -> None:
    config = full.load(
        server="https://b",
        certificate_authority=full.root / "ca",
        as_user="me",
        as_groups=["g"],
        namespace="n",
        request_timeout="5s",
    )
    file = full.environ["KUBECONFIG"]
    user = f"{file}: users[0].user"
    assert dict(config.origins) == {
        "context": f"{file}: current-context",
        "cluster": f"{file}: contexts[0].context.cluster",
        "user": f"{file}: contexts[0].context.user",
        "namespace": "--namespace",
        "server": "--server",
        "certificate_authority": "--certificate-authority",
        "proxy_url": f"{file}: clusters[0].cluster.proxy-url",
        "auth.client_certificate_data": f"{user}.client-certificate-data",
        "auth.client_key_data": f"{user}.client-key-data",
        "impersonate": "--as",
        "timeout": "--request-timeout",
    }
    chosen = dict(full.load(context="red", cluster="red", user="red").origins)
    assert (chosen["context"], chosen["cluster"]) == ("--context", "--cluster")
    assert chosen["user"] == "--user"


_EXEC = {"command": "c", "apiVersion": "client.authentication.k8s.io/v1beta1"}
_OIDC = {"name": "oidc", "config": {"idp-issuer-url": "https://i", "client-id": "c"}}


@pytest.mark.parametrize(
    ("key", "name", "user"),
    [
        ("token", "auth.token", {"token": "t"}),
        ("tokenFile", "auth.token_file", {"tokenFile": "file"}),
        ("username", "auth.username", {"username": "u"}),
        ("password", "auth.password", {"username": "u", "password": "p"}),
        (
            "client-certificate",
            "auth.client_certificate",
            {"client-certificate": "file", "client-key": "file"},
        ),
        (
            "client-key",
            "auth.client_key",
            {"client-certificate": "file", "client-key": "file"},
        ),
        ("exec", "auth.exec", {"exec": _EXEC}),
        ("auth-provider", "auth.oidc", {"auth-provider": _OIDC}),
        ("as", "impersonate", {"token": "t", "as": "boss"}),
    ],
)
def test_every_key_of_a_user_says_where_it_is_from(
    home: Home, key: str, name: str, user: Stanza
) -> None:
    home.list_files(kubeconfig(user=user))
    home.write("0/file", "there")
    file = home.environ["KUBECONFIG"]
    assert dict(home.load().origins)[name] == f"{file}: users[0].user.{key}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("certificate-authority", "file"),
        ("certificate-authority-data", CA_DATA),
        ("tls-server-name", "red"),
        ("insecure-skip-tls-verify", True),
        ("proxy-url", "http://proxy:1"),
        ("disable-compression", True),
    ],
)
def test_every_key_of_a_cluster_says_where_it_is_from(
    home: Home, key: str, value: object
) -> None:
    home.list_files(kubeconfig(cluster={"server": "https://red", key: value}))
    home.write("0/file", CA)
    file = home.environ["KUBECONFIG"]
    origins = dict(home.load().origins)
    assert origins[key.replace("-", "_")] == f"{file}: clusters[0].cluster.{key}"
