"""Numbers written for people: shares of one, and amounts in a unit of their own.

Nothing here is a float: what is written is an integer of its last digit's size.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from .frozen import dataclass

_NANO: Final = 10**9
_SPEC: Final = re.compile(
    r"(?:(?P<fill>.)?(?P<align>[<>^]))?(?P<sign>[ +-]?)(?P<zero>0?)"
    r"(?P<width>[0-9]{0,3})(?P<comma>,?)(?:\.(?P<places>[0-9]{1,3}))?(?P<unit>[A-Za-z%]*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spec:
    """A format as Python's own are written; *unit* is what they call the type."""

    fill: str
    align: str
    sign: str
    zero: bool
    width: int
    comma: str
    places: int | None
    unit: str

    def fixed(
        self, steps: int, places: int, suffix: str = "", *, below: bool = False
    ) -> str:
        """Write *steps* of the last of so many decimal *places*, or what is *below* 0.

        Python writes a share that is a little less than 0 as -0.
        """
        number = Decimal(
            (int(below or steps < 0), tuple(map(int, str(abs(steps)))), -places)
        )
        return self.padded(format(number, f"{self.sign}{self.comma}f") + suffix)

    def padded(self, text: str) -> str:
        """Return *text*, as wide as is asked for: to the right, as numbers stand."""
        if self.zero and not self.align:
            return text.zfill(self.width)
        return format(text, f"{self.fill}{self.align or '>'}{self.width or ''}")


def _spec(text: str, units: frozenset[str], of: object, example: str) -> _Spec:
    found = _SPEC.fullmatch(text)
    if found is None or found["unit"] not in units:
        known = ", ".join(sorted(units - {""}))
        raise ValueError(
            f"cannot write a {type(of).__name__} as {text!r}: the format ends in one of"
            f" {known}; as in {example}"
        )
    places = found["places"]
    return _Spec(
        fill=found["fill"] or "",
        align=found["align"] or "",
        sign=found["sign"],
        zero=bool(found["zero"]),
        width=int(found["width"] or 0),
        comma=found["comma"],
        places=None if places is None else int(places),
        unit=found["unit"],
    )


_POWERS: Final = frozenset("eEgG")
_OF_SHARES: Final = _POWERS | {"", "f", "F", "%"}
_USUAL: Final = 6
"""Decimal places where a format names none, as Python has them."""


class Ratio(Fraction):
    """An exact share of one, which formats as a float does: ``f"{share:.0%}"``.

    It is rounded to nearest, half to even, as Python rounds. A `Fraction` itself
    formats in Python 3.12 and newer.
    """

    __slots__ = ()

    def __format__(self, spec: str, /) -> str:
        """Write it by *spec*, that of a float; without one, as a fraction."""
        asked = _spec(spec, _OF_SHARES, self, ".0% or .2f")
        if not asked.unit and asked.places is None:
            return asked.padded(str(self))
        places = _USUAL if asked.places is None else asked.places
        if asked.unit in _POWERS | {""}:
            exact = Context(places + 30, ROUND_HALF_EVEN).divide(
                Decimal(self.numerator), Decimal(self.denominator)
            )
            form = f"{asked.sign}{asked.comma}.{places}{asked.unit or 'g'}"
            return asked.padded(format(exact, form))
        if asked.unit == "%":
            hundredths = round(self * 10 ** (places + 2))
            return asked.fixed(hundredths, places, "%", below=self < 0)
        return asked.fixed(round(self * 10**places), places, below=self < 0)


def _ten(power: int) -> int:
    tens: int = 10**power
    return tens


class _Unit(NamedTuple):
    """A unit of amounts, and whether what is cut off of one rounds up."""

    suffix: str
    nanos: int
    up: bool

    def steps(self, nanos: int, places: int) -> int:
        """Return an amount in steps of the last of so many decimal places."""
        scaled = abs(nanos) * _ten(places)
        whole = -(-scaled // self.nanos) if self.up else scaled // self.nanos
        return -whole if nanos < 0 else whole


_DECIMAL: Final = tuple(
    _Unit(suffix, 10 ** (3 * power), up=True)
    for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"))
)
_BINARY: Final = tuple(
    _Unit(suffix, _NANO * 1024**power, up=False)
    for power, suffix in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))
)
_SUFFIXES: Final = {u.suffix: u for u in (*_BINARY, *_DECIMAL) if u.suffix}
_PLAIN: Final = frozenset({"", "f"})
_OF_AMOUNTS: Final = _PLAIN | {"auto", *_SUFFIXES}
_READ: Final = (_DECIMAL[2:], _BINARY)
"""The units that ``auto`` chooses from; nobody reads what is below ``m``."""
_DIGITS: Final = 3
"""Significant digits of what ``auto`` writes; zeros at the end are left out."""


def amount_text(nanos: int, spec: str, *, binary: bool, of: object) -> str:
    """Return an amount as text by *spec*, whose type is a suffix, ``f`` or ``auto``.

    With a suffix it is rounded as ``kubectl top`` rounds, ``m`` and its kin up and
    ``Mi`` and its kin down; in plain units to nearest, half to even, as Python does.
    *binary* chooses the suffixes of ``auto``.

    Raises:
        ValueError: no such format; says which there are.
    """
    asked = _spec(spec, _OF_AMOUNTS, of, "Mi, .1Gi, .2f or >12m")
    if asked.unit in _PLAIN:
        places = _exact_places(nanos) if asked.places is None else asked.places
        return asked.fixed(round(Fraction(nanos * 10**places, _NANO)), places)
    if asked.unit == "auto":
        unit, steps, places = _readable(nanos, _READ[binary], asked.places)
    else:
        unit, places = _SUFFIXES[asked.unit], asked.places or 0
        steps = unit.steps(nanos, places)
    return asked.fixed(steps, places, unit.suffix)


def _exact_places(nanos: int) -> int:
    """Return how many decimal places an amount in plain units has."""
    return len(f"{abs(nanos) % _NANO:09}".rstrip("0"))


def _readable(
    nanos: int, units: tuple[_Unit, ...], places: int | None
) -> tuple[_Unit, int, int]:
    """Return the largest unit of which there is one, and the steps of its places."""
    if not nanos:
        return _DECIMAL[3], 0, places or 0
    at = max((i for i, u in enumerate(units) if abs(nanos) >= u.nanos), default=0)
    unit, steps, digits = _in_unit(nanos, units[at], places)
    if unit.up and abs(steps) >= 1000 * 10**digits and at + 1 < len(units):
        return _in_unit(nanos, units[at + 1], places)  # 999.9m are 1
    return unit, steps, digits


def _in_unit(nanos: int, unit: _Unit, places: int | None) -> tuple[_Unit, int, int]:
    if places is not None:
        return unit, unit.steps(nanos, places), places
    places = max(0, _DIGITS - len(str(abs(nanos) // unit.nanos)))
    steps = unit.steps(nanos, places)
    while places and steps % 10 == 0:
        steps, places = steps // 10, places - 1
    return unit, steps, places
