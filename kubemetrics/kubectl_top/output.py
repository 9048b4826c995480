"""What ``kubectl top`` prints, byte for byte: its tables, and a line for each error.

Sources of the tables: kubectl pkg/metricsutil/metrics_printer.go and metrics_sorter.go,
cli-runtime pkg/printers/tabwriter.go. Where kubectl's order is an accident of its
unstable sort or of a map (equal values, nodes without a sample) it is by name here.

Sources of the errors: kubectl pkg/cmd/util/helpers.go, ``StandardErrorMessage``;
apimachinery pkg/api/errors/errors.go, ``NewGenericServerResponse``;
kubectl pkg/cmd/top.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from math import inf
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

from .. import console
from ..api.answers import unexpected_text
from ..errors import (
    ApiError,
    Forbidden,
    KubeMetricsError,
    MetricsUnavailable,
    NotFound,
    ServiceUnavailable,
    TransportError,
    Unauthorized,
)
from ..flow import Flow
from ..frozen import dataclass
from ..models import CPU, MEMORY, total
from ..quantity import Quantity
from ..text import printable

if TYPE_CHECKING:
    from ..models import Quantities
    from ..models.metrics import NodeMetrics, PodMetrics
    from ..models.node import Node

T = TypeVar("T")

SortBy: TypeAlias = Literal["", "cpu", "memory"]
Row: TypeAlias = Sequence[str]

SWAP: Final = "swap"
_MEBI: Final = 1 << 20
_ZERO: Final = Quantity()
_UNKNOWN: Final = "<unknown>"
_RULE: Final = "________"
_PADDING: Final = 3
_LEAST_WIDTH: Final = 6
_MAX_INT64: Final = 1 << 63
_DECIMAL_DIGITS: Final = 18
_BINARY_DIGITS: Final = 14
_FACTOR_DIGITS: Final = 9
_LEAST_BINARY: Final = Quantity("-8Ei")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTableOptions:
    """The flags of ``kubectl top pods`` that shape its table."""

    containers: bool = False
    namespaces: bool = False
    headers: bool = True
    sort_by: SortBy = ""
    sum: bool = False
    swap: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeTableOptions:
    """The flags of ``kubectl top nodes`` that shape its table."""

    headers: bool = True
    sort_by: SortBy = ""
    capacity: bool = False
    swap: bool = False


def pods_table(metrics: Iterable[PodMetrics], options: PodTableOptions) -> str:
    """Return the table of ``kubectl top pods``; nothing at all for no pods."""
    usages = [(pod, pod.usage) for pod in metrics]
    if not usages:
        return ""
    usages.sort(key=_pod_order(options))
    rows: list[Row] = [_pod_header(options)] if options.headers else []
    for pod, usage in usages:
        rows += _pod_rows(pod, usage, options)
    if options.sum:
        rows += _sum_rows(total([usage for _, usage in usages]), options)
    return _table(rows)


def nodes_table(
    metrics: Iterable[NodeMetrics], nodes: Iterable[Node], options: NodeTableOptions
) -> str:
    """Return the table of ``kubectl top nodes``; nothing at all for no samples."""
    known = {node.name: node for node in nodes}
    samples = sorted(metrics, key=_node_order(options.sort_by))
    if not samples:
        return ""
    rows: list[Row] = [_node_header(options)] if options.headers else []
    rows += [_node_row(sample, known.get(sample.name), options) for sample in samples]
    silent = sorted(known.keys() - {sample.name for sample in samples})
    rows += [_silent_row(name, options) for name in silent]
    return _table(rows)


def _resources(*, swap: bool) -> tuple[str, ...]:
    return (CPU, MEMORY, SWAP) if swap else (CPU, MEMORY)


# pods


def _pod_order(
    options: PodTableOptions,
) -> Callable[[tuple[PodMetrics, Quantities]], tuple[int, str, str]]:
    by_namespace = options.namespaces or options.sort_by

    def key(entry: tuple[PodMetrics, Quantities]) -> tuple[int, str, str]:
        pod, usage = entry
        namespace = pod.namespace if by_namespace else ""
        return _descending(usage, options.sort_by), namespace, pod.name

    return key


def _descending(usage: Quantities, sort_by: SortBy) -> int:
    """Return the sort key of the rounded usage, as kubectl sorts: the largest first."""
    if sort_by == CPU:
        return -_milli_value(usage.get(CPU, _ZERO))
    return -_value(usage.get(MEMORY, _ZERO)) if sort_by == MEMORY else 0


def _pod_header(options: PodTableOptions) -> Row:
    row = ["NAMESPACE"] if options.namespaces else []
    row += ["POD"] if options.containers else []
    row += ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    return [*row, "SWAP(bytes)"] if options.swap else row


def _pod_rows(
    pod: PodMetrics, usage: Quantities, options: PodTableOptions
) -> list[Row]:
    place = [printable(pod.namespace)] if options.namespaces else []
    name = printable(pod.name)
    resources = _resources(swap=options.swap)
    if not options.containers:
        return [[*place, name, *_amounts(usage, resources)]]
    containers = sorted(
        pod.containers, key=lambda c: (_descending(c.usage, options.sort_by), c.name)
    )
    return [
        [*place, name, printable(c.name), *_amounts(c.usage, resources)]
        for c in containers
    ]


def _sum_rows(usage: Quantities, options: PodTableOptions) -> list[Row]:
    """Return the rule and the totals, in the columns in which kubectl puts them.

    It counts the columns of the header, so that without headers those of ``-A`` and
    ``--containers`` are not counted, and with swap everything is a column too far right
    (kubernetes/kubernetes#140874, #141621: mended after 1.37).
    """
    columns = len(_pod_header(options)) if options.headers else 4 if options.swap else 3
    amounts = _amounts(usage, _resources(swap=options.swap))
    rule = [*[""] * (columns - 2), _RULE, _RULE]
    return [rule, [*[""] * (columns - 2), *amounts]]


# nodes


def _node_order(sort_by: SortBy) -> Callable[[NodeMetrics], tuple[int, str]]:
    return lambda sample: (_descending(sample.usage, sort_by), sample.name)


def _node_header(options: NodeTableOptions) -> Row:
    row = ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]
    return [*row, "SWAP(bytes)", "SWAP(%)"] if options.swap else row


def _node_row(sample: NodeMetrics, node: Node | None, options: NodeTableOptions) -> Row:
    available: Quantities = _available(node, options) if node else {}
    row = [printable(sample.name)]
    for resource in _resources(swap=options.swap):
        if resource == SWAP and node and SWAP not in available:
            row += [_UNKNOWN, _UNKNOWN]
            continue
        used = sample.usage.get(resource, _ZERO)
        row.append(_amount(resource, used))
        if resource in available:
            row.append(_percent(used, available[resource]))
    return row


def _available(node: Node, options: NodeTableOptions) -> Quantities:
    given = node.capacity if options.capacity else node.allocatable
    if node.info.swap_capacity is None:
        return given
    return {**given, SWAP: Quantity(node.info.swap_capacity)}


def _silent_row(name: str, options: NodeTableOptions) -> Row:
    return [printable(name), *[_UNKNOWN] * (2 * len(_resources(swap=options.swap)))]


# cells


def _amounts(usage: Quantities, resources: Iterable[str]) -> list[str]:
    return [_amount(name, usage.get(name, _ZERO)) for name in resources]


def _amount(resource: str, quantity: Quantity) -> str:
    if resource == CPU:
        return f"{_milli_value(quantity)}m"
    value = _value(quantity)
    whole = abs(value) // _MEBI  # as Go divides: towards zero
    return f"{whole if value >= 0 else -whole}Mi"


def _percent(used: Quantity, available: Quantity) -> str:
    """Return per cent, by floats and cut off as in kubectl: 29 of 100 can be 28%.

    What is no int64 (0 divided by 0 among them) is the smallest one: Go leaves that to
    the processor, and kubectl does it so on amd64.
    """
    if not available:
        return "0%"
    share, of = _milli_value(used), _milli_value(available)
    percent = share / of * 100 if of else inf
    return f"{int(percent) if abs(percent) < _MAX_INT64 else -_MAX_INT64}%"


def _value(quantity: Quantity) -> int:
    return _as_int64(quantity, quantity.value, 10**9)


def _milli_value(quantity: Quantity) -> int:
    return _as_int64(quantity, quantity.milli_value, 10**6)


def _as_int64(quantity: Quantity, value: int, unit: int) -> int:
    """Return *value*, of *unit* nanos, as upstream's ``ScaledValue`` does in 64 bits.

    Sources: apimachinery pkg/api/resource, ``scaledValue`` in quantity.go and
    ``positiveScaleInt64`` in math.go, which drop whether it overflowed. A machine
    integer is multiplied by 1, 1000, 10**6 or 10**9 and wraps, or in steps of ten and
    is 0 then; a decimal of nanos is cut to 64 bits before it is divided if it is
    negative, and afterwards if not. The bound of binary amounts is no decimal of nanos.
    """
    if quantity.nanos >= -_MAX_INT64 and value < _MAX_INT64:
        return value
    if _is_machine_integer(quantity):
        return value if abs(value) < _MAX_INT64 else _multiplied(value)
    if value > 0 or (quantity.suffix_style == "BinarySI" and quantity == _LEAST_BINARY):
        return _wrapped(value)
    whole, rest = divmod(_wrapped(quantity.nanos), unit)
    return whole + bool(rest) * (2 if whole < 0 else 1)


def _is_machine_integer(quantity: Quantity) -> bool:
    """Whether Go holds it in an int64 and a power of ten (``ParseQuantity``).

    That depends on the digits it was given in; an API gives the canonical form.
    """
    text = str(quantity).lstrip("-")
    if text.endswith("i"):
        digits, prefix = text[:-2], "KMGTPE".index(text[-2]) + 1
        return len(digits) + 3 * prefix <= _BINARY_DIGITS
    digits = text.rstrip("numkMGTPE").partition("e")[0]
    return len(digits) <= _DECIMAL_DIGITS


def _multiplied(value: int) -> int:
    zeros = 0
    while value % 10 ** (zeros + 3) == 0:
        zeros += 3
    return _wrapped(value) if zeros <= _FACTOR_DIGITS else 0


def _wrapped(value: int) -> int:
    return (value + _MAX_INT64) % (2 * _MAX_INT64) - _MAX_INT64


def _table(rows: Sequence[Row]) -> str:
    """Lay out cells as Go's tabwriter does: every cell is padded, the last one too.

    A column's width is that of its longest cell among neighbouring lines which have
    that column at all, and no less than among those above (``RememberWidths``).
    """
    lengths = list(map(len, rows))
    lines = [""] * len(rows)
    for column in range(max(lengths)):
        width = _LEAST_WIDTH
        for block in _blocks(lengths, column):
            cells = [rows[i][column] for i in block]
            width = max(width, max(map(len, cells)) + _PADDING)
            for i, cell in zip(block, cells, strict=True):
                lines[i] += cell.ljust(width)
    return "".join(f"{line}\n" for line in lines)


def _blocks(lengths: Sequence[int], column: int) -> Iterable[Sequence[int]]:
    """Return the runs of neighbouring lines that have this column."""
    if min(lengths) > column:
        return [range(len(lengths))]
    runs = groupby(range(len(lengths)), lambda i: lengths[i] > column)
    return [list(run) for there, run in runs if there]


_NO_MORE: Final = (
    "the server responded with the status code {} but did not return more information"
)
_GENERIC: Final[Mapping[int, tuple[str, str]]] = {
    400: ("BadRequest", "the server rejected our request for an unknown reason"),
    401: ("Unauthorized", "the server has asked for the client to provide credentials"),
    403: ("Forbidden", "{text}"),
    404: ("NotFound", "the server could not find the requested resource"),
    405: (
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    ),
    406: ("NotAcceptable", "{text}"),
    409: ("Conflict", "the server reported a conflict"),
    415: ("UnsupportedMediaType", "{text}"),
    422: ("Invalid", "the server rejected our request due to an error in our request"),
    429: (
        "TooManyRequests",
        "the server has received too many requests and has asked us to try again later",
    ),
    503: (
        "ServiceUnavailable",
        "the server is currently unable to handle the request",
    ),
    504: (
        "Timeout",
        (
            "the server was unable to return a response in the time allotted, but may"
            " still be processing the request"
        ),
    ),
}
_SERVER_ERROR: Final = (
    "InternalError",
    'an error on the server ("{text}") has prevented the request from succeeding',
)

_DOUBTFUL: Final = (
    Unauthorized, Forbidden, NotFound, ServiceUnavailable, MetricsUnavailable,
)  # fmt: skip
"""What an API may answer, or be answered for, that is not there."""

_UNAUTHORIZED: Final = "error: You must be logged in to the server ({})"


class KubectlError(KubeMetricsError):
    """An error whose text is the whole line that kubectl would print on stderr."""


def fail(error: KubeMetricsError) -> int:
    """Show *error* in kubectl's words; return kubectl's exit code."""
    console.print_stderr(line(error))
    return 1


def put(text: str) -> int:
    """Write *text* to stdout; return the exit code.

    kubectl never knows that its stdout was closed from the start (``>&-``): Go's
    runtime opens /dev/null in its place (runtime/fds_unix.go), and all is well.
    """
    failure = console.write(sys.stdout, (text,))
    closed = failure is not None and failure.errno == errno.EBADF
    return console.final_code(0, None if closed else failure)


def line(error: KubeMetricsError, asked: str = "") -> str:
    """Return kubectl's line; *asked* is the resource (and name) that was asked for."""
    if isinstance(error, ApiError):
        return _api_line(error, asked)
    if isinstance(error, TransportError):
        if error.reason == "refused":
            host = urlsplit(error.url).netloc
            return (
                f"The connection to the server {host} was refused"
                " - did you specify the right host or port?"
            )
        return f"Unable to connect to the server: {error}"
    return str(error) if isinstance(error, KubectlError) else f"error: {error}"


def with_kubectl_errors(flow: Flow[T], asked: str) -> Flow[T]:
    """Run *flow*; turn the API's errors into kubectl's lines."""
    try:
        return (yield from flow)
    except ApiError as error:
        raise KubectlError(line(error, asked)) from None


def with_kubectl_metrics_errors(flow: Flow[T], asked: str) -> Flow[T]:
    """Run *flow*, a request to the metrics API; turn its errors into kubectl's lines.

    kubectl looks into discovery before it asks. Here only the failures do that could
    come from an API that is not there: without it RBAC still answers 403.
    """
    try:
        return (yield from flow)
    except ApiError as error:
        failure = error
    known = isinstance(failure, NotFound) and failure.reason
    if isinstance(failure, _DOUBTFUL) and not known:
        yield from _check_served()
    raise KubectlError(line(failure, asked))


def check_name(name: str) -> Flow[None]:
    """Refuse a name that a path cannot hold, as client-go does: after discovery.

    Source: apimachinery pkg/api/validation/path/name.go.
    """
    problems = [f"may not be '{name}'"] if name in {".", ".."} else []
    problems += [f"may not contain '{part}'" for part in "/%" if part in name]
    if problems:
        yield from _check_served()
        listed = " ".join(problems)
        raise KubectlError(f'error: invalid resource name "{name}": [{listed}]')


def _api_line(error: ApiError, asked: str) -> str:
    if isinstance(error, MetricsUnavailable) and isinstance(error.__cause__, ApiError):
        return _api_line(error.__cause__, asked)  # kubectl says it as it came
    reason, message = error.reason, error.message
    if unexpected_text(error) is not None:
        reason, message = _generic(error, asked)
    if reason == "Unauthorized":
        return _UNAUTHORIZED.format(message)
    return f"Error from server{f' ({reason})' if reason else ''}: {message}"


def _generic(error: ApiError, asked: str) -> tuple[str, str]:
    unknown = ("", _NO_MORE.format(error.status))
    server_error = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    otherwise = _SERVER_ERROR if server_error else unknown
    reason, template = _GENERIC.get(error.status, otherwise)
    message = template.replace("{text}", unexpected_text(error) or "")
    return reason, f"{message} (get {asked})" if asked else message


def _check_served() -> Flow[None]:
    """Check that discovery lists a version of the metrics API that is not stale.

    Raises:
        KubectlError: it does not; or it failed, where client-go makes up the text.
    """
    from ..api.metrics_group import serves_metrics  # noqa: PLC0415 - after a failure

    try:
        served = yield from serves_metrics()
    except Unauthorized as error:
        text = _GENERIC[error.status][1]
        raise KubectlError(_UNAUTHORIZED.format(text)) from None
    except ApiError as error:
        raise KubectlError(line(error)) from None
    if not served:
        raise KubectlError("error: Metrics API not available")
