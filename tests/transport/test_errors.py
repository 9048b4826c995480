"""What goes wrong on real sockets, as one line that says what to try."""

from __future__ import annotations

import socket
import ssl
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpcore
import pytest
import socksio

from kubemetrics.config.model import Config
from kubemetrics.errors import TransportError
from kubemetrics.text import without_credentials
from kubemetrics.transport.failures import explain_tls, translate
from kubemetrics.transport.tls import WrongHostError

from .certs import Issued, authority, leaf, ordinary
from .sending import get, get_async
from .servers import ConnectProxy, PlainServer, TlsServer

_PAST = datetime.now(UTC) - timedelta(days=2)
URL = "https://localhost:6443/api"


def failing(
    url: str,
    *,
    ca: Issued | None = None,
    proxy: str = "",
    silence: float = 60,
    headers: dict[str, str] | None = None,
) -> TransportError:
    config = Config(
        server=without_credentials(url).partition("/api")[0].removesuffix("/"),
        certificate_authority_data=(ca or ordinary()).pem,
        proxy_url=proxy,
    )
    with pytest.raises(TransportError) as caught:
        get(config, url=url, headers=headers, silence=silence)
    return caught.value


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


def test_a_refused_connection_asks_for_host_and_port() -> None:
    port = closed_port()
    error = failing(f"https://127.0.0.1:{port}/api?continue=x")
    assert error.reason == "refused"
    assert str(error) == (
        f"https://127.0.0.1:{port}/api: 127.0.0.1:{port} refused the connection; did"
        " you specify the right host and port?"
    )


def test_an_async_refusal_reads_the_same() -> None:
    port = closed_port()

    with pytest.raises(TransportError) as caught:
        get_async(Config(server=f"http://localhost:{port}"))
    error = caught.value
    assert error.reason == "refused"
    assert "refused the connection" in str(error)


def test_an_unknown_name_is_a_matter_of_dns() -> None:
    error = failing("https://nowhere.invalid:6443/")
    assert error.reason == "dns"
    assert "nowhere.invalid:6443 cannot be resolved" in str(error)


def test_a_proxy_that_is_not_there_is_named() -> None:
    port = closed_port()
    error = failing("https://cluster/", proxy=f"http://127.0.0.1:{port}")
    assert error.reason == "proxy"
    assert f"the proxy http://127.0.0.1:{port} refused the connection" in str(error)


def test_a_proxy_that_wants_a_password_says_so() -> None:
    with ConnectProxy(status="407 Proxy Authentication Required") as proxy:
        error = failing("https://cluster/", proxy=f"http://127.0.0.1:{proxy.port}")
    assert error.reason == "proxy"
    assert "407 Proxy Authentication Required; it wants a user" in str(error)


def test_an_unknown_authority_names_the_key_to_set() -> None:
    with TlsServer(leaf(authority(), "localhost")) as server:
        error = failing(f"https://localhost:{server.port}/")
    assert error.reason == "tls"
    assert "--certificate-authority" in str(error)


def test_a_wrong_host_lists_the_names_and_the_flag() -> None:
    with TlsServer(leaf(ordinary(), "foo.example", "10.0.0.1")) as server:
        error = failing(f"https://localhost:{server.port}/")
    assert error.reason == "tls"
    assert (
        "is not for localhost but for foo.example, 10.0.0.1; give one of them with"
        " --tls-server-name"
    ) in str(error)


@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        (leaf(ordinary(), "foo.example"), "but for foo.example"),
        (leaf(authority(), "localhost"), "authority that is not trusted"),
    ],
)
def test_an_async_handshake_is_explained_too(certificate: Issued, said: str) -> None:
    with TlsServer(certificate) as server:
        config = Config(
            server=f"https://localhost:{server.port}",
            certificate_authority_data=ordinary().pem,
        )
        with pytest.raises(TransportError) as caught:
            get_async(config)
    error = caught.value
    assert said in str(error)


def test_an_expired_certificate_points_at_the_clock() -> None:
    old = leaf(ordinary(), "localhost", start=_PAST - timedelta(days=9), end=_PAST)
    with TlsServer(old) as server:
        error = failing(f"https://localhost:{server.port}/")
    assert "has expired" in str(error)
    assert "clock" in str(error)


def test_a_certificate_of_the_future_points_at_the_clock() -> None:
    young = leaf(ordinary(), "localhost", start=datetime.now(UTC) + timedelta(days=1))
    with TlsServer(young) as server:
        error = failing(f"https://localhost:{server.port}/")
    assert "not valid yet" in str(error)


def test_http_where_tls_was_expected_is_asked_for() -> None:
    with PlainServer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        error = failing(f"https://127.0.0.1:{server.port}/")
    assert error.reason == "tls"
    assert "is it http" in str(error)


def test_tls_where_http_was_expected_is_asked_for() -> None:
    with PlainServer(b"\x15\x03\x01\x00\x02\x02\x50") as server:
        error = failing(f"http://127.0.0.1:{server.port}/")
    assert error.reason == "protocol"
    assert "does it speak https?" in str(error)


def test_a_connection_closed_within_the_handshake_is_a_reset() -> None:
    with PlainServer(b"") as server:
        error = failing(f"https://127.0.0.1:{server.port}/")
    assert error.reason == "reset"


def test_a_missing_client_certificate_is_told() -> None:
    with TlsServer(leaf(ordinary(), "localhost"), clients=ordinary()) as server:
        error = failing(f"https://localhost:{server.port}/")
    assert error.reason == "tls"
    assert "wants a client certificate" in str(error)


def test_a_server_that_hangs_up_is_a_reset() -> None:
    with PlainServer(b"") as server:
        error = failing(f"http://127.0.0.1:{server.port}/")
    assert error.reason == "reset"


def test_headers_without_end_are_a_limit() -> None:
    with PlainServer(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000) as server:
        error = failing(f"http://127.0.0.1:{server.port}/")
    assert error.reason == "limit"


def test_a_body_that_is_cut_is_a_reset() -> None:
    with PlainServer(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab") as server:
        error = failing(f"http://127.0.0.1:{server.port}/")
    assert error.reason == "reset"


def test_a_body_that_is_not_compressed_as_it_says_is_told() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-encoding: gzip\r\n\r\nab"
    with PlainServer(head) as server:
        error = failing(f"http://127.0.0.1:{server.port}/")
    assert error.reason == "protocol"


def test_a_server_that_says_nothing_is_a_timeout() -> None:
    with TlsServer(leaf(ordinary(), "localhost"), answer=None) as server:
        error = failing(f"https://localhost:{server.port}/", silence=0.1)
    assert error.reason == "timeout"
    assert "nothing came for 0.1 s; raise --request-timeout" in str(error)


def _all_failed() -> OSError:
    """Make what anyio raises when every address of a name was tried."""
    error = OSError("All connection attempts failed")
    refused = ConnectionRefusedError(111, "Connection refused")
    error.__cause__ = ExceptionGroup("multiple", [refused, TimeoutError()])
    return error


def _caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


SAMPLES: list[tuple[Callable[[], BaseException], str, str]] = [
    (lambda: httpcore.ConnectTimeout("x"), "timeout", "VPN"),
    (lambda: httpcore.PoolTimeout("x"), "timeout", "busy"),
    (lambda: httpcore.WriteError("x"), "reset", "broke"),
    (lambda: OSError(101, "Network is unreachable"), "refused", "unreachable"),
    (lambda: ConnectionResetError(104, "reset"), "reset", "cut"),
    (_all_failed, "refused", "did you specify"),
    (lambda: httpcore.UnsupportedProtocol("x"), "protocol", "UnsupportedProtocol"),
    # anyio was waiting for TLS when the connection broke.
    (
        lambda: _caused(httpcore.ReadError("x"), ssl.SSLWantReadError()),
        "reset",
        "connection broke",
    ),
    (lambda: socksio.ProtocolError("x"), "proxy", "does not answer as a SOCKS5 proxy"),
]


@pytest.mark.parametrize(("make", "reason", "said"), SAMPLES)
def test_each_error_has_its_reason(
    make: Callable[[], BaseException], reason: str, said: str
) -> None:
    error = translate(make(), url=URL, elapsed=1.5, reused=True)
    assert error.reason == reason
    assert said in str(error)
    assert (error.url, error.elapsed, error.reused) == (URL, 1.5, True)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("SSLV3_ALERT_BAD_CERTIFICATE", "does not accept the client certificate"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "no TLS 1.2"),
        (
            "TLSV13_ALERT_CERTIFICATE_REQUIRED",
            "or one whose key TLS 1.3 has no use for",
        ),
        (
            "SSLV3_ALERT_HANDSHAKE_FAILURE",
            "let it offer TLS 1.3, or ECDHE with AES-GCM",
        ),
        ("SSLV3_ALERT_ILLEGAL_PARAMETER", "the curve of the client certificate's key"),
        ("EXCESSIVE_MESSAGE_SIZE", "larger than the 100 KB that OpenSSL takes"),
        ("SOMETHING_NEW", "TLS failed: SOMETHING_NEW"),
    ],
)
def test_openssls_reasons_are_explained(reason: str, said: str) -> None:
    error = ssl.SSLError(1, "x")
    error.reason = reason
    assert said in explain_tls(error, "host")


def test_an_unusual_verification_failure_is_quoted() -> None:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_code, error.verify_message = 66, "EE certificate key too weak"
    assert "EE certificate key too weak; have it issued anew" in explain_tls(error, "h")
    error.verify_code, error.verify_message = 99, "something new"
    assert explain_tls(error, "host").endswith("does not verify: something new")


def test_many_names_and_odd_ones_are_cut_and_made_harmless() -> None:
    error = WrongHostError(1, "x")
    error.names = ("a\x1b[2J", *(f"n{i}" for i in range(20)))
    text = explain_tls(error, "host")
    assert "\x1b" not in text
    assert r"a\x1b[2J, n0" in text
    assert "n15" not in text
    assert explain_tls(WrongHostError(1, "x"), "host").startswith(
        "the server's certificate is not for host; give"
    )


def test_no_credential_gets_into_the_error() -> None:
    """Item 23: kubernetes-client/python#656: libraries show the header it refuses."""
    url = "http://jane:hunter2@127.0.0.1:1/"
    error = failing(url, headers={"authorization": "Bearer t0ken\n"})
    assert error.reason in {"protocol", "refused"}
    shown = "".join(traceback.format_exception(error)) + repr(error) + error.url
    assert "hunter2" not in shown
    assert "t0ken" not in shown


def test_a_server_of_http_2_alone_is_named() -> None:
    with PlainServer(b"\x15\x03\x03\x00\x02\x02\x78") as server:  # alert 120
        error = failing(f"https://127.0.0.1:{server.port}/api")
    assert error.reason == "tls"
    assert "the server speaks HTTP/2 alone (alert 120" in str(error)


def test_an_address_that_a_certificate_has_as_a_host_name_is_told_from_one() -> None:
    error = WrongHostError(1, "said")
    error.names, error.wanted = ("127.0.0.1", "cluster"), "127.0.0.1"
    assert explain_tls(error, "127.0.0.1").startswith(
        "the server's certificate has 127.0.0.1 as a host name, not as an address; have"
    )


MALFORMED = {
    b"X-Foo Bar: secret\r\n": 'its header "X-Foo Bar" is malformed',
    b"X-\x1b[2J: secret\r\n": "is malformed",
    b"X-A: a\0secret\r\n": 'its header "X-A" is malformed',
    b"nothing\r\n": 'its header "nothing" is malformed',
    b"Bearer " + b"secret" * 20 + b"\r\n": "its header of a name that is not",
    b"Bearer secret:\r\n": "its header of a name that is not shown is malformed",
    b"x" * 65 + b" secret: a\r\n": "its header of a name that is not shown",
    b" folded: secret\r\n": "its headers begin with a continued line",
    b"Content-Length: secret\r\n": "its Content-Length is no number",
    b"Content-Length: 1\r\nContent-Length: 2\r\n": "it has two Content-Lengths",
    b"Transfer-Encoding: gzip\r\n": "its Transfer-Encoding is another than chunked",
}


@pytest.mark.parametrize(("head", "says"), MALFORMED.items())
def test_a_malformed_header_is_named_and_its_value_is_not(
    head: bytes, says: str
) -> None:
    """python-hyper/h11#130; encode/httpx#1363."""
    with PlainServer(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n{}") as server:
        error = failing(f"http://127.0.0.1:{server.port}/api")
    assert error.reason == "protocol"
    assert "the answer cannot be read: " in str(error)
    assert says in str(error)
    assert "secret" not in str(error)
    assert "\x1b" not in str(error)


def test_a_malformed_header_of_a_proxys_answer_is_named() -> None:
    with ConnectProxy(status="200 OK\r\nX-Foo Bar: secret") as proxy:
        error = failing("https://127.0.0.1:1/", proxy=f"http://127.0.0.1:{proxy.port}")
    assert error.reason == "protocol"
    assert 'its header "X-Foo Bar" is malformed; a proxy may have' in str(error)


def test_a_header_that_goes_on_in_the_next_line_is_read() -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Foo: a\r\n  b\r\nContent-Length: 2\r\n\r\n{}"
    with PlainServer(answer) as server:
        url = f"http://127.0.0.1:{server.port}/api"
        assert get(Config(server=url.removesuffix("/api")), url=url) == b"{}"
