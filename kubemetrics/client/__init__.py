"""What both clients share: a session with one server, and the net below their calls."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn

from ..api import Api, RetryPolicy
from ..api.exchange import READ, Exchange
from ..auth import Credential, CredentialSource
from ..auth.sources import credential_source, credentials_shown
from ..config.model import Config
from ..errors import ConfigError, KubeMetricsError, QuantityError, check_type
from ..flow import CallLimits, Request
from ..frozen import dataclass

if TYPE_CHECKING:  # the network is imported with the first client, not with its class
    from ..transport.connections import BodyReader
    from ..transport.endpoint import Endpoint, Headers

_log: Final = logging.getLogger("kubemetrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One server, the credentials for it and the flows to speak to it.

    *silence* is how long nothing may come, in seconds; *memory* what the answers of one
    call may take, in bytes.
    """

    config: Config
    endpoint: Endpoint
    source: CredentialSource
    api: Api
    silence: float | None
    reader: Callable[..., BodyReader]
    memory: int
    clock: Callable[[], float] = time.monotonic

    @property
    def address(self) -> str:
        """The server's URL."""
        return self.config.server

    def exchange(self, call: CallLimits, life: CallLimits) -> Exchange:
        """Return the exchanges of *call*, of a client that lives for *life*."""
        return Exchange(self, call, life, self.silence)

    def url(self, request: Request) -> str:
        """Return the address of a request."""
        return self.endpoint.url(request)

    def headers(self, request: Request, credential: Credential) -> Headers:
        """Return all headers of one attempt."""
        return self.endpoint.headers(request, credential)

    def credentials_shown(self) -> str:
        """Say which credentials are sent, and where they come from."""
        return credentials_shown(self.config)

    def body(self, *, url: str, encoding: str) -> BodyReader:
        """Return what reads a body of that encoding."""
        return self.reader(url=url, encoding=encoding)


def open_session(
    config: Config | None,
    *,
    silence: float,
    user_agent: str = "",
    on_warning: Callable[[str], None] | None = None,
    retry: RetryPolicy | None = None,
    memory: int | None = None,
) -> Session:
    """Put a session together; nothing is contacted yet.

    Raises:
        TypeError: an argument is of another type.
        ConfigError: the configuration cannot work.
        CredentialError: nor can the credentials.
    """
    check_type("user_agent", user_agent, "str")
    check_type("read_timeout", silence, "float")
    check_type("max_memory", memory, "int | None")
    check_type("on_warning", on_warning, "Callable | None")
    _check_class("config", config, Config)
    _check_class("retry", retry, RetryPolicy)
    from ..transport.connections import (  # noqa: PLC0415 - see above
        BodyReader,
        exchange,
    )
    from ..transport.endpoint import Endpoint  # noqa: PLC0415
    from ..transport.tls import check_pair  # noqa: PLC0415

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
        api=Api(retry=retry, on_warning=on_warning or _log_warning),
        # In so many words (--request-timeout 0) "no limit" leaves none at all.
        silence=None if config.timeout == 0 and silence == READ else silence,
        reader=BodyReader,
        memory=memory_limit(memory, os.environ),
    )


def _check_class(name: str, value: object, expected: type) -> None:
    if value is not None and not isinstance(value, expected):
        kind = type(value).__name__[:50]
        raise TypeError(f"{name} must be a {expected.__name__} or None, not {kind}")


MEMORY: Final = 128 << 20
"""Bytes that the answers of one call may take: a pod that has 256 MiB survives."""
VARIABLE: Final = "KUBEMETRICS_MAX_MEMORY"


def memory_limit(given: int | None, environ: Mapping[str, str]) -> int:
    """Return how many bytes the answers of one call may take.

    Raises:
        ConfigError: the environment's is no amount.
    """
    text = environ.get(VARIABLE, "").strip()
    if given is not None or not text:
        return MEMORY if given is None else given
    from ..quantity import Quantity  # noqa: PLC0415 - seldom needed

    try:
        return max(0, Quantity(text).value)
    except QuantityError:
        raise ConfigError(
            f'{VARIABLE} "{text[:100]}" is no amount of bytes, as 256Mi is'
        ) from None


@contextmanager
def caught(*known: type[Exception]) -> Generator[None, None, None]:
    """Let nothing out but errors of this package: what else comes is their cause.

    Errors that are *known* go on as they are.

    A script that catches `KubeMetricsError` catches all that a server can bring about,
    and what nobody foresaw.

    Raises:
        KubeMetricsError: always, if anything but an exit is raised inside.
    """
    try:
        yield
    except KubeMetricsError:
        raise
    except known:
        raise
    except Exception as error:
        raise KubeMetricsError(
            f"unforeseen: {type(error).__name__}: {error}"
        ) from error


def single(names: Sequence[str], options: Mapping[str, object]) -> str:
    """Return the one namespace that was given without a keyword.

    Raises:
        TypeError: several were given, or one with a keyword too.
    """
    if len(names) > 1:
        raise TypeError(
            f"one namespace or all, not {len(names)}: snapshot() takes several, and"
            " namespace= names one"
        )
    return unnamed(names, options)[0]


def unnamed(names: Sequence[str], options: Mapping[str, object]) -> Sequence[str]:
    """Return the namespaces that were given without a keyword.

    Raises:
        TypeError: some were given with a keyword too.
    """
    if "namespace" in options:
        raise TypeError("namespaces were given twice, with namespace= and without")
    return names


def unpicklable(client: object) -> NoReturn:
    """Refuse to pickle a client.

    Raises:
        TypeError: always.
    """
    raise TypeError(
        f"a {type(client).__name__} cannot be pickled or copied: it holds connections;"
        " pass its `config`, and make a client of it there"
    )


def _log_warning(text: str) -> None:
    """Log a warning of the server, as client-go does by default."""
    _log.warning("the server warns: %s", text)
