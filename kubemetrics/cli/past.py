"""Snapshots out of files: ``--from FILE`` and ``--at TIME``.

A file is that of ``kubemetrics record``, or the ``-o json`` of rows.

What a file keeps is what a server said; it is chosen from, joined and shown by the same
code as the present.
"""

from __future__ import annotations

import contextlib
import os
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Final

from .. import console
from ..client import VARIABLE, memory_limit
from ..commandline import UsageError, config_of
from ..errors import HistoryError, KubeMetricsError
from ..files import STDIN, is_regular, pieces
from ..frozen import dataclass
from ..history.moment import moment
from ..history.store import default_path
from ..jsonread import as_text
from ..snapshot import SnapshotOptions, join
from ..snapshot.document import DocumentReader, chosen, snapshots_of
from ..snapshot.parts import Part, Parts, Scope
from ..text import printable, quoted
from ..times import parse_days, parse_rfc3339, parse_timeout, zoned
from ..wire import collector_paused
from .run import ContextResult, SnapshotReader
from .view_commands import WHOLE

_API: Final = "kubemetrics/"
_NOT_WHOLE: Final = (
    "it keeps no more than was shown: write it without NAMES, --where, --fail-on,"
    " --columns and --top"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The lists that a *file* keeps of one *context*, which may have no name.

    *namespace* is the context's own, where it is not the file that was named.
    """

    file: str
    context: str
    parts: Parts
    namespace: str = ""

    @property
    def name(self) -> str:
        """A name for it, where there are several."""
        return self.context or Path(self.file).stem


class PastReader:
    """One snapshot of a file, which is read again and again without change."""

    def __init__(self, kept: _Kept, label: str) -> None:
        self._kept = kept
        self.label: str = label
        self.name: str = kept.context
        self.on_warning: Callable[[str], None] = console.print_warning

    @property
    def note(self) -> str:
        """Of when it is, and of which file."""
        date = self._kept.parts.date or self._kept.parts.own_clock
        when = f"as it was at {zoned(date)}" if date else "as it was"
        return f"{when}: {self._kept.file}"

    def read(
        self, options: Callable[[str], SnapshotOptions], scope: Scope
    ) -> ContextResult:
        """Choose and join; an error is part of the result.

        Raises:
            UsageError: what is asked for cannot be told of what the file keeps.
        """
        try:
            parts = chosen(self._kept.parts, options(self._kept.namespace))
        except ValueError as error:
            raise UsageError(f"{self._kept.file}: {error}") from None
        with collector_paused():
            taken = join(parts)
        return ContextResult(
            context=self.label,
            name=self.name,
            namespace=scope.only or self._kept.namespace,
            snapshot=taken,
        )

    def close(self) -> None:
        """Do nothing: all was read at once."""


def past_readers(args: Namespace) -> Sequence[SnapshotReader]:
    """Return a reader for each snapshot that the files of ``--from`` keep.

    Raises:
        UsageError: a flag is of the present alone.
        HistoryError: a file cannot be read, or is of another kind.
    """
    word = "--from" if args.files else "--at"
    if args.watch is not None:
        raise UsageError(f"-w follows the present, and {word} shows the past")
    if args.all_contexts or (args.contexts and args.files):
        raise UsageError(f"{word} asks no server: a context has no meaning with it")
    at = None if args.at is None else past_time("--at", args.at, datetime.now(UTC))
    if args.files:
        seconds = _seconds(args.request_timeout)
        kept = [one for file in args.files for one in _read(file, seconds, at)]
    else:
        kept = [_own(args, at)]
    labels = _labels(kept)
    return [PastReader(one, label) for one, label in zip(kept, labels, strict=True)]


def _own(args: Namespace, at: datetime | None) -> _Kept:
    """Return the moment of the file that the context is recorded into."""
    config = config_of(Namespace(**{**vars(args), "namespaces": None}))
    path = default_path(config.context, os.environ)
    kept = _recorded(os.fspath(path), at)
    return replace(kept, namespace=config.namespace)


def _recorded(file: str, at: datetime | None) -> _Kept:
    found = moment(Path(file), at)
    whole = {} if found.refused is None else {"": found.refused}
    lost = {} if found.error is None else {"": found.error}
    return _Kept(
        file=file,
        context=found.context,
        parts=Parts(
            pods=Part(items=found.pods, errors=whole, date=found.at),
            pod_metrics=Part(items=found.pod_metrics, errors=lost, date=found.at),
            nodes=Part(items=found.nodes, errors=whole, date=found.at),
            node_metrics=Part(items=found.node_metrics, errors=lost, date=found.at),
            whole=found.whole,
        ),
    )


def _labels(kept: Sequence[_Kept]) -> list[str]:
    """Return what tells several snapshots apart; one alone needs no name."""
    if len(kept) == 1:
        return [""]
    names = [one.name for one in kept]
    files = [one.file for one in kept]
    return [
        name
        if names.count(name) == 1
        else (file if files.count(file) == 1 else f"{file}:{name}")
        for name, file in zip(names, files, strict=True)
    ]


def _seconds(text: str | None) -> float | None:
    try:
        return parse_timeout(text or "0")
    except ValueError as error:
        raise UsageError(f"--request-timeout: {error}") from None


_MAGIC: Final = b"SQLite format 3\0"


def _read(file: str, seconds: float | None, at: datetime | None) -> Sequence[_Kept]:
    name = "stdin" if file == STDIN else printable(file)
    try:
        with contextlib.closing(pieces(file, seconds)) as coming:
            begin = b""
            while len(begin) < len(_MAGIC) and (piece := next(coming, b"")):
                begin += piece
            if not begin.startswith(_MAGIC):
                return _document(name, chain((begin,), coming), at)
    except OSError as error:
        raise HistoryError(f"{name}: {error.strerror or error}") from None
    if file == STDIN or not is_regular(file):
        raise HistoryError(
            f"{name}: a file of kubemetrics record: name the file itself"
        )
    return [_recorded(file, at)]


def _document(
    name: str, coming: Iterator[bytes], at: datetime | None
) -> Sequence[_Kept]:
    if at is not None:
        raise HistoryError(
            f"{name}: it keeps one moment: --at is for files of kubemetrics record"
        )
    try:
        with collector_paused():
            found = snapshots_of(_objects(coming, memory_limit(None, os.environ)))
    except KubeMetricsError as error:
        raise HistoryError(f"{name}: {error}") from None
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else error
        raise HistoryError(f"{name}: not the -o json of kubemetrics: {why}") from None
    return [_Kept(file=name, context=context, parts=parts) for context, parts in found]


_READ: Final = 4
"""How many times of what is kept may be read: most of a document is not kept."""


def _objects(coming: Iterator[bytes], most: int) -> Iterator[object]:
    """Yield the objects that a document keeps, which may take *most* bytes.

    Raises:
        HistoryError: it is another document, or of sums, or not whole, or too large.
        ValueError: it is no JSON.
    """
    reader = DocumentReader(_bounded(coming, _READ * most))
    head: dict[str, str] = {}
    taken = 0
    for name, value in reader.members():
        if name in {"apiVersion", "kind"}:
            head[name] = as_text(value)
            if len(head) > 1:
                _check_kind(head)
        elif name == "objects":
            taken += reader.cost
            if taken > most:
                raise _too_large(most)
            yield value
    _check_kind(head)
    if not taken:
        raise HistoryError(_NOT_WHOLE)


def _bounded(coming: Iterator[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for piece in coming:
        size += len(piece)
        if size > most:
            raise _too_large(most)
        yield piece


def _too_large(most: int) -> HistoryError:
    return HistoryError(
        f"it takes more than {most >> 20} MiB: set {VARIABLE}=1Gi, or write it of fewer"
        " namespaces"
    )


def _check_kind(head: Mapping[str, str]) -> None:
    kind = head.get("kind", "")
    if not head.get("apiVersion", "").startswith(_API):
        raise HistoryError("not the -o json of kubemetrics pods, containers or nodes")
    if kind.removesuffix("List") not in WHOLE:
        raise HistoryError(
            f"it keeps sums ({kind:.100}), of which no rows can be had: write the"
            " -o json of pods, containers or nodes"
        )


_FORMS: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_OF_TODAY: Final = ("%H:%M:%S", "%H:%M")


def past_time(flag: str, text: str, now: datetime) -> datetime:
    """Read a time of the past, before *now*: a time, or how long ago it was.

    Raises:
        UsageError: it is none; says which forms there are.
    """
    found = _time(text.strip(), now)
    if found is None:
        raise UsageError(
            f"{flag} takes a time, as 2026-11-25T14:05:00Z, '2026-11-25 14:05', 14:05"
            f" (today), or how long ago, as 3h or 2d, not {quoted(text)}"
        )
    return found


def _time(text: str, now: datetime) -> datetime | None:
    for read in (parse_rfc3339, _local):
        with contextlib.suppress(ValueError, OverflowError):  # the year 1, in zones
            found = read(text)
            found.astimezone()
            return found
    with contextlib.suppress(ValueError):
        return _today(text, now)
    try:
        ago = parse_days(text)
        return now - ago if ago >= ago * 0 else None
    except (ValueError, OverflowError):
        return None


def _local(text: str) -> datetime:
    return _first(_FORMS, text).astimezone()


def _today(text: str, now: datetime) -> datetime:
    clock = _first(_OF_TODAY, text).time()
    return datetime.combine(now.astimezone().date(), clock).astimezone()


def _first(forms: Sequence[str], text: str) -> datetime:
    for form in forms:
        with contextlib.suppress(ValueError):
            return datetime.strptime(text, form)  # noqa: DTZ007 - of this machine
    raise ValueError(text)
