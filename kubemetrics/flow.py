"""One exchange is one generator, driven twice: the steps and their combinators.

A flow yields steps and is sent what each is answered with: a `Response` for a
`Request`; errors are thrown into it at the point where it waits. It does no I/O itself.

There are two levels. Operations yield `Request`, `Pause`, `Fork`, `Start` and `Join`.
`api.exchange` turns these into the steps that `Client` and `AsyncClient` each have a
driver for: `Work`, `Open`, `Read`, `Close`, `Wait`, and the last three as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field
from typing import Any, Final, Protocol, TypeAlias, TypeVar

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

    With *certificate* the response carries the server's certificate too. *sink* makes
    what takes a 2xx body as it comes, a new one for each attempt.
    """

    path: str
    method: str = "GET"
    query: Query = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    certificate: bool = False
    sink: Callable[[Share], BodySink] | None = field(
        default=None, repr=False, compare=False
    )

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


Lock: TypeAlias = AbstractContextManager[object]


class Share:
    """What one answer takes of the memory of its call; here there is no bound."""

    __slots__ = ("__weakref__",)

    def grow(self, size: int) -> None:
        """Take *size* bytes more.

        Raises:
            TransportError: there are none left.
        """

    def hold(self, size: int) -> None:
        """Take *size* bytes in all, and give back the rest."""

    def keep(self, size: int) -> None:
        """Take *size* bytes for as long as the call lasts.

        Raises:
            TransportError: there are none left.
        """

    def decoding(self) -> Lock:
        """Wait for the turn to decode: one answer at a time."""
        return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer of the server, read whole and decompressed.

    *headers* have lower-case names, and of each name the values are joined by commas
    (those of ``Warning`` by line feeds); *elapsed* is in seconds, from sending to the
    last byte; *url* is the address that was asked, without any credential. *share* is
    the memory that it takes, and what is made of it. Of a body that went into a *sink*
    it has what the sink left. *sent* says of a 401 which credentials were refused.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str
    elapsed: float = 0.0
    certificate: PeerCertificate | None = None
    sent: str = ""
    share: Share = field(default_factory=Share, repr=False, compare=False)
    sink: BodySink | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait *seconds* before going on; *why* is what ``-v`` shows.

    A call that has less time ends at once, unless it is to *last*: then it ends with
    its time.
    """

    seconds: float
    why: str = ""
    last: bool = False


@dataclass(frozen=True, slots=True)
class Fork:
    """Run these side by side, each at its own pace; the first error ends them all.

    *stop* ends what still runs, also what a part has `Start`ed.
    """

    flows: tuple[Flow[None], ...]
    stop: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Start:
    """Run *flow* in the background; answered with a `Task`, for `Join`.

    Where nothing can run in the background it runs when it is joined.
    """

    flow: Flow[Any]


@dataclass(frozen=True, slots=True)
class Join:
    """Wait for a *task*; answered with its result, or with its error."""

    task: Task


class Task(Protocol):
    """A driver's own: what was started."""


class BodySink(Protocol):
    """Takes a body piece by piece, decompressed, as it comes."""

    def feed(self, piece: bytes, /) -> Flow[None]:
        """Take a piece; what this yields is done before more is read."""
        ...

    def finish(self) -> bytes:
        """Return what is left of the body, once its last byte came."""
        ...


class CallLimits(Protocol):
    """What a call may take: time in seconds (``None``: no limit), and memory."""

    @property
    def timeout(self) -> float | None:
        """What it had when it began."""
        ...

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        ...

    def remaining(self) -> float | None:
        """Return what is left, 0 for a call that is over."""
        ...

    def branch(self) -> CallLimits:
        """Return a part of it that can be cancelled by itself."""
        ...

    def share(self, url: str, /) -> Share:
        """Return what the answer from *url* takes of its memory."""
        ...

    def cancel(self) -> None:
        """End it: its waits come back at once."""
        ...


class AnswerStream(Protocol):
    """An answer whose head has come; its body is read piece by piece.

    *headers* have lower-case names. *reused*: it came over a kept connection.
    """

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""
        ...

    def certificate(self) -> PeerCertificate | None:
        """Return the server's certificate, where there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """Call *function*, which may block, within the *call*'s time."""

    function: Callable[[], object]
    call: CallLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Send a request and wait for the head of its `AnswerStream`.

    *credential* decides which connections may be used; *silence* is how long nothing
    may come, in seconds; ``None``: for as long as the *call* lasts.
    """

    method: str
    url: str
    headers: list[tuple[bytes, bytes]] = field(repr=False)
    body: bytes | None = field(repr=False)
    credential: object = field(repr=False)
    call: CallLimits
    silence: float | None


@dataclass(frozen=True, slots=True)
class Read:
    """Wait for the next bytes of an answer's body, as sent; ``b""`` at its end."""

    answer: AnswerStream
    call: CallLimits


@dataclass(frozen=True, slots=True)
class Close:
    """Done with an answer: what is left of it ends its connection."""

    answer: AnswerStream


@dataclass(frozen=True, slots=True)
class Wait:
    """Let *seconds* pass, or less if the call is cancelled."""

    seconds: float
    call: CallLimits


@dataclass(frozen=True, slots=True)
class Emit:
    """Give *value* to who reads this flow; of an `Emitter` alone."""

    value: object


Step: TypeAlias = (
    Request | Pause | Fork | Start | Join | Work | Open | Read | Close | Wait | Emit
)
Flow: TypeAlias = Generator[Step, Any, T]

NOTHING: Final = Response(status=0, headers={}, body=b"", url="")
"""What a driver sends back for a step which has no answer."""


class Broken(Exception):  # noqa: N818 - what it is to the flow that waits
    """What a step raised that is no error of this package; *cause* says what."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause
        super().__init__(cause)


class Emitter:
    """A flow that emits values on its way, one at a time."""

    def __init__(self, flow: Flow[None]) -> None:
        self._flow = flow

    def next(self) -> Flow[object]:
        """Go on to the next value and return it; ``None`` at the end."""
        try:
            step = next(self._flow)
            while not isinstance(step, Emit):
                try:
                    answer = yield step
                except (KubeMetricsError, Broken) as error:
                    step = self._flow.throw(error)
                else:
                    step = self._flow.send(answer)
        except StopIteration:
            return None
        return step.value


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
    """Run a part that may fail without failing the whole: its error is its result.

    An error that is kept lets go of the frames it went through, and of the answer that
    one of them holds.
    """
    try:
        return (yield from flow)
    except KubeMetricsError as error:
        return error.with_traceback(None)


def _into(results: list[T], flow: Flow[T]) -> Flow[None]:
    results.append((yield from flow))
