"""The columns that tell of a sample: why there is none, how good it is, how old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from ..snapshot import Reason
from ..snapshot.coverage import Stage
from ..table.columns import PARTIAL, STALE, Column, Severity
from ..times import rfc3339


class Metrics(Protocol):
    """What a sample says of itself."""

    @property
    def timestamp(self) -> datetime | None:
        """When it was taken."""
        ...

    @property
    def window(self) -> timedelta | None:
        """Over how long its CPU was averaged."""
        ...


class Sampled(Protocol):
    """A row with a sample, or with the reason why there is none."""

    @property
    def reason(self) -> Reason | None:
        """Why there is no value."""
        ...

    @property
    def age(self) -> timedelta | None:
        """How old its sample is."""
        ...

    @property
    def metrics(self) -> Metrics | None:
        """Its sample."""
        ...


class Dated(Protocol):
    """A row that keeps the time of its own server."""

    @property
    def date(self) -> datetime | None:
        """The server's clock when the row was read."""
        ...


class Staged(Protocol):
    """A row that may be expected to have a value."""

    @property
    def stage(self) -> Stage:
        """How far it is: ``running`` should have a value."""
        ...

    @property
    def reason(self) -> Reason | None:
        """Why there is no value."""
        ...


R = TypeVar("R")
D = TypeVar("D", bound=Dated)

_EXPECTED: Final = frozenset({"Finished", "NotScheduled", "NotStarted", "Terminating"})


def marks(*, partial: bool = False, stale: bool = False) -> str:
    """Return what stands before a value that is not the whole truth."""
    return (PARTIAL if partial else "") + (STALE if stale else "")


def unmeasured(row: Staged) -> bool:
    """Whether it should have a value and has none: a total without it is too small."""
    return row.stage == "running" and row.reason is not None


def quality(mark: str) -> str:
    """Name what a mark says, ``ok`` where it says nothing."""
    return ",".join(_FLAWS[sign] for sign in mark) or "ok"


_FLAWS: Final = {PARTIAL: "partial", STALE: "stale"}


def reason_code(reason: Reason | None) -> str | None:
    """Return the code of a reason; ``None`` where there is no reason."""
    return reason.code if reason else None


def reason_severity(reason: Reason | None) -> Severity | None:
    """Return how a reason looks: one that is in order is quiet."""
    if reason is None:
        return None
    return "quiet" if reason.code in _EXPECTED else "warning"


def reason_column(get: Callable[[R], Reason | None]) -> Column[R]:
    """Make the column of why there is no value."""

    def code(row: R) -> str | None:
        return reason_code(get(row))

    def severity(row: R) -> Severity | None:
        return reason_severity(get(row))

    return Column(key="reason", header="REASON", kind="text", get=code, keep=80,
                  about="why there is no value", optional=True,
                  severity=severity)  # fmt: skip


def explanation_column(get: Callable[[R], Reason | None]) -> Column[R]:
    """Make the column that says why in a sentence."""

    def explanation(row: R) -> str | None:
        reason = get(row)
        return reason.explanation or None if reason else None

    return Column(key="explanation", header="EXPLANATION", kind="text", get=explanation,
                  about="the reason as a sentence", optional=True)  # fmt: skip


def sample_columns(
    sample: Callable[[R], Sampled], mark: Callable[[R], str]
) -> tuple[Column[R], ...]:
    """Make the columns of a sample's quality and time; *sample* is a row's own."""

    def flaws(row: R) -> str | None:
        known = sample(row)
        measured = known.metrics is not None and known.reason is None
        return quality(mark(row)) if measured else None

    def age(row: R) -> timedelta | None:
        return sample(row).age

    def window(row: R) -> timedelta | None:
        metrics = sample(row).metrics
        return metrics.window if metrics else None

    def timestamp(row: R) -> str | None:
        metrics = sample(row).metrics
        taken = metrics.timestamp if metrics else None
        return rfc3339(taken) if taken else None

    return (
        Column(key="quality", header="QUALITY", kind="text", get=flaws,
               about="ok, partial (a lower bound) or stale (an old sample)"),
        Column(key="sample.age", header="SAMPLE", kind="age", get=age, keep=15,
               about="how old the sample is, by the server's clock"),
        Column(key="sample.window", header="WINDOW", kind="age", get=window,
               about="over how long the sample's CPU was averaged"),
        Column(key="sample.timestamp", header="SAMPLED-AT", kind="text", get=timestamp,
               about="when the sample was taken"),
    )  # fmt: skip


def age_columns(
    born: Callable[[D], datetime | None], what: str
) -> tuple[Column[D], ...]:
    """Make the columns of when a row's object came to be; *what* says it in words.

    The age is by the clock of the row's own server: clocks of clusters differ.
    """

    def age(row: D) -> timedelta | None:
        created = born(row)
        return row.date - created if row.date and created else None

    def created(row: D) -> str | None:
        moment = born(row)
        return rfc3339(moment) if moment else None

    return (
        Column(key="age", header="AGE", kind="age", get=age, keep=11,
               about=f"since {what}"),
        Column(key="created", header="CREATED", kind="text", get=created,
               about=f"when {what}"),
    )  # fmt: skip
