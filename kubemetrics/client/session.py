"""What both clients share: a session with one server, one attempt of a request."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import httpx

from ..api import Api, RetryPolicy
from ..auth.credential import Credential, CredentialSource
from ..auth.sources import credential_source
from ..config.model import Config
from ..errors import TransportError, TransportReason
from ..flow import PeerCertificate, Request, Response
from ..frozen import dataclass
from ..transport.body import BodyReader
from ..transport.deadline import Call, PlainSocket
from ..transport.endpoint import ConnectionKey, Endpoint, timeouts
from ..transport.proxy import translate_failure
from ..transport.tls import Roots, check_pair, peer_certificate

UNAUTHORIZED: Final = 401

_FAILED_HANDSHAKES: Final = ("setup_socks5_connection.failed", "start_tls.failed")

_log: Final = logging.getLogger("kubemetrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One server, the credentials for it and the flows to speak to it."""

    config: Config
    endpoint: Endpoint
    source: CredentialSource
    roots: Roots
    api: Api

    def connection_key(self, credential: Credential) -> ConnectionKey:
        """Return the key of the connections that an attempt may use."""
        return credential.certificate, self.roots.current()


def open_session(
    config: Config | None,
    *,
    user_agent: str = "",
    on_warning: Callable[[str], None] | None = None,
    retry: RetryPolicy | None = None,
) -> Session:
    """Put a session together; nothing is contacted yet.

    Raises:
        ConfigError: the configuration cannot work.
        CredentialError: nor can the credentials.
    """
    if config is None:
        from ..config.resolve import load_config  # noqa: PLC0415 - reads files

        config = load_config()
    return Session(
        config=config,
        endpoint=Endpoint(config, user_agent=user_agent, environ=os.environ),
        source=credential_source(
            config,
            exchange=_exchange,
            environ=os.environ,
            check=partial(check_pair, config),
        ),
        roots=Roots(config),
        api=Api(retry=retry, on_warning=on_warning or _log_warning),
    )


def _exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    authorities: bytes | None,
) -> tuple[int, bytes]:
    from ..transport.exchange import exchange  # noqa: PLC0415 - OIDC alone needs it

    return exchange(method, url, headers, body, authorities)


def _log_warning(text: str) -> None:
    """Log a warning of the server, as client-go does by default."""
    _log.warning("the server warns: %s", text)


class Attempt:
    """One attempt of one request: its httpx request, its time, its outcome.

    Raises:
        TransportError: the address cannot be sent.
    """

    def __init__(
        self,
        session: Session,
        request: Request,
        credential: Credential,
        call: Call,
        silence: float,
    ) -> None:
        self._endpoint = session.endpoint
        self._request = request
        self._call = call
        self._reused = True
        self._dialled: Any = None
        self._started = time.monotonic()
        self.url: str = session.endpoint.url(request)
        try:
            self.request: httpx.Request = httpx.Request(
                request.method,
                self.url,
                headers=session.endpoint.headers(request, credential),
                content=request.body,
                extensions={"timeout": timeouts(call, silence).as_dict()},
            )
            self.request.url = session.endpoint.destination(self.request.url)
        except UnicodeError:
            raise self._failure("dns", "that is no host name") from None
        except httpx.InvalidURL as error:
            raise self._failure("limit", f"cannot be asked for: {error}") from None

    def trace(self, event: str, facts: Mapping[str, Any]) -> None:
        """Follow what httpcore does; close the connection of a failed handshake."""
        if self._handshake_failed(event, facts):
            self._dialled.close()
            translate_failure(facts["exception"])

    async def async_trace(self, event: str, facts: Mapping[str, Any]) -> None:
        """Do what `trace` does, for httpcore's asynchronous half."""
        if self._handshake_failed(event, facts):
            await self._dialled.aclose()
            translate_failure(facts["exception"])

    def _handshake_failed(self, event: str, facts: Mapping[str, Any]) -> bool:
        """Return whether a handshake failed, or was cancelled, on an open connection.

        httpcore then closes it in some of the cases only.
        """
        if event.endswith("connect_tcp.started"):
            self._reused = False  # a connection made is none that was kept alive
        elif event.endswith("connect_tcp.complete"):
            self._dialled = facts["return_value"]
            sock = self._dialled.get_extra_info("socket")
            if sock is not None:
                PlainSocket.adopt(sock)
        return event.endswith(_FAILED_HANDSHAKES)

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._started

    def reader(self, answer: httpx.Response) -> BodyReader:
        """Return what reads the body of *answer*."""
        encoding = answer.headers.get("content-encoding", "")
        return BodyReader(url=self._place, encoding=encoding)

    def response(self, answer: httpx.Response, body: bytes) -> Response:
        """Return what came, and log it."""
        response = Response(
            status=answer.status_code,
            headers={k.lower(): v for k, v in answer.headers.items()},
            body=body,
            url=self.url,
            elapsed=self.elapsed,
            certificate=self._certificate(answer),
        )
        self._log_outcome(
            f"{response.status}, {len(body)} bytes in {response.elapsed:.3f} s"
        )
        return response

    def error(self, error: BaseException) -> TransportError:
        """Return what kept the answer from coming, and log it."""
        if isinstance(error, TransportError):
            error.elapsed = self.elapsed
            translated = error
        elif self._call.over:
            translated = self.late()
        else:
            from ..transport.failures import translate  # noqa: PLC0415 - seldom needed

            translated = translate(
                error,
                url=self.url,
                elapsed=self.elapsed,
                reused=self._reused,
                proxy=self._endpoint.proxy_address,
            )
        self._log_outcome(f"{translated.reason} after {translated.elapsed:.3f} s")
        return translated

    def check(self) -> None:
        """Raise the error for a call whose time is over, if it is."""
        if self._call.over:
            raise self.late()

    def late(self) -> TransportError:
        """Return the error for a call whose time is over."""
        return late(self._call, self.url, self.elapsed)

    @property
    def _place(self) -> str:
        """The address without its query, which may hold a token of kilobytes."""
        return self.url.partition("?")[0]

    def _failure(self, reason: TransportReason, text: str) -> TransportError:
        return TransportError(
            f"{self._place}: {text}", url=self.url, reason=reason, elapsed=self.elapsed
        )

    def _log_outcome(self, outcome: str) -> None:
        _log.debug("%s %s: %s", self._request.method, self.url, outcome)

    def _certificate(self, answer: httpx.Response) -> PeerCertificate | None:
        if not self._request.certificate:
            return None
        stream = answer.extensions.get("network_stream")
        connection = stream.get_extra_info("ssl_object") if stream else None
        return peer_certificate(connection) if connection else None


def closed(url: str) -> TransportError:
    """Return the error for a client that was closed meanwhile."""
    place = url.partition("?")[0]
    return TransportError(f"{place}: the client was closed", url=url, reason="closed")


def late(call: Call, url: str, elapsed: float = 0.0) -> TransportError:
    """Return the error for *call*, whose time is over or which was cancelled."""
    text = (
        "cancelled"
        if call.timeout is None or call.cancelled
        else f"no full answer within {call.timeout:g} s; raise the timeout"
        " (--request-timeout)"
    )
    place = url.partition("?")[0]
    return TransportError(
        f"{place}: {text}", url=url, reason="deadline", elapsed=elapsed
    )
