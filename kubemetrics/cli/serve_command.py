"""``kubemetrics serve``: polls the metrics API and answers what Prometheus scrapes."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Final, TypeVar

from .. import console
from ..commandline import (
    CommandSpec,
    Parser,
    UsageError,
    client_of,
    whole_number,
)
from ..errors import (
    InternalError,
    KubeMetricsError,
    MetricsUnavailable,
    ServerTimeout,
    ServiceUnavailable,
    TooManyRequests,
)
from .record_command import (
    RECORD,
    Stopping,
    add_manifest,
    add_selection,
    manifest_namespace,
    record,
    recording_options,
    selected_namespaces,
)

if TYPE_CHECKING:
    from ..client.sync import Client
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


def _add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--listen", default="127.0.0.1:8080", metavar="ADDRESS",
        help="where: 127.0.0.1:8080 (the default), [::1]:8080, or :8080 for everybody",
    )  # fmt: skip
    group = parser.add_argument_group("which")
    add_selection(group.add_argument)
    group.add_argument(
        "--shard", default="1/1", metavar="I/N",
        help="the I-th of N parts of the pods, by their uid; nodes are in the first",
    )  # fmt: skip
    _add_families(parser)
    add_manifest(parser)


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
        "--record", default="", metavar="FILE",
        help="keep every sample in this file too, as 'kubemetrics record' does",
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


def _run(args: Namespace) -> int:
    """Serve until SIGINT or SIGTERM, which are how it ends well.

    Raises:
        UsageError: a flag is wrong.
        KubeMetricsError: nothing can be read, or not listened.
    """
    address, settings = _address(args.listen), _settings(args)
    namespaces = selected_namespaces(args)
    if args.output == "manifest":
        return console.write_stdout((_manifest(args, namespaces),))
    stopping = Stopping()
    with stopping.handling(), ExitStack() as stack:
        service = _Service(args, settings, address, stack)
        client = stack.enter_context(
            client_of(Namespace(**{**vars(args), "namespaces": None}))
        )
        if args.record:
            kept = _as_recorded(args, namespaces)
            options = recording_options(kept)
            return record(kept, options, client, stopping, service.take)
        _poll(client, args, namespaces, stopping, service.take)
    return 0


def _poll(
    client: Client,
    args: Namespace,
    namespaces: Sequence[str],
    stopping: Stopping,
    take: Callable[[SampleRound], None],
) -> None:
    """Poll round after round, until it is told to end."""
    from ..history.poller import PodSelection, Poller  # noqa: PLC0415 - not for --help

    selection = PodSelection(namespaces, args.selector or None)
    with closing(Poller(client, selection)) as poller:
        while not stopping.wait(poller.rest()):
            found = stopping.read(poller.poll)
            if found is None:
                return
            take(found)


def _as_recorded(args: Namespace, namespaces: Sequence[str]) -> Namespace:
    """Return the flags of ``kubemetrics record FILE`` that keeps what is served."""
    parser = Parser("", description="", examples="")
    RECORD.add_arguments(parser)
    given = {
        "namespaces": [*namespaces],
        "all_namespaces": False,
        "selector": args.selector,
        "level": "pod" if args.level == "pod" else "container",
    }
    usual = vars(parser.read([args.record]))
    return Namespace(**{**vars(args), **usual, **given})


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
    if shard.count > 1 and args.record:
        raise UsageError("--record is of all pods: it does not go with --shard")
    return Settings(
        shape=Shape(level=args.level, labels=_labels(args.labels)),
        choice=Choice(names=args.names, timestamps=args.timestamps, lean=args.lean),
        most=whole_number("--max-series", args.max_series, least=1),
        shard=shard,
    )


def _labels(given: Sequence[str]) -> tuple[str, ...]:
    """Return the labels asked for; no two of them may be one to Prometheus."""
    from ..serve.exposition import label_name  # noqa: PLC0415 - not for --help

    words = (word.strip() for word in ",".join(given).split(","))
    named: dict[str, str] = {}
    for key in filter(None, words):
        other = named.setdefault(label_name(key), key)
        if other != key:
            raise UsageError(
                f"--label {other} and --label {key} would both be {label_name(key)}"
            )
    return tuple(named.values())


class _Service:
    """Serves the rounds that it takes."""

    def __init__(
        self,
        args: Namespace,
        settings: Settings,
        address: ListenAddress,
        stack: ExitStack,
    ) -> None:
        from ..serve.exporter import Exporter  # noqa: PLC0415 - see above
        from ..serve.scrapes import ScrapeServer  # noqa: PLC0415

        self._args = args
        self._exporter: Exporter = Exporter(
            settings, began=int(time.time()), explain=self._explain
        )
        self._server: ScrapeServer = ScrapeServer(address, self._exporter.first())
        stack.enter_context(closing(self._server))
        self._first = True
        self._failing = False

    def take(self, found: SampleRound) -> None:
        """Serve a round.

        Raises:
            KubeMetricsError: it is the first, and shows that none will ever come.
        """
        failure = _failure(found)
        if self._first and failure is not None and not isinstance(failure, _PASSING):
            raise failure
        self._tell(failure)
        self._server.publish(self._exporter.take(found, time.monotonic()))
        if self._first:
            self._announce()
        self._first = False

    def _tell(self, failure: KubeMetricsError | None) -> None:
        """Say on stderr that samples are missing, and that they are there again.

        What records says so itself.
        """
        if self._args.record:
            return
        if failure is not None and not self._failing:
            console.print_stderr(f"error: {failure}")
        elif failure is None and self._failing:
            console.print_stderr("samples are read again")
        self._failing = failure is not None

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

        # A signal waits for this, and so do scrapes for the next round.
        timeout = self._args.request_timeout or _PATIENCE
        args = Namespace(**{**vars(self._args), "request_timeout": timeout})
        for finding in examine(args).findings:
            if finding.severity == "problem":
                said = (finding.what, finding.advice.removesuffix(":"))
                return " ".join(filter(None, said))
        return error


_PATIENCE: Final = "5s"
_PASSING: Final = (
    MetricsUnavailable,
    TooManyRequests,
    InternalError,
    ServiceUnavailable,
    ServerTimeout,
)
"""What may be over soon: metrics-server starts after this, or again."""


def _failure(found: SampleRound) -> KubeMetricsError | None:
    """Return why a round has no samples of pods at all."""
    failure = found.failures.get("pod_metrics")
    return None if found.pod_samples else failure


def _manifest(args: Namespace, namespaces: tuple[str, ...]) -> str:
    """Return the YAML that runs this command line in a cluster."""
    from ..serve.manifest import PORT, Workload, text  # noqa: PLC0415 - for this alone

    index, _, count = args.shard.partition("/")
    shard = f"-{index}" if count != "1" else ""
    return text(
        Workload(
            name=f"kubemetrics-serve{shard}",
            namespace=manifest_namespace(args),
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
