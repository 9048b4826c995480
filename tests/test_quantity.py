"""Quantities: upstream's own vectors, then the grammar, the order and the sums."""

from __future__ import annotations

import copy
import json
import pickle
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, localcontext
from fractions import Fraction
from operator import add, ge, gt, le, lt, mul, sub, truediv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kubemetrics import Quantity, QuantityError
from kubemetrics.ratio import Ratio

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
        found |= {"milli": quantity.milli_value, "whole": quantity.value}
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
    assert abs(quantity.value) - 1 < abs(value) <= abs(quantity.value)
    milli = Fraction(quantity.milli_value, 1000)
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
    assert sum(kibibytes, 1) == Quantity("2049")


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
    assert quantity.suffix_style == form


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


def test_a_quantity_is_itself() -> None:
    quantity = Quantity("1Ki")
    assert Quantity(quantity) is quantity


def test_a_quantity_cannot_be_changed() -> None:
    quantity = Quantity("1")
    for name in ("nanos", "suffix_style", "unit"):
        with pytest.raises(AttributeError, match=f"immutable: cannot set {name}"):
            setattr(quantity, name, 2)
        with pytest.raises(AttributeError, match=f"immutable: cannot delete {name}"):
            delattr(quantity, name)
    assert quantity == Quantity("1")


def test_it_is_equal_to_the_texts_and_integers_it_can_be_made_of() -> None:
    assert Quantity("1k") == Quantity("1000") == "1k" == Quantity("1e3")
    assert Quantity("1k") == 1000
    assert Quantity("1k") != 1001
    assert Quantity("1k") != "1Ki"
    assert {Quantity("1k"), 1000} == {1000}


@pytest.mark.parametrize("other", ["x", "", 1.0, Decimal(1), None, b"1"])
def test_it_is_equal_to_nothing_else(other: object) -> None:
    assert Quantity("1") != other


@pytest.mark.parametrize("number", [1.5, 1.0, float("nan"), None, b"1"])
def test_a_float_is_no_quantity(number: Any) -> None:  # noqa: ANN401 - on purpose
    with pytest.raises(TypeError):
        Quantity(number)


OPERATIONS = pytest.mark.parametrize(
    "operation",
    [add, sub, lt, le, gt, ge],
    ids=["add", "sub", "lt", "le", "gt", "ge"],
)


@pytest.mark.parametrize("other", [0.5, None, Decimal(1), Fraction(1)])
@OPERATIONS
def test_it_is_neither_added_to_nor_compared_with_anything_else(
    operation: Callable[[Any, Any], object], other: object
) -> None:
    for operands in ((Quantity("1"), other), (other, Quantity("1"))):
        with pytest.raises(TypeError, match="Quantity"):
            operation(*operands)


@OPERATIONS
def test_a_text_that_is_no_quantity_is_named(
    operation: Callable[[Any, Any], object],
) -> None:
    for operands in ((Quantity("1"), "1 Gi"), ("1 Gi", Quantity("1"))):
        with pytest.raises(QuantityError, match="not a quantity: '1 Gi'"):
            operation(*operands)


@OPERATIONS
@given(quantities, texts | st.integers(-(10**20), 10**20))
def test_a_text_or_an_integer_counts_as_the_quantity_it_makes(
    operation: Callable[[Any, Any], object], quantity: Quantity, other: str | int
) -> None:
    made = Quantity(other)
    assert operation(quantity, other) == operation(quantity, made)
    assert operation(other, quantity) == operation(made, quantity)
    assert (quantity == other) == (quantity == made)
    if isinstance(other, int) and quantity == other:
        assert hash(quantity) == hash(other)


factors = (
    st.integers(-(10**9), 10**9)
    | st.fractions(-1000, 1000, max_denominator=10**6)
    | st.decimals(-1000, 1000, allow_nan=False, places=6)
)


@given(quantities, factors)
def test_a_product_and_a_quotient_are_exact_or_rounded_away_from_zero(
    quantity: Quantity, factor: int | Fraction | Decimal
) -> None:
    value, number = Fraction(quantity.as_decimal()), Fraction(factor)
    product = quantity * factor
    assert Fraction(product.as_decimal()) == rounded(value * number)
    assert product == factor * quantity
    assert product.suffix_style == quantity.suffix_style
    if number:
        assert Fraction((quantity / factor).as_decimal()) == rounded(value / number)


def test_the_smallest_part_is_rounded_away_from_zero() -> None:
    assert str(Quantity("1") / 3) == "333333334n"
    assert str(Quantity("-1") / 3) == "-333333334n"
    assert str(Quantity("1") / -3) == "-333333334n"
    assert str(Quantity("3Gi") / 2) == "1536Mi"


@given(quantities, quantities)
def test_a_quantity_in_a_quantity_is_an_exact_ratio(a: Quantity, b: Quantity) -> None:
    if not b:
        with pytest.raises(ZeroDivisionError):
            _ = a / b
        return
    exactly = Fraction(a.as_decimal()) / Fraction(b.as_decimal())
    assert a / b == a / str(b) == str(a) / b == exactly
    assert isinstance(a / b, Ratio)


@pytest.mark.parametrize("factor", [0.5, "2", None, Quantity("2")])
def test_it_is_multiplied_by_numbers_alone(factor: Any) -> None:  # noqa: ANN401
    for operands in ((Quantity("1"), factor), (factor, Quantity("1"))):
        with pytest.raises(TypeError):
            mul(*operands)


@pytest.mark.parametrize("divisor", [0.5, None, b"1"])
def test_it_is_divided_by_no_float(divisor: Any) -> None:  # noqa: ANN401
    for operands in ((Quantity("1"), divisor), (divisor, Quantity("1"))):
        with pytest.raises(TypeError):
            truediv(*operands)


def test_a_number_of_quantities_is_no_amount() -> None:
    with pytest.raises(TypeError):
        truediv(1, Quantity("1"))
    for zero in (0, Decimal(0), Fraction(0)):
        with pytest.raises(ZeroDivisionError, match="1Ki divided by 0"):
            _ = Quantity("1Ki") / zero


def test_a_product_beyond_any_resource_is_refused() -> None:
    with pytest.raises(QuantityError, match="more than 128 digits"):
        _ = Quantity(10**127) * 10
    assert Quantity(10**127) * 9 == 9 * 10**127


@given(quantities)
def test_an_int_is_exact_or_refused(quantity: Quantity) -> None:
    value = Fraction(quantity.as_decimal())
    if value.denominator == 1:
        assert int(quantity) == value
        return
    with pytest.raises(QuantityError, match="no whole number: value rounds up"):
        int(quantity)


@given(quantities)
@example(Quantity("64075627n"))
@example(Quantity("9007199254740993"))
def test_a_float_prints_as_the_quantity_or_is_refused(quantity: Quantity) -> None:
    exact_value = quantity.as_decimal()
    nearest = float(exact_value)
    if Decimal(repr(nearest)) == exact_value:
        assert float(quantity) == nearest
        return
    with pytest.raises(QuantityError, match="has more digits than a float keeps"):
        float(quantity)


def test_the_usual_amounts_are_floats() -> None:
    assert [float(Quantity(t)) for t in ("100m", "64075627n", "1909336Ki")] == [
        0.1,
        0.064075627,
        1955160064.0,
    ]


@pytest.mark.parametrize(
    ("text", "spec", "shown"),
    [
        ("1909336Ki", "Mi", "1864Mi"),
        ("1909336Ki", ".1Gi", "1.8Gi"),
        ("1909336Ki", ".2Gi", "1.82Gi"),
        ("1909336Ki", "M", "1956M"),
        ("1909336Ki", ",Ki", "1,909,336Ki"),
        ("64075627n", "m", "65m"),
        ("64075627n", ".2m", "64.08m"),
        ("64075627n", "n", "64075627n"),
        ("64075627n", ".3f", "0.064"),
        ("64075627n", "f", "0.064075627"),
        ("275146342400m", "Mi", "262Mi"),
        ("250m", ".2f", "0.25"),
        ("125m", ".2f", "0.12"),
        ("375m", ".2f", "0.38"),
        ("5", "f", "5"),
        ("5", ".1", "5.0"),
        ("250m", ">8m", "    250m"),
        ("250m", "8m", "    250m"),
        ("250m", "<8m", "250m    "),
        ("250m", "*^8m", "**250m**"),
        ("250m", "08m", "0000250m"),
        ("-250m", "08m", "-000250m"),
        ("250m", "+m", "+250m"),
        ("-1500m", "k", "-1k"),
        ("-1.5Mi", "Mi", "-1Mi"),
        ("1909336Ki", "auto", "1.82Gi"),
        ("1.5Gi", "auto", "1.5Gi"),
        ("1023Ki", "auto", "1023Ki"),
        ("17", "auto", "17"),
        ("1000", "auto", "1k"),
        ("64075627n", "auto", "64.1m"),
        ("991m", "auto", "991m"),
        ("999950u", "auto", "1"),
        ("999950u", ".0auto", "1"),
        ("608u", "auto", "0.61m"),
        ("1n", "auto", "0.01m"),
        ("2113m", ".1auto", "2.2"),
        ("999999E", "auto", "999999E"),
        ("0", "auto", "0"),
        ("0", ".1auto", "0.0"),
        ("0", "Mi", "0Mi"),
        ("1Ki", "", "1Ki"),
    ],
)
def test_a_format_writes_it_in_a_unit(text: str, spec: str, shown: str) -> None:
    assert format(Quantity(text), spec) == shown


UNITS = {**_DECIMAL, **dict.fromkeys(_BINARY, 0)}


@given(quantities, st.sampled_from(sorted(UNITS)), st.integers(0, 6))
def test_a_unit_rounds_as_kubectl_top_does(
    quantity: Quantity, unit: str, places: int
) -> None:
    text = format(quantity, f".{places}{unit}")
    size = exact(f"1{unit}") / 10**places
    value = Fraction(quantity.as_decimal())
    steps = abs(value) / size
    whole = steps.numerator // steps.denominator
    up = unit in _DECIMAL and whole != steps
    assert abs(exact(text)) == (whole + up) * size
    assert exact(text) * value >= 0


@given(quantities)
def test_what_people_read_is_near_and_short(quantity: Quantity) -> None:
    text = f"{quantity:auto}"
    value = abs(Fraction(quantity.as_decimal()))
    assert abs(abs(exact(text)) - value) <= max(value / 100, Fraction(1, 100_000))
    if value < 10**20:
        assert len(text.lstrip("-")) <= 7


@given(quantities, st.integers(0, 12))
def test_plain_units_are_rounded_as_python_rounds(
    quantity: Quantity, places: int
) -> None:
    with localcontext(prec=300):
        assert format(quantity, f".{places}f") == format(
            quantity.as_decimal(), f"z.{places}f"
        )


@pytest.mark.parametrize("spec", ["x", "e", "%", "mi", "1.5Gi2", ".1.2f", "d"])
def test_a_format_that_there_is_not_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="cannot write a Quantity as") as caught:
        format(Quantity("1"), spec)
    assert "Mi, P, Pi, T, Ti, auto, f, k, m, n, u; as in Mi, .1Gi" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("250m", "Quantity('250m')"),
        ("1.5Gi", "Quantity('1.5Gi')"),
        ("1909336Ki", "<Quantity 1909336Ki, about 1.82Gi>"),
        ("64075627n", "<Quantity 64075627n, about 64.1m>"),
        ("0", "Quantity('0')"),
    ],
)
def test_its_repr_is_read_by_people(text: str, shown: str) -> None:
    assert repr(Quantity(text)) == shown


@given(quantities)
def test_a_repr_that_looks_like_a_call_makes_it_again(quantity: Quantity) -> None:
    shown = repr(quantity)
    if shown.startswith("Quantity("):
        assert Quantity(shown.removeprefix("Quantity('").removesuffix("')")) == quantity
    else:
        assert str(quantity) in shown


def test_the_former_way_to_ask_still_answers() -> None:
    quantity: Any = Quantity("1.5Ki")
    with pytest.warns(DeprecationWarning, match="use value and milli_value, without"):
        assert type(quantity.value()) is int
    with pytest.warns(DeprecationWarning, match="without"):
        assert quantity.milli_value() == 1_536_000
    with pytest.warns(DeprecationWarning, match="use suffix_style"):
        assert quantity.format == "BinarySI"
    assert type(pickle.loads(pickle.dumps(quantity.value))) is int  # noqa: S301
    assert json.dumps(quantity.value) == "1536"


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
