"""A watch as a machine: a list, then every change, whatever happens to the streams.

It does no I/O: a driver asks for the `request` to send, feeds it the stream's bytes and
says how the stream `ended`. Source of the rules: client-go tools/cache/reflector.go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Final, Literal, TypeAlias, TypedDict, cast

from .. import jsonread
from ..errors import (
    ApiError,
    DecodeError,
    Expired,
    KubeMetricsError,
    TooManyRequests,
    TransportError,
    check_options,
)
from ..flow import Flow, Pause, Request
from ..frozen import dataclass
from ..jsonread import UnreadableItem
from ..models import Pool
from ..models.pod import Pod
from ..wire import PodWire, WatchEventWire, decode
from . import Api, Backoff, ListOptions
from .answers import error_from_status

EventType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]

SILENCE: Final = 2.5
"""Read time-outs without a byte until a stream counts as dead.

A server sends a bookmark a minute, so that of 60 s each two were missed.
"""

LONGEST_LINE: Final = 8 << 20
"""Bytes; etcd takes no object of more than a few MiB."""

_SHORTEST_LIFE: Final = 1.0
"""Seconds; a stream that ends sooner with nothing said is a failure."""

_UNREADABLE: Final = 4
"""How often in a row a stream may be unreadable before that is an error."""

_CHANGES: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})
_BROKEN: Final = frozenset({"reset", "timeout"})
_LASTING: Final = frozenset({"tls", "closed", "deadline", "limit"})


class WatchOptions(TypedDict, total=False):
    """What to watch, by keyword.

    *namespace*: one, or ``None`` for all. *resource_version*: begin there, without the
    list of what there is. *timeout*: seconds after which the watch ends, in silence;
    else it goes on for ever.

    A pod that cannot be read ends nothing: the client's *on_warning* is told, and the
    pod stays what it was until it can be read or is deleted.
    """

    namespace: str | None
    label_selector: str | None
    field_selector: str | None
    resource_version: str | None
    timeout: float | None


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """A change of a pod: *type* is ``ADDED``, ``MODIFIED`` or ``DELETED``.

    Of a deleted pod *object* is the last state that is known.
    """

    type: EventType
    object: Pod


class Watch:
    """One consumer's watch: remembers every pod that its events have shown.

    What it missed, when the server no longer knows the version it stopped at, is found
    by listing anew and yielded as events: what vanished is DELETED.
    """

    def __init__(
        self, api: Api, options: WatchOptions, *, clock: Callable[[], float]
    ) -> None:
        check_options(options, WatchOptions)
        self._api = api
        self._options = options
        self._clock = clock
        self._backoff = Backoff(api.retry, clock)
        self._version = options.get("resource_version") or ""
        self._whole = not self._version
        self._known: dict[tuple[str, str], Pod] = {}
        self._pool = Pool()
        self._line = bytearray()
        self._began = 0.0
        self._had_event = False
        self._unreadable = 0
        self._named: dict[tuple[str, str], str] = {}

    def begin(self) -> Flow[tuple[WatchEvent, ...]]:
        """List what there is, as ADDED events, unless the watch begins at a version.

        Raises:
            KubeMetricsError: the list failed.
        """
        if self._version:
            return ()
        return (yield from self._relist())

    def request(self, remaining: float | None) -> Request:
        """Return the next watch request; *remaining* is the seconds it has left."""
        self._line.clear()
        self._began, self._had_event = self._clock(), False
        # As client-go: 5 to 10 minutes, or all watches would come back at once.
        seconds = 300.0 * (1.0 + self._api.retry.random())
        seconds = seconds if remaining is None else min(seconds, remaining)
        return self._api.pods_watch(
            self._selection(), self._version, max(1, math.ceil(seconds))
        )

    def feed(self, chunk: bytes) -> Iterator[WatchEvent]:
        """Yield the events that these bytes of the stream complete.

        Raises:
            DecodeError: a line that is no event.
            TransportError: one that is longer than any may be.
            ApiError: the server's own ERROR event.
        """
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            whole = bytes(self._line) + line
            self._line.clear()
            if whole.strip():
                yield from self._read(whole)
        self._line += rest
        self._pool.trim()
        if len(self._line) > LONGEST_LINE:
            raise TransportError(
                f"a watch event of more than {LONGEST_LINE} bytes: not the API's",
                url="",
                reason="limit",
            )

    def ended(self, error: KubeMetricsError | None) -> Flow[tuple[WatchEvent, ...]]:
        """Go on after a stream that ended by *error*, or by itself: wait, list anew.

        The events are what a new list showed to have changed meanwhile.

        Raises:
            KubeMetricsError: going on would not help.
        """
        if self._as_streams_end(error):
            yield from self._keep_pace()
        else:
            yield from self._wait(error)
        while isinstance(error, Expired):
            try:
                return (yield from self._relist())
            except KubeMetricsError as failure:
                yield from self._wait(failure)
        return ()

    def _read(self, line: bytes) -> Iterator[WatchEvent]:
        event = decode(line, WatchEventWire)
        kind, obj = jsonread.text(event, "type"), jsonread.child(event, "object") or {}
        if kind == "ERROR":
            raise error_from_status(obj, url="")
        with jsonread.at("object"):
            meta = jsonread.child(obj, "metadata") or jsonread.EMPTY
            with jsonread.at("metadata"):
                self._version = jsonread.required(meta, "resourceVersion")
        self._had_event, self._unreadable = True, 0
        if kind not in _CHANGES:
            return
        try:
            with jsonread.at("object"):
                pod = Pod.from_json(cast("PodWire", obj), self._pool)
        except DecodeError as error:
            yield from self._unread(cast("EventType", kind), meta, error)
        else:
            self._named.pop(pod.key, None)
            yield from self._changed(cast("EventType", kind), pod)

    def _unread(
        self, kind: EventType, meta: jsonread.Object, error: DecodeError
    ) -> Iterator[WatchEvent]:
        """Name a pod that cannot be read; one that is deleted is gone all the same."""
        key = (
            jsonread.as_text(meta.get("namespace")),
            jsonread.as_text(meta.get("name")),
        )
        self._name(key, error)
        if kind == "DELETED" and key in self._known:
            yield WatchEvent(kind, self._known.pop(key))

    def _name(self, key: tuple[str, str], error: DecodeError) -> None:
        """Say once of each pod, and of each fault, that it cannot be read."""
        if self._named.get(key) != error.problem:
            self._named[key] = error.problem
            name = "/".join(key) if key[1] else "one without a name"
            self._api.warn(f"a pod cannot be read, and is not watched: {name}: {error}")

    def _changed(self, kind: EventType, pod: Pod) -> Iterator[WatchEvent]:
        """Yield a change as what it is to the consumer, and remember the pod."""
        known = pod.key in self._known
        if kind == "DELETED":
            self._known.pop(pod.key, None)
            if known or not self._whole:
                yield WatchEvent(kind, pod)
            return
        self._known[pod.key] = pod
        if self._whole:
            kind = "MODIFIED" if known else "ADDED"
        yield WatchEvent(kind, pod)

    def _relist(self) -> Flow[tuple[WatchEvent, ...]]:
        """List anew and return events for what differs from what is known."""
        listed = yield from self._api.list_pods({**self._selection()})
        now = {pod.key: pod for pod in listed}
        self._keep_unread(now, listed.unreadable)
        gone = [
            WatchEvent("DELETED", pod)
            for key, pod in self._known.items()
            if key not in now or now[key].uid != pod.uid
        ]
        for event in gone:
            del self._known[event.object.key]
        came = [
            WatchEvent("MODIFIED" if key in self._known else "ADDED", pod)
            for key, pod in now.items()
            if self._known.get(key) != pod
        ]
        self._known, self._version = now, listed.resource_version
        self._whole = True
        return (*gone, *came)

    def _keep_unread(
        self, now: dict[tuple[str, str], Pod], unreadable: Iterable[UnreadableItem]
    ) -> None:
        """Keep what is known of pods that cannot be read: they are not gone.

        One without a name may be any of those that are known.
        """
        for item in unreadable:
            key = item.namespace, item.name
            self._name(key, item.error)
            kept = [key] if item.name else [*self._known]
            for known in kept:
                if known in self._known:
                    now.setdefault(known, self._known[known])

    def _selection(self) -> ListOptions:
        return {
            "namespace": self._options.get("namespace"),
            "label_selector": self._options.get("label_selector"),
            "field_selector": self._options.get("field_selector"),
        }

    def _as_streams_end(self, error: KubeMetricsError | None) -> bool:
        """Return whether to go on at once: it had an event, or came to its own end."""
        if error is None:
            return self._had_event or self._clock() - self._began >= _SHORTEST_LIFE
        broke = isinstance(error, TransportError) and error.reason in _BROKEN
        return broke and self._had_event

    def _keep_pace(self) -> Flow[None]:
        """Wait before a stream is opened too soon after the one before it."""
        rest = self._began + self._api.retry.watch_interval - self._clock()
        if rest > 0:
            yield Pause(rest, "the watch's stream ended soon", last=True)

    def _wait(self, error: KubeMetricsError | None) -> Flow[None]:
        if error is not None and self._is_lasting(error):
            raise error
        asked = error.retry_after if isinstance(error, ApiError) else None
        yield Pause(
            self._backoff.next(at_least=asked or 0.0),
            f"the watch ended: {error or 'at once, with nothing said'}",
            last=True,
        )

    def _is_lasting(self, error: KubeMetricsError) -> bool:
        """Return whether the next stream would end the same way."""
        if isinstance(error, DecodeError):
            self._unreadable += 1
            return self._unreadable >= _UNREADABLE
        if isinstance(error, ApiError):
            passing = isinstance(error, Expired | TooManyRequests)
            return not passing and error.status < HTTPStatus.INTERNAL_SERVER_ERROR
        return not isinstance(error, TransportError) or error.reason in _LASTING
