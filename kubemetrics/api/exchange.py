"""One exchange with the server, as a flow: what `Client` and `AsyncClient` share.

An operation's requests, pauses and parts become steps that only send, read and wait:
which credential, a 401 that is replayed once with another, redirects, a body read in
pieces and decompressed, the time of the call, a client that was closed, and when to try
again are decided here.
"""

from __future__ import annotations

import logging
import random
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast
from urllib.parse import SplitResult, urljoin, urlsplit

from ..errors import (
    CredentialError,
    KubeMetricsError,
    TransportError,
    TransportReason,
)
from ..flow import (
    NOTHING,
    AnswerStream,
    BodySink,
    Broken,
    CallLimits,
    Close,
    Emit,
    Flow,
    Fork,
    Join,
    Open,
    Pause,
    Read,
    Request,
    Response,
    Share,
    Start,
    Step,
    Wait,
    Work,
)
from ..frozen import dataclass
from ..text import hide, masked, without_codes

if TYPE_CHECKING:
    from .watch import Watch

# ruff: noqa: PLC0415 - an answer that says no is read by a module of its own

T = TypeVar("T")

_log: Final = logging.getLogger("kubemetrics")

READ: Final = 65.0
"""Seconds that nothing may come for: the API server's own limit is 60."""

_AT_ANY_TIME: Final = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long to try again; all times are in seconds.

    An answer of 429 or 5xx with ``Retry-After`` is repeated after that time, whatever
    the request (client-go rest/with_retry.go). Beyond client-go, an idempotent request
    is repeated with jittered back-off after 502, 503, 504 and a reset, and at once when
    a kept-alive connection turned out to be closed. *attempts* bounds the tries of one
    request, *budget* the time spent on them: a ``Retry-After`` beyond it is not waited
    for.

    A watch that fails is begun again after *watch_first_wait*, doubled each time up to
    *watch_longest* and forgotten after *watch_reset* without a failure (client-go
    tools/cache/reflector.go). One whose streams end in good order is begun again at
    most every *watch_interval* (tools/watch/retrywatcher.go).
    """

    attempts: int = 4
    budget: float = 30.0
    first_wait: float = 0.25
    watch_first_wait: float = 0.8
    watch_longest: float = 30.0
    watch_reset: float = 120.0
    watch_interval: float = 1.0
    random: Callable[[], float] = random.random

    def after_response(
        self, request: Request, response: Response, tries: int
    ) -> float | None:
        """Return the seconds to wait before the next try, or ``None`` for no more."""
        from .answers import is_down, retry_after

        if is_down(response):
            return None
        overloaded = response.status == HTTPStatus.TOO_MANY_REQUESTS
        if not overloaded and response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return None
        asked = retry_after(response)
        if asked is not None:
            return max(asked, self._wait(tries))
        if overloaded or response.status in _AT_ANY_TIME:
            return self._wait(tries) if request.idempotent else None
        return None

    def after_error(
        self, request: Request, error: TransportError, tries: int
    ) -> float | None:
        """Return the seconds to wait before the next try, or ``None`` for no more."""
        if error.reason != "reset" or not request.idempotent:
            return None
        return 0.0 if error.reused else self._wait(tries)

    def _wait(self, tries: int) -> float:
        return self.first_wait * 2.0 ** (tries - 1) * (1.0 + self.random())


class Backoff:
    """The waits of one watch, longer each time it fails."""

    def __init__(self, policy: RetryPolicy, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._failures = 0
        self._last = 0.0

    def next(self, *, at_least: float = 0.0) -> float:
        """Return the seconds to wait now; *at_least* is what the server asks for."""
        policy, now = self._policy, self._clock()
        if now - self._last > policy.watch_reset:
            self._failures = 0
        wait = policy.watch_first_wait * 2.0 ** min(self._failures, 32)
        self._failures += 1
        self._last = now
        return min(max(wait * (1.0 + policy.random()), at_least), policy.watch_longest)


def ok(status: int) -> bool:
    """Return whether *status* is a 2xx."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def send(
    request: Request,
    policy: RetryPolicy,
    on_response: Callable[[Response], None] = lambda _: None,
) -> Flow[Response]:
    """Send a request, again if need be, and return its 2xx answer.

    *on_response* is called with every answer.

    Raises:
        ApiError: the last answer was none.
        TransportError: the last try got no answer.
    """
    spent, tries = 0.0, 0
    while True:
        tries += 1
        failure: KubeMetricsError
        try:
            response: Response = yield request
        except TransportError as error:
            failure, spent = error, spent + error.elapsed
            wait = policy.after_error(request, error, tries)
        else:
            on_response(response)
            if ok(response.status):
                return response
            from .answers import error_from_response

            failure, spent = error_from_response(response), spent + response.elapsed
            wait = policy.after_response(request, response, tries)
        spent += wait or 0.0
        if wait is None or tries >= policy.attempts or spent > policy.budget:
            raise failure
        yield from _wait(wait, tries, failure)


def _wait(seconds: float, tries: int, failure: KubeMetricsError) -> Flow[None]:
    """Wait for the next try; where the call has no time for it, say what failed."""
    try:
        yield Pause(seconds, f"try {tries} failed: {failure}")
    except TransportError as error:
        raise (failure if error.reason == "deadline" else error) from None


class Credentials(Protocol):
    """Where credentials come from: `auth.CredentialSource`, whose values go through."""

    def cached(self) -> Any:  # noqa: ANN401 - a credential, or none
        """Return the credential if it is still good, without ever blocking."""
        ...

    def fetch(self, wanted: Callable[[], bool], /) -> Any:  # noqa: ANN401 - a credential
        """Return a good credential; may block while *wanted* is true."""
        ...

    def rejected(self, credential: Any, /) -> bool:  # noqa: ANN401 - a credential
        """Hear of a 401; say whether `fetch` may give another one now."""
        ...


class Body(Protocol):
    """Decompresses a body piece by piece, within bounds."""

    def feed(self, chunk: bytes) -> bytes:
        """Keep and return what these bytes are, decompressed."""
        ...

    def finish(self) -> bytes:
        """Return the whole body, once the last byte came."""
        ...

    @property
    def size(self) -> int:
        """Bytes that came so far, decompressed."""
        ...

    def keep_nothing(self) -> None:
        """Keep none of the bytes that come, which somebody else takes."""
        ...

    def forget(self) -> None:
        """Drop the bytes that were kept, and count anew."""
        ...


class Server(Protocol):
    """One server: its address, what is sent to it, and how its bodies are read."""

    @property
    def address(self) -> str:
        """Its URL."""
        ...

    @property
    def source(self) -> Credentials:
        """The credentials for it."""
        ...

    @property
    def clock(self) -> Callable[[], float]:
        """The time, in seconds."""
        ...

    def url(self, request: Request) -> str:
        """Return the address of a request."""
        ...

    def headers(
        self,
        request: Request,
        credential: Any,  # noqa: ANN401 - of `source`
    ) -> list[tuple[bytes, bytes]]:
        """Return the headers of one attempt."""
        ...

    def credentials_shown(self) -> str:
        """Say which credentials are sent to it, and where they come from."""
        ...

    def body(self, *, url: str, encoding: str) -> Body:
        """Return what reads a body of that encoding."""
        ...


_SHORTEST: Final = 4
"""Characters; a shorter secret would mask half of any text."""
_LARGEST_STATUS: Final = 1 << 20
"""Bytes of an answer of 2xx that may be a Status in the place of an object."""


class _Secrets:
    """What was sent as a credential in one call: servers and proxies repeat it."""

    def __init__(self) -> None:
        self._sent: set[str] = set()

    def add(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Remember the credentials in the headers of a request."""
        for name, value in headers:
            if name.lower() == b"authorization":
                self._sent.update(s for s in _secrets(value) if len(s) >= _SHORTEST)

    def hidden(self, text: str) -> str:
        """Return *text* without them."""
        return masked(text, self._sent) if self._sent else text

    def hidden_in(self, response: Response) -> Response:
        """Return an answer without them, but for one of 2xx that is no Status."""
        headers, body = response.headers, response.body
        warns = "warning" in headers
        if ok(response.status) and not warns and not _may_be_status(body):
            return response
        headers = {name: self.hidden(value) for name, value in headers.items()}
        text = body.decode("utf-8", "surrogateescape")
        hidden = self.hidden(text).encode("utf-8", "surrogateescape")
        return replace(response, headers=headers, body=hidden)

    def hide_in(self, error: BaseException) -> None:
        """Mask them in an error, in its attributes and in what brought it about."""
        hide(error, self._sent)


def _secrets(value: bytes) -> Iterator[str]:
    scheme, _, secret = value.partition(b" ")
    yield secret.decode("latin-1")
    if scheme == b"Basic":
        yield b64decode(secret).partition(b":")[2].decode("utf-8", "surrogateescape")


def _may_be_status(body: bytes) -> bool:
    return len(body) <= _LARGEST_STATUS and b'"Status"' in body


_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)
_PORTS: Final = {"https": 443, "http": 80}

_SLICE: Final = 1 << 12
"""Bytes that are decompressed at a time; they may become a thousand times as many."""
_DENSE: Final = 50
"""By how much what is dense grows; of anything else four slices are taken at once."""

_ERROR_BODY: Final = 1 << 20
"""Bytes of an error's body that are read; what comes behind says nothing more."""


class _Attempt:
    """One attempt of a request: where it goes, and since when."""

    def __init__(self, request: Request, url: str, clock: Callable[[], float]) -> None:
        self.request = request
        self.url = url
        self.shown = without_codes(url) if "?" in url else url
        self.failed = False
        self._clock = clock
        self._began = clock()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return self._clock() - self._began

    def log(self, outcome: str) -> None:
        _log.debug("%s %s: %s", self.request.method, self.shown, outcome)


class _Opened:
    """An answer of 2xx whose body is still to be read."""

    def __init__(self, attempt: _Attempt, answer: AnswerStream, body: Body) -> None:
        self.attempt = attempt
        self.answer = answer
        self.body = body
        self._slice = _SLICE

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Decompress *chunk* bit by bit: little at a time of what grows a lot."""
        at = 0
        while at < len(chunk):
            part = chunk[at : at + self._slice]
            at += self._slice
            piece = self.body.feed(part)
            dense = len(piece) > _DENSE * len(part)
            self._slice = _SLICE if dense else 4 * _SLICE
            yield piece


class Exchange:
    """The exchanges of one call with its server; *life* is that of the client.

    *silence* is how long nothing may come, in seconds (``None``: for as long as the
    call lasts): a list, where the call has no time-out, which else is the only limit;
    some more of it, or of `READ`, a watch's stream, which nobody would miss else.
    """

    def __init__(
        self,
        server: Server,
        call: CallLimits,
        life: CallLimits,
        silence: float | None,
    ) -> None:
        self._server = server
        self._call = call
        self._life = life
        self._silence = silence
        self._secrets = _Secrets()

    def perform(self, flow: Flow[T]) -> Flow[T]:
        """Run an operation: what it yields becomes steps that a driver can take."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = yield from self._take(step)
                except (KubeMetricsError, Broken) as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as stop:
            return cast("T", stop.value)
        except KubeMetricsError as error:
            self._secrets.hide_in(error)
            raise
        finally:
            flow.close()

    def watch(self, watch: Watch) -> Flow[None]:
        """Emit the events of *watch*, whatever its streams do; end with the time."""
        for event in (yield from self.perform(watch.begin())):
            yield Emit(event)
        while self._call.remaining() != 0.0:
            failure: KubeMetricsError | None = None
            try:
                yield from self._stream(watch)
            except KubeMetricsError as error:
                self._secrets.hide_in(error)
                failure = error
            try:
                events = yield from self.perform(watch.ended(failure))
            except TransportError as error:
                if error.reason == "deadline":
                    return
                raise
            for event in events:
                yield Emit(event)

    def _stream(self, watch: Watch) -> Flow[None]:
        from .answers import error_from_response
        from .watch import SILENCE

        request = watch.request(self._call.remaining())
        opened = yield from self._answered(request, (self._silence or READ) * SILENCE)
        if isinstance(opened, Response):
            raise error_from_response(opened)
        try:
            while chunk := (yield from self._read(opened)):
                for piece in opened.pieces(chunk):
                    for event in watch.feed(piece):
                        yield Emit(event)
                    opened.body.forget()
        except KubeMetricsError:
            yield Close(opened.answer)
            raise
        yield Close(opened.answer)

    def _take(self, step: Step) -> Flow[Any]:
        if isinstance(step, Request):
            return self._respond(step)
        if isinstance(step, Pause):
            return self._pause(step)
        if isinstance(step, Fork):
            return self._fork(step)
        if isinstance(step, Start):
            return self._start(step)
        if isinstance(step, Join):
            return _join(step)
        return _as_it_is(step)

    def _respond(self, request: Request) -> Flow[Response]:
        timed = self._call.timeout is not None
        answered = yield from self._answered(request, None if timed else self._silence)
        if isinstance(answered, Response):
            return answered
        return (yield from self._whole(answered))

    def _answered(
        self, request: Request, silence: float | None
    ) -> Flow[_Opened | Response]:
        """Send a request; once more, with another credential, if that is refused.

        An answer that is no 2xx comes whole, so that its connection can be kept.
        """
        credential = self._server.source.cached() or (yield from self._fetch())
        url = self._server.url(request)
        answered = yield from self._send(request, credential, url, silence)
        if _status(answered) == HTTPStatus.UNAUTHORIZED:
            renewed = yield from self._renewed(credential)
            if renewed is not None and request.idempotent:
                credential = renewed
                answered = yield from self._send(request, credential, url, silence)
        for _ in range(_MOST_REDIRECTS):
            target = _target(request, answered)
            if not target:
                break
            answered = yield from self._send(request, credential, target, silence)
        return answered

    def _renewed(self, credential: object) -> Flow[object | None]:
        if not self._server.source.rejected(credential):
            return None
        renewed = yield from self._fetch()
        return None if renewed == credential else renewed

    def _fetch(self) -> Flow[object]:
        """Fetch a credential within the call's time: a plugin or a file may block."""
        fetch = partial(self._server.source.fetch, lambda: not self._over)
        try:
            return (yield Work(fetch, self._call))
        except CredentialError:
            if self._over:  # the fetch was ended because of it
                raise self._ended(self._server.address) from None
            raise
        except Broken as broken:
            if self._over or isinstance(broken.cause, TimeoutError):
                raise self._ended(self._server.address) from None
            raise CredentialError(
                f"no credential can be had: {_described(broken.cause)}"
            ) from broken.cause

    def _send(
        self, request: Request, credential: object, url: str, silence: float | None
    ) -> Flow[_Opened | Response]:
        attempt = _Attempt(request, url, self._server.clock)
        if self._over:
            raise self._failed(attempt, None)
        headers = self._server.headers(request, credential)
        self._secrets.add(headers)
        opening = Open(
            method=request.method,
            url=url,
            headers=headers,
            body=request.body,
            credential=credential,
            call=self._call,
            silence=silence,
        )
        try:
            answer: AnswerStream = yield opening
        except (TransportError, Broken) as error:
            raise self._failed(attempt, error) from _cause(error)
        encoding = answer.headers.get("content-encoding", "")
        try:
            body = self._server.body(url=_place(url), encoding=encoding)
        except TransportError as error:
            yield Close(answer)
            raise self._unreadable(attempt, error) from None
        opened = _Opened(attempt, answer, body)
        if ok(answer.status):
            return opened
        response = yield from self._whole(opened)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return replace(response, sent=self._server.credentials_shown())
        return response

    def _whole(self, opened: _Opened) -> Flow[Response]:
        """Read a body to its end; one of an error as far as it may matter."""
        attempt, answer = opened.attempt, opened.answer
        share = self._call.share(attempt.url)
        try:
            body, sink = yield from self._content(opened, share)
        except TransportError as error:
            opened.body.forget()  # an error may be kept for long, its frames with it
            yield Close(answer)
            raise self._unreadable(attempt, error) from error.__cause__
        response = Response(
            status=answer.status,
            headers=answer.headers,
            body=body,
            url=attempt.shown,
            elapsed=attempt.elapsed,
            certificate=answer.certificate() if attempt.request.certificate else None,
            share=share,
            sink=sink,
        )
        yield Close(answer)
        size = opened.body.size
        attempt.log(f"{response.status}, {size} bytes in {response.elapsed:.3f} s")
        return self._secrets.hidden_in(response)

    def _content(
        self, opened: _Opened, share: Share
    ) -> Flow[tuple[bytes, BodySink | None]]:
        refused = not ok(opened.answer.status)
        made = None if refused else opened.attempt.request.sink
        sink, head = made(share) if made else None, bytearray()
        if sink is not None:
            opened.body.keep_nothing()
        while chunk := (yield from self._read(opened)):
            for piece in opened.pieces(chunk):
                share.grow(len(piece))
                if sink is not None:
                    yield from self.perform(sink.feed(piece))
                elif refused:
                    head += piece[: _ERROR_BODY - len(head)]
            if len(head) == _ERROR_BODY:
                return bytes(head), None
        body = opened.body.finish()
        return (sink.finish() if sink else body), sink

    def _read(self, opened: _Opened) -> Flow[bytes]:
        try:
            chunk: bytes = yield Read(opened.answer, self._call)
        except (TransportError, Broken) as error:
            raise self._failed(opened.attempt, error) from _cause(error)
        if self._over:
            raise self._failed(opened.attempt, None)
        return chunk

    def _pause(self, pause: Pause) -> Flow[Response]:
        _log.debug("waiting %.2f s: %s", pause.seconds, pause.why)
        left, seconds = self._call.remaining(), pause.seconds
        short = left is not None and seconds > left
        if short and pause.last:
            seconds = left or 0.0
        if not short or pause.last:
            yield Wait(seconds, self._call)
        if short or self._call.cancelled or self._life.cancelled:
            raise self._ended(self._server.address)
        return NOTHING

    def _fork(self, fork: Fork) -> Flow[Response]:
        part = self._call.branch()
        inner = self._part(part)
        try:
            yield Fork(tuple(inner.perform(flow) for flow in fork.flows), part.cancel)
        except Broken as broken:
            raise broken.cause from None
        finally:
            part.cancel()
        return NOTHING

    def _start(self, start: Start) -> Flow[Any]:
        part = self._call.branch()
        inner = self._part(part)
        return (yield Start(inner.perform(start.flow)))

    def _part(self, call: CallLimits) -> Exchange:
        return Exchange(self._server, call, self._life, self._silence)

    @property
    def _over(self) -> bool:
        return self._call.remaining() == 0.0 or self._life.cancelled

    def _failed(
        self, attempt: _Attempt, error: TransportError | Broken | None
    ) -> TransportError:
        """Return what kept an answer from coming: its time, its end, or *error*."""
        if self._over or error is None:
            failure = self._ended(attempt.url, attempt.elapsed)
        elif isinstance(error, TransportError):
            failure = error
        else:
            text = f"the exchange failed: {_described(error.cause)}"
            failure = _failure(attempt.url, "protocol", text)
        if error is not None and (cause := _cause(error)) is not None:
            self._secrets.hide_in(cause)
        return self._unreadable(attempt, failure)

    def _unreadable(self, attempt: _Attempt, error: TransportError) -> TransportError:
        """Return *error* with the time it took, and log it once."""
        self._secrets.hide_in(error)
        if not attempt.failed:
            attempt.failed = True
            error.elapsed = attempt.elapsed
            attempt.log(f"{error.reason} after {error.elapsed:.3f} s")
        return error

    def _ended(self, url: str, elapsed: float = 0.0) -> TransportError:
        """Return the error for a call that is over, or whose client was closed."""
        if self._life.cancelled:
            return _failure(url, "closed", "the client was closed")
        call = self._call
        text = (
            "cancelled"
            if call.timeout is None or call.cancelled
            else f"no full answer within {call.timeout:g} s; raise the timeout"
            " (--request-timeout)"
        )
        return _failure(url, "deadline", text, elapsed)


def _join(step: Join) -> Flow[Any]:
    try:
        return (yield step)
    except Broken as broken:
        raise broken.cause from None


def _as_it_is(step: Step) -> Flow[Any]:
    return (yield step)


def _failure(
    url: str, reason: TransportReason, text: str, elapsed: float = 0.0
) -> TransportError:
    return TransportError(
        f"{_place(url)}: {text}", url=url, reason=reason, elapsed=elapsed
    )


def _place(url: str) -> str:
    """Return the address without its query, which may hold a token of kilobytes."""
    return url.partition("?")[0]


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _cause(error: TransportError | Broken) -> BaseException | None:
    return error.cause if isinstance(error, Broken) else error.__cause__


def _status(answered: _Opened | Response) -> int:
    return answered.status if isinstance(answered, Response) else 0


def _target(request: Request, answered: _Opened | Response) -> str:
    """Return where a redirect leads; nothing for one that is not followed.

    Only a GET is, and only to the same server: a token never goes to another.
    """
    if _status(answered) not in _REDIRECTS or request.method != "GET":
        return ""
    response = cast("Response", answered)
    location = response.headers.get("location", "")
    try:
        target = urljoin(response.url, location)
        here, there = urlsplit(response.url), urlsplit(target)
        same = _server_of(here) == _server_of(there) and "@" not in there.netloc
    except ValueError:  # a port that is none, brackets that hold no address
        return ""
    followed = location and same and target.isascii()
    return there._replace(fragment="").geturl() if followed else ""


def _server_of(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or _PORTS.get(url.scheme)
