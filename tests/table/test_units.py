from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.quantity import Quantity
from kubemetrics.table.columns import AUTO, Kind, Units, formatter, marked, percent


def shown(kind: Kind, units: Units, *amounts: str) -> list[str]:
    values = [Quantity(amount) for amount in amounts]
    show = formatter(kind, units, values)
    return [show(value) for value in values]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("156340n", "1m"),
        ("0", "0m"),
        ("999999n", "1m"),
        ("1000001n", "2m"),
        ("250m", "250m"),
        ("3", "3000m"),
        ("-2102m", "-2102m"),
    ],
)
def test_cpu_is_rounded_up_as_kubectl_rounds_it(amount: str, text: str) -> None:
    assert shown("cpu", AUTO, amount) == [text]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("19732Ki", "19Mi"),
        ("1048575", "<1Mi"),
        ("1", "<1Mi"),
        ("0", "0Mi"),
        ("123456789012m", "117Mi"),
        ("9Gi", "9216Mi"),
    ],
)
def test_memory_is_rounded_down_and_never_to_nothing(amount: str, text: str) -> None:
    assert shown("memory", AUTO, amount) == [text]


def test_amounts_have_one_unit_the_larger_where_most_are_of_its_size() -> None:
    assert shown("memory", AUTO, "10Gi", "1Gi", "0") == ["10.0Gi", "1.0Gi", "0.0Gi"]
    assert shown("memory", AUTO, "10Gi", "1Gi", "1Gi", "1Mi", "-2Gi") == [
        "10.0Gi", "1.0Gi", "1.0Gi", "<0.1Gi", "-2.0Gi",
    ]  # fmt: skip
    assert shown("memory", AUTO, "9Gi", "1Gi") == ["9216Mi", "1024Mi"]
    assert shown("memory", AUTO, "10Gi", "511Mi") == ["10240Mi", "511Mi"]
    assert shown("cpu", AUTO, "1000", "1") == ["1000.000", "1.000"]
    assert shown("cpu", AUTO, "1000", "10m") == ["1000000m", "10m"]


@pytest.mark.parametrize(
    ("units", "cpu", "memory"),
    [
        ("m", "250m", "1536Mi"),
        ("cores", "0.250", "1536Mi"),
        ("Ki", "250m", "1572864Ki"),
        ("Mi", "250m", "1536Mi"),
        ("Gi", "250m", "1.5Gi"),
        ("cores,Gi", "0.250", "1.5Gi"),
        ("raw", "250000000", "1610612736"),
        ("auto", "250m", "1536Mi"),
    ],
)
def test_units_can_be_chosen(units: str, cpu: str, memory: str) -> None:
    chosen = Units.parse(units)
    assert shown("cpu", chosen, "250m") == [cpu]
    assert shown("memory", chosen, "1536Mi") == [memory]


def test_an_unknown_unit_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no unit 'GB'; there are auto, m, cores, Ki"):
        Units.parse("m,GB")


def test_what_is_smaller_than_a_step_is_not_nothing() -> None:
    assert shown("memory", Units.parse("Gi"), "1Mi", "0") == ["<0.1Gi", "0.0Gi"]


@given(st.integers(1, 10**22), st.sampled_from(["m", "cores", "raw"]))
def test_cpu_above_zero_never_shows_as_zero_nor_as_less(nanos: int, unit: str) -> None:
    show = formatter("cpu", Units.parse(unit), [])
    text = show(Quantity.from_nanos(nanos))
    number = (
        Fraction(text.removesuffix("m")) * {"m": 10**6, "cores": 10**9, "raw": 1}[unit]
    )
    assert nanos <= number < nanos + 10**6


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (3, 30, "10%"),
        (2838, 1180, "240%"),
        (999, 1000, "99%"),
        (1, 101, "<1%"),
        (0, 5, "0%"),
        (1, 1, "100%"),
    ],
)
def test_percentages_are_cut_off(part: int, whole: int, text: str) -> None:
    assert percent(Fraction(part, whole)) == text


@pytest.mark.parametrize(
    ("mark", "text", "shown"),
    [
        ("~", "<1%", "~0%"),
        ("~!", "<1Mi", "~!0Mi"),
        ("~", "<0.1Gi", "~0.0Gi"),
        ("~", "<0.001", "~0.000"),
        ("*", "<1%", "*<1%"),
        ("!", "<1Mi", "!<1Mi"),
        ("~", "11%", "~11%"),
    ],
)
def test_a_lower_bound_is_of_nothing_rather_than_of_less_than_one(
    mark: str, text: str, shown: str
) -> None:
    assert marked(mark, text) == shown


def test_what_is_not_known_is_a_dash() -> None:
    kinds: tuple[Kind, ...] = ("cpu", "memory", "percent", "age")
    assert [formatter(kind, AUTO, [])(None) for kind in kinds] == ["-"] * 4
