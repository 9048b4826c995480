"""Snapshots out of files: ``--from FILE``, the ``-o json`` of rows.

What a file keeps is what a server said; it is chosen from, joined and shown by the same
code as the present.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, cast

from .. import console
from ..commandline import UsageError
from ..errors import HistoryError, KubeMetricsError
from ..frozen import dataclass
from ..jsonread import as_object, as_text
from ..snapshot import SnapshotOptions, join
from ..snapshot.document import chosen, snapshots_of
from ..snapshot.parts import Parts, Scope
from ..times import zoned
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
    """The lists that a *file* keeps of one *context*, which may have no name."""

    file: str
    context: str
    parts: Parts

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
            parts = chosen(self._kept.parts, options(""))
        except ValueError as error:
            raise UsageError(f"{self._kept.file}: {error}") from None
        with collector_paused():
            taken = join(parts)
        return ContextResult(
            context=self.label,
            name=self.name,
            namespace=scope.only,
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
    if args.watch is not None:
        raise UsageError("-w follows the present, and --from shows the past")
    if args.all_contexts or args.contexts:
        raise UsageError("--from asks no server: a context has no meaning with it")
    kept = [one for file in args.files for one in _read(file)]
    labels = _labels(kept)
    return [PastReader(one, label) for one, label in zip(kept, labels, strict=True)]


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


def _read(file: str) -> Iterator[_Kept]:
    try:
        body = Path(file).read_bytes()
    except OSError as error:
        raise HistoryError(f"{file}: {error.strerror or error}") from None
    with collector_paused():
        try:
            document: object = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise HistoryError(
                f"{file}: not the -o json of kubemetrics: {error}"
            ) from None
        try:
            found = snapshots_of(_objects(document))
        except KubeMetricsError as error:
            raise HistoryError(f"{file}: {error}") from None
    for context, parts in found:
        yield _Kept(file=file, context=context, parts=parts)


def _objects(document: object) -> Sequence[object]:
    """Return the objects that a document keeps.

    Raises:
        HistoryError: it is another document, or of sums, or not whole.
    """
    found = as_object(document)
    kind = as_text(found.get("kind"))
    if not as_text(found.get("apiVersion")).startswith(_API):
        raise HistoryError("not the -o json of kubemetrics pods, containers or nodes")
    if kind.removesuffix("List") not in WHOLE:
        raise HistoryError(
            f"it keeps sums ({kind:.100}), of which no rows can be had: write the"
            " -o json of pods, containers or nodes"
        )
    objects = found.get("objects")
    if not isinstance(objects, list) or not objects:
        raise HistoryError(_NOT_WHOLE)
    return cast("Sequence[object]", objects)
