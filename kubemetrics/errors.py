"""The errors of this package; each class carries the facts of one kind of failure.

KubeMetricsError
├── ConfigError            nothing usable found, or what was found is wrong
├── CredentialError        exec plugin, token file, OIDC
├── TransportError         no answer: connect, TLS, proxy, time-out
├── ResponseError          an answer that cannot be used
│   ├── DecodeError        not the JSON the API promises
│   └── ApiError           a Status, or one made up from a text body
│       ├── BadRequest · Unauthorized · Forbidden · NotFound · MethodNotAllowed
│       ├── NotAcceptable · Conflict · Expired · Invalid · TooManyRequests
│       ├── InternalError · ServiceUnavailable · ServerTimeout
│       └── MetricsUnavailable
├── HistoryError           a recorded file that cannot be used
└── QuantityError          also a ValueError
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from copy import copy
from http import HTTPStatus
from typing import (
    Any,
    Final,
    Literal,
    NoReturn,
    Self,
    SupportsIndex,
    TypeAlias,
    TypeVar,
    cast,
)

TransportReason: TypeAlias = Literal[
    "refused", "dns", "tls", "proxy", "reset", "timeout", "deadline", "protocol",
    "closed", "limit",
]  # fmt: skip
T = TypeVar("T")
MetricsCause: TypeAlias = Literal["absent", "down"]


class Interruption:
    """Ctrl-C, remembered for where its `KeyboardInterrupt` is not lost.

    What a signal handler raises while Python runs a callback of its own (importlib's,
    when a module's lock goes) is printed and forgotten. A driver looks at it before
    each step that it takes in the main thread.
    """

    __slots__ = ("pending",)

    def __init__(self) -> None:
        self.pending: bool = False

    def handle(self, *_: object) -> NoReturn:
        """Do what Python does at SIGINT, and remember it.

        Raises:
            KeyboardInterrupt: always.
        """
        self.pending = True
        raise KeyboardInterrupt


_SHORT: Final = 400
"""Characters of an error that are never too many."""
INTERRUPTION: Final = Interruption()
"""That of the process, as its signal handlers are."""


class KubeMetricsError(Exception):
    """Every error this package raises on purpose; its text is one line for people."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Facts are keywords, which the default way of copying and pickling drops.
        return _revive, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        """Return its text, in which a word of many KB (a name, a URL) is cut."""
        line = super().__str__()
        if len(line) <= _SHORT:
            return line
        from .text import bounded  # noqa: PLC0415 - few are that long

        return bounded(line)


class ConfigError(KubeMetricsError):
    """No usable configuration: nothing found, or what was found is wrong.

    *problems* holds each complaint with its file and key; the text joins them.
    """

    def __init__(self, *problems: str) -> None:
        self.problems: tuple[str, ...] = problems
        super().__init__("; ".join(problems))


class CredentialError(KubeMetricsError):
    """An exec plugin, a token file or an OIDC refresh gave no usable credential."""


class TransportError(KubeMetricsError):
    """No answer came: connecting, TLS, a proxy, or a time-out.

    *reason* is what the retry policy branches on: ``refused``, ``dns``, ``tls``,
    ``proxy``, ``reset`` (the peer went away), ``timeout`` (nothing came for too long),
    ``deadline`` (the whole call's time is over), ``protocol`` (not HTTP), ``closed``
    (the client was closed), ``limit`` (the answer exceeds a bound).
    *elapsed* is in seconds. *reused* says that an idle connection was used again, so
    that the server may simply have closed it in the meantime.
    """

    def __init__(
        self,
        message: str,
        *,
        url: str,
        reason: TransportReason,
        elapsed: float = 0.0,
        reused: bool = False,
    ) -> None:
        self.url = url
        self.reason: TransportReason = reason
        self.elapsed = elapsed
        self.reused = reused
        super().__init__(message)


class ResponseError(KubeMetricsError):
    """An answer came and cannot be used; *url* is what was asked."""

    def __init__(self, message: str, *, url: str = "") -> None:
        self.url = url
        super().__init__(message)


class DecodeError(ResponseError):
    """The body is not the JSON the API promises; *path* is the JSON path at fault."""

    def __init__(self, message: str, *, url: str = "", path: str = "$") -> None:
        self.path = path
        self.problem = message
        place = url.partition("?")[0]
        where = f"{place}: {path}" if url else path
        super().__init__(f"{where}: {message}", url=url)


class ApiError(ResponseError):
    """The server refused the request or failed: an HTTP status that is no 2xx.

    The facts are those of its ``metav1.Status``, or made up from a text body.

    *status* is the HTTP status, *reason* the API's machine-readable one or empty,
    *message* the server's own text, *details* the Status's ``details``, *retry_after*
    the seconds the server asked to wait, *hint* what may explain it or what to do next.

    Source of the mapping: apimachinery/pkg/api/errors/errors.go.
    """

    def __init__(
        self,
        message: str,
        *,
        url: str = "",
        status: int,
        reason: str = "",
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        self.status = status
        self.reason = reason
        self.message = message
        self.details: Mapping[str, Any] = {} if details is None else details
        self.retry_after = retry_after
        self.hint = hint
        super().__init__(_one_line(message, hint), url=url)

    def explained(self, hint: str) -> Self:
        """Return the same error with *hint*: what may explain it, or what to do."""
        explained = copy(self)
        explained.hint = hint
        explained.args = (_one_line(self.message, hint),)
        return explained


class BadRequest(ApiError):  # noqa: N818 - the API's own word, as are those below
    """400: the server does not understand the request."""


class Unauthorized(ApiError):  # noqa: N818
    """401: the credentials are missing, wrong or expired."""


class Forbidden(ApiError):  # noqa: N818
    """403: the user is known and may not do this."""


class NotFound(ApiError):  # noqa: N818
    """404: no such object, or no such path."""


class MethodNotAllowed(ApiError):  # noqa: N818
    """405: the resource has no such verb (the metrics API has no watch)."""


class NotAcceptable(ApiError):  # noqa: N818
    """406: the server cannot answer in the format asked for."""


class Conflict(ApiError):  # noqa: N818
    """409: the object changed in the meantime, or exists already."""


class Expired(ApiError):  # noqa: N818
    """410: the resource version or continue token is too old."""


class Invalid(ApiError):  # noqa: N818
    """422: the object sent is not valid."""


class TooManyRequests(ApiError):  # noqa: N818
    """429: the server sheds load; *retry_after* may say for how long."""


class InternalError(ApiError):
    """500: something broke inside the server."""


class ServiceUnavailable(ApiError):  # noqa: N818
    """503: the server, or the one behind it, cannot answer now."""


class ServerTimeout(ApiError):  # noqa: N818
    """504, or a 500 that says so: the server did not finish in time."""


class MetricsUnavailable(ApiError):  # noqa: N818
    """The metrics API cannot be read; *cause* says why.

    ``absent``: the group metrics.k8s.io is not registered (no metrics-server).
    ``down``: it is registered and the aggregator cannot reach what serves it.
    """

    def __init__(
        self,
        message: str,
        *,
        cause: MetricsCause,
        url: str = "",
        status: int,
        hint: str = "",
    ) -> None:
        self.cause: MetricsCause = cause
        super().__init__(message, url=url, status=status, hint=hint)


class HistoryError(KubeMetricsError):
    """A recorded file cannot be read or written: says which, why, and what to do."""


class NotRecorded(HistoryError):  # noqa: N818 - a reason's own word
    """Nobody recorded at the time that is asked for."""


class QuantityError(KubeMetricsError, ValueError):
    """Not a Kubernetes quantity, or one beyond the bounds."""


_LEAVES: Final[Sequence[tuple[type[ApiError], HTTPStatus, tuple[str, ...]]]] = (
    (BadRequest, HTTPStatus.BAD_REQUEST, ("BadRequest",)),
    (Unauthorized, HTTPStatus.UNAUTHORIZED, ("Unauthorized",)),
    (Forbidden, HTTPStatus.FORBIDDEN, ("Forbidden",)),
    (NotFound, HTTPStatus.NOT_FOUND, ("NotFound",)),
    (MethodNotAllowed, HTTPStatus.METHOD_NOT_ALLOWED, ("MethodNotAllowed",)),
    (NotAcceptable, HTTPStatus.NOT_ACCEPTABLE, ("NotAcceptable",)),
    (Conflict, HTTPStatus.CONFLICT, ("Conflict", "AlreadyExists")),
    (Expired, HTTPStatus.GONE, ("Expired", "Gone")),
    (Invalid, HTTPStatus.UNPROCESSABLE_ENTITY, ("Invalid",)),
    (TooManyRequests, HTTPStatus.TOO_MANY_REQUESTS, ("TooManyRequests",)),
    (
        InternalError,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        ("InternalError", "StorageReadError"),
    ),
    (ServiceUnavailable, HTTPStatus.SERVICE_UNAVAILABLE, ("ServiceUnavailable",)),
    (ServerTimeout, HTTPStatus.GATEWAY_TIMEOUT, ("Timeout", "ServerTimeout")),
)
_BY_REASON: Final = {reason: leaf for leaf, _, reasons in _LEAVES for reason in reasons}
_BY_STATUS: Final = {int(status): leaf for leaf, status, _ in _LEAVES}


_WITHOUT_LEAF: Final = frozenset({"RequestEntityTooLarge", "UnsupportedMediaType"})
"""Known reasons of errors that have no class of their own."""


def api_error_class(status: int, reason: str) -> type[ApiError]:
    """Choose the leaf: by a known *reason* of the Status, else by the *status* code.

    Code 429 goes before any reason. Source: apimachinery/pkg/api/errors/errors.go,
    ``knownReasons``, ``reasonAndCodeForError`` and ``IsTooManyRequests``.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TooManyRequests
    if reason in _WITHOUT_LEAF:
        return ApiError
    return _BY_REASON.get(reason) or _BY_STATUS.get(status, ApiError)


def _one_line(message: str, hint: str) -> str:
    line = " ".join(message.split())
    return f"{line} ({hint})" if hint else line


def _revive(
    kind: type[KubeMetricsError], args: tuple[object, ...], facts: Mapping[str, Any]
) -> KubeMetricsError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


def check_options(options: Mapping[str, object], known: type) -> None:
    """Refuse a keyword that is none of *known*'s: misspelt, it would list everything.

    And a value that is not of its type there, before it fails somewhere far below.

    Raises:
        TypeError: as Python does for a keyword of a function.
    """
    for name, value in options.items():
        if name not in known.__annotations__:
            expected = ", ".join(known.__annotations__)
            raise TypeError(f"unexpected keyword {name[:50]!r} (there are {expected})")
        check_type(name, value, known.__annotations__[name].__forward_arg__)


def check_type(name: str, value: object, expected: str) -> None:
    """Refuse an argument that is not of the type *expected*, written as annotations.

    Its value is not told: it may be a secret.

    Raises:
        TypeError: it is of another; names the argument.
        ValueError: it is NaN, which is beyond every limit and below it.
    """
    kinds = expected.split(" | ")
    if not any(_KINDS[kind][1](value) for kind in kinds):
        words = " or ".join(_KINDS[kind][0] for kind in kinds)
        raise TypeError(f"{name} must be {words}, not {_described(value)}")
    if expected.startswith("float") and value != value:  # noqa: PLR0124 - only NaN is
        raise ValueError(f"{name} must be a number, not NaN")


def checked_items(name: str, items: Iterable[T], *types: type[T]) -> list[T]:
    """Return the items of an argument, all of which are of one of *types*.

    Raises:
        TypeError: they are not; names the argument.
    """
    given = cast("object", items)
    many = isinstance(given, Iterable)
    found = list(cast("Iterable[object]", given)) if many else [given]
    for item in found:
        if not isinstance(item, types):
            words = " or ".join(kind.__name__ for kind in types)
            raise TypeError(f"{name} must be many {words}, not {_described(item)}")
    return cast("list[T]", found)


def _described(value: object) -> str:
    kind = type(value).__name__[:50]
    if isinstance(value, list | tuple | set | frozenset):
        items = cast("Iterable[object]", value)
        others = (type(item).__name__[:50] for item in items if type(item) is not str)
        return next((f"{kind} of {other}" for other in others), kind)
    return kind


def _are_texts(value: object) -> bool:
    # A text is a sequence of texts as well: as_groups="admins" would be six groups.
    if not isinstance(value, Collection) or isinstance(value, str | bytes | Mapping):
        return False
    return all(isinstance(item, str) for item in cast("Collection[object]", value))


def _is_path(value: object) -> bool:
    return isinstance(value, str) or hasattr(value, "__fspath__")


def _is_map(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_map_of_texts(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    return all(map(_are_texts, cast("Mapping[object, object]", value).values()))


def _instance(*types: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, types)


_KINDS: Final[Mapping[str, tuple[str, Callable[[object], bool]]]] = {
    "None": ("None", lambda value: value is None),
    "str": ("a text", _instance(str)),
    "bool": ("True or False", _instance(bool)),
    "int": ("a whole number", _instance(SupportsIndex)),
    "float": ("a number", _instance(float, SupportsIndex)),
    "FilePath": ("a path", _is_path),
    "Mapping": ("a map", _is_map),
    "Sequence[str]": ("a list of texts", _are_texts),
    "Mapping[str, Sequence[str]]": ("a map of lists of texts", _is_map_of_texts),
    "Progress": ("a function", callable),
    "Callable": ("a function", callable),
    "Flow": ("a flow (client.api has them)", _instance(Generator)),
}
"""What an annotation stands for, in words, and what judges a value."""
