"""In-cluster, and when it is the answer: merged_client_builder_test.go's cases."""

from __future__ import annotations

import logging

import pytest

from kubemetrics.config.model import Config
from kubemetrics.config.resolve import build_config_from_flags, in_cluster_config
from kubemetrics.errors import ConfigError
from tests.config.kubeconfigs import Home, kubeconfig


def _in_cluster(home: Home) -> Config:
    return in_cluster_config(
        environ=home.environ, service_account=(str(home.service_account),)
    )


def test_a_pod_uses_its_service_account(home: Home) -> None:
    home.enter_pod()
    config = _in_cluster(home)
    assert config.server == "https://10.0.0.1:443"
    assert config.certificate_authority == str(home.service_account / "ca.crt")
    assert config.auth.token_file == str(home.service_account / "token")
    assert config.auth.token == ""
    assert (config.namespace, config.source) == ("in-pod", "in-cluster")
    assert dict(config.origins) == {
        "namespace": str(home.service_account / "namespace"),
        "server": "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT",
        "certificate_authority": str(home.service_account / "ca.crt"),
        "auth.token_file": str(home.service_account / "token"),
    }


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("fd00::1", "https://[fd00::1]:443"),
        ("fe80::1%25eth0", "https://[fe80::1%25eth0]:443"),
        ("kubernetes.default.svc", "https://kubernetes.default.svc:443"),
    ],
)
def test_an_ipv6_host_gets_brackets(home: Home, host: str, server: str) -> None:
    home.enter_pod()
    home.environ["KUBERNETES_SERVICE_HOST"] = host
    assert _in_cluster(home).server == server


@pytest.mark.parametrize("name", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"])
@pytest.mark.parametrize("empty", [True, False])
def test_both_variables_are_needed(home: Home, name: str, *, empty: bool) -> None:
    home.enter_pod()
    del home.environ[name]
    if empty:
        home.environ[name] = ""
    with pytest.raises(ConfigError, match="this is not a pod: KUBERNETES_SERVICE_HOST"):
        _in_cluster(home)
    assert "this is not a pod" in home.problems()[0]


def test_the_token_must_be_a_file(home: Home) -> None:
    home.enter_pod()
    token = home.service_account / "token"
    token.unlink()
    with pytest.raises(ConfigError, match=f"no file {token}"):
        _in_cluster(home)
    token.mkdir()
    with pytest.raises(ConfigError, match=f"no file {token}"):
        _in_cluster(home)


def test_a_directory_that_cannot_be_looked_into_is_no_pod(home: Home) -> None:
    home.enter_pod()
    too_long = "/" + "a" * 300
    with pytest.raises(ConfigError, match="no file"):
        in_cluster_config(environ=home.environ, service_account=(too_long,))


def test_an_empty_token_is_an_error(home: Home) -> None:
    home.enter_pod()
    home.write("serviceaccount/token", "\n")
    with pytest.raises(ConfigError, match="token is empty"):
        _in_cluster(home)


def test_the_second_directory_is_used_where_the_first_has_no_token(home: Home) -> None:
    home.enter_pod()
    directories = (str(home.root / "var/run"), str(home.service_account))
    config = in_cluster_config(environ=home.environ, service_account=directories)
    assert config.auth.token_file == str(home.service_account / "token")


@pytest.mark.parametrize("ca", [None, "", "no certificate"])
def test_without_a_ca_the_systems_are_trusted_and_a_warning_says_so(
    home: Home, ca: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    home.enter_pod(ca=ca or "")
    if ca is None:
        (home.service_account / "ca.crt").unlink()
    with caplog.at_level(logging.WARNING, "kubemetrics"):
        assert _in_cluster(home).certificate_authority == ""
    assert "ca.crt holds no certificate" in caplog.text


@pytest.mark.parametrize(
    ("variable", "file", "namespace"),
    [
        ("by-variable", "by-file", "by-variable"),
        ("", " by-file\n", "by-file"),
        (None, "", "default"),
        (None, None, "default"),
        (None, b"\xff", "default"),
    ],
)
def test_the_namespace_is_the_pods(
    home: Home, variable: str | None, file: str | bytes | None, namespace: str
) -> None:
    home.enter_pod()
    if variable is not None:
        home.environ["POD_NAMESPACE"] = variable
    path = home.write("serviceaccount/namespace", file or "")
    if file is None:
        path.unlink()
    assert _in_cluster(home).namespace == namespace


@pytest.mark.parametrize("content", [None, "", "# empty", {"contexts": []}])
def test_nothing_in_the_kubeconfig_means_in_cluster(
    home: Home, content: str | dict[str, object] | None
) -> None:
    home.enter_pod()
    if content is not None:
        home.list_files(content)
    assert home.load() == _in_cluster(home)


def test_an_empty_file_that_is_named_means_in_cluster(home: Home) -> None:
    home.enter_pod()
    config = build_config_from_flags(
        kubeconfig_path=home.write("empty", ""),
        environ=home.environ,
        service_account=(str(home.service_account),),
    )
    assert config.source == "in-cluster"


def test_no_current_context_means_in_cluster_unless_a_user_is_asked_for(
    home: Home,
) -> None:
    home.enter_pod()
    home.list_files(kubeconfig() | {"current-context": ""})
    assert home.load().source == "in-cluster"
    assert home.problems(user="red") == (
        "no current-context is set: choose a context with --context: red",
    )


NAMESPACE_ONLY = {
    "contexts": [{"name": "foo", "context": {"namespace": "bar"}}],
    "current-context": "foo",
}


def test_a_kubeconfig_that_only_names_a_namespace_means_that_of_the_pods_cluster(
    home: Home,
) -> None:
    """ahmetb/kubectx#400: kubectl sends the pod's token, and takes the namespace."""
    home.enter_pod()
    home.list_files(NAMESPACE_ONLY)
    config = home.load()
    pods = _in_cluster(home)
    assert (config.namespace, config.context) == ("bar", "foo")
    assert config.source == "in-cluster"
    assert (config.server, config.auth) == (pods.server, pods.auth)
    where = f"{home.environ['KUBECONFIG']}: contexts[0].context.namespace"
    assert dict(config.origins)["namespace"] == where
    assert home.load(namespace="asked").namespace == "asked"
    assert home.load(token="flag").auth.token == "flag"
    home.environ["POD_NAMESPACE"] = "of-the-pod"
    assert home.load().namespace == "bar"


def test_of_several_files_the_context_of_one_gives_the_namespace(home: Home) -> None:
    home.enter_pod()
    home.list_files(
        {"current-context": "foo"},
        {"contexts": NAMESPACE_ONLY["contexts"]},
        {"contexts": [{"name": "other", "context": {"namespace": "second"}}]},
    )
    assert home.load().namespace == "bar"
    assert home.load(context="other").namespace == "second"
    assert "no context 'x'" in home.problems(context="x")[0]


def test_outside_a_pod_a_kubeconfig_that_only_names_a_namespace_is_an_error(
    home: Home,
) -> None:
    home.list_files(NAMESPACE_ONLY)
    assert home.problems() == (
        "0/config: contexts[0].context.cluster: none is named (there is: none at all)",
    )


@pytest.mark.parametrize(
    ("context", "problem"),
    [
        ({"cluster": "gone"}, "context.cluster: no cluster 'gone'"),
        ({"cluster": "gone", "user": "red"}, "context.cluster: no cluster 'gone'"),
        ({"user": "gone"}, "context.cluster: none is named"),
        ({"user": "red"}, "context.cluster: none is named"),
    ],
)
def test_in_a_pod_a_cluster_or_a_user_that_is_named_stays_an_error(
    home: Home, context: dict[str, str], problem: str
) -> None:
    home.enter_pod()
    contexts = [{"name": "foo", "context": {"namespace": "bar", **context}}]
    home.list_files(kubeconfig() | {"contexts": contexts, "current-context": "foo"})
    assert problem in home.problems()[0]
    assert "no user 'x'" in "".join(home.problems(user="x"))


def test_a_server_alone_leaves_the_service_account_behind(home: Home) -> None:
    home.enter_pod()
    home.list_files(NAMESPACE_ONLY)
    config = home.load(server="http://other")
    assert (config.server, config.auth.token_file) == ("http://other", "")
    assert (config.namespace, config.source) == ("bar", "flags")
    assert "no credentials" in home.problems(server="https://other")[0]


def test_a_usable_kubeconfig_goes_before_the_pod(home: Home) -> None:
    home.enter_pod()
    home.list_files(kubeconfig())
    assert home.load().source == "kubeconfig"


def test_an_unusable_kubeconfig_is_final(home: Home) -> None:
    home.enter_pod()
    home.list_files(kubeconfig(user={"token": "t", "username": "u"}))
    assert "choose one" in home.problems()[0]
    assert "no context 'x'" in home.problems(context="x")[0]


def test_the_namespace_of_the_pod_counts_for_a_context_without_one(home: Home) -> None:
    home.list_files(kubeconfig())
    home.environ["POD_NAMESPACE"] = "not-in-a-pod"
    assert home.load().namespace == "default"
    del home.environ["POD_NAMESPACE"]
    home.enter_pod()
    assert home.load().namespace == "in-pod"
    home.list_files(kubeconfig(context={"namespace": "default"}))
    assert home.load().namespace == "default"
    assert home.load(namespace="asked").namespace == "asked"


def test_every_override_counts_in_a_pod(home: Home) -> None:
    home.enter_pod()
    ca = home.write("ca", "there")
    config = home.load(
        token="flag",
        certificate_authority=ca,
        as_user="boss",
        tls_server_name="name",
        proxy_url="http://p",
        request_timeout="5",
        namespace="asked",
        disable_compression=True,
    )
    assert (config.auth.token, config.auth.token_file) == ("flag", "")
    assert config.certificate_authority == str(ca)
    assert config.impersonate
    assert config.impersonate.user == "boss"
    assert (config.tls_server_name, config.proxy_url) == ("name", "http://p")
    assert (config.timeout, config.namespace) == (5, "asked")
    assert config.disable_compression
    assert home.load(insecure_skip_tls_verify=True).certificate_authority == ""


def test_build_config_from_flags_is_client_gos(home: Home) -> None:
    home.write(".kube/config", kubeconfig())
    home.list_files(kubeconfig())
    directories = (str(home.service_account),)

    def build(master_url: str = "", kubeconfig_path: str = "") -> Config:
        return build_config_from_flags(
            master_url,
            kubeconfig_path,
            environ=home.environ,
            service_account=directories,
        )

    with pytest.raises(ConfigError, match="this is not a pod"):
        build()
    home.enter_pod()
    assert build().source == "in-cluster"
    assert build("http://a").server == "http://a"
    # A master alone is used without credentials, even in a pod.
    assert build("https://a").auth.token_file == ""
    path = home.environ["KUBECONFIG"]
    assert build("", path).auth.token == "red"
    config = build("https://a", path)
    assert (config.server, config.auth.token) == ("https://a", "red")
    home.environ["KUBERNETES_MASTER"] = "http://master"
    del home.environ["KUBERNETES_SERVICE_HOST"]
    with pytest.raises(ConfigError, match="no context and no cluster"):
        build("", str(home.write("empty", "")))
    with pytest.raises(ConfigError, match="no such kubeconfig"):
        build("", "/bogus")
