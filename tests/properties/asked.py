"""What may be asked of a view, and how it is written on a command line."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hypothesis.vendor.pretty import RepresentationPrinter

from kubemetrics.snapshot import SnapshotOptions


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement on a label: =, !=, in, notin, has or not."""

    key: str
    sign: str
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.sign in {"in", "notin"}:
            return f"{self.key} {self.sign} ({','.join(self.values)})"
        alone = {"has": self.key, "not": f"!{self.key}"}
        return alone.get(self.sign) or f"{self.key}{self.sign}{self.values[0]}"

    def holds(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        if self.sign in {"has", "not"}:
            return (value is not None) == (self.sign == "has")
        return (value in self.values) == (self.sign in {"=", "in"})


@dataclass(frozen=True, slots=True)
class Field:
    """One term of a field selector."""

    key: str
    equal: bool
    value: str

    def __str__(self) -> str:
        return f"{self.key}{'=' if self.equal else '!='}{self.value}"

    def holds(self, fields: Mapping[str, str]) -> bool:
        return (fields[self.key] == self.value) == self.equal


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison of a column with a *value*, or with this *other* column."""

    key: str
    sign: str
    value: str = ""
    other: str = ""

    def __str__(self) -> str:
        return f"{self.key} {self.sign} {self.other or self.value}"


@dataclass(frozen=True, slots=True)
class Not:
    part: Expression

    def __str__(self) -> str:
        return f"not {_enclosed(self.part, (All, Any))}"


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Expression, Expression]

    def __str__(self) -> str:
        return " and ".join(_enclosed(part, Any) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Any:
    parts: tuple[Expression, Expression]

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


Expression: TypeAlias = Compare | Not | All | Any


def _enclosed(part: Expression, weaker: type | tuple[type, ...]) -> str:
    return f"({part})" if isinstance(part, weaker) else str(part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command line, in parts."""

    view: str
    names: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    everywhere: bool = False
    excluded: tuple[str, ...] = ()
    labels: tuple[Requirement, ...] = ()
    fields: tuple[Field, ...] = ()
    node: str = ""
    where: Expression | None = None
    by: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    top: int | None = None
    total: bool = False
    columns: tuple[str, ...] = ()
    headers: bool = True
    output: str = "table"
    strict: bool = False
    fail_on: Expression | None = None
    pages: bool = False

    def __str__(self) -> str:
        return shlex.join(["kubemetrics", *self.words])

    def _repr_pretty_(self, printer: RepresentationPrinter, _: object) -> None:
        printer.text(str(self))

    @property
    def words(self) -> list[str]:
        return [self.view, *self.names, *self._flags()]

    def _flags(self) -> Iterator[str]:
        yield from _repeated("-n", self.namespaces)
        yield from _repeated("--exclude-namespace", self.excluded)
        for flag, on in {
            "-A": self.everywhere,
            "--sum": self.total,
            "--no-headers": not self.headers,
            "--strict": self.strict,
        }.items():
            yield from [flag] if on else []
        for flag, value in {
            "-l": ",".join(map(str, self.labels)),
            "--field-selector": ",".join(map(str, self.fields)),
            "--node": self.node,
            "--where": str(self.where or ""),
            "--by": ",".join(self.by),
            "--top": "" if self.top is None else str(self.top),
            "--columns": ",".join(self.columns),
            "--fail-on": str(self.fail_on or ""),
            "--chunk-size": "7" if self.pages else "",
        }.items():
            yield from [flag, value] if value else []
        if self.sort:
            # One word: a key that begins with a minus is not a flag.
            yield f"--sort={','.join(self.sort)}"
        if self.output != "table":
            yield from ("-o", self.output)
        if self.output in {"table", "wide"}:
            yield from ("--units", "raw")


def _repeated(flag: str, values: Sequence[str]) -> Iterator[str]:
    for value in values:
        yield from (flag, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a snapshot is to be of; without *namespaces* it is of all.

    *alone* gives the only namespace as a text, not in a list.
    """

    namespaces: tuple[str, ...] = ()
    alone: bool = False
    labels: tuple[Requirement, ...] = ()
    fields: tuple[Field, ...] = ()
    node: str = ""
    node_labels: tuple[Requirement, ...] = ()
    reconcile: bool = False
    pages: bool = False

    def __str__(self) -> str:
        words = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"client.snapshot({words})"

    def _repr_pretty_(self, printer: RepresentationPrinter, _: object) -> None:
        printer.text(str(self))

    @property
    def options(self) -> SnapshotOptions:
        """Return the arguments, without those that say nothing."""
        found: SnapshotOptions = {}
        if self.namespaces:
            single = self.alone and len(self.namespaces) == 1
            found["namespace"] = self.namespaces[0] if single else self.namespaces
        if self.labels:
            found["label_selector"] = ",".join(map(str, self.labels))
        if self.fields:
            found["field_selector"] = ",".join(map(str, self.fields))
        if self.node:
            found["node"] = self.node
        if self.node_labels:
            found["node_selector"] = ",".join(map(str, self.node_labels))
        if self.reconcile:
            found["reconcile"] = True
        if self.pages:
            found["chunk_size"] = 7
        return found

    @property
    def pods(self) -> Asked:
        """Return what a view of pods is asked for by these options."""
        return Asked(
            view="pods",
            namespaces=self.namespaces,
            everywhere=not self.namespaces,
            labels=self.labels,
            fields=self.fields,
            node=self.node,
        )
