"""Quantities: upstream's own vectors, then the grammar, the order and the sums."""

from __future__ import annotations

import copy
import json
import pickle
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from operator import add, ge, gt, le, lt, sub
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kubemetrics import Quantity, QuantityError

VECTORS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "quantity.jsonl")
    .read_text("utf-8")
    .splitlines()
]
GRAMMAR = (
    r"[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})"
    r"(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]{1,2}|)"
)
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {
    "n": -9,
    "u": -6,
    "m": -3,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
    "P": 15,
    "E": 18,
}
NANO = Fraction(1, 10**9)

texts = st.from_regex(GRAMMAR, fullmatch=True)
quantities = texts.map(Quantity)


def misread(vector: Mapping[str, Any]) -> str:
    """Say how the reading of *vector* differs from upstream's; "" if it does not."""
    try:
        quantity = Quantity(vector["in"])
    except QuantityError as error:
        return "" if vector.get("error") else f"refused: {error}"
    if vector.get("error"):
        return f"read as {quantity}, which upstream refuses"
    found = {"canonical": str(quantity), "value": quantity.as_decimal()}
    wanted = {"canonical": vector["canonical"], "value": Decimal(vector["value"])}
    if "milli" in vector:
        found |= {"milli": quantity.milli_value(), "whole": quantity.value()}
        wanted |= {"milli": int(vector["milli"]), "whole": int(vector["whole"])}
    return "" if found == wanted else f"{found}, and upstream has {wanted}"


def test_every_vector_reads_as_upstream_reads_it() -> None:
    """Made by running ``resource.ParseQuantity``.

    One test for all of them, which shows every one that fails.
    """
    assert len(VECTORS) == 1948
    told = {vector["in"]: misread(vector) for vector in VECTORS}
    assert {text: problem for text, problem in told.items() if problem} == {}


def exact(text: str) -> Fraction:
    """Read a text of the grammar by the words of the specification."""
    for power, suffix in enumerate(_BINARY, 1):
        if text.endswith(suffix):
            return Fraction(_number(text[:-2])) * Fraction(1024**power)
    if text[-1] in _DECIMAL and not text[:-1].endswith(("e", "E")):
        return Fraction(_number(text[:-1])) * _power(_DECIMAL[text[-1]])
    digits, _, exponent = text.lower().partition("e")
    return Fraction(_number(digits)) * _power(int(exponent or 0))


def _power(exponent: int) -> Fraction:
    tens = Fraction("1" + "0" * abs(exponent))
    return tens if exponent >= 0 else 1 / tens


def _number(text: str) -> str:
    return text.replace("+.", "+0.").replace("-.", "-0.").removesuffix(".")


def rounded(value: Fraction) -> Fraction:
    """Round away from zero to a nano-unit."""
    units = abs(value) / NANO
    whole = -(-units.numerator // units.denominator)
    return Fraction(-whole if value < 0 else whole) * NANO


@given(texts)
@example("1E")
@example("1.")
@example(".5Ki")
@example("0.9n")
@example("-0.000000000001Ki")
def test_what_the_grammar_allows_is_read_exactly(text: str) -> None:
    expected = rounded(exact(text))
    if text.endswith("i"):
        limit = Fraction(2**63 - 1)
        expected = max(-limit, min(limit, expected))
    assert Fraction(Quantity(text).as_decimal()) == expected


@given(quantities)
def test_the_canonical_form_reads_as_the_same(quantity: Quantity) -> None:
    again = Quantity(str(quantity))
    assert again == quantity
    assert str(again) == str(quantity)


@given(st.text(max_size=12))
@example("1 ")
@example(" 1")
@example("1\n")
@example("\u0661")
@example("1_0")
@example("1e")
@example("Infinity")
def test_everything_else_is_refused(text: str) -> None:
    assume(not re.fullmatch(GRAMMAR, text))
    with pytest.raises(QuantityError):
        Quantity(text)


@given(quantities, quantities)
def test_order_and_sums_are_those_of_the_numbers(a: Quantity, b: Quantity) -> None:
    x, y = Fraction(a.as_decimal()), Fraction(b.as_decimal())
    assert (a < b, a <= b, a == b, a >= b, a > b) == (
        x < y,
        x <= y,
        x == y,
        x >= y,
        x > y,
    )
    assert Fraction((a + b).as_decimal()) == x + y
    assert Fraction((a - b).as_decimal()) == x - y
    assert Fraction((-a).as_decimal()) == -x
    assert Fraction(abs(a).as_decimal()) == abs(x)
    assert bool(a) == bool(x)
    if a == b:
        assert hash(a) == hash(b)


@given(st.lists(quantities, max_size=6))
def test_many_sum_up_exactly(many: list[Quantity]) -> None:
    total = sum(many, Quantity())
    assert Fraction(total.as_decimal()) == sum(Fraction(q.as_decimal()) for q in many)
    assert sum(many[:1], Quantity()) == (many[0] if many else Quantity())


@given(quantities)
def test_whole_and_milli_units_round_away_from_zero(quantity: Quantity) -> None:
    value = Fraction(quantity.as_decimal())
    assert abs(quantity.value()) - 1 < abs(value) <= abs(quantity.value())
    milli = Fraction(quantity.milli_value(), 1000)
    assert abs(milli) - Fraction(1, 1000) < abs(value) <= abs(milli)


@given(quantities)
def test_a_copy_is_the_same(quantity: Quantity) -> None:
    for other in (pickle.loads(pickle.dumps(quantity)), copy.deepcopy(quantity)):  # noqa: S301
        assert other == quantity
        assert str(other) == str(quantity)


@given(st.integers(-(10**30), 10**30))
def test_an_integer_is_plain_units(number: int) -> None:
    assert Quantity(number).as_decimal() == number
    assert Quantity(number).nanos == number * 10**9


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20
    )
)
def test_a_decimal_is_plain_units_to_the_nano(number: Decimal) -> None:
    assert Fraction(Quantity(number).as_decimal()) == rounded(Fraction(number))


@pytest.mark.parametrize(
    "value",
    [
        "1" * 129,
        "1e100",
        "1e-100",
        "1e999999999999",
        Decimal("NaN"),
        Decimal("1e999"),
        Decimal("0." + "1" * 129),
        10**128,
        -(10**5000),
    ],
    ids=range(9),
)
def test_what_is_beyond_any_resource_is_refused(value: str | int | Decimal) -> None:
    with pytest.raises(QuantityError):
        Quantity(value)


@pytest.mark.parametrize(
    ("terms", "total"),
    [
        (["1Ki", "1"], "1025"),
        (["1Ki", "1024"], "2Ki"),
        (["1024", "1Ki"], "2048"),
        (["1Ki", "1Ki"], "2Ki"),
        (["0", "1Ki"], "1Ki"),
        (["1k", "1Ki"], "2024"),
        (["1e3", "1"], "1001"),
        ([], "0"),
    ],
)
def test_a_sum_keeps_the_form_of_its_first_operand(
    terms: list[str], total: str
) -> None:
    assert str(sum(map(Quantity, terms), Quantity())) == total


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (Quantity("3Ki") - Quantity("1024"), "2Ki"),
        (Quantity("3072") - Quantity("1Ki"), "2048"),
        (Quantity() - Quantity("1Ki"), "-1Ki"),
        (-Quantity("1Ki"), "-1Ki"),
        (abs(Quantity("-1Ki")), "1Ki"),
        (-Quantity("1e3"), "-1e3"),
    ],
)
def test_a_difference_keeps_the_form_of_its_first_operand(
    difference: Quantity, text: str
) -> None:
    assert str(difference) == text


def test_a_sum_needs_no_start() -> None:
    kibibytes: list[Any] = [Quantity("1Ki"), Quantity("1Ki")]
    assert sum(kibibytes) == Quantity("2Ki")
    with pytest.raises(TypeError, match="Quantity"):
        sum(kibibytes, 1)


@pytest.mark.parametrize(
    ("quantity", "form"),
    [
        (Quantity(), "DecimalSI"),
        (Quantity(1), "DecimalSI"),
        (Quantity(Decimal(1)), "DecimalSI"),
        (Quantity.from_nanos(1), "DecimalSI"),
        (Quantity.from_nanos(1, "BinarySI"), "BinarySI"),
        (Quantity("1"), "DecimalSI"),
        (Quantity("1.5k"), "DecimalSI"),
        (Quantity("1Ki"), "BinarySI"),
        (Quantity("1.5Ki"), "BinarySI"),
        (Quantity("0.0001Ki"), "DecimalSI"),
        (Quantity("1e3"), "DecimalExponent"),
    ],
)
def test_the_form_is_that_of_the_text(quantity: Quantity, form: str) -> None:
    assert quantity.format == form


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("9223372036854775807Ki", 2**63 - 1),
        ("-9223372036854775807Ki", 1 - 2**63),
        ("8Ei", 2**63 - 1),
        ("7Ei", 7 * 2**60),
        ("8191.5Pi", 16383 * 2**49),
        ("8192.5Pi", 2**63 - 1),
        ("8E", 8 * 10**18),
        ("999E", 999 * 10**18),
    ],
)
def test_only_a_binary_quantity_ends_at_63_bits(text: str, units: int) -> None:
    """As upstream's int64Amount does: a decimal one goes on."""
    assert Quantity(text).as_decimal() == units


def test_the_longest_texts_and_numbers_are_read() -> None:
    assert Quantity("1" * 128).as_decimal() == int("1" * 128)
    assert Quantity(10**128 - 1).as_decimal() == 10**128 - 1
    assert Quantity(Decimal("1" * 128)).as_decimal() == int("1" * 128)
    assert Quantity("1e99").as_decimal() == 10**99
    assert Quantity("1e-99").nanos == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [("10n", "1E-8"), ("1.50", "1.5"), ("1k", "1000"), ("0", "0"), ("-2.5", "-2.5")],
)
def test_a_decimal_has_no_needless_digits(text: str, shown: str) -> None:
    assert str(Quantity(text).as_decimal()) == shown


def test_a_quantity_cannot_be_changed() -> None:
    quantity = Quantity("1")
    with pytest.raises(AttributeError, match="immutable: cannot set _nanos"):
        quantity._nanos = 2
    with pytest.raises(AttributeError):
        quantity.unit = "cores"
    with pytest.raises(AttributeError, match="immutable: cannot delete _nanos"):
        del quantity._nanos
    assert quantity == Quantity("1")


def test_a_quantity_is_equal_to_nothing_else() -> None:
    assert Quantity("1") != 1
    assert Quantity("1") != "1"
    assert Quantity("1k") == Quantity("1000")


@pytest.mark.parametrize("number", [1.5, 1.0, float("nan"), None, b"1"])
def test_a_float_is_no_quantity(number: Any) -> None:  # noqa: ANN401 - on purpose
    with pytest.raises(TypeError):
        Quantity(number)


@pytest.mark.parametrize("other", [1, 0.5, None, "x", Decimal(1)])
@pytest.mark.parametrize(
    "operation",
    [add, sub, lt, le, gt, ge],
    ids=["add", "sub", "lt", "le", "gt", "ge"],
)
def test_it_is_neither_added_to_nor_compared_with_anything_else(
    operation: Callable[[Any, Any], object], other: object
) -> None:
    for operands in ((Quantity("1"), other), (other, Quantity("1"))):
        with pytest.raises(TypeError, match="Quantity"):
            operation(*operands)


def test_its_repr_makes_it_again() -> None:
    assert repr(Quantity("1.5Gi")) == "Quantity('1536Mi')"


def test_an_error_is_a_value_error_and_quotes_within_bounds() -> None:
    with pytest.raises(ValueError, match="129 characters, more than 128") as caught:
        Quantity("x" * 129)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("x" * 129, f"quantity of 129 characters, more than 128: {'x' * 16!r}…"),
        ("1 Gi", "not a quantity: '1 Gi' (expected a number with one of n u m k M G"),
        ("1e100", "exponent of '1e100' is beyond ±99: no resource is that size"),
        (Decimal("NaN"), "not a quantity: NaN"),
        (Decimal("1e100"), "exponent of '1E+100' is beyond ±99"),
        (10**128, "quantity of more than 128 digits"),
        (Decimal("1" * 129), "quantity of more than 128 digits"),
    ],
    ids=range(7),
)
def test_an_error_says_what_is_wrong_with_what(
    value: str | int | Decimal, says: str
) -> None:
    with pytest.raises(QuantityError, match=f"^{re.escape(says)}"):
        Quantity(value)
