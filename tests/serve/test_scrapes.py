"""What is answered, and what a client may cost."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from kubemetrics.errors import ConfigError
from kubemetrics.serve import scrapes
from kubemetrics.serve.exposition import Family, Metric, Point
from kubemetrics.serve.scrapes import (
    Limits,
    ListenAddress,
    Publication,
    RenderedBody,
    ScrapeRequest,
    ScrapeServer,
    chosen_format,
    reply,
    takes_gzip,
)

WATCHDOG = 30.0
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
    "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
"""What Prometheus 2.42 sends."""
NEWER = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
    "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
"""What Prometheus 3 sends."""


def body(value: int) -> RenderedBody:
    return RenderedBody([Family(Metric("up", "gauge", "Up."), [Point("", str(value))])])


def publication(value: int = 1, *, problem: str = "") -> Publication:
    return Publication(
        body=body(value),
        expired=body(0),
        fresh_until=30.0,
        ready_until=45.0,
        problem=problem,
    )


def answer(path: str, now: float = 0.0, **asked: str) -> scrapes.ScrapeReply:
    return reply(
        ScrapeRequest(asked.pop("method", "GET"), path, **asked),
        publication(problem="why"),
        now,
    )


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (PROMETHEUS, "openmetrics"),
        (NEWER, "openmetrics"),
        ("", "text"),
        ("*/*", "text"),
        ("text/html,*/*;q=0.8", "text"),
        ("application/json", "text"),
        ("application/openmetrics-text", "openmetrics"),
        ('Application/OpenMetrics-Text; version="1.0.0"', "openmetrics"),
        ("application/openmetrics-text;version=2.0.0", "text"),
        ("application/openmetrics-text;q=0,text/plain", "text"),
        ("application/openmetrics-text;q=0.2,text/plain;q=0.3", "text"),
        ("application/openmetrics-text;q=0.3,text/plain;q=0.3", "openmetrics"),
        ("application/openmetrics-text;q=x,*/*;q=0.1", "text"),
        (",;,", "text"),
    ],
)
def test_the_format_is_the_one_preferred(accept: str, form: str) -> None:
    assert chosen_format(accept) == form


@pytest.mark.parametrize(
    ("encodings", "taken"),
    [
        ("", False), ("gzip", True), ("GZIP;q=0.5, deflate", True), ("*", True),
        ("gzip;q=0", False), ("gzip;q=0, *", False), ("deflate, br", False),
        ("*;q=0.0", False),
    ],
)  # fmt: skip
def test_gzip_is_for_whoever_takes_it(encodings: str, *, taken: bool) -> None:
    assert takes_gzip(encodings) is taken


def test_metrics_are_those_of_the_round_until_they_expire() -> None:
    assert b"up 1" in answer("/metrics").body
    assert b"up 1" in answer("/metrics?x=y", 30.0).body
    assert b"up 0" in answer("/metrics", 30.1).body


def test_both_forms_say_what_they_are() -> None:
    found = answer("/metrics", accept=PROMETHEUS, encodings="gzip")
    assert gzip.decompress(found.body).endswith(b"up 1\n# EOF\n")
    assert dict(found.headers) == {
        "Content-Type": "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "Content-Encoding": "gzip",
        "Vary": "Accept, Accept-Encoding",
    }
    plain = dict(answer("/metrics").headers)
    assert plain["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "Content-Encoding" not in plain


def test_it_is_ready_until_three_cadences_without_a_round() -> None:
    assert answer("/readyz", 45.0).status == HTTPStatus.OK
    late = answer("/readyz", 45.1)
    assert (late.status, late.body) == (HTTPStatus.SERVICE_UNAVAILABLE, b"why\n")
    silent = reply(ScrapeRequest("GET", "/readyz"), publication(), 99.0)
    assert silent.body == b"there was no round of samples lately\n"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200), ("HEAD", "/metrics", 200), ("GET", "/", 200),
        ("GET", "/metrics/", 404), ("GET", "/favicon.ico", 404), ("GET", "*", 404),
        ("POST", "/metrics", 405), ("DELETE", "/nothing", 405),
        ("GET", "http://host:80/metrics?x", 200), ("GET", "HTTPS://host?x", 200),
        ("GET", "http://host/x", 404), ("GET", "xhttp://host/metrics", 404),
    ],
)  # fmt: skip
def test_every_request_has_its_status(method: str, path: str, status: int) -> None:
    found = answer(path, 99.0, method=method)
    assert found.status == status
    assert (dict(found.headers).get("Allow") == "GET, HEAD") == (status == 405)


def test_a_form_is_rendered_once_and_then_ahead_of_who_asks() -> None:
    with serving(publication()) as server:
        assert get(server, "/metrics").text.endswith("up 1\n")
        for value in range(2, 10):
            server.publish(publication(value))
            assert server.publication.body._forms.keys() == {("text", True)}
        server.publish(publication(10))
        assert not server.publication.body._forms, "nobody asked for it any more"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080), (":8080", "", 8080),
        ("[::1]:8080", "::1", 8080), ("localhost:0", "localhost", 0),
        ("[fe80::1%eth0]:65535", "fe80::1%eth0", 65535),
    ],
)  # fmt: skip
def test_an_address_is_read_and_written_alike(text: str, host: str, port: int) -> None:
    assert ListenAddress.parse(text) == (host, port)
    assert str(ListenAddress.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "8080", "localhost", "::1:8080", "[::1]", "h:65536", "h:-1", "h:٨", "a b:1",
     "http://h:80", "h:80/metrics"],
)  # fmt: skip
def test_what_is_no_address_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected HOST:PORT, as 127\.0\.0\.1:8080"):
        ListenAddress.parse(text)


@contextmanager
def serving(
    first: Publication, limits: Limits | None = None, host: str = "127.0.0.1"
) -> Iterator[ScrapeServer]:
    server = ScrapeServer(
        ListenAddress(host, 0), first, limits=limits, clock=lambda: 0.0
    )
    with closing(server):
        yield server


def get(server: ScrapeServer, path: str, **headers: str) -> httpx.Response:
    found = httpx.get(
        f"http://{server.address}{path}", headers=headers, timeout=WATCHDOG
    )
    found.read()
    return found


def test_it_answers_over_http() -> None:
    with serving(publication()) as server:
        found = get(server, "/metrics", Accept=PROMETHEUS)
        assert found.status_code == 200
        assert found.text.endswith("up 1\n# EOF\n")
        assert found.headers["content-encoding"] == "gzip"
        assert found.headers["server"].startswith("kubemetrics/")
        assert get(server, "/nothing").status_code == 404
        posted = httpx.post(f"http://{server.address}/metrics", content=b"x" * 9999)
        assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD")
        head = httpx.head(f"http://{server.address}/metrics")
        assert head.headers["content-length"] != "0"
        assert head.content == b""
        server.publish(publication(2))
        assert get(server, "/metrics").text.endswith("up 2\n")


def test_it_listens_where_it_is_told() -> None:
    with serving(publication(), host="localhost") as server:
        assert server.local
        assert get(server, "/healthz").text == "ok\n"
    if socket.has_dualstack_ipv6():
        with serving(publication(), host="::1") as server:
            assert server.local
            assert get(server, "/healthz").text == "ok\n"
    with serving(publication(), host="") as server:
        assert not server.local
        port = server.address.port
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").text == "ok\n"


def test_where_ipv6_is_switched_off_every_address_is_of_ipv4(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = socket.create_server

    def refused(address: tuple[str, int], **options: int) -> socket.socket:
        if options["family"] == socket.AF_INET6:
            raise OSError(99, "Cannot assign requested address")
        return made(address)

    monkeypatch.setattr(socket, "create_server", refused)
    with serving(publication(), host="") as server:
        assert server.address.host == "0.0.0.0"  # noqa: S104 - asked for


def test_a_port_that_is_taken_is_an_error_of_one_line() -> None:
    with serving(publication()) as server:
        with pytest.raises(
            ConfigError, match=r"cannot listen on 127\.0\.0\.1:\d+: Addr"
        ):
            ScrapeServer(server.address, publication())
        with pytest.raises(
            ConfigError, match=r"cannot listen on no\.such\.host\.invalid:0"
        ):
            ScrapeServer(ListenAddress("no.such.host.invalid", 0), publication())


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (
            OSError(98, "Address already in use (while binding)"),
            "Address already in use",
        ),
        (OSError("no number"), "no number"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (UnicodeError("label too long"), "label too long"),
    ],
)
def test_why_it_cannot_listen_is_in_the_systems_words(
    error: Exception, why: str
) -> None:
    assert scrapes._why(error) == why


def raw(server: ScrapeServer, sent: bytes) -> bytes:
    """Send bytes and return all that is answered until the server closes."""
    with socket.create_connection(server.address, WATCHDOG) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /healthz HTTP/1.1\n\n", b"200"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"a" * 9000, b"414"),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 9000 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 200 + b"\r\n", b"431"),
        (b"BREW /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"GET / HTTP/3.0\r\n\r\n", b"505"),
        (b"\x00\xff\r\n\r\n", b"400"),
    ],
)
def test_a_request_out_of_bounds_is_refused(sent: bytes, status: bytes) -> None:
    with serving(publication()) as server:
        assert raw(server, sent).split()[1] == status


def test_a_client_that_says_nothing_gets_no_answer() -> None:
    with (
        serving(publication()) as server,
        socket.create_connection(server.address, WATCHDOG) as connection,
    ):
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_a_client_that_drips_is_ended_with_its_time() -> None:
    with (
        serving(publication(), Limits(seconds=0.1)) as server,
        socket.create_connection(server.address, WATCHDOG) as connection,
    ):
        ended = threading.Event()

        def drip() -> None:
            while not ended.wait(0.01):
                connection.sendall(b"x")

        dripping = threading.Thread(target=_until_closed, args=(drip,))
        dripping.start()
        assert _read_all(connection) == b""
        ended.set()
        dripping.join()


def _until_closed(send: object) -> None:
    try:
        send()  # type: ignore[operator]
    except OSError:
        return


def _read_all(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1)
    except ConnectionError:
        return b""


def test_a_client_that_does_not_read_is_ended_with_its_time() -> None:
    large = RenderedBody(
        [Family(Metric("up", "gauge", "Up."), [Point("", "1" * (64 << 20))])],
    )
    large.prepared(("text", False))
    whole = Publication(body=large, expired=large, fresh_until=30.0, ready_until=30.0)
    with (
        serving(whole, Limits(seconds=0.3)) as server,
        socket.create_connection(server.address, WATCHDOG) as connection,
    ):
        connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        connection.recv(1)  # of the answer, or of its end: it is being served
        for thread in tuple(server._server._open):
            thread.join(WATCHDOG)
        assert not server._server._open
        assert len(_drained(connection)) < 64 << 20


def _drained(connection: socket.socket) -> bytes:
    found = b""
    try:
        while piece := connection.recv(1 << 20):
            found += piece
    except ConnectionError:
        pass
    return found


def test_more_connections_than_allowed_are_closed_and_others_go_on() -> None:
    with serving(publication(), Limits(connections=1)) as server:
        with socket.create_connection(server.address, WATCHDOG) as first:
            first.sendall(b"GET /healthz HTTP/1.1\r\n")
            refused = raw(server, b"")
            assert refused.startswith(b"HTTP/1.1 503 ")
            first.sendall(b"\r\n")
            assert first.recv(4096).startswith(b"HTTP/1.1 200 ")
        for thread in tuple(server._server._open):
            thread.join(WATCHDOG)
        assert get(server, "/healthz").text == "ok\n"


def test_closing_ends_what_is_being_served() -> None:
    with serving(publication()) as server:
        connection = socket.create_connection(server.address, WATCHDOG)
        connection.sendall(b"GET /")
        while not server._server._open:
            time.sleep(0.001)
    assert _read_all(connection) == b""
    connection.close()


def test_nothing_else_of_the_package_imports_http_server() -> None:
    """It takes 50 ms; the fake cluster of `kubemetrics.testing` has its own."""
    package = Path(scrapes.__file__).parents[1]
    users = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "http.server" in path.read_text("utf-8")
    }
    assert users == {"serve/scrapes.py", "testing/listener.py"}
