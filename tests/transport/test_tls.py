"""Real handshakes: what is trusted, what is refused, and which name is asked for."""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from kubemetrics.auth import ClientCertificate
from kubemetrics.config.model import AuthInfo, Config
from kubemetrics.errors import ConfigError, CredentialError, TransportError
from kubemetrics.flow import PeerCertificate
from kubemetrics.transport.tls import (
    WrongHostError,
    build_context,
    build_proxy_context,
    check_pair,
    peer_certificate,
)

from . import certs
from .certs import Issued, authority, leaf, ordinary
from .sending import at, get, get_async, shaken
from .servers import ConnectProxy, TlsServer, server_context

_PAST = datetime.now(UTC) - timedelta(days=2)


def trusting(ca: Issued, **fields: object) -> Config:
    return Config(
        server="https://cluster",
        certificate_authority_data=ca.pem,
        **fields,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize("identifiers", [True, False])
def test_an_old_authority_is_trusted_on_every_python(
    identifiers: bool,  # noqa: FBT001
    critical: bool,  # noqa: FBT001
) -> None:
    """Item 1: kubernetes-client/python#2394, #2602; lightkube#78; microk8s#5537."""
    ca = authority(identifiers=identifiers, critical=critical)
    with (
        TlsServer(leaf(ca, "foo.example", identifiers=identifiers)) as server,
        shaken(trusting(ca), server.port, "foo.example") as tls,
    ):
        assert tls.version() in {"TLSv1.2", "TLSv1.3"}


def test_an_intermediate_alone_is_an_anchor() -> None:
    root = authority("root")
    middle = authority("middle", parent=root)
    with (
        TlsServer(leaf(middle, "foo.example")) as server,
        shaken(trusting(middle), server.port, "foo.example"),
    ):
        pass


def test_a_chain_up_to_the_root_is_followed() -> None:
    root = authority("root")
    middle = authority("middle", parent=root)
    with (
        TlsServer(leaf(middle, "foo.example"), middle) as server,
        shaken(trusting(root), server.port, "foo.example"),
    ):
        pass


def test_a_self_signed_server_certificate_is_its_own_anchor() -> None:
    ca = ordinary()
    own = leaf(ca, "foo.example")
    with (
        TlsServer(own) as server,
        shaken(trusting(own), server.port, "foo.example"),
    ):
        pass


def test_the_configured_authority_replaces_the_system_roots() -> None:
    context = build_context(trusting(ordinary()))
    assert len(context.get_ca_certs()) == 1


def test_another_authority_is_refused() -> None:
    with (
        TlsServer(leaf(authority(), "foo.example")) as server,
        pytest.raises(ssl.SSLCertVerificationError),
        shaken(trusting(ordinary()), server.port, "foo.example"),
    ):
        pass


def test_the_system_roots_do_not_know_our_authority() -> None:
    with (
        TlsServer(leaf(ordinary(), "foo.example")) as server,
        pytest.raises(ssl.SSLCertVerificationError),
        shaken(Config(server="https://x"), server.port, "foo.example"),
    ):
        pass


@pytest.mark.parametrize("asked", ["bar.example", "127.0.0.1", "leaf"])
def test_another_name_is_refused_and_the_certificates_names_are_told(
    asked: str,
) -> None:
    with (
        TlsServer(leaf(ordinary(), "foo.example", "10.0.0.1")) as server,
        pytest.raises(WrongHostError) as caught,
        shaken(trusting(ordinary()), server.port, asked),
    ):
        pass
    assert caught.value.names == ("foo.example", "10.0.0.1")
    assert caught.value.wanted == asked


def test_a_common_name_does_not_count() -> None:
    certificate = leaf(ordinary(), name="foo.example", server=True)
    with (
        TlsServer(certificate) as server,
        pytest.raises(WrongHostError),
        shaken(trusting(ordinary()), server.port, "foo.example"),
    ):
        pass


def test_an_expired_certificate_is_refused() -> None:
    certificate = leaf(
        ordinary(), "foo.example", start=_PAST - timedelta(days=9), end=_PAST
    )
    with (
        TlsServer(certificate) as server,
        pytest.raises(ssl.SSLCertVerificationError) as caught,
        shaken(trusting(ordinary()), server.port, "foo.example"),
    ):
        pass
    assert caught.value.verify_code == 10


def test_an_address_is_verified_by_address() -> None:
    with (
        TlsServer(leaf(ordinary(), "127.0.0.1")) as server,
        shaken(trusting(ordinary()), server.port, "127.0.0.1"),
    ):
        pass
    assert server.names == [None]


def test_an_ipv6_server_is_verified_by_address() -> None:
    with TlsServer(leaf(ordinary(), "::1"), host="::1") as server:
        assert get(at(trusting(ordinary()), f"https://[::1]:{server.port}")) == b"ok"


def test_tls_server_name_is_sent_and_verified() -> None:
    """Item 25: kr8s#374, kubenav#883."""
    config = trusting(ordinary(), tls_server_name="foo.example")
    with (
        TlsServer(leaf(ordinary(), "foo.example")) as server,
        shaken(config, server.port, "127.0.0.1"),
    ):
        pass
    assert server.names == ["foo.example"]


def test_tls_server_name_refuses_a_certificate_for_the_host_that_was_dialled() -> None:
    config = trusting(ordinary(), tls_server_name="foo.example")
    with (
        TlsServer(leaf(ordinary(), "127.0.0.1")) as server,
        pytest.raises(WrongHostError),
        shaken(config, server.port, "127.0.0.1"),
    ):
        pass


@pytest.mark.parametrize("ask", [get, get_async])
def test_tls_server_name_works_through_a_connect_proxy(
    ask: Callable[[Config], bytes],
) -> None:
    """Item 25; httpcore's own extension does not (encode/httpcore#934)."""
    with (
        TlsServer(leaf(ordinary(), "foo.example")) as server,
        ConnectProxy() as proxy,
    ):
        config = trusting(
            ordinary(),
            tls_server_name="foo.example",
            proxy_url=f"http://127.0.0.1:{proxy.port}",
        )
        assert ask(at(config, f"https://localhost:{server.port}")) == b"ok"
    assert server.names == ["foo.example"]
    assert proxy.requests[0].startswith(f"CONNECT localhost:{server.port} ")


@pytest.mark.parametrize("name", ["a\0b", ".", ".a", "a..b", "a" * 300, "\ufffe.a"])
def test_a_tls_server_name_that_is_none_is_refused(name: str) -> None:
    """The standard library would raise four kinds of errors of its own."""
    with pytest.raises(ConfigError, match="is no host name"):
        build_context(trusting(ordinary(), tls_server_name=name))


@pytest.mark.parametrize("ask", [get, get_async])
def test_an_https_proxy_has_a_context_of_its_own(
    ask: Callable[[Config], bytes],
) -> None:
    front = server_context(leaf(ordinary(), "localhost"))
    with (
        TlsServer(leaf(ordinary(), "foo.example")) as server,
        ConnectProxy(context=front) as proxy,
    ):
        config = trusting(
            ordinary(),
            tls_server_name="foo.example",
            proxy_url=f"https://localhost:{proxy.port}",
        )
        assert ask(at(config, f"https://127.0.0.1:{server.port}")) == b"ok"
    assert server.names == ["foo.example"]


def test_an_https_proxy_is_verified_by_the_systems_roots_as_well() -> None:
    alone = build_proxy_context(Config(server="https://x"))
    both = build_proxy_context(trusting(ordinary()))
    assert alone.verify_mode is ssl.CERT_REQUIRED
    assert len(both.get_ca_certs()) == len(alone.get_ca_certs()) + 1


def test_a_proxy_is_not_verified_where_the_server_is_not() -> None:
    insecure = Config(server="https://x", insecure_skip_tls_verify=True)
    assert build_proxy_context(insecure).verify_mode is ssl.CERT_NONE


def test_insecure_verifies_nothing_and_shows_no_certificate() -> None:
    """Item 26: kr8s#178."""
    config = Config(server="https://x", insecure_skip_tls_verify=True)
    with (
        TlsServer(leaf(authority(), "foo.example")) as server,
        shaken(config, server.port, "bar.example") as tls,
    ):
        assert peer_certificate(tls) is None


def test_insecure_does_not_bleed_into_another_client() -> None:
    """Item 26: cloudcoil#103, #107: one context was shared and changed."""
    insecure = Config(server="https://x", insecure_skip_tls_verify=True)
    context = build_context(trusting(ordinary()))
    assert build_context(insecure).verify_mode is ssl.CERT_NONE
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    with (
        TlsServer(leaf(authority(), "foo.example")) as server,
        pytest.raises(ssl.SSLCertVerificationError),
        shaken(trusting(ordinary()), server.port, "foo.example"),
    ):
        pass


@pytest.mark.parametrize(
    "fields", [{"certificate_authority": "/ca"}, {"certificate_authority_data": b"x"}]
)
def test_insecure_together_with_an_authority_is_an_error(
    fields: dict[str, object],
) -> None:
    config = Config(server="https://x", insecure_skip_tls_verify=True, **fields)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="insecure flag is not allowed"):
        build_context(config)


def test_the_rules_that_no_handshake_shows() -> None:
    context = build_context(trusting(ordinary()))
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert not context.hostname_checks_common_name
    assert context.security_level == 1  # at 0 keys of RSA below 1,024 bits would count
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_authority_data_goes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(b"nonsense")
    config = trusting(ordinary(), certificate_authority=str(path))
    assert len(build_context(config).get_ca_certs()) == 1


def test_an_authority_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes("# Ümlaut\n".encode() + ordinary().pem + b"rest")
    config = Config(server="https://x", certificate_authority=str(path))
    assert len(build_context(config).get_ca_certs()) == 1


def test_a_bad_certificate_in_a_bundle_is_skipped_as_go_does() -> None:
    bad = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    config = Config(server="https://x", certificate_authority_data=bad + ordinary().pem)
    assert len(build_context(config).get_ca_certs()) == 1


def test_an_authority_that_is_no_pem_is_told_with_its_key() -> None:
    config = Config(
        server="https://x", cluster="c", certificate_authority_data=b"SECRETish"
    )
    with pytest.raises(ConfigError) as caught:
        build_context(config)
    assert str(caught.value) == (
        'certificate-authority-data of cluster "c" holds no PEM certificate'
    )


def test_a_missing_authority_file_is_told_with_its_path() -> None:
    config = Config(server="https://x", cluster="c", certificate_authority="/none/ca")
    with pytest.raises(
        ConfigError, match=r"unable to read certificate-authority /none"
    ):
        build_context(config)


def test_a_client_certificate_is_shown_and_no_file_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Item 13: kubernetes-client/python#765, #1782, #2441; kopf#1231."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    client = leaf(ordinary(), name="jane")
    build_context(trusting(ordinary()), client.pair())
    assert list(tmp_path.iterdir()) == []
    with TlsServer(leaf(ordinary(), "foo.example"), clients=ordinary()) as server:
        config = at(trusting(ordinary()), f"https://localhost:{server.port}")
        with pytest.raises(TransportError, match="is not for localhost"):
            get(config, certificate=client.pair())
        named = replace(config, tls_server_name="foo.example")
        assert get(named, certificate=client.pair()) == b"ok"
    assert server.peers == ["jane"]


def test_a_client_certificate_is_shown_through_a_connect_proxy() -> None:
    client = leaf(ordinary(), name="jane")
    with (
        TlsServer(leaf(ordinary(), "localhost"), clients=ordinary()) as server,
        ConnectProxy() as proxy,
    ):
        config = trusting(ordinary(), proxy_url=f"http://127.0.0.1:{proxy.port}")
        config = at(config, f"https://localhost:{server.port}")
        assert get(config, certificate=client.pair()) == b"ok"
    assert server.peers == ["jane"]


def test_an_encrypted_key_is_refused_without_a_prompt() -> None:
    client = leaf(ordinary())
    pair = ClientCertificate(client.pem, client.encrypted_key(b"hunter2"))
    with pytest.raises(CredentialError, match="private key is encrypted") as caught:
        build_context(trusting(ordinary(), user="jane"), pair)
    assert 'of user "jane"' in str(caught.value)


def other() -> Issued:
    return leaf(ordinary())


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        (b"nothing", other().key, "no PEM certificate in it"),
        (other().pem, b"nothing", "no PEM private key in it"),
        (other().pem, other().key, "does not belong to the certificate"),
        (
            other().pem,
            b"-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----\n",
            "OpenSSL cannot read it",
        ),
    ],
)
def test_a_bad_client_certificate_is_told_without_its_content(
    certificate: bytes, key: bytes, said: str
) -> None:
    with pytest.raises(CredentialError, match=said) as caught:
        build_context(trusting(ordinary()), ClientCertificate(certificate, key))
    assert "U0VDUkVU" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_bad_client_certificate_is_told_with_its_file() -> None:
    config = trusting(ordinary(), auth=AuthInfo(client_certificate="/etc/jane.crt"))
    with pytest.raises(CredentialError, match=r"client certificate /etc/jane\.crt:"):
        build_context(config, ClientCertificate(b"", b""))


def test_the_peer_certificate_says_who_and_until_when() -> None:
    with (
        TlsServer(leaf(ordinary(), "foo.example", "10.0.0.1", name="api")) as server,
        shaken(trusting(ordinary()), server.port, "foo.example") as tls,
    ):
        shown = peer_certificate(tls)
    assert isinstance(shown, PeerCertificate)
    assert shown.subject == "commonName=api"
    assert shown.issuer == "commonName=test authority"
    assert shown.names == ("foo.example", "10.0.0.1")
    assert shown.not_after == certs.NOT_AFTER.timestamp()
    assert shown.not_before < time.time()


def old_leaf(issuer: Issued) -> Issued:
    return leaf(issuer, "foo.example", bits=1024)


@pytest.mark.parametrize(
    ("ca", "certificate"),
    [
        (authority(), old_leaf),
        (authority(bits=1024), lambda ca: leaf(ca, "foo.example")),
    ],
)
def test_rsa_of_1024_bits_is_enough_as_for_go(
    ca: Issued, certificate: Callable[[Issued], Issued]
) -> None:
    """kubernetes-client/python#1824, #531; krr#368."""
    with (
        TlsServer(certificate(ca)) as server,
        shaken(trusting(ca), server.port, "foo.example"),
    ):
        pass


def test_cbc_under_tls_1_2_is_enough_as_for_go() -> None:
    """kubespray#9053."""
    certificate = leaf(ordinary(), "foo.example", bits=2048)
    with (
        TlsServer(certificate, ciphers="ECDHE-RSA-AES128-SHA@SECLEVEL=1") as server,
        shaken(trusting(ordinary()), server.port, "foo.example") as tls,
    ):
        assert tls.version() == "TLSv1.2"


def test_rsa_key_exchange_is_refused_as_by_go() -> None:
    certificate = leaf(ordinary(), "foo.example", bits=2048)
    with (
        TlsServer(certificate, ciphers="AES128-SHA@SECLEVEL=1") as server,
        pytest.raises(ssl.SSLError),
        shaken(trusting(ordinary()), server.port, "foo.example"),
    ):
        pass


def refusal(certificate: Issued, **fields: object) -> str:
    with TlsServer(certificate) as server:
        config = trusting(ordinary(), **fields)
        with pytest.raises(TransportError) as caught:
            get(at(config, f"https://127.0.0.1:{server.port}"))
    assert caught.value.reason == "tls"
    return str(caught.value).partition(": ")[2]


@pytest.mark.parametrize("ask", [get, get_async])
def test_what_go_would_refuse_is_refused_before_anything_is_sent(
    ask: Callable[[Config], bytes],
) -> None:
    certificate = leaf(ordinary(), "127.0.0.1", digest=hashes.SHA224())
    with TlsServer(certificate) as server, pytest.raises(TransportError) as caught:
        ask(at(trusting(ordinary()), f"https://127.0.0.1:{server.port}"))
    assert caught.value.reason == "tls"
    assert server.heads == []
    assert str(caught.value).partition(": ")[2] == (
        "the server's certificate, or one that came with it or signed it, is signed"
        " with SHA-224: kubectl refuses it too; have it issued anew, for a key of RSA"
        " of 2,048 bits or P-256, with SHA-256"
    )


def test_a_key_usage_that_openssl_refuses_is_told_with_what_it_wants() -> None:
    usages = x509.KeyUsage(*(n == 3 for n in range(9)))  # dataEncipherment
    assert refusal(leaf(ordinary(), "127.0.0.1", usages=usages)) == (
        "the server's certificate does not verify: unsuitable certificate purpose;"
        " have it issued anew with digitalSignature in its key usage and serverAuth in"
        " its extended one"
    )


def test_an_address_of_ipv4_written_as_ipv6_is_told_and_can_be_asked_for() -> None:
    certificate = leaf(ordinary(), "::ffff:127.0.0.1")
    assert refusal(certificate) == (
        "the server's certificate is not for 127.0.0.1 but for 0:0:0:0:0:FFFF:7F00:1;"
        " give one of them with --tls-server-name"
    )
    named = trusting(ordinary(), tls_server_name="0:0:0:0:0:FFFF:7F00:1")
    with TlsServer(certificate) as server:
        assert get(at(named, f"https://127.0.0.1:{server.port}")) == b"ok"


def test_a_certificate_of_more_than_100_kb_is_told() -> None:
    names = [f"{number:0250}.example" for number in range(700)]
    names = [".".join(name[at : at + 60] for at in range(0, 258, 60)) for name in names]
    assert refusal(leaf(ordinary(), "127.0.0.1", *names)) == (
        "the server's certificates are larger than the 100 KB that OpenSSL takes; have"
        " the server's issued anew with fewer names, or send a shorter chain"
    )


@pytest.mark.parametrize(
    ("private", "said"),
    [
        (ed448.Ed448PrivateKey.generate(), "has a key of another kind than RSA"),
        (ec.generate_private_key(ec.SECP224R1()), "has a key of another kind"),
        (ec.generate_private_key(ec.BrainpoolP256R1()), "has a key on another curve"),
    ],
)
def test_a_client_certificate_that_go_never_shows_is_refused(
    private: certs.Key, said: str
) -> None:
    client = leaf(ordinary(), private=private)
    with pytest.raises(CredentialError, match=said) as caught:
        check_pair(trusting(ordinary(), user="jane"), client.pair())
    assert str(caught.value).endswith(
        "; have it issued anew, for RSA of 2,048 bits or P-256"
    )


def test_a_key_that_was_encrypted_long_ago_is_told_as_such() -> None:
    client = leaf(ordinary(), bits=1024)
    old = client.private.private_bytes(
        Encoding.PEM,
        PrivateFormat.TraditionalOpenSSL,
        BestAvailableEncryption(b"hunter2"),
    )
    assert b"Proc-Type: 4,ENCRYPTED" in old
    with pytest.raises(CredentialError, match="private key is encrypted"):
        check_pair(trusting(ordinary()), ClientCertificate(client.pem, old))


def test_an_authority_that_openssl_cannot_read_is_passed_over() -> None:
    der = ordinary().cert.public_bytes(Encoding.DER)
    name = bytes.fromhex("31173015")  # its issuer and its subject: a set of a sequence
    data = base64.b64encode(der.replace(name, bytes.fromhex("30173015")))
    bad = b"-----BEGIN CERTIFICATE-----\n%b\n-----END CERTIFICATE-----\n" % data
    config = Config(server="https://x", certificate_authority_data=bad)
    with pytest.raises(ConfigError, match="holds no PEM certificate"):
        build_context(config)


def test_a_client_certificate_of_1024_bits_is_shown() -> None:
    client = leaf(ordinary(), name="jane", bits=1024)
    with TlsServer(leaf(ordinary(), "localhost"), clients=ordinary()) as server:
        config = at(trusting(ordinary()), f"https://localhost:{server.port}")
        check_pair(config, client.pair())
        assert get(config, certificate=client.pair()) == b"ok"
    assert server.peers == ["jane"]
