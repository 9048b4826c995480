"""Amounts as text: one unit a column, whole numbers throughout, rounding as stated.

CPU is rounded up and memory down, both as ``kubectl top`` rounds them; percentages are
cut off, as there. What is above zero never shows as zero: it is ``<1Mi``, ``<1%``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from fractions import Fraction
from typing import Final, Literal, TypeAlias

from ..frozen import dataclass
from ..quantity import Quantity
from ..times import human_duration
from .columns import Kind, Value

UnitName: TypeAlias = Literal["auto", "m", "cores", "Ki", "Mi", "Gi", "raw"]
Show: TypeAlias = Callable[[Value], str]
"""Writes a known value of one kind."""

UNKNOWN: Final = "-"
_NANO: Final = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit of *nanos* nano-units, shown to *places* decimals, rounded *up* or not."""

    nanos: int
    suffix: str = ""
    places: int = 0
    up: bool = False

    def show(self, amount: int) -> str:
        """Write *amount* nano-units."""
        step = self.nanos // 10**self.places
        steps = -(-amount // step) if self.up else amount // step
        if steps == 0 and amount > 0:
            return f"<{self._write(1)}"
        return self._write(steps)

    def _write(self, steps: int) -> str:
        if not self.places:
            return f"{steps}{self.suffix}"
        sign = "-" if steps < 0 else ""
        whole, part = divmod(abs(steps), 10**self.places)
        return f"{sign}{whole}.{part:0{self.places}}{self.suffix}"


MILLICORES: Final = Unit(nanos=10**6, suffix="m", up=True)
CORES: Final = Unit(nanos=_NANO, places=3, up=True)
NANOCORES: Final = Unit(nanos=1)
BYTES: Final = Unit(nanos=_NANO, up=True)
KIBIBYTES: Final = Unit(nanos=1024 * _NANO, suffix="Ki")
MEBIBYTES: Final = Unit(nanos=1024**2 * _NANO, suffix="Mi")
GIBIBYTES: Final = Unit(nanos=1024**3 * _NANO, suffix="Gi", places=1)

_CPU: Final = {"m": MILLICORES, "cores": CORES, "raw": NANOCORES}
_MEMORY: Final = {"Ki": KIBIBYTES, "Mi": MEBIBYTES, "Gi": GIBIBYTES, "raw": BYTES}
_MANY_GIBIBYTES: Final = 10 * GIBIBYTES.nanos
_MANY_CORES: Final = 1000 * CORES.nanos


@dataclass(frozen=True, slots=True)
class Units:
    """The units asked for; ``auto`` chooses one for each column by what is in it."""

    cpu: UnitName = "auto"
    memory: UnitName = "auto"

    @classmethod
    def parse(cls, text: str) -> Units:
        """Read ``--units``: one unit, or one for CPU and one for memory: ``m,Gi``.

        Raises:
            ValueError: no such unit; says which there are.
        """
        cpu: UnitName = "auto"
        memory: UnitName = "auto"
        for word in text.split(","):
            name = _NAMES.get(word.strip())
            if name is None:
                raise ValueError(
                    f"no unit {word.strip()!r}; there are {', '.join(_NAMES)}"
                )
            cpu = name if name in _CPU else cpu
            memory = name if name in _MEMORY else memory
        return cls(cpu, memory)


AUTO: Final = Units()
_NAMES: Final[dict[str, UnitName]] = {
    "auto": "auto", "m": "m", "cores": "cores", "Ki": "Ki", "Mi": "Mi", "Gi": "Gi",
    "raw": "raw",
}  # fmt: skip


def formatter(kind: Kind, units: Units, values: Iterable[Value]) -> Show:
    """Return what writes the known ones of *values*, all in one unit."""
    if kind in {"cpu", "memory"}:
        amounts = [v.nanos for v in values if isinstance(v, Quantity)]
        return _quantities(_unit(kind, units, amounts))
    return _SHOW[kind]


def _unit(kind: Kind, units: Units, amounts: list[int]) -> Unit:
    """Choose the larger unit where no value would suffer from it."""
    if kind == "cpu":
        return _CPU.get(units.cpu) or (
            CORES if _suits(amounts, CORES, _MANY_CORES) else MILLICORES
        )
    return _MEMORY.get(units.memory) or (
        GIBIBYTES if _suits(amounts, GIBIBYTES, _MANY_GIBIBYTES) else MEBIBYTES
    )


def _suits(amounts: list[int], unit: Unit, many: int) -> bool:
    """Whether the largest is large and no other one is below *unit*, but for zeros."""
    return max(amounts, default=0) >= many and all(
        amount >= unit.nanos for amount in amounts if amount
    )


def _quantities(unit: Unit) -> Show:
    def show(value: Value) -> str:
        return unit.show(value.nanos) if isinstance(value, Quantity) else UNKNOWN

    return show


def percent(value: Value) -> str:
    """Write a share of one as whole per cent."""
    if not isinstance(value, Fraction):
        return UNKNOWN
    whole = value.numerator * 100 // value.denominator
    return f"{whole}%" if whole or not value else "<1%"


def _age(value: Value) -> str:
    """Write an age as kubectl does: ``45s``, ``3m10s``, ``5h``, ``12d``."""
    return human_duration(value) if isinstance(value, timedelta) else UNKNOWN


def _plain(value: Value) -> str:
    return str(value)


_SHOW: Final[dict[Kind, Show]] = {
    "percent": percent, "age": _age, "count": _plain, "text": _plain,
}  # fmt: skip
