"""Which credential is sent, for every kind there is and each mixture of them."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from kubemetrics.auth import ClientCertificate, CredentialSource
from kubemetrics.auth.sources import (
    credential_kinds,
    credential_source,
    credentials_shown,
)
from kubemetrics.config.model import AuthInfo, Config, ExecConfig, OidcConfig
from kubemetrics.config.resolve import load_config
from kubemetrics.errors import CredentialError
from kubemetrics.transport.tls import check_pair
from tests.transport.certs import NOT_AFTER, leaf, ordinary

from .clock import START, Clock, jwt
from .plugins import V1, answer, counting, runs

CLIENT = leaf(ordinary(), name="jane")
DATA = AuthInfo(client_certificate_data=CLIENT.pem, client_key_data=CLIENT.key)
OIDC = OidcConfig(
    issuer_url="https://idp", client_id="c", id_token=jwt(exp=START + 3600)
)


def source(
    auth: AuthInfo, clock: Clock | None = None, server: str = "https://x"
) -> CredentialSource:
    config = Config(server=server, user="jane", auth=auth)
    return credential_source(config, clock=clock or Clock(), environ=os.environ)


@pytest.mark.parametrize(
    ("auth", "header", "kind"),
    [
        (AuthInfo(), "", "none"),
        (AuthInfo(token=" t0ken\n"), "Bearer t0ken", "token"),
        (AuthInfo(username="u", password="p"), "Basic dTpw", "basic"),
        (AuthInfo(username="u"), "Basic dTo=", "basic"),
        (AuthInfo(oidc=OIDC), f"Bearer {OIDC.id_token}", "oidc"),
        (AuthInfo(token="t", oidc=OIDC), "Bearer t", "token"),
    ],
)
def test_the_authorization_header_of_each_kind(
    auth: AuthInfo, header: str, kind: str
) -> None:
    """Item 7: kubernetes-client/python#2582, #2584, #2595: sent as anonymous."""
    found = source(auth).fetch()
    assert (found.authorization, found.kind) == (header, kind)
    assert found.certificate is None


@pytest.mark.parametrize(
    "auth", [AuthInfo(token="t"), AuthInfo(username="u"), AuthInfo()]
)
def test_what_is_written_down_is_cached_and_a_401_changes_nothing(
    auth: AuthInfo,
) -> None:
    fixed = source(auth)
    found = fixed.cached()
    assert found is fixed.fetch()
    assert found is not None
    assert not fixed.rejected(found)


@pytest.mark.parametrize(
    "auth",
    [
        AuthInfo(token="t"),
        AuthInfo(token_file="/none"),
        AuthInfo(username="u", password="p"),
        AuthInfo(oidc=OIDC),
        AuthInfo(client_certificate="/none", client_key="/none"),
        AuthInfo(exec=ExecConfig(api_version=V1, command="/none")),
    ],
)
def test_nothing_is_sent_without_https(auth: AuthInfo) -> None:
    assert source(auth, server="http://x").fetch().kind == "none"


@pytest.mark.parametrize("written", [AuthInfo(token="t"), AuthInfo(username="u"), DATA])
def test_an_exec_plugin_never_runs_beside_what_is_written_down(
    written: AuthInfo, tmp_path: Path
) -> None:
    plugin = counting(tmp_path, answer(token="plugin"))
    run = ExecConfig(api_version=V1, command=str(plugin), interactive_mode="Never")
    found = source(replace(written, exec=run)).fetch()
    assert "plugin" not in found.authorization
    assert runs(tmp_path) == 0


def test_a_certificate_and_a_token_are_both_used() -> None:
    found = source(replace(DATA, token=jwt(exp=START + 5))).fetch()
    assert found.certificate == ClientCertificate(CLIENT.pem, CLIENT.key)
    assert found.authorization.startswith("Bearer ")
    assert found.kind == "token, client certificate"
    assert found.expires_at == START + 5


def test_a_certificate_and_an_id_token_are_both_used() -> None:
    found = source(replace(DATA, oidc=OIDC)).fetch()
    assert found.certificate is not None
    assert found.authorization == f"Bearer {OIDC.id_token}"


def test_a_certificate_says_when_it_ends() -> None:
    found = source(DATA).fetch()
    assert found.kind == "client certificate"
    assert found.expires_at == NOT_AFTER.timestamp()


def test_a_certificate_from_data_is_always_at_hand() -> None:
    clock = Clock()
    certified = source(DATA, clock)
    found = certified.fetch()
    clock.now += 10**6
    assert certified.cached() == found
    assert not certified.rejected(found)


def files(folder: Path) -> AuthInfo:
    (folder / "crt").write_bytes(CLIENT.pem)
    (folder / "key").write_bytes(CLIENT.key)
    return AuthInfo(
        client_certificate=str(folder / "crt"), client_key=str(folder / "key")
    )


def test_a_changed_certificate_file_is_read_after_a_second(tmp_path: Path) -> None:
    clock = Clock()
    certified = source(files(tmp_path), clock)
    assert certified.cached() is None
    first = certified.fetch()
    assert certified.cached() == first
    other = leaf(ordinary(), name="jane, renewed")
    (tmp_path / "crt").write_bytes(other.pem)
    (tmp_path / "key").write_bytes(other.key)
    assert certified.cached() == first
    clock.now += 1
    assert certified.cached() is None
    assert certified.fetch().certificate == other.pair()


def test_a_key_that_vanishes_leaves_the_old_one(tmp_path: Path) -> None:
    """Item 13: kubernetes-client/python#1236: a tmp cleaner took the file."""
    clock = Clock()
    certified = source(files(tmp_path), clock)
    first = certified.fetch()
    (tmp_path / "key").unlink()
    clock.now += 2
    assert certified.fetch() == first


def test_in_the_midst_of_a_rotation_the_old_pair_goes_on(tmp_path: Path) -> None:
    clock = Clock()
    config = Config(server="https://x", auth=files(tmp_path))
    certified = credential_source(
        config, clock=clock, check=partial(check_pair, config)
    )
    first = certified.fetch()
    other = leaf(ordinary(), name="jane, renewed")
    (tmp_path / "crt").write_bytes(other.pem)
    clock.now += 2
    assert certified.fetch() == first
    (tmp_path / "key").write_bytes(other.key)
    clock.now += 2
    assert certified.fetch().certificate == other.pair()


def test_a_missing_key_file_is_told_with_its_path(tmp_path: Path) -> None:
    auth = files(tmp_path)
    (tmp_path / "key").unlink()
    with pytest.raises(CredentialError) as caught:
        source(auth).fetch()
    assert str(caught.value) == (
        f'unable to read client-key {tmp_path}/key for user "jane": No such file or'
        " directory"
    )


def test_data_goes_before_a_file() -> None:
    auth = replace(DATA, client_certificate="/none", client_key="/none")
    assert source(auth).fetch().certificate == CLIENT.pair()


def test_a_certificate_without_a_key_is_told() -> None:
    with pytest.raises(CredentialError, match="a certificate and no key"):
        source(AuthInfo(client_certificate_data=CLIENT.pem)).fetch()


def test_a_token_no_header_can_hold_is_refused_at_once() -> None:
    with pytest.raises(CredentialError) as caught:
        source(AuthInfo(token="SEC\nRET"))
    assert str(caught.value) == (
        'the token of user "jane" holds a control character, such as a line break'
    )


def test_a_service_account_is_a_token_file(tmp_path: Path) -> None:
    """Item 5: kubernetes-client/python#741; kubernetes/kubernetes#67359."""
    (tmp_path / "token").write_text("one")
    (tmp_path / "ca.crt").write_bytes(ordinary().pem)
    config = load_config(
        environ={
            "KUBERNETES_SERVICE_HOST": "10.0.0.1",
            "KUBERNETES_SERVICE_PORT": "443",
            "HOME": str(tmp_path),
        },
        service_account=(str(tmp_path),),
    )
    clock = Clock()
    tokens = credential_source(config, clock=clock)
    assert tokens.fetch().authorization == "Bearer one"
    (tmp_path / "token").write_text("two")
    clock.now += 50
    assert tokens.fetch().authorization == "Bearer two"


def test_a_server_is_https_however_its_scheme_is_written() -> None:
    auth = AuthInfo(token="t")
    for server, secure in (
        ("HTTPS://h", True),
        ("HttpS://h", True),
        ("HTTP://h", False),
    ):
        assert Config(server=server).secure is secure
        sent = source(auth, server=server).fetch().authorization
        assert sent == ("Bearer t" if secure else "")


@pytest.mark.parametrize(
    ("auth", "kinds"),
    [
        (AuthInfo(), ()),
        (AuthInfo(token_file="/f", token="t", username="u"), ("token file",)),
        (AuthInfo(token="t", username="u", oidc=OIDC), ("token",)),
        (replace(DATA, token="t"), ("client certificate", "token")),
        (replace(DATA, oidc=OIDC), ("client certificate", "oidc")),
        (
            replace(DATA, exec=ExecConfig(api_version=V1, command="p")),
            ("client certificate",),
        ),
        (
            AuthInfo(exec=ExecConfig(api_version=V1, command="p"), oidc=OIDC),
            ("exec plugin",),
        ),
    ],
)
def test_a_written_header_goes_before_a_plugin_and_beside_a_certificate(
    auth: AuthInfo, kinds: tuple[str, ...]
) -> None:
    assert credential_kinds(Config(server="https://x", auth=auth)) == kinds
    assert credential_kinds(Config(server="http://x", auth=auth)) == ()


SHOWN = {
    "none": (AuthInfo(), ""),
    "a certificate": (
        AuthInfo(client_certificate="/a/tls.crt", client_key="/a/tls.key"),
        'the certificate /a/tls.crt of user "u"',
    ),
    "data and a token": (
        AuthInfo(client_certificate_data=b"x", client_key_data=b"y", token="secret"),
        'client-certificate-data and the token of user "u"',
    ),
    "a token file": (
        AuthInfo(token_file="/run/\x1btoken"),
        'the token in /run/\\x1btoken of user "u"',
    ),
    "basic": (
        AuthInfo(username="me", password="secret"),
        'the name and password of user "u"',
    ),
    "a plugin": (
        AuthInfo(exec=ExecConfig(api_version=V1, command="aws", args=("secret",))),
        'what the plugin aws gives of user "u"',
    ),
    "oidc": (
        AuthInfo(oidc=OidcConfig(issuer_url="https://secret", client_id="c")),
        'the id-token of the oidc auth-provider of user "u"',
    ),
}


@pytest.mark.parametrize(("auth", "says"), SHOWN.values(), ids=SHOWN)
def test_where_credentials_come_from_is_said_without_them(
    auth: AuthInfo, says: str
) -> None:
    assert credentials_shown(Config(server="https://c", user="u", auth=auth)) == says


def test_a_certificate_beside_a_token_file_is_no_reason_to_give_up(
    tmp_path: Path,
) -> None:
    (tmp_path / "token").write_text("t")
    clock = Clock()
    both = source(replace(files(tmp_path), token_file=str(tmp_path / "token")), clock)
    first = both.fetch()
    (tmp_path / "key").unlink()
    clock.now += 2
    assert both.rejected(first)  # the token may be renewed
    assert both.fetch().certificate == first.certificate
