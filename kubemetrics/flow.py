"""One exchange is one generator, driven twice: the steps and their combinators.

A flow yields steps and is sent a `Response` for each `Request`; transport errors are
thrown into it at the point where it waits. It does no I/O itself: `Client` and
`AsyncClient` each have a driver that sends, waits and runs side by side.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import field
from typing import Final, TypeAlias, TypeVar

from .errors import KubeMetricsError
from .frozen import dataclass

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")


Query: TypeAlias = tuple[tuple[str, str], ...]
"""The parameters of a request, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to the server: *path* begins with ``/``, *query* keeps its order.

    With *certificate* the response carries the server's certificate too.
    """

    path: str
    method: str = "GET"
    query: Query = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    certificate: bool = False

    @property
    def idempotent(self) -> bool:
        """Whether sending it twice does no harm."""
        return self.method in {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerCertificate:
    """The server's certificate, as a verified handshake showed it.

    *not_before* and *not_after* are seconds since the epoch.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: float
    not_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer of the server, read whole and decompressed.

    *headers* have lower-case names; *elapsed* is in seconds, from sending to the last
    byte; *url* is the address that was asked, without any credential.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str
    elapsed: float = 0.0
    certificate: PeerCertificate | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait *seconds* before going on; *why* is what ``-v`` shows."""

    seconds: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Fork:
    """Run these side by side, each at its own pace; the first error ends them all."""

    flows: tuple[Flow[None], ...]


Step: TypeAlias = Request | Pause | Fork
Flow: TypeAlias = Generator[Step, Response, T]

NOTHING: Final = Response(status=0, headers={}, body=b"", url="")
"""What a driver sends back for a `Pause` or a `Fork`, which have no answer."""


def both(a: Flow[A], b: Flow[B]) -> Flow[tuple[A, B]]:
    """Run two flows side by side and return both results."""
    first: list[A] = []
    second: list[B] = []
    yield Fork((_into(first, a), _into(second, b)))
    return first[0], second[0]


def gather(flows: Iterable[Flow[T]]) -> Flow[tuple[T, ...]]:
    """Run any number of flows of one kind side by side; results in their order."""
    results: list[list[T]] = []
    parts: list[Flow[None]] = []
    for flow in flows:
        results.append([])
        parts.append(_into(results[-1], flow))
    yield Fork(tuple(parts))
    return tuple(result[0] for result in results)


def attempt(flow: Flow[T]) -> Flow[T | KubeMetricsError]:
    """Run a part that may fail without failing the whole: its error is its result."""
    try:
        return (yield from flow)
    except KubeMetricsError as error:
        return error


def _into(results: list[T], flow: Flow[T]) -> Flow[None]:
    results.append((yield from flow))
