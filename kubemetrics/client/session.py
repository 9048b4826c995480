"""What both clients are made of, and what they say of each attempt."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from ..api import Api, RetryPolicy
from ..auth.credential import Credential, CredentialSource
from ..auth.source import credential_source
from ..config import load_config
from ..config.model import Config
from ..errors import TransportError
from ..flow import PeerCertificate, Request, Response
from ..transport.body import BodyReader
from ..transport.call import Call
from ..transport.errors import translate
from ..transport.exchange import exchange
from ..transport.http import Endpoint, environment, timeouts
from ..transport.pools import Identity
from ..transport.roots import Roots
from ..transport.tls import peer_certificate

_log: Final = logging.getLogger("kubemetrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One server, the credentials for it and the flows to speak to it."""

    config: Config
    endpoint: Endpoint
    source: CredentialSource
    roots: Roots
    api: Api

    def identity(self, credential: Credential) -> Identity:
        """Return which connections an attempt may use."""
        return credential.certificate, self.roots.current()


def open_session(
    config: Config | None,
    *,
    user_agent: str = "",
    on_warning: Callable[[str], None] | None = None,
    retry: RetryPolicy | None = None,
    environ: Mapping[str, str] | None = None,
) -> Session:
    """Put a session together; nothing is contacted yet.

    Raises:
        ConfigError: the configuration cannot work.
        CredentialError: nor can the credentials.
    """
    config = load_config() if config is None else config
    environ = environment() if environ is None else environ
    return Session(
        config=config,
        endpoint=Endpoint(config, user_agent=user_agent, environ=environ),
        source=credential_source(config, exchange=exchange, environ=environ),
        roots=Roots(config),
        api=Api(retry=retry, on_warning=on_warning),
    )


class Attempt:
    """One attempt of one request: its httpx request, its time, its outcome."""

    def __init__(
        self,
        session: Session,
        request: Request,
        credential: Credential,
        call: Call,
        read_timeout: float,
    ) -> None:
        self._endpoint = session.endpoint
        self._request = request
        self._call = call
        self._reused = True
        self._started = time.monotonic()
        self.url = session.endpoint.url(request)
        self.request = httpx.Request(
            request.method,
            self.url,
            headers=session.endpoint.headers(request, credential),
            content=request.body,
            extensions={"timeout": timeouts(call, read_timeout).as_dict()},
        )

    def trace(self, event: str) -> None:
        """Hear what httpcore does: a connection made is none that was kept alive."""
        if event == "connection.connect_tcp.started":
            self._reused = False

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._started

    def reader(self, answer: httpx.Response) -> BodyReader:
        """Return what reads the body of *answer*."""
        encoding = answer.headers.get("content-encoding", "")
        return BodyReader(url=self.url, encoding=encoding)

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
        _log.debug(
            "%s %s: %s, %d bytes in %.3f s",
            self._request.method,
            self.url,
            response.status,
            len(body),
            response.elapsed,
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
            translated = translate(
                error,
                url=self.url,
                elapsed=self.elapsed,
                reused=self._reused,
                proxy=self._endpoint.proxy_address,
            )
        _log.debug(
            "%s %s: %s after %.3f s",
            self._request.method,
            self.url,
            translated.reason,
            translated.elapsed,
        )
        return translated

    def check(self) -> None:
        """Raise the error for a call whose time is over, if it is."""
        if self._call.over:
            raise self.late()

    def closed(self) -> TransportError:
        """Return the error for a client that was closed meanwhile."""
        return TransportError(
            f"{self.url}: the client was closed", url=self.url, reason="closed"
        )

    def late(self) -> TransportError:
        """Return the error for a call whose time is over."""
        return TransportError(
            f"{self.url}: no full answer within {self._call.timeout:g} s; raise the"
            " timeout (--request-timeout)"
            if self._call.timeout is not None
            else f"{self.url}: cancelled",
            url=self.url,
            reason="deadline",
            elapsed=self.elapsed,
        )

    def _certificate(self, answer: httpx.Response) -> PeerCertificate | None:
        if not self._request.certificate:
            return None
        stream = answer.extensions.get("network_stream")
        connection = stream.get_extra_info("ssl_object") if stream else None
        return peer_certificate(connection) if connection else None
