"""Exact Kubernetes quantities: ``250m``, ``1.5Gi``, ``156340n``, ``1e3``.

The grammar, the canonical form and the rounding are those of upstream's
``resource.Quantity`` (apimachinery/pkg/api/resource/quantity.go), which keeps nothing
finer than a nano-unit: a quantity here is an integer of nano-units and a format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import index
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final, overload

from .errors import QuantityError

if TYPE_CHECKING:
    from fractions import Fraction

    from .ratio import Ratio

# ruff: noqa: PLC0415 - what only scripts do, divide and format, is imported there

SuffixStyle: TypeAlias = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

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
_SCALE: Final[dict[str, tuple[int, SuffixStyle]]] = {
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
    upstream rounds it, products and quotients too. Two quantities are equal when their
    values are, whatever their suffix style; a sum keeps the style of its first operand
    that is not zero.

    It compares with, adds and subtracts what it can be made of but a ``Decimal``:
    ``memory > "1Gi"``, ``cpu + 1``. ``memory * 2`` and ``memory / 2`` are quantities,
    ``memory / limit`` is an exact `Ratio`. As a key of a set or a dict it is equal to
    integers, and not to texts, which have another hash.

    ``f"{memory:Mi}"``, ``f"{cpu:m}"``, ``f"{memory:.1Gi}"`` write it in a unit, rounded
    as ``kubectl top`` rounds: decimal suffixes up, binary ones down. ``f"{cpu:.2f}"``
    is plain units, to nearest; ``f"{memory:auto}"`` is for people. ``int`` and
    ``float`` refuse what they cannot hold exactly.

    Raises:
        QuantityError: not a quantity, or longer or larger than the bounds.
    """

    if TYPE_CHECKING:

        @property
        def nanos(self) -> int:
            """The exact value in billionths of a unit (nanocores, for CPU)."""
            ...

        @property
        def suffix_style(self) -> SuffixStyle:
            """The family of suffixes it was parsed with, and is written with."""
            ...

    else:  # the slots themselves, which are read without a call
        __slots__ = {
            "nanos": "The exact value in billionths of a unit (nanocores, for CPU).",
            "suffix_style": "The family of suffixes it is written with.",
        }

    def __new__(cls, value: str | int | Decimal | Quantity = 0, /) -> Quantity:
        """Parse a string, or take a number as plain units; a quantity is itself."""
        if isinstance(value, Quantity):
            return value
        if isinstance(value, str):
            return parse(value)
        if isinstance(value, Decimal):
            return _make(_nanos_of(value), "DecimalSI")
        number = index(value)  # no float, whoever hands one
        if abs(number) >= _TOO_LARGE:
            raise QuantityError(f"quantity of more than {_MAX_LENGTH} digits")
        return _make(number * _NANO, "DecimalSI")

    @classmethod
    def from_nanos(
        cls, nanos: int, suffix_style: SuffixStyle = "DecimalSI"
    ) -> Quantity:
        """Make a quantity of *nanos* billionths of a unit."""
        return _make(nanos, suffix_style)

    @property
    def format(self) -> SuffixStyle:
        """The former name of `suffix_style`."""
        _deprecated("format", "suffix_style")
        return self.suffix_style

    def as_decimal(self) -> Decimal:
        """Return the exact value in plain units."""
        digits = tuple(map(int, str(abs(self.nanos))))
        # Built from its digits: arithmetic would round to the context's precision.
        exact = Decimal((int(self.nanos < 0), digits, -9))
        text = format(exact, "f").rstrip("0").rstrip(".")
        return Decimal(text or "0")

    @property
    def value(self) -> int:
        """Whole units, rounded away from zero as upstream's ``Value()``."""
        return _Value(_ceil(self.nanos, _NANO))

    @property
    def milli_value(self) -> int:
        """Thousandths of a unit, rounded away from zero as ``MilliValue()``."""
        return _Value(_ceil(self.nanos, _NANO // 1000))

    def __int__(self) -> int:
        """Return whole units, where there is no fraction.

        Raises:
            QuantityError: there is one; `value` rounds it up.
        """
        whole, rest = divmod(self.nanos, _NANO)
        if rest:
            raise QuantityError(
                f"{self} is no whole number: value rounds up, milli_value counts"
                " thousandths"
            )
        return whole

    def __float__(self) -> float:
        """Return the float that prints as this very number.

        Raises:
            QuantityError: it has more digits than a float keeps.
        """
        nearest = self.nanos / _NANO
        if Decimal(repr(nearest)) != self.as_decimal():
            raise QuantityError(
                f"{self} has more digits than a float keeps: as_decimal() is exact,"
                " value whole units"
            )
        return nearest

    def __str__(self) -> str:
        """Return the canonical form."""
        nanos = self.nanos
        if self.suffix_style == "BinarySI" and abs(nanos) >= 1024 * _NANO:
            whole, rest = divmod(nanos, _NANO)
            if not rest:
                return _binary(whole)
        return _decimal(nanos, exponent_form=self.suffix_style == "DecimalExponent")

    def __format__(self, spec: str, /) -> str:
        """Write it by *spec*: ``Mi``, ``.1Gi``, ``>8m``, ``.2f``, ``auto``."""
        if not spec:
            return str(self)
        from .ratio import amount_text

        binary = self.suffix_style == "BinarySI"
        return amount_text(self.nanos, spec, binary=binary, of=self)

    def __repr__(self) -> str:
        text, read = str(self), f"{self:auto}"
        if read != text and parse(read) != self:
            return f"<Quantity {text}, about {read}>"
        return f"Quantity({read!r})"

    def __reduce__(self) -> tuple[object, tuple[int, SuffixStyle]]:
        return Quantity.from_nanos, (self.nanos, self.suffix_style)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Quantity is immutable: cannot set {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"Quantity is immutable: cannot delete {name}")

    def __eq__(self, other: object) -> bool:
        if type(other) is Quantity:
            return self.nanos == other.nanos
        try:
            same = _operand(other)
        except QuantityError:
            return False
        return NotImplemented if same is None else self.nanos == same.nanos

    def __hash__(self) -> int:
        whole, rest = divmod(self.nanos, _NANO)
        return hash(self.nanos if rest else whole)  # an equal integer's

    def __lt__(self, other: Quantity | str | int) -> bool:
        second = other if type(other) is Quantity else _operand(other)
        return NotImplemented if second is None else self.nanos < second.nanos

    def __le__(self, other: Quantity | str | int) -> bool:
        second = other if type(other) is Quantity else _operand(other)
        return NotImplemented if second is None else self.nanos <= second.nanos

    def __gt__(self, other: Quantity | str | int) -> bool:
        second = other if type(other) is Quantity else _operand(other)
        return NotImplemented if second is None else self.nanos > second.nanos

    def __ge__(self, other: Quantity | str | int) -> bool:
        second = other if type(other) is Quantity else _operand(other)
        return NotImplemented if second is None else self.nanos >= second.nanos

    def __bool__(self) -> bool:
        return self.nanos != 0

    def __add__(self, other: Quantity | str | int) -> Quantity:
        second = other if type(other) is Quantity else _operand(other)
        if second is None:
            return NotImplemented
        style = self.suffix_style if self.nanos else second.suffix_style
        return _make(self.nanos + second.nanos, style)

    def __radd__(self, other: str | int) -> Quantity:
        """Add to a text or an integer; ``sum()`` starts from its 0."""
        first = _operand(other)
        return NotImplemented if first is None else first + self

    def __sub__(self, other: Quantity | str | int) -> Quantity:
        second = other if type(other) is Quantity else _operand(other)
        if second is None:
            return NotImplemented
        style = self.suffix_style if self.nanos else second.suffix_style
        return _make(self.nanos - second.nanos, style)

    def __rsub__(self, other: str | int) -> Quantity:
        first = _operand(other)
        return NotImplemented if first is None else first - self

    def __mul__(self, factor: int | Decimal | Fraction) -> Quantity:
        """Multiply by a number, exactly or rounded away from zero to a nano-unit."""
        number = _number(factor)
        if number is None:
            return NotImplemented
        return _scaled(self, number.numerator, number.denominator)

    __rmul__ = __mul__

    @overload
    def __truediv__(self, other: Quantity | str) -> Ratio: ...
    @overload
    def __truediv__(self, other: int | Decimal | Fraction) -> Quantity: ...
    def __truediv__(
        self, other: Quantity | str | int | Decimal | Fraction
    ) -> Quantity | Ratio:
        """Divide by a quantity into a `Ratio`, by a number as `__mul__` multiplies."""
        if isinstance(other, Quantity | str):
            return _ratio(self, other if isinstance(other, Quantity) else parse(other))
        number = _number(other)
        if number is None:
            return NotImplemented
        if not number:
            raise ZeroDivisionError(f"{self} divided by 0")
        return _scaled(self, number.denominator, number.numerator)

    def __rtruediv__(self, other: str) -> Ratio:
        """Divide a text into a `Ratio`; a number of quantities is no amount."""
        return _ratio(parse(other), self) if type(other) is str else NotImplemented

    def __neg__(self) -> Quantity:
        return _make(-self.nanos, self.suffix_style)

    def __abs__(self) -> Quantity:
        return _make(abs(self.nanos), self.suffix_style)


_new: Final = object.__new__
# The slots themselves, past `__setattr__`: less than half of object.__setattr__'s time.
_slots: Final[Mapping[str, Any]] = vars(Quantity)
_set_nanos: Final[Callable[[Quantity, int], None]] = _slots["nanos"].__set__
_set_style: Final[Callable[[Quantity, SuffixStyle], None]] = _slots[
    "suffix_style"
].__set__


def _make(nanos: int, form: SuffixStyle) -> Quantity:
    quantity = _new(Quantity)
    _set_nanos(quantity, nanos)
    _set_style(quantity, form)
    return quantity


@final
class _Value(int):
    """An integer that may still be called, as `Quantity.value` once had to be.

    What writes JSON takes it for the integer it is; YAML's and msgspec's writers want
    ``int(quantity.value)`` for as long as the call is kept.
    """

    __slots__ = ()

    def __call__(self) -> int:
        _deprecated("value() and milli_value()", "value and milli_value, without ()")
        return int(self)

    def __reduce__(self) -> tuple[type[int], tuple[str]]:
        return int, (str(self),)


def _deprecated(old: str, new: str) -> None:
    import warnings

    warnings.warn(
        f"Quantity.{old} is deprecated: use {new}", DeprecationWarning, stacklevel=3
    )


def _operand(value: object) -> Quantity | None:
    """Return what a quantity is added to or compared with, if it is that.

    Raises:
        QuantityError: a text that is no quantity.
    """
    if isinstance(value, str):
        return parse(value)
    return Quantity(value) if isinstance(value, int) else None


def _number(value: object) -> Fraction | None:
    """Return a number that is exact, and no float, as a fraction."""
    from fractions import Fraction

    if isinstance(value, int | Decimal | Fraction):
        return Fraction(value)
    return None


def _ratio(amount: Quantity, whole: Quantity) -> Ratio:
    from .ratio import Ratio

    return Ratio(amount.nanos, whole.nanos)


def _scaled(quantity: Quantity, numerator: int, denominator: int) -> Quantity:
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    nanos = _ceil(quantity.nanos * numerator, denominator)
    if abs(nanos) >= _TOO_LARGE * _NANO:
        raise QuantityError(f"quantity of more than {_MAX_LENGTH} digits")
    return _make(nanos, quantity.suffix_style)


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
    _set_style(quantity, form)
    return quantity


def _parse_any(text: str) -> tuple[int, SuffixStyle]:
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
) -> tuple[int, SuffixStyle]:
    if abs(exponent) > _MAX_EXPONENT:
        raise QuantityError(
            f"exponent of {text!r} is beyond ±{_MAX_EXPONENT}: no resource is that size"
        )
    power = 9 + exponent - places
    nanos = digits * 10**power if power >= 0 else _ceil(digits, 10**-power)
    return nanos, "DecimalExponent"


def _bounded(nanos: int, form: SuffixStyle) -> tuple[int, SuffixStyle]:
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
