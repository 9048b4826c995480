"""What users of other clients ran into, each by its thread."""

from __future__ import annotations

import base64
import traceback

import pytest

from kubemetrics.config.model import Impersonation
from kubemetrics.config.resolve import in_cluster_config, load_config
from kubemetrics.errors import ConfigError
from tests.config.kubeconfigs import Home, kubeconfig

SECRET = "hunter2"
DATA = base64.b64encode(SECRET.encode()).decode()
EXEC = {"command": "c", "apiVersion": "client.authentication.k8s.io/v1beta1"}


@pytest.mark.parametrize("absent", ["env", "args", "installHint", "interactiveMode"])
def test_python_637_a_null_in_exec_is_as_if_it_were_not_there(
    home: Home, absent: str
) -> None:
    home.list_files(kubeconfig(user={"exec": EXEC | {absent: None}}))
    with_null = home.load().auth.exec
    home.list_files(kubeconfig(user={"exec": EXEC}))
    assert with_null == home.load().auth.exec


def test_python_1774_a_kubeconfig_as_a_dict_needs_no_path() -> None:
    config = load_config(kubeconfig(user={"exec": EXEC | {"env": None}}), environ={})
    assert config.auth.exec
    assert config.auth.exec.command == "c"


def test_python_1807_provide_cluster_info_is_read_as_it_is_written(home: Home) -> None:
    home.list_files(kubeconfig(user={"exec": EXEC | {"provideClusterInfo": True}}))
    plugin = home.load().auth.exec
    assert plugin
    assert plugin.provide_cluster_info


def test_kube_rs_1431_a_kubeconfig_that_powershell_wrote_is_read(home: Home) -> None:
    text = "current-context: red\nclusters:\n- {name: red, cluster: {server: 'http://a'}}\n"
    text += "contexts:\n- {name: red, context: {cluster: red}}\n"
    home.list_files(text.replace("\n", "\r\n").encode("utf-16"))
    assert home.load().server == "http://a"


def test_python_362_and_kubectl_935_impersonation_is_read_from_the_kubeconfig(
    home: Home,
) -> None:
    extra = {"scopes.example.com/x": ["a", "b"]}
    user = {"token": "t", "as": "u", "as-uid": "1", "as-groups": ["g", "h"]}
    home.list_files(kubeconfig(user=user | {"as-user-extra": extra}))
    assert home.load().impersonate == Impersonation(
        user="u",
        uid="1",
        groups=("g", "h"),
        extra=(("scopes.example.com/x", ("a", "b")),),
    )


def test_python_2187_the_first_current_context_wins(home: Home) -> None:
    home.list_files(kubeconfig(), kubeconfig() | {"current-context": "blue"})
    assert home.load().context == "red"


def test_python_2180_a_user_in_another_file_than_its_cluster_finds_its_key(
    home: Home,
) -> None:
    user = {"client-certificate": "cert", "client-key": "key"}
    home.list_files(
        kubeconfig() | {"users": []},
        {"users": [{"name": "red", "user": user}]},
    )
    home.write("1/cert", "there")
    home.write("1/key", "there")
    assert home.load().auth.client_key == f"{home.root}/1/key"


def test_kr8s_305_a_ca_is_not_looked_for_in_the_working_directory(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write("cwd/ca", "wrong")
    home.list_files(
        kubeconfig(cluster={"server": "https://a", "certificate-authority": "ca"})
    )
    home.write("0/ca", "right")
    monkeypatch.chdir(home.root / "cwd")
    assert home.load().certificate_authority == f"{home.root}/0/ca"


def test_kr8s_425_the_namespace_is_that_of_the_context_asked_for(home: Home) -> None:
    blue = {"name": "blue", "context": {"cluster": "red", "user": "red"}}
    home.list_files(kubeconfig(context={"namespace": "n"}), {"contexts": [blue]})
    assert home.load(context="blue").namespace == "default"


def test_python_base_62_a_list_of_files_of_which_one_is_missing_is_no_pod(
    home: Home,
) -> None:
    home.list_files(kubeconfig())
    home.environ["KUBECONFIG"] += ":/bogus"
    home.enter_pod()
    assert home.load().source == "kubeconfig"


def test_kubernetes_39897_a_file_named_twice_is_read_once(home: Home) -> None:
    home.list_files(kubeconfig())
    path = home.environ["KUBECONFIG"]
    home.environ["KUBECONFIG"] = f"{path}:{path}"
    assert home.load().files == (path,)


def test_pykube_50_and_kube_rs_874_an_ipv6_service_address_gets_brackets(
    home: Home,
) -> None:
    home.enter_pod()
    home.environ["KUBERNETES_SERVICE_HOST"] = "2001:db8::1"
    config = in_cluster_config(
        environ=home.environ, service_account=(str(home.service_account),)
    )
    assert config.server == "https://[2001:db8::1]:443"


def test_java_839_an_ipv6_server_of_a_kubeconfig_is_kept(home: Home) -> None:
    home.list_files(kubeconfig(cluster={"server": "https://[2001:db8::1]:6443/"}))
    assert home.load().server == "https://[2001:db8::1]:6443"


def test_python_656_a_token_that_ends_in_a_line_break_is_stripped(home: Home) -> None:
    home.list_files(kubeconfig(user={"token": f"{SECRET}\n"}))
    assert home.load().auth.token == SECRET
    assert home.load(token=f" {SECRET}\r\n").auth.token == SECRET
    home.list_files(kubeconfig(user={"token": " \n"}))
    assert "no credentials" in home.problems()[0]


LEAKY = [
    {"token": f"{SECRET}\x00"},
    {"token": SECRET, "password": SECRET},
    {"token": [SECRET]},
    {"token": "t", "client-key-data": f"{SECRET}!"},
    {"token": "t", "exec": {"env": [{"name": "", "value": SECRET}]}},
    {"token": "t", "exec": {"args": [[SECRET]]}},
    {"auth-provider": {"name": "oidc", "config": {"client-secret": SECRET}}},
    {"auth-provider": {"name": "oidc", "config": {"id-token": [SECRET]}}},
]


@pytest.mark.parametrize("user", LEAKY)
def test_python_2258_no_error_and_no_traceback_shows_a_secret(
    home: Home, user: dict[str, object]
) -> None:
    home.list_files(kubeconfig(user=user))
    with pytest.raises(ConfigError) as caught:
        load_config(environ=home.environ)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"users: [{{name: a, user: {{token: {SECRET}",
        f"token: {SECRET}: {SECRET}",
        f"token: '{SECRET}",
        f"token: *{SECRET}",
        f"{SECRET}",
        f"token: \x02{SECRET}",
    ],
)
def test_cve_2019_11250_no_syntax_error_shows_the_text_it_is_about(
    home: Home, text: str
) -> None:
    home.list_files(text)
    with pytest.raises(ConfigError) as caught:
        load_config(environ=home.environ)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_python_2258_no_repr_shows_a_secret(home: Home) -> None:
    user = {
        "token": SECRET,
        "client-certificate-data": DATA,
        "client-key-data": DATA,
        "exec": EXEC | {"args": [SECRET], "env": [{"name": "N", "value": SECRET}]},
    }
    settings = {"idp-issuer-url": "i", "client-id": "c", "client-secret": SECRET}
    settings |= {"id-token": SECRET, "refresh-token": SECRET}
    oidc = {"name": "oidc", "config": settings}
    cluster = {"server": "https://a", "proxy-url": f"http://me:{SECRET}@p"}
    for stanza in (
        user,
        {"username": "u", "password": SECRET},
        {"auth-provider": oidc},
    ):
        home.list_files(kubeconfig(user=stanza, cluster=cluster))
        shown = repr(home.load())
        assert SECRET not in shown
        assert repr(SECRET.encode()) not in shown
        assert DATA not in shown
