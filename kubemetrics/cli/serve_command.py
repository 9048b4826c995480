"""``kubemetrics serve``: polls the metrics API and answers what Prometheus scrapes."""

from __future__ import annotations

import signal
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from .. import __version__, console
from ..commandline import (
    CommandSpec,
    Parser,
    UsageError,
    client_of,
    config_of,
    whole_number,
)
from ..errors import (
    INTERRUPTION,
    InternalError,
    KubeMetricsError,
    MetricsUnavailable,
    ServerTimeout,
    ServiceUnavailable,
    TooManyRequests,
)

if TYPE_CHECKING:
    from ..history.poller import Poller
    from ..history.rounds import SampleRound
    from ..serve.exporter import Exporter, Settings
    from ..serve.scrapes import ListenAddress, ScrapeServer

T = TypeVar("T")

_DESCRIPTION: Final = """\
Serve the usage of pods and nodes for Prometheus. CPU is a counter, the sum of all that
was sampled, so that nothing is lost between two scrapes; what has no value has a
'kubemetrics_..._unmeasured' series with the reason. The metrics API is polled once a
sample, however often /metrics is scraped; /readyz says why there is nothing to serve.

There is no TLS and no password: that is for what stands in front of it, a mesh or
kube-rbac-proxy. It listens on this machine alone unless --listen says otherwise.
'kubemetrics help families' explains what is served, with queries.
"""
_EXAMPLES: Final = """\
  kubemetrics serve
  kubemetrics serve -n team-a -n team-b --label app
  kubemetrics serve --listen :8080 --level workload
  kubemetrics serve --names kubelet
  kubemetrics serve -o manifest -n monitoring -A | kubectl apply -f -"""

_LEVELS: Final = ("container", "pod", "workload", "namespace", "node")
_IMAGE: Final = f"registry.example.com/kubemetrics:{__version__}"


def _add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--listen", default="127.0.0.1:8080", metavar="ADDRESS",
        help="where: 127.0.0.1:8080 (the default), [::1]:8080, or :8080 for everybody",
    )  # fmt: skip
    group = parser.add_argument_group("which")
    group.add_argument(
        "-A", "--all-namespaces", action="store_true",
        help="of all namespaces: so it is without -n, which may be repeated",
    )  # fmt: skip
    group.add_argument(
        "-l", "--selector", default="", metavar="LABELS",
        help="pods by label, as app=web,tier!=cache",
    )  # fmt: skip
    group.add_argument(
        "--shard", default="1/1", metavar="I/N",
        help="the I-th of N parts of the pods, by their uid; nodes are in the first",
    )  # fmt: skip
    _add_families(parser)
    _add_manifest(parser)


def _add_families(parser: Parser) -> None:
    group = parser.add_argument_group("what is served")
    group.add_argument(
        "--level", choices=_LEVELS, default="container", metavar="LEVEL",
        help="a series for each container (the default), pod, workload, namespace or"
        " node",
    )  # fmt: skip
    group.add_argument(
        "--label", action="append", default=[], metavar="KEY", dest="labels",
        help="this label of pods too, as label_KEY; may be repeated, or a list with"
        " commas",
    )  # fmt: skip
    group.add_argument(
        "--names", choices=("kubemetrics", "kubelet"), default="kubemetrics",
        metavar="NAMES",
        help="kubelet: the names that dashboards know, of the kubelet and of"
        " kube-state-metrics; where these are scraped too, sums would double",
    )  # fmt: skip
    group.add_argument(
        "--lean", action="store_true",
        help="usage and reasons alone: no requests, limits and info",
    )  # fmt: skip
    group.add_argument(
        "--max-series", default="200000", metavar="N",
        help="refuse to serve more series than that",
    )  # fmt: skip
    group.add_argument(
        "--timestamps", action="store_true",
        help="with the times of samples: for files, since Prometheus would not see"
        " what is gone",
    )  # fmt: skip


def _add_manifest(parser: Parser) -> None:
    group = parser.add_argument_group("in a cluster")
    group.add_argument(
        "-o", "--output", choices=("manifest",), default="", metavar="FORMAT",
        help="manifest: print what runs it there, with these flags; -n is where, and"
        " with -A not what is read",
    )  # fmt: skip
    group.add_argument(
        "--image", default=_IMAGE, metavar="IMAGE",
        help="the image of the manifest (see 'kubemetrics help recipes containerfile')",
    )  # fmt: skip


def _run(args: Namespace) -> int:
    """Serve until SIGINT or SIGTERM, which are how it ends well.

    Raises:
        UsageError: a flag is wrong.
        KubeMetricsError: nothing can be read, or not listened.
    """
    address, settings = _address(args.listen), _settings(args)
    namespaces = _namespaces(args)
    if args.output == "manifest":
        return console.write_stdout((_manifest(args, namespaces),))
    with until_ended(), ExitStack() as stack:
        _Service(args, namespaces, settings, address, stack).run()
    return 0


@contextmanager
def until_ended() -> Generator[None, None, None]:
    """End what is within at SIGINT and SIGTERM, as if it had come to its end."""
    before = {number: signal.getsignal(number) for number in _ENDS}
    # Elsewhere than in the main thread signals are somebody else's.
    mine = threading.current_thread() is threading.main_thread()
    try:
        for number in _ENDS if mine else ():
            signal.signal(number, INTERRUPTION.handle)
        yield
    except KeyboardInterrupt:
        INTERRUPTION.pending = False
    finally:
        for number, handler in before.items() if mine else ():
            signal.signal(number, handler)


_ENDS: Final = (signal.SIGINT, signal.SIGTERM)


def _address(text: str) -> ListenAddress:
    from ..serve.scrapes import ListenAddress  # noqa: PLC0415 - not for --help

    return _of_flag("--listen", lambda: ListenAddress.parse(text))


def _of_flag(flag: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None


def _settings(args: Namespace) -> Settings:
    from ..serve.counters import Shape  # noqa: PLC0415 - not for --help
    from ..serve.exporter import Settings, Shard  # noqa: PLC0415
    from ..serve.families import Choice  # noqa: PLC0415

    if args.names == "kubelet" and args.level != "container":
        raise UsageError("--names kubelet is of containers: it goes with no --level")
    shard = _of_flag("--shard", lambda: Shard.parse(args.shard))
    if shard.count > 1 and args.level not in {"container", "pod"}:
        raise UsageError("--shard goes with --level container or pod")
    given = ",".join(args.labels).split(",")
    labels = tuple(dict.fromkeys(word.strip() for word in given if word.strip()))
    return Settings(
        shape=Shape(level=args.level, labels=labels),
        choice=Choice(names=args.names, timestamps=args.timestamps, lean=args.lean),
        most=whole_number("--max-series", args.max_series, least=1),
        shard=shard,
    )


def _namespaces(args: Namespace) -> tuple[str, ...]:
    """Return the namespaces to read, none for all."""
    from ..snapshot.parts import is_glob  # noqa: PLC0415 - not for --help

    if args.all_namespaces:
        return ()
    for name in args.namespaces or ():
        if is_glob(name):
            raise UsageError(f"--namespace takes a name here, not the glob {name!r}")
    return tuple(dict.fromkeys(args.namespaces or ()))


class _Service:
    """Polls, and serves what it reads until it is interrupted."""

    def __init__(
        self,
        args: Namespace,
        namespaces: Sequence[str],
        settings: Settings,
        address: ListenAddress,
        stack: ExitStack,
    ) -> None:
        from ..history.poller import PodSelection, Poller  # noqa: PLC0415 - see above
        from ..serve.exporter import Exporter  # noqa: PLC0415
        from ..serve.scrapes import ScrapeServer  # noqa: PLC0415

        self._args = args
        self._exporter: Exporter = Exporter(
            settings, began=int(time.time()), explain=self._explain
        )
        self._server: ScrapeServer = ScrapeServer(address, self._exporter.first())
        stack.enter_context(closing(self._server))
        client = client_of(Namespace(**{**vars(args), "namespaces": None}))
        self._poller: Poller = Poller(
            client, PodSelection(namespaces, args.selector or None)
        )
        stack.enter_context(closing(self._poller))
        stack.enter_context(client)
        self._failing = False

    def run(self) -> None:
        """Serve round after round.

        Raises:
            KubeMetricsError: the first round shows that none will ever come.
        """
        found = self._poller.poll()
        failure = _failure(found)
        if failure is not None and not isinstance(failure, _PASSING):
            raise failure
        self._publish(found)
        self._announce()
        while True:
            rest(self._poller.rest())
            self._publish(self._poller.poll())

    def _publish(self, found: SampleRound) -> None:
        failure = _failure(found)
        if failure is not None and not self._failing:
            console.print_stderr(f"error: {failure}")
        elif failure is None and self._failing:
            console.print_stderr("samples are read again")
        self._failing = failure is not None
        self._server.publish(self._exporter.take(found, time.monotonic()))

    def _announce(self) -> None:
        address = self._server.address
        console.print_stderr(f"serving http://{address}/metrics")
        if not self._server.local:
            console.print_stderr(
                "Warning: whoever reaches this address can read it: TLS and"
                " authentication are for what stands in front"
            )

    def _explain(self, error: str) -> str:
        """Return what the doctor finds wrong, in one line."""
        from .server_commands import examine  # noqa: PLC0415 - after a failure

        for finding in examine(self._args).findings:
            if finding.severity == "problem":
                said = (finding.what, finding.advice, *finding.commands[:1])
                return " ".join(filter(None, said))
        return error


_PASSING: Final = (
    MetricsUnavailable,
    TooManyRequests,
    InternalError,
    ServiceUnavailable,
    ServerTimeout,
)
"""What may be over soon: metrics-server starts after this, or again."""


def rest(seconds: float) -> None:
    """Wait for the next poll."""
    time.sleep(seconds)


def _failure(found: SampleRound) -> KubeMetricsError | None:
    """Return why a round has no samples of pods at all."""
    failure = found.failures.get("pod_metrics")
    return None if found.pod_samples else failure


def _manifest(args: Namespace, namespaces: tuple[str, ...]) -> str:
    """Return the YAML that runs this command line in a cluster."""
    from ..serve.manifest import PORT, Workload, text  # noqa: PLC0415 - for this alone

    given: list[str] = args.namespaces or []
    index, _, count = args.shard.partition("/")
    shard = f"-{index}" if count != "1" else ""
    return text(
        Workload(
            name=f"kubemetrics-serve{shard}",
            namespace=given[0] if given else config_of(args).namespace,
            image=args.image,
            args=["serve", f"--listen=:{PORT}", *_words(args, namespaces)],
            reads=namespaces,
            serves=True,
        )
    )


def _words(args: Namespace, namespaces: Sequence[str]) -> Iterator[str]:
    """Return the flags given that say what is served."""
    yield from (f"--namespace={name}" for name in namespaces)
    yield from (f"--label={name}" for name in args.labels)
    for flag, value, usual in (
        ("--selector", args.selector, ""),
        ("--shard", args.shard, "1/1"),
        ("--level", args.level, "container"),
        ("--names", args.names, "kubemetrics"),
        ("--max-series", args.max_series, "200000"),
    ):
        if value != usual:
            yield f"{flag}={value}"
    yield from (f"--{name}" for name in ("lean", "timestamps") if getattr(args, name))


SERVE: Final = CommandSpec(
    description=_DESCRIPTION,
    examples=_EXAMPLES,
    add_arguments=_add_arguments,
    run=_run,
)
