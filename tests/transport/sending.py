"""One request over connections of either client, as its tests send it."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

import anyio
import httpcore

from kubemetrics.auth import ClientCertificate
from kubemetrics.config.model import Config
from kubemetrics.transport.async_network import AsyncConnections
from kubemetrics.transport.backend import Backend
from kubemetrics.transport.connections import BodyReader, Connections
from kubemetrics.transport.endpoint import Endpoint, Headers
from kubemetrics.transport.network import Call, RequestContext, TlsNames

WATCHDOG = 60.0
"""Seconds; ends a hang, and nothing else."""


def get(
    config: Config,
    *,
    url: str = "",
    certificate: ClientCertificate | None = None,
    headers: Mapping[str, str] | None = None,
    silence: float | None = None,
    call: Call | None = None,
) -> bytes:
    """GET *url*, or the root of *config*'s server, and return the body."""
    connections = Connections(Endpoint(config, environ={}), (certificate, _ca(config)))
    with contextlib.closing(connections):
        answer = connections.open(
            "GET",
            url or f"{config.server}/",
            _encoded(headers),
            None,
            call or Call(WATCHDOG),
            silence,
        )
        with contextlib.closing(answer):
            reader = _reader(config, answer.headers)
            while chunk := answer.read():
                reader.feed(chunk)
            return reader.finish()


def get_async(config: Config, *, backend: str = "asyncio") -> bytes:
    """Do the same with the other client's connections."""

    async def ask() -> bytes:
        connections = AsyncConnections(
            Endpoint(config, environ={}), (None, _ca(config))
        )
        try:
            answer = await connections.open(
                "GET", f"{config.server}/", Headers(), None, Call(WATCHDOG), None
            )
            reader = _reader(config, answer.headers)
            while chunk := await answer.read():
                reader.feed(chunk)
            await answer.close()
            return reader.finish()
        finally:
            await connections.close()

    return anyio.run(ask, backend=backend)


@contextlib.contextmanager
def shaken(config: Config, port: int, name: str) -> Iterator[ssl.SSLObject]:
    """Shake hands with who listens on *port*, dialled as *name*.

    Raises:
        SSLError: what the handshake failed with.
    """
    from kubemetrics.transport.tls import build_context  # noqa: PLC0415

    context = build_context(config)
    backend = Backend(TlsNames(context, config.tls_server_name))
    limit = RequestContext(Call(WATCHDOG)).limit(None)
    stream = backend.connect_tcp("127.0.0.1", port, limit)
    try:
        secure = stream.start_tls(context, name, limit)
    except httpcore.ConnectError as error:
        raise cast("Exception", error.__cause__) from None
    with contextlib.closing(secure):
        yield secure.get_extra_info("ssl_object")


def at(config: Config, server: str) -> Config:
    """Return *config* for another server."""
    return replace(config, server=server)


def _ca(config: Config) -> bytes | None:
    return config.certificate_authority_data or None


def _reader(config: Config, headers: Mapping[str, str]) -> BodyReader:
    encoding = headers.get("content-encoding", "")
    return BodyReader(url=config.server, encoding=encoding)


def _encoded(headers: Mapping[str, str] | None) -> Headers:
    given = (headers or {}).items()
    return Headers((name.encode(), value.encode()) for name, value in given)
