"""Every scripted fault does on the wire what it says."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator

import pytest

from tests.cluster import Cluster, Options, faults, stream_faults
from tests.cluster.scripts import Fault

from .client import client_context, connected, get, headers_of

PODS = "/api/v1/pods"
WATCH = "/api/v1/namespaces/kube-system/pods?watch=1&timeoutSeconds=0.2"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


def request_bytes(cluster: Cluster, target: str) -> bytes:
    return (
        f"GET {target} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {cluster.token('viewer')}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()


def raw_answer(cluster: Cluster, target: str = PODS) -> bytes:
    """Return all bytes up to the connection's end, however it ends in good order."""
    plain = socket.create_connection(("127.0.0.1", cluster.port), timeout=60)
    context = client_context(cluster)
    with context.wrap_socket(plain, server_hostname="localhost") as secure:
        secure.sendall(request_bytes(cluster, target))
        received = b""
        while piece := secure.recv(1 << 16):
            received += piece
        return received


#: Over TLS older ssl modules show a reset as an end of file (SSL_read_ex returns 0),
#: so that resets are looked at over plain HTTP.
RESETS: dict[str, tuple[Fault, int]] = {
    "before headers": (faults.reset_before_headers(), 0),
    "in headers": (faults.reset_in_headers(), 20),
    "after headers": (faults.reset_after_headers(), 100),
    "in the body": (faults.reset_in_body(5000), 5000),
}


def read_all(connection: socket.socket, received: bytearray) -> None:
    while piece := connection.recv(1 << 16):
        received += piece


@pytest.mark.parametrize(("fault", "least"), RESETS.values(), ids=RESETS)
def test_a_reset_is_a_reset_after_what_came_before(fault: Fault, least: int) -> None:
    with Cluster.recorded(Options(tls=False)) as cluster:
        cluster.faults.add(fault)
        address = ("127.0.0.1", cluster.port)
        with socket.create_connection(address, timeout=60) as plain:
            plain.sendall(request_bytes(cluster, PODS))
            received = bytearray()
            with pytest.raises(ConnectionResetError):
                read_all(plain, received)
    assert least <= len(received) <= least + 300


BREAKING: dict[str, tuple[Fault, type[Exception]]] = {
    "closed": (faults.close(), http.client.RemoteDisconnected),
    "truncated": (faults.truncated(5000), http.client.IncompleteRead),
    "too long a length": (faults.wrong_length(10), http.client.IncompleteRead),
    "cut chunk": (faults.truncated_chunks(5000), http.client.IncompleteRead),
    "garbage": (faults.garbage(), http.client.BadStatusLine),
}


@pytest.mark.parametrize(("fault", "error"), BREAKING.values(), ids=BREAKING)
def test_a_broken_exchange_breaks_as_scripted_and_once(
    cluster: Cluster, fault: Fault, error: type[Exception]
) -> None:
    cluster.faults.add(fault, path=PODS)
    with pytest.raises(error):
        get(cluster, PODS)
    assert get(cluster, PODS).status == 200
    assert len(cluster.requests) == 2


def test_too_short_a_length_leaves_bytes_behind_the_body(cluster: Cluster) -> None:
    cluster.faults.add(faults.wrong_length(-10), path=PODS)
    head, _, rest = raw_answer(cluster).partition(b"\r\n\r\n")
    (announced,) = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.startswith(b"Content-Length")
    ]
    assert len(rest) == announced + 10


ANSWERS: dict[str, tuple[Fault, int, bytes]] = {
    "empty": (faults.empty(502), 502, b""),
    "html": (faults.html(503), 503, b"<html>"),
    "text": (faults.text(503, "no\n"), 503, b"no\n"),
    "status": (faults.api_error(500, "InternalError", "boom"), 500, b'{"kind":"Status'),
    "throttled": (faults.throttled("7"), 429, b"Too many requests"),
    "redirect": (faults.redirect("https://127.0.0.1:1/"), 302, b""),
    "warning": (faults.warning("old"), 200, b'{"kind":"PodList"'),
    "huge header": (faults.huge_header(60_000), 200, b'{"kind":"PodList"'),
    "garbage body": (faults.garbage_body(), 200, bytes(range(16))),
    "nested": (faults.nested(1000), 200, b'{"items":[[['),
    "same continue": (faults.repeating_continue("again"), 200, b'{"kind":"PodList"'),
    "late": (faults.delay(0.05), 200, b'{"kind":"PodList"'),
}


@pytest.mark.parametrize(("fault", "status", "start"), ANSWERS.values(), ids=ANSWERS)
def test_another_answer_comes_whole(
    cluster: Cluster, fault: Fault, status: int, start: bytes
) -> None:
    cluster.faults.add(fault)
    got = get(cluster, f"{PODS}?limit=2")
    assert got.status == status
    assert got.body.startswith(start)


def test_headers_of_a_fault_arrive(cluster: Cluster) -> None:
    cluster.faults.add(faults.throttled("7"))
    cluster.faults.add(faults.warning("old"))
    assert get(cluster, PODS).headers["Retry-After"] == "7"
    cluster.faults.clear()
    cluster.faults.add(faults.warning("old"))
    assert get(cluster, PODS).headers["Warning"] == '299 - "old"'


def test_a_repeating_continue_never_ends(cluster: Cluster) -> None:
    cluster.faults.add(faults.repeating_continue("again"), times=None)
    first = get(cluster, f"{PODS}?limit=2").json()["metadata"]
    assert first == {"resourceVersion": "609", "continue": "again"}


@pytest.mark.parametrize(
    "fault",
    [faults.gzip_garbage(), faults.gzip_truncated(), faults.gzip_bomb(8 << 20)],
    ids=["garbage", "truncated", "bomb"],
)
def test_compressed_nonsense_says_gzip(cluster: Cluster, fault: Fault) -> None:
    cluster.faults.add(fault)
    got = get(cluster, PODS, Accept_Encoding="gzip")
    assert got.headers["Content-Encoding"] == "gzip"
    with pytest.raises((zlib.error, OSError, EOFError, AssertionError)):
        assert len(got.plain) < 100 * len(got.body)


def test_a_drip_takes_its_time(cluster: Cluster) -> None:
    cluster.faults.add(faults.drip(50, 0.05))
    started = time.monotonic()
    got = get(cluster, "/api/v1/namespaces/default/pods/nope")
    assert got.status == 404
    assert time.monotonic() - started > 0.1


def test_a_dripping_head_never_ends(cluster: Cluster) -> None:
    cluster.faults.add(faults.drip_head(0.001))
    answer = raw_answer(cluster)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in answer


@pytest.mark.parametrize(
    "fault",
    [faults.silence(), faults.silence_after_headers()],
    ids=["at once", "after headers"],
)
def test_silence_lasts_until_the_client_leaves(cluster: Cluster, fault: Fault) -> None:
    cluster.faults.add(fault)
    with connected(cluster) as connection:
        connection.connect()
        connection.sock.settimeout(0.2)
        connection.request("GET", PODS, headers=headers_of(cluster, "viewer"))
        with pytest.raises(TimeoutError):
            connection.getresponse().read()
    assert_no_connections(cluster)


def test_refused_connections_are_refused_and_then_not(cluster: Cluster) -> None:
    with cluster.refusing(), pytest.raises(ConnectionRefusedError):
        get(cluster, PODS)
    assert get(cluster, PODS).status == 200


def test_a_script_can_wait_for_the_nth_match(cluster: Cluster) -> None:
    script = cluster.faults.add(faults.empty(500), path=PODS, first=2, times=2)
    statuses = [get(cluster, PODS).status for _ in range(4)]
    assert statuses == [200, 500, 500, 200]
    assert script.struck == 2


def test_a_script_can_choose_by_anything_the_server_saw(cluster: Cluster) -> None:
    cluster.faults.add(
        faults.empty(500), when=lambda seen: "continue" in seen.query, times=None
    )
    page = get(cluster, f"{PODS}?limit=50")
    token = page.json()["metadata"]["continue"]
    assert get(cluster, f"{PODS}?limit=50&continue={token}").status == 500


STREAMS: dict[str, tuple[Fault, Callable[[bytes], bool]]] = {
    "end": (stream_faults.end_stream(3), lambda body: body.count(b"\n") == 3),
    "garbage": (stream_faults.garbage_in_stream(2), lambda b: b.count(b"\n") == 3),
    "half": (stream_faults.half_line_in_stream(1), lambda b: b.endswith(b'"metad')),
    "slices": (stream_faults.resliced_stream(7), lambda body: body.count(b"\n") == 15),
    "error": (
        stream_faults.error_in_stream(1, 410, "Expired", "too old"),
        lambda body: b'"ERROR"' in body.splitlines()[1],
    ),
}


@pytest.mark.parametrize(("fault", "holds"), STREAMS.values(), ids=STREAMS)
def test_a_stream_goes_wrong_as_scripted(
    cluster: Cluster, fault: Fault, holds: Callable[[bytes], bool]
) -> None:
    cluster.faults.add(fault)
    assert holds(get(cluster, WATCH).body)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (stream_faults.cut_stream(2), http.client.IncompleteRead),
        (
            stream_faults.reset_stream(2),
            (http.client.IncompleteRead, ConnectionResetError),
        ),
    ],
    ids=["cut", "reset"],
)
def test_a_stream_breaks_as_scripted(
    cluster: Cluster, fault: Fault, error: type[Exception] | tuple[type[Exception], ...]
) -> None:
    cluster.faults.add(fault)
    with pytest.raises(error):
        get(cluster, WATCH)


def test_a_stream_can_fall_silent(cluster: Cluster) -> None:
    cluster.faults.add(stream_faults.silent_stream(1))
    with connected(cluster) as connection:
        connection.connect()
        sock = connection.sock
        connection.request("GET", WATCH, headers=headers_of(cluster, "viewer"))
        response = connection.getresponse()
        assert response.readline().startswith(b'{"type":"ADDED"')
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            response.readline()
    assert_no_connections(cluster)


def assert_no_connections(cluster: Cluster) -> None:
    assert cluster.settle() == 0


def test_a_client_that_does_not_trust_the_server_is_noted(cluster: Cluster) -> None:
    with (
        connected(cluster, ssl.create_default_context()) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        connection.request("GET", PODS)
    assert_no_connections(cluster)
    assert len(cluster.handshake_failures) == 1
