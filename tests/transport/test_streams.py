"""Streams that cannot go on: each says so in httpcore's terms."""

from __future__ import annotations

import select
import socket
import ssl
from types import SimpleNamespace
from typing import Any

import anyio
import httpcore
import pytest

from kubemetrics import Client, Config, ConfigError
from kubemetrics.transport.async_network import AsyncTlsStream
from kubemetrics.transport.network import (
    AnswerWatch,
    TlsNames,
    TlsSession,
    TlsStream,
    readable,
)

from .sending import WATCHDOG


def session() -> TlsSession:
    """Return a TLS session whose handshake has not begun."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    return TlsSession(context, None)


def over(tls: TlsSession, kind: Any) -> Any:  # noqa: ANN401 - either stream
    below = SimpleNamespace(watch=AnswerWatch())
    names = TlsNames(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "")
    return kind(below, tls, names)


def test_what_cannot_be_encrypted_is_an_error_of_writing() -> None:
    with pytest.raises(httpcore.WriteError):
        over(session(), TlsStream).write(b"GET /")


def test_it_is_one_of_the_async_stream_as_well() -> None:
    with pytest.raises(httpcore.WriteError):
        anyio.run(over(session(), AsyncTlsStream).write, b"GET /")


@pytest.mark.parametrize("kind", [TlsStream, AsyncTlsStream])
def test_bytes_that_nobody_read_make_a_stream_readable(kind: Any) -> None:  # noqa: ANN401
    tls = session()
    tls.feed(b"more")
    assert over(tls, kind).get_extra_info("is_readable") is True


def test_a_socket_that_was_closed_has_that_to_say() -> None:
    sock = socket.socket()
    sock.close()
    assert readable(sock)


def test_a_proxy_of_no_possible_name_is_an_error_of_the_configuration() -> None:
    config = Config(server="http://a.example", proxy_url=f"http://\u00e9{'x' * 70}:1")
    with Client(config) as client, pytest.raises(ConfigError, match="proxy"):
        client.list_pods()


def test_without_a_free_descriptor_no_connection_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    with Client(Config(server="http://127.0.0.1:9")) as client:
        monkeypatch.setattr(socket, "socket", none)
        with pytest.raises(Exception, match="Too many open files"):
            client.list_pods()


@pytest.mark.parametrize("poll", [True, False])
def test_a_look_at_a_connection_leaves_its_time_out_alone(
    *, poll: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set anew by whose it is by now, it had Python peek at an idle socket for ever."""
    if not poll:  # as on Windows
        monkeypatch.delattr(select, "poll")
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(WATCHDOG)
        assert not readable(here)
        assert here.gettimeout() == WATCHDOG
        there.send(b"more")
        assert readable(here)
        assert here.recv(9) == b"more"
        there.close()
        assert readable(here)
        assert here.gettimeout() == WATCHDOG
