"""What both clients share: a session with one server, one attempt of a request."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from ..api import Api, RetryPolicy
from ..auth.credential import Credential, CredentialSource
from ..auth.sources import credential_source
from ..config.model import Config
from ..errors import TransportError
from ..flow import Request, Response
from ..frozen import dataclass
from ..transport.body import BodyReader
from ..transport.connections import AnswerHead, exchange
from ..transport.endpoint import ConnectionKey, Endpoint, Headers
from ..transport.network import Call
from ..transport.tls import Roots, check_pair

UNAUTHORIZED: Final = 401

READ: Final = 65.0
"""Seconds that nothing may come for: the API server's own limit is 60."""

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
            exchange=exchange,
            environ=os.environ,
            check=partial(check_pair, config),
        ),
        roots=Roots(config),
        api=Api(retry=retry, on_warning=on_warning or _log_warning),
    )


def _log_warning(text: str) -> None:
    """Log a warning of the server, as client-go does by default."""
    _log.warning("the server warns: %s", text)


def allowed_silence(call: Call, read_timeout: float) -> float | None:
    """Return for how long nothing may come: a call's time-out is the only limit."""
    return read_timeout if call.timeout is None else None


class Attempt:
    """One attempt of one request: what is sent, its time, its outcome."""

    def __init__(
        self, session: Session, request: Request, credential: Credential
    ) -> None:
        self._request = request
        self._started = time.monotonic()
        self.url: str = session.endpoint.url(request)
        self.method: str = request.method
        self.headers: Headers = session.endpoint.headers(request, credential)
        self.body: bytes | None = request.body

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._started

    def reader(self, answer: AnswerHead) -> BodyReader:
        """Return what reads the body of *answer*."""
        encoding = answer.headers.get("content-encoding", "")
        # Without the query, which may hold a token of kilobytes.
        return BodyReader(url=self.url.partition("?")[0], encoding=encoding)

    def response(self, answer: AnswerHead, body: bytes) -> Response:
        """Return what came, and log it."""
        response = Response(
            status=answer.status,
            headers=answer.headers,
            body=body,
            url=self.url,
            elapsed=self.elapsed,
            certificate=answer.certificate() if self._request.certificate else None,
        )
        self._log_outcome(
            f"{response.status}, {len(body)} bytes in {response.elapsed:.3f} s"
        )
        return response

    def error(self, error: TransportError) -> TransportError:
        """Note how long it took until *error*, and log it."""
        error.elapsed = self.elapsed
        self._log_outcome(f"{error.reason} after {error.elapsed:.3f} s")
        return error

    def _log_outcome(self, outcome: str) -> None:
        _log.debug("%s %s: %s", self.method, self.url, outcome)
