"""Exact Kubernetes quantities: ``250m``, ``1.5Gi``, ``156340n``, ``1e3``.

The grammar, the canonical form and the rounding are those of upstream's
``resource.Quantity`` (apimachinery/pkg/api/resource/quantity.go), which keeps nothing
finer than a nano-unit: a quantity here is an integer of nano-units and a format.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from operator import index
from typing import Final, Literal, TypeAlias, final, overload

from .errors import QuantityError

Format: TypeAlias = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

_NANO: Final = 10**9
_MAX_LENGTH: Final = 128
_TOO_LARGE: Final = 10**_MAX_LENGTH
_SHORT: Final = 18
"""Digits of what is read without the grammar."""

_MAX_EXPONENT: Final = 99
"""Far beyond any resource; a larger one would only cost memory (k/k#131063)."""

_DECIMAL: Final = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_EXA: Final = 18
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_MAX_BINARY: Final = (2**63 - 1) * _NANO
_SCALE: Final[dict[str, tuple[int, Format]]] = {
    **{s: (10 ** (9 + exponent), "DecimalSI") for s, exponent in _DECIMAL.items()},
    **{s: (_NANO * 1024**i, "BinarySI") for i, s in enumerate(_BINARY) if s},
}
_PLAIN: Final = _SCALE[""]
_SUFFIX_OF: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_GRAMMAR: Final = (
    r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))"
    r"([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+|)"
)


@final
class Quantity:
    """An exact amount of a resource, immutable, hashable, ordered and summable.

    ``Quantity("1.5Gi")`` parses; an ``int`` or a finite ``Decimal`` is taken as plain
    units (cores, bytes). Anything finer than a nano-unit is rounded away from zero, as
    upstream rounds it. Two quantities are equal when their values are, whatever their
    format; a sum keeps the format of its first operand that is not zero.

    Raises:
        QuantityError: not a quantity, or longer or larger than the bounds.
    """

    __slots__ = ("_format", "_nanos")

    _nanos: int
    _format: Format

    def __new__(cls, value: str | int | Decimal = 0, /) -> Quantity:
        """Parse a string, or take a number as plain units."""
        if isinstance(value, str):
            return parse(value)
        if isinstance(value, Decimal):
            return _make(_nanos_of(value), "DecimalSI")
        number = index(value)  # no float, whoever hands one
        if abs(number) >= _TOO_LARGE:
            raise QuantityError(f"quantity of more than {_MAX_LENGTH} digits")
        return _make(number * _NANO, "DecimalSI")

    @classmethod
    def from_nanos(cls, nanos: int, format: Format = "DecimalSI") -> Quantity:  # noqa: A002 - upstream's name
        """Make a quantity of *nanos* billionths of a unit."""
        return _make(nanos, format)

    @property
    def nanos(self) -> int:
        """The exact value in billionths of a unit (nanocores, for CPU)."""
        return self._nanos

    @property
    def format(self) -> Format:
        """How it is written: the suffix family it was parsed with."""
        return self._format

    def as_decimal(self) -> Decimal:
        """Return the exact value in plain units."""
        digits = tuple(map(int, str(abs(self._nanos))))
        # Built from its digits: arithmetic would round to the context's precision.
        exact = Decimal((int(self._nanos < 0), digits, -9))
        text = format(exact, "f").rstrip("0").rstrip(".")
        return Decimal(text or "0")

    def value(self) -> int:
        """Return whole units, rounded away from zero as upstream's ``Value()``."""
        return _ceil(self._nanos, _NANO)

    def milli_value(self) -> int:
        """Return thousandths, rounded away from zero as ``MilliValue()``."""
        return _ceil(self._nanos, _NANO // 1000)

    def __str__(self) -> str:
        """Return the canonical form."""
        nanos = self._nanos
        if self._format == "BinarySI" and abs(nanos) >= 1024 * _NANO:
            whole, rest = divmod(nanos, _NANO)
            if not rest:
                return _binary(whole)
        return _decimal(nanos, exponent_form=self._format == "DecimalExponent")

    def __repr__(self) -> str:
        return f"Quantity({str(self)!r})"

    def __reduce__(self) -> tuple[object, tuple[int, Format]]:
        return Quantity.from_nanos, (self._nanos, self._format)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Quantity is immutable: cannot set {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"Quantity is immutable: cannot delete {name}")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Quantity):
            return self._nanos == other._nanos
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._nanos)

    def __lt__(self, other: Quantity) -> bool:
        if type(other) is not Quantity:
            return NotImplemented
        return self._nanos < other._nanos

    def __le__(self, other: Quantity) -> bool:
        if type(other) is not Quantity:
            return NotImplemented
        return self._nanos <= other._nanos

    def __gt__(self, other: Quantity) -> bool:
        if type(other) is not Quantity:
            return NotImplemented
        return self._nanos > other._nanos

    def __ge__(self, other: Quantity) -> bool:
        if type(other) is not Quantity:
            return NotImplemented
        return self._nanos >= other._nanos

    def __bool__(self) -> bool:
        return self._nanos != 0

    def __add__(self, other: Quantity) -> Quantity:
        if type(other) is not Quantity:
            return NotImplemented
        form = self._format if self._nanos else other._format
        return _make(self._nanos + other._nanos, form)

    @overload
    def __radd__(self, other: Quantity) -> Quantity: ...
    @overload
    def __radd__(self, other: Literal[0]) -> Quantity: ...
    def __radd__(self, other: Quantity | Literal[0]) -> Quantity:
        """Let ``sum()`` start from its 0."""
        if other == 0 and not isinstance(other, Quantity):
            return self
        return NotImplemented

    def __sub__(self, other: Quantity) -> Quantity:
        if type(other) is not Quantity:
            return NotImplemented
        form = self._format if self._nanos else other._format
        return _make(self._nanos - other._nanos, form)

    def __neg__(self) -> Quantity:
        return _make(-self._nanos, self._format)

    def __abs__(self) -> Quantity:
        return _make(abs(self._nanos), self._format)


_new: Final = object.__new__
# The slots themselves, past `__setattr__`: less than half of object.__setattr__'s time.
_slots: Final = vars(Quantity)
_set_nanos: Final[Callable[[Quantity, int], None]] = _slots["_nanos"].__set__
_set_format: Final[Callable[[Quantity, Format], None]] = _slots["_format"].__set__


def _make(nanos: int, form: Format) -> Quantity:
    quantity = _new(Quantity)
    _set_nanos(quantity, nanos)
    _set_format(quantity, form)
    return quantity


def parse(text: str) -> Quantity:
    """Read a quantity as ``Quantity(text)`` does, in half the time.

    The common shape, digits and a suffix, needs no grammar.

    Raises:
        QuantityError: not a quantity, or longer or larger than the bounds.
    """
    digits, scale = text[:-1], _SCALE.get(text[-1:])
    if scale is None:
        digits, scale = text[:-2], _SCALE.get(text[-2:])
        if scale is None:
            digits, scale = text, _PLAIN
    if not digits.isdigit() or not digits.isascii() or len(digits) > _SHORT:
        return _make(*_parse_any(text))
    factor, form = scale
    nanos = int(digits) * factor
    if nanos > _MAX_BINARY and form == "BinarySI":
        nanos = _MAX_BINARY
    quantity = _new(Quantity)
    _set_nanos(quantity, nanos)
    _set_format(quantity, form)
    return quantity


def _parse_any(text: str) -> tuple[int, Format]:
    if len(text) > _MAX_LENGTH:
        raise QuantityError(
            f"quantity of {len(text)} characters, more than {_MAX_LENGTH}: "
            f"{text[:16]!r}…"
        )
    match = re.fullmatch(_GRAMMAR, text)
    if match is None:
        raise QuantityError(
            f"not a quantity: {text!r} (expected a number with one of n u m k M G T P "
            "E, Ki … Ei, or an exponent)"
        )
    sign, whole, fraction, bare, suffix = match.groups(default="")
    fraction = fraction or bare
    digits = int(whole + fraction)
    if suffix in _SCALE:
        factor, form = _SCALE[suffix]
        nanos = _ceil(digits * factor, 10 ** len(fraction))
    else:
        nanos, form = _with_exponent(text, digits, len(fraction), int(suffix[1:]))
    nanos, form = _bounded(nanos, form)
    return (-nanos if sign == "-" else nanos), form


def _with_exponent(
    text: str, digits: int, places: int, exponent: int
) -> tuple[int, Format]:
    if abs(exponent) > _MAX_EXPONENT:
        raise QuantityError(
            f"exponent of {text!r} is beyond ±{_MAX_EXPONENT}: no resource is that size"
        )
    power = 9 + exponent - places
    nanos = digits * 10**power if power >= 0 else _ceil(digits, 10**-power)
    return nanos, "DecimalExponent"


def _bounded(nanos: int, form: Format) -> tuple[int, Format]:
    """Cap a binary quantity at 2^63-1 and write a fraction of one in decimal."""
    if form != "BinarySI":
        return nanos, form
    if 0 < nanos < _NANO:
        return nanos, "DecimalSI"
    return min(nanos, _MAX_BINARY), form


def _nanos_of(value: Decimal) -> int:
    if not value.is_finite():
        raise QuantityError(f"not a quantity: {value}")
    sign, digits, exponent = value.as_tuple()
    if len(digits) > _MAX_LENGTH:
        raise QuantityError(f"quantity of more than {_MAX_LENGTH} digits")
    number = int("".join(map(str, digits)))
    nanos, _ = _with_exponent(str(value), number, 0, int(exponent))
    return -nanos if sign else nanos


def _ceil(value: int, unit: int) -> int:
    """Divide, rounding away from zero."""
    return -(-value // unit) if value >= 0 else value // unit


def _decimal(nanos: int, *, exponent_form: bool) -> str:
    if not nanos:
        return "0"
    exponent = -9
    while nanos % 1000 == 0 and (exponent_form or exponent < _EXA):
        nanos //= 1000
        exponent += 3
    if not exponent_form:
        return f"{nanos}{_SUFFIX_OF[exponent]}"
    return f"{nanos}e{exponent}" if exponent else str(nanos)


def _binary(whole: int) -> str:
    index = 0
    while whole % 1024 == 0 and index < len(_BINARY) - 1:
        whole //= 1024
        index += 1
    return f"{whole}{_BINARY[index]}"
