"""From a view's flags to what is to be read, kept and shown."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from ..commandline import UsageError
from ..config.model import Config
from ..console import Terminal
from ..frozen import dataclass
from ..snapshot import SnapshotOptions
from ..snapshot.parts import Scope, is_glob
from ..table.columns import (
    Arrangement,
    Column,
    ExpressionError,
    Table,
    Units,
    arrangement,
    unique,
)
from ..table.render import TableOptions, Thresholds
from ..views.view import RowSelection, View

R = TypeVar("R")
T = TypeVar("T")

_DIGITS: Final = 18
"""As many as any number of rows or pods has, and fewer than ``int`` refuses."""
MACHINES: Final = frozenset({"json", "yaml", "ndjson", "csv", "prometheus"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[R]):
    """What a command line asks for.

    *columns* were named, or are none; *labels* are shown beside them. *fail_on* tells
    of a row whether it makes the command fail. The column of the namespace is left out
    where the scope has just one.
    """

    view: View[R]
    selection: RowSelection
    arrangement: Arrangement[R]
    fail_on: Callable[[R], bool] | None
    columns: tuple[Column[R], ...]
    labels: tuple[Column[R], ...]
    output: str
    table_options: TableOptions

    @property
    def scope(self) -> Scope:
        """Which namespaces are read and shown."""
        return self.selection.scope

    @property
    def machine(self) -> bool:
        """Whether the output is for a program."""
        return self.output in MACHINES or self.output == "name"

    def shown(self, rows: Sequence[R]) -> tuple[Column[R], ...]:
        """Return the columns to show of *rows*."""
        table = self.view.table
        if self.columns:
            return unique((*self.columns, *self.labels))
        if self.output in MACHINES:
            return (*table.columns, *self.labels)
        if self.output == "wide":
            return (*table.wide(rows), *self.labels)
        columns = (*table.plain(rows), *self.labels)
        hidden = self.scope.single and len(table.identity) > 1
        return tuple(c for c in columns if not (hidden and c.key == "namespace"))


def plan(args: Namespace, view: View[R], terminal: Terminal) -> Plan[R]:
    """Read the flags.

    Raises:
        ExpressionError: an expression cannot be read.
        UsageError: another flag is wrong.
    """
    table = view.table
    named = _words(args.columns)
    labels = [f"label:{word}" for word in _words(",".join(_labels(args)))]
    return Plan(
        view=view,
        selection=RowSelection(names=tuple(args.names), scope=_scope(args, view)),
        arrangement=_arrangement(args, table),
        fail_on=_expression("--fail-on", args.fail_on, table),
        columns=_of_flag("--columns", lambda: tuple(map(table.need, named))),
        labels=tuple(map(table.need, labels)),
        output=args.output,
        table_options=_table_options(args, terminal, fixed=bool(named)),
    )


def reads(args: Namespace, plan: Plan[R]) -> Callable[[Config], SnapshotOptions]:
    """Return a function that gives what to read under a configuration."""
    selector = args.selector or None
    chunk_size = _count("--chunk-size", args.chunk_size)

    def options(config: Config) -> SnapshotOptions:
        if plan.view.of_nodes:
            return {
                "node_selector": selector,
                "node": _one_name(args),
                "reconcile": True,
                "chunk_size": chunk_size,
            }
        return {
            "namespace": plan.scope.within(config.namespace).namespaces,
            "label_selector": selector,
            "field_selector": _fields(args, plan.view),
            "node": args.node or None,
            "chunk_size": chunk_size,
        }

    return options


def _of_flag(flag: str, read: Callable[[], T]) -> T:
    """Read the value of *flag*; a mistake in it says where it is."""
    try:
        return read()
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None


def _arrangement(args: Namespace, table: Table[R]) -> Arrangement[R]:
    keep = _expression("--where", args.where, table)
    top = None if args.top is None else _count("--top", args.top)
    sort = _words(args.sort)
    return _of_flag("--sort", lambda: arrangement(table, keep=keep, sort=sort, top=top))


def _expression(
    flag: str, text: str | None, table: Table[R]
) -> Callable[[R], bool] | None:
    if text is None:
        return None
    from ..table.expressions import where  # noqa: PLC0415 - for these flags alone

    try:
        return where(text, table)
    except ExpressionError as error:
        error.flag = flag
        raise


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _labels(args: Namespace) -> list[str]:
    found: list[str] = getattr(args, "label_columns", [])
    return found


def _count(flag: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise UsageError(f"{flag} takes a number, not {text[:100]!r}")
    return int(text)


def _table_options(args: Namespace, terminal: Terminal, *, fixed: bool) -> TableOptions:
    wide = args.output == "wide"
    units = _of_flag("--units", lambda: Units.parse(args.units))
    thresholds = _of_flag("--thresholds", lambda: Thresholds.parse(args.thresholds))
    return TableOptions(
        units=units,
        width=None if wide else terminal.width,
        fixed=fixed,
        colour=thresholds if terminal.colour else None,
        headers=not args.no_headers,
        total=args.sum,
    )


def _scope(args: Namespace, view: View[R]) -> Scope:
    """Decide which namespaces are read and shown; nodes have none."""
    if view.of_nodes:
        return Scope()
    excluded = tuple(args.exclude_namespace)
    if args.all_namespaces:
        return Scope(excluded=excluded)
    return Scope.of_words(args.namespaces or (), excluded, everywhere=view.everywhere)


def _one_name(args: Namespace) -> str | None:
    """Return the name, if there is just one and no glob."""
    names: list[str] = args.names
    return names[0] if len(names) == 1 and not is_glob(names[0]) else None


def _fields(args: Namespace, view: View[R]) -> str | None:
    name = _one_name(args) if view.pods_by_name else None
    fields = [f"metadata.name={name}"] if name else []
    return ",".join(filter(None, [args.field_selector, *fields])) or None
