"""Whatever a plugin, a provider or a kubeconfig says: a credential, or one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubemetrics.auth import basic, exec, octets  # noqa: A004 - the module's name
from kubemetrics.auth.process import PluginResult
from kubemetrics.auth.redact import known_secrets
from kubemetrics.auth.sources import credential_source
from kubemetrics.config.model import AuthInfo, Config
from kubemetrics.config.resolve import load_config
from kubemetrics.errors import ConfigError, CredentialError, KubeMetricsError
from kubemetrics.transport.tls import read_authorities

from .clock import START, jwt
from .plugins import V1, plugged

SECRET: Final = "hunter2-hunter2"
LONG: Final = "x" * 100_000
ODD: Final = (
    "", "\0", "a\nb", "\x1b[31m", "\ud800", "\udcff", "größe", "a b " * 30_000, LONG,
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "2026-13-01T00:00:00Z", "\u2028",
    "a.eyJ.b", "a.é.b", "a.\ud800.b", "https://[", "https://h:99999", "ftp://h",
    f"https://h/{LONG}", "-----BEGIN CERTIFICATE-----\n\ud800",
    jwt(exp=10**300), jwt(exp=10**13), jwt(exp=-(10**13)),
)  # fmt: skip
_PLAIN: Final = (
    st.none()
    | st.booleans()
    | st.sampled_from((0, -1, 1.5, 10**400, float("inf"), float("nan")))
    | st.sampled_from(ODD)
)
_ANY: Final = (
    _PLAIN
    | st.lists(_PLAIN, max_size=2)
    | st.dictionaries(st.sampled_from(ODD), _PLAIN, max_size=2)
)
_some: Final = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def fetches(config: Config, **options: Any) -> None:  # noqa: ANN401
    """Get a credential that can be sent, or an error that is fit to print."""
    try:
        source = credential_source(
            config, environ={}, clock=lambda: float(START), **options
        )
        source.fetch().authorization.encode("ascii")
    except KubeMetricsError as error:
        fit(error)


def fit(error: KubeMetricsError) -> None:
    text = str(error)
    assert text.isprintable()
    assert len(text) <= 4000
    assert SECRET not in text


def answering(stdout: bytes) -> Callable[..., PluginResult]:
    return lambda *_, **__: PluginResult(code=0, stdout=stdout, stderr=SECRET.encode())


def fields(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, _ANY))


STATUSES: Final = fields(
    "token", "clientCertificateData", "clientKeyData", "expirationTimestamp"
)


@given(status=STATUSES | _ANY, extension=_ANY)
@_some
def test_any_status_of_a_plugin_is_a_credential_or_one_line(
    status: object, extension: object
) -> None:
    document = {"kind": "ExecCredential", "apiVersion": V1, "status": status}
    config = plugged(
        "plugin",
        args=(SECRET,),
        provide_cluster_info=True,
        cluster_config=extension,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exec, "_shared", {})
        patch.setattr(exec, "run", answering(json.dumps(document).encode()))
        fetches(config)


@pytest.mark.parametrize(
    "stdout",
    [
        b"\xff\xfe\0",
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b'{"status":' + b"9" * 5000 + b"}",
        b"kind: 0x" + b"f" * 9000,
        b"kind: ExecCredential\nstatus: {token: 2026-01-01}",
        b"\xef\xbb\xbf{}",
        b"? [a]\n: b",
        json.dumps({"kind": LONG}).encode("utf-16"),
    ],
    ids=lambda stdout: repr(stdout[:20]),
)
def test_any_bytes_of_a_plugin_are_one_line(
    stdout: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exec, "_shared", {})
    monkeypatch.setattr(exec, "run", answering(stdout))
    source = credential_source(plugged("plugin", args=(SECRET,)), environ={})
    with pytest.raises(CredentialError) as caught:
        source.fetch()
    fit(caught.value)


@pytest.mark.parametrize("name", ODD[:-3], ids=lambda name: ascii(name[:20]))
@pytest.mark.parametrize("kind", ["command", "version", "token", "file", "key"])
def test_no_name_in_a_kubeconfig_makes_an_error_long_or_unprintable(
    name: str, kind: str, tmp_path: Path
) -> None:
    pem = tmp_path / "pem"
    pem.write_text("pem")
    auth = {
        "token": AuthInfo(token=f"{SECRET}\0"),
        "file": AuthInfo(token_file=f"/nonexistent/{name}"),
        "key": AuthInfo(client_certificate=str(pem), client_key=f"/none/{name}"),
    }
    config = Config(server="https://h", user=name, auth=auth.get(kind, AuthInfo()))
    if kind == "command":
        config = replace(plugged(f"none-{name}", install_hint=name), user=name)
    elif kind == "version":
        config = plugged(name, api_version=f"v{name}")
    with pytest.raises(KubeMetricsError) as caught:
        credential_source(config, environ={}).fetch()
    fit(caught.value)


def oidc_user(folder: Path, texts: Mapping[str, object]) -> Path:
    provider = {"name": "oidc", "config": texts}
    document = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://h"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"auth-provider": provider}}],
    }
    path = folder / "config"
    path.write_text(json.dumps(document))
    return path


_DOCUMENTS: Final = fields(
    "token_endpoint", "token_endpoint_auth_methods_supported", "id_token",
    "refresh_token", "error", "error_description",
)  # fmt: skip


@given(
    discovered=st.just({"token_endpoint": "https://i/t"}) | _DOCUMENTS | _ANY,
    answer=_DOCUMENTS | _ANY,
    status=st.sampled_from((200, 200, 302, 400, 401)),
    odd=st.dictionaries(
        st.sampled_from(("client-id", "client-secret", "id-token", "idp-issuer-url")),
        st.sampled_from(ODD),
        max_size=2,
    ),
)
@_some
def test_any_document_of_a_provider_is_a_credential_or_one_line(
    discovered: object,
    answer: object,
    status: int,
    odd: Mapping[str, str],
    tmp_path: Path,
) -> None:
    texts = {
        "client-id": "c",
        "client-secret": SECRET,
        "idp-issuer-url": "https://i",
        "id-token": jwt(exp=1),
        "refresh-token": f"{SECRET}-refresh",
    }
    path = oidc_user(tmp_path, {**texts, **odd})

    def exchange(method: str, *_: object) -> tuple[int, bytes]:
        found = (200, discovered) if method == "GET" else (status, answer)
        return found[0], json.dumps(found[1]).encode()

    try:
        config = load_config(path, environ={})
    except ConfigError as error:
        fit(error)
    else:
        fetches(config, exchange=exchange)


def test_a_secret_with_half_a_surrogate_pair_is_sent_as_go_reads_it(
    tmp_path: Path,
) -> None:
    texts = {
        "client-id": "c",
        "client-secret": "\ud800",
        "idp-issuer-url": "https://i",
        "refresh-token": "r\ud83d",
    }
    sent: list[bytes] = []

    def exchange(_method: str, _url: str, _: object, body: bytes, __: object) -> Any:  # noqa: ANN401
        sent.append(body)
        tokens = {"token_endpoint": "https://i/t", "id_token": jwt(exp=START + 3600)}
        return 200, json.dumps(tokens).encode()

    config = load_config(oidc_user(tmp_path, texts), environ={})
    fetches(config, exchange=exchange)
    assert sent[1] == b"grant_type=refresh_token&refresh_token=r%EF%BF%BD"


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("größe", "größe".encode()),
        ("\udcff", b"\xff"),
        ("a\ud800b", "a\ufffdb".encode()),
        ("\ud83d\ude00\udcff\ud83d", "\U0001f600\ufffd\ufffd".encode()),
    ],
)
def test_text_that_is_no_unicode_is_sent_as_go_would(text: str, sent: bytes) -> None:
    assert octets(text) == sent
    assert basic(text, "").isascii()


def test_a_name_of_any_length_is_looked_at_once() -> None:
    """A search at each of its characters took hours."""
    names = {"x" * 1_000_000: "no-secret", "A\nTOKEN": SECRET, "OLDPWD": "ab c 123"}
    assert known_secrets(names, ()) == {SECRET}


def test_names_of_a_kubeconfig_are_cut_in_an_error() -> None:
    named = [{"name": f"{i}{LONG}"} for i in range(20)]
    with pytest.raises(ConfigError) as caught:
        load_config({"contexts": named, "current-context": LONG}, environ={})
    fit(caught.value)


def test_a_missing_authority_is_one_short_line() -> None:
    config = Config(server="https://h", certificate_authority=f"/none/a\n{LONG}")
    with pytest.raises(ConfigError) as caught:
        read_authorities(config)
    fit(caught.value)


@pytest.mark.parametrize("server", ["https://h/\ud800", "https://\udcff"])
def test_half_a_surrogate_pair_is_of_no_address(server: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({}, environ={}, server=server, token=SECRET)
    assert str(caught.value) == "--server: is not a URL with a host"


def test_no_error_of_the_package_is_longer_than_people_read() -> None:
    error = KubeMetricsError(f"https://h/{LONG}: refused; is it up?")
    fit(error)
    assert str(error).startswith("https://h/x")
    assert str(error).endswith("x: refused; is it up?")
    assert error.args == (f"https://h/{LONG}: refused; is it up?",)


def test_a_secret_is_masked_before_an_error_is_cut_in_it(tmp_path: Path) -> None:
    refresh = "r3fresh-" * 100
    texts = {"client-id": "c", "idp-issuer-url": "https://i", "refresh-token": refresh}

    def exchange(_: str, url: str, *__: object) -> tuple[int, bytes]:
        raise KubeMetricsError(f"{url}/{refresh}{LONG}: refused")

    config = load_config(oidc_user(tmp_path, texts), environ={})
    with pytest.raises(CredentialError, match="refused") as caught:
        credential_source(config, environ={}, exchange=exchange).fetch()
    assert "r3fresh" not in str(caught.value)


def test_half_a_surrogate_pair_in_a_plugins_certificate_is_as_go_reads_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    status = {"clientCertificateData": "\ud800", "clientKeyData": "k\ud83d"}
    document = {"kind": "ExecCredential", "apiVersion": V1, "status": status}
    monkeypatch.setattr(exec, "_shared", {})
    monkeypatch.setattr(exec, "run", answering(json.dumps(document).encode()))
    found = credential_source(plugged("plugin"), environ={}).fetch().certificate
    assert found is not None
    assert (found.certificate, found.key) == ("\ufffd".encode(), "k\ufffd".encode())
