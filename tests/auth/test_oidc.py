"""OIDC against a provider behind real TLS: refresh, rotation, and writing it back."""

from __future__ import annotations

import functools
import logging
import os
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from kubemetrics.auth import CredentialSource
from kubemetrics.auth.sources import credential_source
from kubemetrics.config.resolve import load_config
from kubemetrics.config.write_back import locked
from kubemetrics.errors import CredentialError
from kubemetrics.transport.connections import exchange
from tests.transport.certs import authority, ordinary

from .clock import START, Clock, jwt
from .provider import Provider

OLD = jwt(exp=START + 3600)


def kubeconfig(
    folder: Path,
    provider: Provider,
    *,
    id_token: str = OLD,
    refresh_token: str = "refresh-0",  # noqa: S107
    secret: str = "",
    ca: bytes | None = None,
) -> Path:
    pem = ordinary().pem if ca is None else ca
    path = folder / "config"
    path.write_text(f"""\
apiVersion: v1
kind: Config
current-context: c   # the one I use
clusters:
- name: c
  cluster: {{server: "https://10.0.0.1"}}
contexts:
- name: c
  context: {{cluster: c, user: jane}}
users:
- name: other
  user: {{token: other}}
- name: jane
  user:
    auth-provider:
      name: oidc
      config:
        client-id: client
        client-secret: '{secret}'
        # the token of today
        id-token: {id_token}
        idp-certificate-authority-data: {b64encode(pem).decode()}
        idp-issuer-url: {provider.url}/
        refresh-token: {refresh_token}
""")
    path.chmod(0o644)
    return path


def source(
    path: Path, clock: Clock | None = None, **options: bool | dict[str, str]
) -> CredentialSource:
    config = load_config(str(path), environ={})
    return credential_source(
        config,
        clock=clock or Clock(),
        exchange=exchange,
        **options,  # type: ignore[arg-type]
    )


def test_the_id_token_serves_until_ten_seconds_before_its_end(tmp_path: Path) -> None:
    with Provider() as provider:
        clock = Clock()
        tokens = source(kubeconfig(tmp_path, provider), clock)
        first = tokens.fetch()
        assert first.authorization == f"Bearer {OLD}"
        assert (first.kind, first.expires_at) == ("oidc", START + 3600)
        clock.now = START + 3589
        assert tokens.cached() is first
        assert provider.grants == 0
        clock.now = START + 3590
        assert tokens.cached() is None
        assert tokens.fetch().expires_at == START + 7200
        assert provider.grants == 1


def test_rotated_tokens_are_written_back_and_nothing_else_changes(
    tmp_path: Path,
) -> None:
    """Item 22: kubernetes-client/python#493, #1900; base#142."""
    with Provider() as provider:
        path = kubeconfig(tmp_path, provider)
        before = path.read_text()
        fresh = source(path, Clock(START + 3600)).fetch()
        after = path.read_text()
    token = fresh.authorization.removeprefix("Bearer ")
    assert after == before.replace(OLD, f'"{token}"').replace(
        "refresh-0", '"refresh-1"'
    )
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in tmp_path.iterdir()] == ["config"]
    assert load_config(str(path), environ={}).auth.oidc is not None


def test_the_next_process_goes_on_with_the_rotated_token(tmp_path: Path) -> None:
    with Provider() as provider:
        path = kubeconfig(tmp_path, provider)
        source(path, Clock(START + 3600)).fetch()
        source(path, Clock(START + 7200)).fetch()
        assert [form["refresh_token"] for form in provider.forms] == [
            "refresh-0",
            "refresh-1",
        ]


def test_what_another_process_renewed_is_taken_from_the_file(tmp_path: Path) -> None:
    with Provider() as provider:
        path = kubeconfig(tmp_path, provider)
        clock = Clock(START + 3600)
        first, second = source(path, clock), source(path, clock)
        assert first.fetch() == second.fetch()
        assert provider.grants == 1


def test_ten_processes_at_once_renew_once(tmp_path: Path) -> None:
    with Provider() as provider:
        path = kubeconfig(tmp_path, provider)
        clock = Clock(START + 3600)
        sources = [source(path, clock) for _ in range(10)]
        with ThreadPoolExecutor(10) as pool:
            found = set(pool.map(lambda each: each.fetch(), sources))
        assert len(found) == 1
        assert provider.grants == 1


def test_a_401_renews_before_the_end(tmp_path: Path) -> None:
    with Provider() as provider:
        tokens = source(kubeconfig(tmp_path, provider))
        old = tokens.fetch()
        assert tokens.rejected(old)
        assert tokens.fetch() != old
        assert provider.grants == 1


def test_a_provider_that_does_not_rotate_keeps_its_token(tmp_path: Path) -> None:
    with Provider() as provider:
        provider.rotates = False
        path = kubeconfig(tmp_path, provider)
        source(path, Clock(START + 3600)).fetch()
        assert 'refresh-token: "refresh-0"' in path.read_text()


@pytest.mark.parametrize("style", ["basic", "post"])
@pytest.mark.parametrize("discovered", [True, False])
def test_a_client_secret_is_sent_the_way_the_provider_takes_it(
    style: str,
    discovered: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    with Provider(secret="s3:cret", style=style) as provider:
        if style == "basic":
            provider._secret = "s3%3Acret"  # RFC 6749, 2.3.1: form-encoded first
        if discovered:
            provider.discovery = {
                "token_endpoint_auth_methods_supported": [f"client_secret_{style}"]
            }
        path = kubeconfig(tmp_path, provider, secret="s3:cret")
        source(path, Clock(START + 3600)).fetch()
        assert len(provider.forms) == (1 if discovered or style == "basic" else 2)


def test_a_public_client_sends_its_name_alone(tmp_path: Path) -> None:
    with Provider() as provider:
        source(kubeconfig(tmp_path, provider), Clock(START + 3600)).fetch()
        assert provider.forms == [
            {
                "grant_type": "refresh_token",
                "refresh_token": "refresh-0",
                "client_id": "client",
            }
        ]


def failure(path: Path, **options: bool | dict[str, str]) -> str:
    with pytest.raises(CredentialError) as caught:
        source(path, Clock(START + 3600), **options).fetch()
    assert "refresh-0" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("pem", [authority("somebody else's").pem, b""])
def test_the_provider_is_always_verified(pem: bytes, tmp_path: Path) -> None:
    """Item 22: kubernetes-client/python#2034: no CA meant no verification."""
    with Provider() as provider:
        text = failure(kubeconfig(tmp_path, provider, ca=pem))
        assert provider.forms == []
    assert "authority that is not trusted" in text


def test_an_authority_file_of_the_provider_is_read(tmp_path: Path) -> None:
    with Provider() as provider:
        path = kubeconfig(tmp_path, provider, ca=b"")
        (tmp_path / "idp.crt").write_bytes(ordinary().pem)
        text = path.read_text().replace(
            "idp-certificate-authority-data: ",
            f"idp-certificate-authority: {tmp_path}/idp.crt",
        )
        path.write_text(text)
        source(path, Clock(START + 3600)).fetch()
        assert provider.grants == 1


def test_a_refused_refresh_says_why_and_to_log_in(tmp_path: Path) -> None:
    """Item 22: kubernetes-client/python#2341."""
    with Provider() as provider:
        provider.refresh_token = "another"
        text = failure(kubeconfig(tmp_path, provider))
    assert text == (
        'oidc auth-provider of user "jane": the refresh was refused (HTTP 400)'
        " invalid_grant: used before; log in again"
    )


@pytest.mark.parametrize("persist", [{"persist": False}, {"environ": True}])
def test_who_opts_out_of_writing_gets_no_refresh_and_is_told(
    persist: dict[str, bool], tmp_path: Path
) -> None:
    """Item 22."""
    options: dict[str, bool | dict[str, str]] = dict(persist)
    if "environ" in options:
        options["environ"] = {"KUBEMETRICS_OIDC_PERSIST": "false"}
    with Provider() as provider:
        path = kubeconfig(tmp_path, provider)
        text = failure(path, **options)
        assert provider.forms == []
    assert "it is not renewed, since the kubeconfig may not be written" in text
    assert "KUBEMETRICS_OIDC_PERSIST" in text
    assert "2027-01-15T09:00:00Z" in text


def test_the_argument_goes_before_the_variable(tmp_path: Path) -> None:
    with Provider() as provider:
        path = kubeconfig(tmp_path, provider)
        environ = {"KUBEMETRICS_OIDC_PERSIST": "0"}
        source(path, Clock(START + 3600), persist=True, environ=environ).fetch()
        assert provider.grants == 1


def test_without_a_refresh_token_one_has_to_log_in(tmp_path: Path) -> None:
    with Provider() as provider:
        path = kubeconfig(tmp_path, provider, refresh_token="''")
        assert "there is no refresh-token; log in again" in failure(path)


@pytest.mark.parametrize("token", ["''", "opaque", jwt()])
def test_a_token_that_does_not_say_when_it_ends_is_renewed(
    token: str, tmp_path: Path
) -> None:
    with Provider() as provider:
        path = kubeconfig(tmp_path, provider, id_token=token)
        source(path).fetch()
        assert provider.grants == 1


@pytest.mark.parametrize(
    ("discovery", "said"),
    [
        ({"token_endpoint": ""}, "doesn't contain a token_endpoint"),
        ({"token_endpoint": 5}, "doesn't contain a token_endpoint"),
        ({"token_endpoint": "http://idp/token"}, "is not https"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_told(
    discovery: dict[str, object], said: str, tmp_path: Path
) -> None:
    with Provider() as provider:
        provider.discovery = discovery
        assert said in failure(kubeconfig(tmp_path, provider))


@pytest.mark.parametrize("answers", [{}, {"id_token": 5}, {"id_token": ""}])
def test_an_answer_without_an_id_token_is_told(
    answers: dict[str, object], tmp_path: Path
) -> None:
    with Provider() as provider:
        provider.answers = answers
        text = failure(kubeconfig(tmp_path, provider))
    assert "did not contain an id_token" in text


def test_the_scheme_of_the_providers_urls_has_no_case(tmp_path: Path) -> None:
    """RFC 3986, 3.1: ``HTTPS`` is ``https``, in an issuer and in a token endpoint."""
    with Provider() as provider:
        loud = provider.url.replace("https://", "HTTPS://")
        provider.discovery = {"token_endpoint": f"{loud}/token"}
        path = kubeconfig(tmp_path, provider, id_token=jwt(exp=START - 1))
        path.write_text(path.read_text().replace(provider.url, loud))
        source(path).fetch()
        assert provider.grants == 1


def test_a_missing_discovery_document_is_told(tmp_path: Path) -> None:
    with Provider() as provider:
        path = kubeconfig(tmp_path, provider)
        text = path.read_text().replace(f"{provider.url}/", f"{provider.url}/none")
        path.write_text(text)
        assert "no discovery document at" in failure(path)
        path.write_text(text.replace("https://localhost", "http://localhost"))
        assert "is not https" in failure(path)


def test_a_lock_that_stays_is_told_and_no_token_is_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = functools.partial(locked, timeout=0.1)
    monkeypatch.setattr("kubemetrics.auth.oidc.locked", impatient)
    with Provider() as provider:
        path = kubeconfig(tmp_path, provider)
        with locked(str(path)):
            text = failure(path)
        assert provider.forms == []
    assert f"{path}.lock exists" in text
    assert not Path(f"{path}.lock").exists()


def test_a_wrong_client_secret_is_told_after_both_ways(tmp_path: Path) -> None:
    with Provider(secret="another") as provider:
        text = failure(kubeconfig(tmp_path, provider, secret="s3cret"))
        assert len(provider.forms) == 2
    assert text.endswith("the refresh was refused (HTTP 401) invalid_client")
    assert "s3cret" not in text


def test_a_missing_authority_file_of_the_provider_is_told(tmp_path: Path) -> None:
    with Provider() as provider:
        path = kubeconfig(tmp_path, provider, ca=b"")
        key = "idp-certificate-authority"
        path.write_text(path.read_text().replace(f"{key}-data: ", f"{key}: /none.crt"))
        assert "unable to read idp-certificate-authority /none.crt" in failure(path)


@pytest.mark.parametrize("body", [b"<html>", b"[1]"])
def test_a_discovery_document_that_is_none_is_told(body: bytes, tmp_path: Path) -> None:
    with Provider() as provider:
        config = load_config(str(kubeconfig(tmp_path, provider)), environ={})

    def answering(*_: object) -> tuple[int, bytes]:
        return 200, body

    tokens = credential_source(config, clock=Clock(START + 3600), exchange=answering)
    with pytest.raises(CredentialError, match="no discovery document at"):
        tokens.fetch()


def test_without_a_way_to_send_requests_it_is_told(tmp_path: Path) -> None:
    with Provider() as provider:
        config = load_config(str(kubeconfig(tmp_path, provider)), environ={})
    with pytest.raises(CredentialError, match="no exchange was given to send"):
        credential_source(config, clock=Clock(START + 3600)).fetch()


def test_without_a_file_nothing_is_renewed(tmp_path: Path) -> None:
    with Provider() as provider:
        config = load_config(str(kubeconfig(tmp_path, provider)), environ={})
    assert config.auth.oidc is not None
    oidc = replace(config.auth.oidc, file="")
    config = replace(config, auth=replace(config.auth, oidc=oidc))
    with pytest.raises(CredentialError, match="no kubeconfig to write a new one to"):
        credential_source(config, clock=Clock(START + 3600)).fetch()


def test_an_id_token_no_header_can_hold_is_refused(tmp_path: Path) -> None:
    with Provider() as provider:
        config = load_config(str(kubeconfig(tmp_path, provider)), environ={})
    assert config.auth.oidc is not None
    oidc = replace(config.auth.oidc, id_token=f"{OLD}\nX-Evil: 1")
    config = replace(config, auth=replace(config.auth, oidc=oidc))
    with pytest.raises(CredentialError, match="the id-token holds a control character"):
        credential_source(config, clock=Clock()).fetch()


def test_an_endless_answer_is_cut(tmp_path: Path) -> None:
    with Provider() as provider:
        provider.discovery = {"padding": "x" * 2**21}
        assert "larger than a token's" in failure(kubeconfig(tmp_path, provider))


def test_a_stanza_that_is_gone_is_told(tmp_path: Path) -> None:
    with Provider() as provider:
        path = kubeconfig(tmp_path, provider)
        tokens = source(path, Clock(START + 3600))
        path.write_text("{}")
        with pytest.raises(CredentialError, match="no auth-provider config of user"):
            tokens.fetch()
        assert provider.forms == []


def test_if_writing_fails_at_the_end_this_process_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with Provider() as provider:
        path = kubeconfig(tmp_path, provider)
        before = path.read_text()
        monkeypatch.setattr(os, "replace", full)
        with caplog.at_level(logging.DEBUG, "kubemetrics"):
            fresh = source(path, Clock(START + 3600)).fetch()
        assert provider.grants == 1
    assert fresh.expires_at == START + 7200
    assert "No space left" in caplog.text
    assert path.read_text() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["config"]


@pytest.mark.parametrize(
    "endpoint", ["https://[", "https://[login]/", "https://a\uff0fb/", "https://h/%zz"]
)
def test_a_token_endpoint_that_is_no_url_is_an_error(
    endpoint: str, tmp_path: Path
) -> None:
    with Provider() as provider:
        provider.discovery = {"token_endpoint": endpoint}
        tokens = source(kubeconfig(tmp_path, provider), Clock(START + 3600))
        with pytest.raises(CredentialError, match="the token endpoint https://"):
            tokens.fetch()


TOWER = b"[" * 400_000


@pytest.mark.parametrize("deep", ["GET", "POST"])
def test_a_tower_of_json_is_an_error(deep: str, tmp_path: Path) -> None:
    def answer(
        method: str, url: str, headers: object, body: bytes, ca: object
    ) -> tuple[int, bytes]:
        del url, headers, body, ca
        document = b'{"token_endpoint": "https://x/t"}'
        return 200, TOWER if method == deep else document

    with Provider() as provider:
        config = load_config(str(kubeconfig(tmp_path, provider)), environ={})
    clock = Clock(START + 3600)
    tokens = credential_source(config, clock=clock, exchange=answer)
    with pytest.raises(CredentialError, match=r"no discovery|did not contain"):
        tokens.fetch()


def test_an_id_token_that_cannot_be_sent_is_not_stored(tmp_path: Path) -> None:
    """The refresh-token that came with it is: the one before may be void."""
    with Provider() as provider:
        provider.answers = {"id_token": "a\nb", "refresh_token": "next"}
        path = kubeconfig(tmp_path, provider)
        before = path.read_text()
        with pytest.raises(CredentialError, match="the new id-token"):
            source(path, Clock(START + 3600)).fetch()
    after = before.replace(OLD, f'"{OLD}"').replace("refresh-0", '"next"')
    assert path.read_text() == after


@pytest.mark.parametrize("exp", [(START + 7200) * 1000, 253402300800])
def test_an_id_token_in_milliseconds_is_used_and_kills_no_later_run(
    exp: float, tmp_path: Path
) -> None:
    with Provider() as provider:
        provider.answers = {"id_token": jwt(exp=exp)}
        path = kubeconfig(tmp_path, provider)
        for _ in range(2):
            found = source(path, Clock(START + 3600)).fetch()
            assert found.authorization == f"Bearer {jwt(exp=exp)}"
        assert provider.grants == 1


def test_what_was_sent_is_masked_in_a_providers_words(tmp_path: Path) -> None:
    with Provider(secret="hunter2 & co") as provider:
        path = kubeconfig(tmp_path, provider, secret="pass & word")
        pair = b64encode(b"client:pass+%26+word").decode()
        provider.refused = (
            f"bad pass & word, pass+%26+word, {pair}, refresh-0, {OLD}; ask Joe"
        )
        with pytest.raises(CredentialError) as caught:
            source(path, Clock(START + 3600)).fetch()
    assert f"bad {', '.join(['[redacted]'] * 5)}; ask Joe" in str(caught.value)
