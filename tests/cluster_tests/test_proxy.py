"""The proxies carry what they are given and log what they were asked."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import struct
import time
from collections.abc import Iterator

import pytest

from tests.cluster import Cluster, Options, ServerCert
from tests.cluster.certs import server_context
from tests.cluster.distance import Distance
from tests.cluster.proxy import HttpProxy, HttpsProxy
from tests.cluster.socks import SocksProxy
from tests.cluster.tcp import read_exactly

from .client import client_context, connected, get

NAME = "kubernetes"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


def version_over(sock: socket.socket, cluster: Cluster) -> bytes:
    """Ask for the version over a connection that a proxy has set up."""
    with client_context(cluster).wrap_socket(sock, server_hostname=NAME) as secure:
        secure.sendall(b"GET /version HTTP/1.1\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := secure.recv(1 << 16):
            received += piece
    return received


def test_a_connect_proxy_tunnels_and_logs(cluster: Cluster) -> None:
    routes = {f"{NAME}:443": ("127.0.0.1", cluster.port)}
    with HttpProxy(routes=routes) as proxy:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", proxy.port, context=client_context(cluster), timeout=60
        )
        connection.set_tunnel(NAME, 443)
        connection.request("GET", "/version")
        assert connection.getresponse().status == 200
        connection.close()
    (asked,) = proxy.asked
    assert (asked.method, asked.target, asked.credentials) == (
        "CONNECT",
        f"{NAME}:443",
        None,
    )
    assert cluster.requests[-1].sni == NAME


@pytest.mark.parametrize(("password", "status"), [("right", 200), ("wrong", 407)])
def test_a_proxy_wants_its_credentials(
    cluster: Cluster, password: str, status: int
) -> None:
    with HttpProxy(credentials="me:right") as proxy:
        sent = base64.b64encode(f"me:{password}".encode()).decode()
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as sock:
            sock.sendall(
                f"CONNECT 127.0.0.1:{cluster.port} HTTP/1.1\r\n"
                f"Proxy-Authorization: Basic {sent}\r\n\r\n".encode()
            )
            answer = sock.recv(1000)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert proxy.asked[0].credentials == f"me:{password}"


def test_an_unreachable_target_is_a_bad_gateway() -> None:
    with HttpProxy() as proxy:
        connection = http.client.HTTPSConnection("127.0.0.1", proxy.port, timeout=60)
        connection.set_tunnel("127.0.0.1", 1)
        with pytest.raises(OSError, match="502"):
            connection.connect()


def test_a_proxy_behind_tls_tunnels_too(cluster: Cluster) -> None:
    authority = cluster.authority
    context = server_context(authority.server(ServerCert()), ())
    with HttpsProxy(context=context) as proxy:
        plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=60)
        trusting = client_context(cluster)
        with trusting.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(
                f"CONNECT 127.0.0.1:{cluster.port} HTTP/1.1\r\n\r\n".encode()
            )
            assert secure.recv(100).startswith(b"HTTP/1.1 200 ")
    assert proxy.url.startswith("https://")


def test_plain_http_is_forwarded_in_absolute_form() -> None:
    with Cluster.recorded(Options(tls=False)) as plain, HttpProxy() as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
        connection.request("GET", f"{plain.url}/version?x=1")
        assert connection.getresponse().status == 200
        connection.close()
        assert plain.requests[0].target == "/version?x=1"
    assert proxy.asked[0].target == f"{plain.url}/version?x=1"


@pytest.mark.parametrize("credentials", [None, "me:secret"])
def test_socks_connects_by_name(cluster: Cluster, credentials: str | None) -> None:
    routes = {f"{NAME}:443": ("127.0.0.1", cluster.port)}
    with SocksProxy(routes=routes, credentials=credentials) as proxy:
        sock = socket.create_connection(("127.0.0.1", proxy.port), timeout=60)
        sock.sendall(b"\x05\x02\x00\x02")
        assert read_exactly(sock, 2)[1] == (2 if credentials else 0)
        if credentials:
            sock.sendall(b"\x01\x02me\x06secret")
            assert read_exactly(sock, 2) == b"\x01\x00"
        name = NAME.encode()
        sock.sendall(
            b"\x05\x01\x00\x03" + bytes([len(name)]) + name + struct.pack("!H", 443)
        )
        assert read_exactly(sock, 10)[1] == 0
        assert version_over(sock, cluster).startswith(b"HTTP/1.1 200 OK")
    assert (proxy.asked[0].target, proxy.asked[0].credentials) == (
        f"{NAME}:443",
        credentials,
    )


def test_distance_costs_a_round_trip_for_each_exchange(cluster: Cluster) -> None:
    with Distance(cluster.port, 0.04) as far:
        context = ssl.create_default_context(cadata=cluster.ca_pem.decode())
        connection = http.client.HTTPSConnection(
            "127.0.0.1", far.port, context=context, timeout=60
        )
        started = time.monotonic()
        connection.request("GET", "/version")
        connection.getresponse().read()
        first = time.monotonic() - started
        connection.request("GET", "/version")
        connection.getresponse().read()
        second = time.monotonic() - started - first
        connection.close()
    assert first >= 0.12
    assert second >= 0.04


def test_distance_hands_large_bodies_on_whole(cluster: Cluster) -> None:
    real = get(cluster, "/api/v1/pods").body
    with Distance(cluster.port, 0.01) as far:
        context = client_context(cluster)
        connection = http.client.HTTPSConnection(
            "127.0.0.1", far.port, context=context, timeout=60
        )
        token = cluster.token("viewer")
        connection.request(
            "GET", "/api/v1/pods", headers={"Authorization": f"Bearer {token}"}
        )
        assert connection.getresponse().read() == real
        connection.close()


def test_a_cluster_can_be_reached_without_any_proxy(cluster: Cluster) -> None:
    with connected(cluster) as connection:
        connection.request("GET", "/version")
        assert connection.getresponse().status == 200
