"""``kubemetrics record``: keeps every sample in a file, until it is told to end."""

from __future__ import annotations

import gc
import math
import os
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, NamedTuple

from .. import __version__, console
from ..commandline import (
    CommandSpec,
    Parser,
    UsageError,
    client_of,
    config_of,
    length_of_time,
)
from ..errors import INTERRUPTION, ApiError, QuantityError, Unauthorized
from ..text import agreeing, printable, quoted

if TYPE_CHECKING:
    from ..client.sync import Client
    from ..history.poller import Poller
    from ..history.recorder import Recorder
    from ..history.rounds import SampleRound
    from ..history.store import Writing
    from ..history.upkeep import Kept
    from ..models.pod import OwnerReference
    from ..snapshot.rollup import Owner

_DESCRIPTION: Final = """\
Keep every sample of every container and node in one SQLite file, with what was
requested, where it ran and how it ended, until it is told to end. It asks when
the provider has new samples, and costs the cluster no more than kubectl top.
Without FILE it is CONTEXT.db in $XDG_STATE_HOME/kubemetrics (~/.local/state).
Ctrl-C and SIGTERM end it well; kill -9 loses nothing that was written.
"""
_EXAMPLES: Final = """\
  kubemetrics record
  kubemetrics record team-a.db -n team-a -n team-b --for 24h
  kubemetrics record --keep 7d --max-size 2Gi
  kubemetrics record --every 60s --level pod
  kubemetrics record -o manifest -n monitoring -A | kubectl apply -f -
  kubemetrics record /var/lib/metrics.db --once
  sqlite3 FILE 'select * from usage order by at desc limit 10'"""


def _add_arguments(parser: Parser) -> None:
    """Declare the file, what is recorded, and how."""
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="the file to record into"
    )
    group = parser.add_argument_group("what")
    add_selection(group.add_argument)
    group.add_argument(
        "--level", choices=("container", "pod"), default="container", metavar="LEVEL",
        help="container (the default), or pod: the sum of a pod's containers alone",
    )  # fmt: skip
    group = parser.add_argument_group("when")
    group.add_argument(
        "--every", metavar="DURATION",
        help="as 60s: samples in between are missed, and coverage says so",
    )  # fmt: skip
    group.add_argument("--for", metavar="DURATION", help="end after so long, as 24h")
    group.add_argument(
        "--once", action="store_true", help="record one round and end: for a CronJob"
    )
    group = parser.add_argument_group("the file")
    group.add_argument(
        "--keep", default="3d", metavar="DURATION",
        help="how long samples are kept (3d); sums of each hour stay longer",
    )  # fmt: skip
    group.add_argument(
        "--keep-hours", default="90d", metavar="DURATION",
        help="how long the sums of hours are kept (90d)",
    )  # fmt: skip
    group.add_argument(
        "--max-size", metavar="BYTES",
        help="as 2Gi: what is oldest goes before the file is larger",
    )  # fmt: skip
    group.add_argument(
        "--journal", choices=("wal", "truncate"), default="wal", metavar="MODE",
        help="wal (the default), or truncate: slower, for a disk of another machine",
    )  # fmt: skip
    add_manifest(parser)


def add_selection(add_argument: Callable[..., object]) -> None:
    """Declare which pods are read."""
    add_argument(
        "-A", "--all-namespaces", action="store_true",
        help="of all namespaces, the default; -n NAME, which may be repeated, chooses",
    )  # fmt: skip
    add_argument(
        "-l", "--selector", default="", metavar="LABELS",
        help="pods by label, as app=web,tier!=cache",
    )  # fmt: skip


def selected_namespaces(args: Namespace) -> tuple[str, ...]:
    """Return the namespaces to read, each once; none for all.

    Raises:
        UsageError: all are asked for, and some, or one by a glob.
    """
    from ..snapshot.parts import is_glob  # noqa: PLC0415 - not for --help

    names: list[str] = args.namespaces or []
    if args.all_namespaces:
        if names and args.output != "manifest":  # of which -n says where it runs
            raise UsageError(
                "-A is all namespaces, and -n names some: give one of them"
            )
        return ()
    for name in names:
        if is_glob(name):
            raise UsageError(f"--namespace takes a name here, not the glob {name!r}")
    return tuple(dict.fromkeys(names))


IMAGE: Final = f"registry.example.com/kubemetrics:{__version__}"
_VOLUME: Final = "10Gi"
"""What a manifest asks for, where --max-size does not: 3 days of 10,000 pods fit."""


def add_manifest(parser: Parser) -> None:
    """Declare what a command has that can print what runs it in a cluster."""
    group = parser.add_argument_group("in a cluster")
    group.add_argument(
        "-o", "--output", choices=("manifest",), default="", metavar="FORMAT",
        help="manifest: print what runs it there, with these flags; -n is where, and"
        " with -A not what is read",
    )  # fmt: skip
    group.add_argument(
        "--image", default=IMAGE, metavar="IMAGE",
        help="the image of the manifest (see 'kubemetrics help recipes containerfile')",
    )  # fmt: skip


def manifest_namespace(args: Namespace) -> str:
    """Return where a manifest puts what it runs: -n, or the configuration's.

    Raises:
        KubeMetricsError: neither says.
    """
    given: list[str] = args.namespaces or []
    return given[0] if given else config_of(args).namespace


def _manifest(args: Namespace) -> str:
    """Return the YAML that records in a cluster."""
    from ..serve.manifest import DATA, Workload, text  # noqa: PLC0415 - for this alone

    given = vars(args)
    if given["for"] is not None or args.once or args.file:
        raise UsageError("-o manifest is for good, into a file of its own volume")
    _values(args)
    reads = selected_namespaces(args)
    flags = (
        ("selector", ""), ("level", "container"), ("every", None), ("keep", "3d"),
        ("keep_hours", "90d"), ("max_size", None), ("journal", "wal"),
    )  # fmt: skip
    words = [f"--namespace={name}" for name in reads] + [
        f"--{name.replace('_', '-')}={given[name]}"
        for name, usual in flags
        if given[name] != usual
    ]
    return text(
        Workload(
            name="kubemetrics-record",
            namespace=manifest_namespace(args),
            image=args.image,
            args=["record", f"{DATA}/kubemetrics.db", *words],
            reads=reads,
            volume=args.max_size or _VOLUME,
        )
    )


_ENDINGS: Final = ("SIGINT", "SIGTERM", "SIGHUP")
"""Ctrl-C, what ends a pod, and a terminal that is closed; Windows has no last one."""


class Stopping:
    """The signals that end a process, taken where they harm nothing.

    While it waits, or reads from the cluster, it is over at once; what is being written
    is written to its end. A second one ends it as any command.
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[None] = SimpleQueue()
        self._count = 0
        self._reading = False

    def handle(self, *_: object) -> None:
        """Take a signal."""
        self._count += 1
        self._asked.put(None)
        if self._reading or self._count > 1:
            INTERRUPTION.handle()

    @property
    def asked(self) -> bool:
        """Whether it is to end."""
        return self._count > 0

    def wait(self, seconds: float) -> bool:
        """Wait so long; return whether it is to end."""
        try:
            self._asked.get(timeout=max(seconds, 0.0))
        except Empty:
            return False
        self._asked.put(None)
        return True

    def read(self, poll: Callable[[], SampleRound]) -> SampleRound | None:
        """Poll; nothing, if it was told to end meanwhile."""
        self._reading = True
        try:
            return None if self.asked else poll()
        except KeyboardInterrupt:
            if self._count > 1:
                raise
            INTERRUPTION.pending = False
            return None
        finally:
            self._reading = False

    @contextmanager
    def handling(self) -> Generator[None, None, None]:
        """Take the signals of this process; as it was before, afterwards.

        One that is ignored stays so: nohup, or a shell's background.
        """
        found = (getattr(signal, name, None) for name in _ENDINGS)
        numbers = [number for number in found if number is not None]
        before = {number: signal.getsignal(number) for number in numbers}
        heard = [n for n, handler in before.items() if handler != signal.SIG_IGN]
        for number in heard:
            signal.signal(number, self.handle)
        try:
            yield
        finally:
            for number in heard:
                signal.signal(number, before[number])


class RecordingOptions(NamedTuple):
    """What is not a mere text: *every* and *length* as times, and what is *kept*."""

    every: timedelta | None
    length: timedelta | None
    kept: Kept


def recording_options(args: Namespace) -> RecordingOptions:
    """Read what is not read by the parser.

    Raises:
        UsageError: a value is wrong, or two flags contradict.
    """
    given = vars(args)
    if args.file is not None and not args.file:
        raise UsageError("FILE is empty: leave it out for the file of the context")
    selected_namespaces(args)
    if args.contexts and len(args.contexts) > 1:
        raise UsageError("a file is of one cluster: record each context on its own")
    if args.once and (given["for"], args.every) != (None, None):
        raise UsageError(
            "--once is one round: --for and --every say when there is none"
        )
    return _values(args)


def _values(args: Namespace) -> RecordingOptions:
    every, length = args.every, vars(args)["for"]
    return RecordingOptions(
        None if every is None else length_of_time("--every", every),
        None if length is None else length_of_time("--for", length),
        _kept(args),
    )


def _kept(args: Namespace) -> Kept:
    from ..history.upkeep import Kept  # noqa: PLC0415 - not for --help

    samples = length_of_time("--keep", args.keep)
    hours = length_of_time("--keep-hours", args.keep_hours)
    if hours < samples:
        raise UsageError("--keep-hours is no shorter than --keep: hours are sums of it")
    return Kept(
        round(samples.total_seconds()),
        round(hours.total_seconds()),
        None if args.max_size is None else _size(args.max_size),
    )


def _size(text: str) -> int:
    from ..quantity import Quantity  # noqa: PLC0415 - not for --help

    try:
        size = Quantity(text).value
    except QuantityError:
        size = 0
    if size < _LEAST:
        raise UsageError(f"--max-size takes bytes, 10Mi at least, not {quoted(text)}")
    return size


_LEAST: Final = 10 << 20
"""Bytes that a file and its log need to be of any use."""


def _run(args: Namespace) -> int:
    """Record until it is told to end.

    Raises:
        UsageError: a flag is wrong.
        KubeMetricsError: the cluster cannot be reached at all, or the file not written.
    """
    if args.output == "manifest":
        return console.write_stdout((_manifest(args),))
    options = recording_options(args)
    stopping = Stopping()
    with client_of(args) as client, stopping.handling():
        return record(args, options, client, stopping)


def record(
    args: Namespace,
    options: RecordingOptions,
    client: Client,
    stopping: Stopping,
    heard: Callable[[SampleRound], None] | None = None,
) -> int:
    """Record what *client* reads until it is told to end; *heard* has each round first.

    Raises:
        KubeMetricsError: the cluster cannot be reached at all, or the file not written.
    """
    from ..history.store import (  # noqa: PLC0415 - not for --help
        Writing,
        damage_of,
        default_path,
        sqlite,
    )

    sqlite()
    config = client.config
    path = Path(args.file) if args.file else default_path(config.context, os.environ)
    uid = cluster_uid(client)
    with closing(Writing(path, args.journal)) as writing:
        writing.belongs_to(
            uid,
            config.server,
            context=config.context,
            writer=__version__,
            level=args.level,
            scope="some" if args.namespaces or args.selector else "all",
        )
        with damage_of(path):
            recording = Recording(args, options, client, writing, stopping)
        return recording.once() if args.once else recording.run(heard)


def cluster_uid(client: Client) -> str | None:
    """Return what tells a cluster from others: the uid of its first namespace.

    Nothing, where that may not be read.

    Raises:
        KubeMetricsError: the cluster cannot be asked.
    """
    from .. import jsonread  # noqa: PLC0415 - not for --help

    try:
        answer = client.run(client.api.get_namespace("kube-system"))
    except Unauthorized:
        raise
    except ApiError:
        return None
    meta = jsonread.child(jsonread.read_object(answer.body), "metadata")
    return jsonread.text(meta or {}, "uid") or None


_TIDY: Final = 600.0
"""Seconds between collections of garbage. Of 18 rounds of 10,000 pods there was none,
and to look for it during each took a fifth of its time."""
_PAUSE: Final = 1.0
"""Seconds until the next poll that one more portion of upkeep may take."""


class Recording:
    """A recording: polls, writes, and says how it goes."""

    def __init__(
        self,
        args: Namespace,
        options: RecordingOptions,
        client: Client,
        writing: Writing,
        stopping: Stopping,
    ) -> None:
        from ..history.poller import PodSelection, Poller  # noqa: PLC0415
        from ..history.recorder import Recorder, last_samples  # noqa: PLC0415
        from ..history.upkeep import Upkeep  # noqa: PLC0415
        from ..snapshot.rollup import pod_owner  # noqa: PLC0415

        namespaces = selected_namespaces(args)
        self._writing = writing
        self._stopping = stopping
        self._every = options.every
        self._about: dict[str, str] = {}
        self._untidy = time.monotonic() + _TIDY
        length = options.length.total_seconds() if options.length else math.inf
        self._until = time.monotonic() + length
        self._recorder: Recorder = Recorder(
            writing,
            level=args.level,
            owner_of=lambda pod: _reference(pod_owner(pod)),
            namespaces=namespaces,
            some=bool(args.selector),
        )
        self._poller: Poller = Poller(
            client,
            PodSelection(namespaces, args.selector or None),
            every=options.every.total_seconds() if options.every else None,
            lasts=last_samples(writing.connection),
            watch=not args.once,
        )
        self._report = Report(writing.path, options.every)
        self._upkeep: Upkeep = Upkeep(
            writing.connection,
            options.kept,
            size=writing.size,
            say=self._report.say,
        )

    def once(self) -> int:
        """Record one round; return the exit code of what could not be read."""
        found = self._stopping.read(self._poller.poll)
        if found is None:
            return 0
        self._write(found)
        while self._work(found):
            pass
        told = [e for e in found.failures.values() if str(e) == found.error]
        return console.print_error(told[0]) if told else 0

    def run(self, heard: Callable[[SampleRound], None] | None = None) -> int:
        """Record round after round, until the time is over or a signal comes."""
        from ..wire import collector_paused  # noqa: PLC0415 - not for --help

        with closing(self._poller), closing(self._report), collector_paused():
            self._report.begin()
            while not self._stopping.wait(self._rest()) and self._left() > 0:
                found = self._stopping.read(self._poller.poll)
                if found is None:
                    break
                if heard is not None:
                    heard(found)
                samples = self._write(found)
                self._report.take(found, samples, self._writing.size())
                # Once a round in any case; the rest waits for a longer pause.
                while self._work(found) and self._idle():
                    pass
                self._tidy()
        return 0

    def _tidy(self) -> None:
        """Collect garbage now and then, in place of several times a round."""
        now = time.monotonic()
        if now >= self._untidy:
            self._untidy = now + _TIDY
            gc.collect()

    def _work(self, found: SampleRound) -> bool:
        from ..history.store import damage_of  # noqa: PLC0415
        from ..history.upkeep import due_at  # noqa: PLC0415

        now = due_at(found)
        with damage_of(self._writing.path):
            return now is not None and self._upkeep.work(now)

    def _idle(self) -> bool:
        return self._poller.rest() > _PAUSE and not self._stopping.asked

    def _rest(self) -> float:
        return max(min(self._poller.rest(), self._left()), 0.0)

    def _left(self) -> float:
        return self._until - time.monotonic()

    def _write(self, found: SampleRound) -> int:
        """Write a round; return how many samples it brought."""
        from ..history.store import damage_of, set_meta  # noqa: PLC0415

        about = {
            "cadence_ms": str(round(found.cadence * 1000)),
            "names_only": str(int(found.pods is None)),
        }
        with damage_of(self._writing.path):
            written = self._recorder.write(found)
            if about != self._about:
                set_meta(self._writing.connection, **about)
        self._about = about
        return written.samples


def _reference(owner: Owner) -> OwnerReference:
    from ..models.pod import OwnerReference  # noqa: PLC0415

    return OwnerReference(owner.kind, owner.name)


_DAY: Final = 86_400
_SAMPLE: Final = 30
"""Bytes of a sample in the file; measured, free pages not counted."""
_LARGE: Final = 500_000_000
"""Bytes a day above which the ways out are named: 2,000 pods, sampled each 15 s."""


def growth(series: int, seconds: float) -> int:
    """Return the bytes a day by which a file grows with so many series."""
    return round(series * _DAY / seconds) * _SAMPLE


_NAMES_ONLY: Final = "pods may not be read: names stand for them, restarts are not seen"


class Report:
    """What people see of a recording: changes, and on a terminal how it goes."""

    def __init__(self, path: Path, every: timedelta | None) -> None:
        self._path = path
        self._every = every
        self._terminal = sys.stderr.isatty()
        self._announced = False
        self._told: dict[str, str] = {}
        self._rounds = self._samples = self._missed = 0

    def begin(self) -> None:
        """Say on a terminal that the first round may take a while."""
        if self._terminal:
            console.write_stderr("reading pods, nodes and their samples")

    def take(self, found: SampleRound, samples: int, size: int) -> None:
        """Show a round that brought *samples*; the file then has *size* bytes."""
        self._rounds += 1
        self._samples += samples
        self._missed += found.missed
        self._tell("samples", found.error)
        if found.pods is None and not self._told.get("samples"):
            self._tell_once("pods", _NAMES_ONLY)
        for name in found.clock_back:
            whose = f"the clock of node {name}" if name else "the clock of all nodes"
            self.say(f"{whose} was set back: nothing is kept until it has caught up")
        if samples and not self._announced:
            self._announced = True
            self._announce(found, samples)
        if self._terminal:
            self._draw(found, samples, size)

    def _tell(self, what: str, text: str) -> None:
        """Say what is wrong when that changes, and when it is right again."""
        if text != self._told.get(what, ""):
            self._told[what] = text
            self.say(f"{text}; trying on" if text else f"{what} are there again")

    def _tell_once(self, what: str, text: str) -> None:
        if what not in self._told:
            self._told[what] = text
            self.say(text)

    def _announce(self, found: SampleRound, samples: int) -> None:
        seconds = self._every.total_seconds() if self._every else found.cadence
        daily = growth(samples, seconds)
        pods = _number(_pods(found), "pod")
        if daily >= _LARGE:
            self.say(
                f"with {pods}, sampled each {seconds:.0f} s, this file grows by"
                f" {_amount(daily)} a day; less do --every 60s, --level pod and"
                " kubemetrics serve"
            )
        elif self._terminal:
            self.say(
                f"recording {pods} into {self._path}, {_amount(daily)} a day;"
                " Ctrl-C ends it"
            )

    def _draw(self, found: SampleRound, samples: int, size: int) -> None:
        from shutil import get_terminal_size  # noqa: PLC0415 - not for --help

        state = (
            f"{found.date:%H:%M:%S} UTC  {_number(_pods(found), 'pod')},"
            f" {_number(samples, 'new sample')}, {self._samples:,} in all,"
            f" {self._missed:,} missed  {_amount(size)}"
        )
        # A line that is wrapped could not be drawn over.
        room = max(get_terminal_size().columns - 1, 0)
        console.write_stderr(f"{_CLEAR}{printable(state)[:room]}")

    def say(self, line: str) -> None:
        """Print a line, above the one that says how it goes."""
        if self._terminal:
            console.write_stderr(_CLEAR)
        console.print_stderr(line)

    def close(self) -> None:
        """Say on a terminal what was recorded."""
        if self._terminal:
            self.say(
                f"recorded {_number(self._samples, 'sample')} in"
                f" {_number(self._rounds, 'round')},"
                f" {self._missed:,} missed: {self._path}"
            )


_CLEAR: Final = "\r\x1b[K"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {agreeing(count, noun, f'{noun}s')}"


def _pods(found: SampleRound) -> int:
    return sum(reading.kind == "pod" for reading in found.readings)


def _amount(size: int) -> str:
    """Write bytes in the unit of a disk: ``25 MB``."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


RECORD: Final = CommandSpec(_DESCRIPTION, _EXAMPLES, _add_arguments, _run)
