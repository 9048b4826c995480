from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.quantity import Quantity
from kubemetrics.table.columns import Column, Table, label_column
from kubemetrics.table.expressions import ExpressionError, where


class Row(NamedTuple):
    name: str | None = "api-0"
    namespace: str = "prod"
    cpu: Quantity | None = Quantity("250m")
    memory: Quantity | None = Quantity("1Gi")
    requests: Quantity | None = Quantity("200m")
    limit: Fraction | None = Fraction(801, 1000)
    restarts: int | None = 3
    age: timedelta | None = timedelta(seconds=90)
    labels: Mapping[str, str] = {"app.kubernetes.io/name": "web"}


TABLE: Table[Row] = Table(
    kind="Row",
    noun="row",
    identity={"name": "name"},
    nouns="rows",
    columns=(
        Column(key="name", header="NAME", kind="text", get=lambda r: r.name, about=""),
        Column(
            key="namespace", header="NS", kind="text", get=lambda r: r.namespace,
            about="",
        ),
        Column(
            key="cpu.usage", header="CPU", kind="cpu", get=lambda r: r.cpu, about=""
        ),
        Column(
            key="cpu.requests", header="REQ", kind="cpu", get=lambda r: r.requests,
            about="",
        ),
        Column(
            key="mem.usage", header="MEM", kind="memory", get=lambda r: r.memory,
            about="",
        ),
        Column(
            key="mem.pct_limit", header="%LIM", kind="percent", get=lambda r: r.limit,
            about="",
        ),
        Column(
            key="restarts", header="RESTARTS", kind="count", get=lambda r: r.restarts,
            about="",
        ),
        Column(key="age", header="AGE", kind="age", get=lambda r: r.age, about=""),
    ),
    families={"label:": lambda name: label_column(name, lambda r: r.labels)},
    aliases={"cpu": "cpu.usage", "mem": "mem.usage"},
)  # fmt: skip

UNKNOWN = Row(name=None, cpu=None, memory=None, limit=None, restarts=None, age=None)


@pytest.mark.parametrize(
    "text",
    [
        'mem.pct_limit > 80 and namespace != "kube-system"',
        "mem.usage >= 1Gi",
        "mem.usage == 1073741824",
        "mem = 1024Mi",
        "cpu.usage == 0.25",
        "cpu.usage <= 250m",
        "cpu > 249999999n",
        "cpu.usage > cpu.requests",
        "mem.pct_limit == 80.1",
        "mem.pct_limit < 80.1001%",
        "restarts >= 3 and restarts < 3.5",
        "age > 1m",
        "age == 1m30s",
        "age < 1d",
        "age <= 0d90s",
        "name =~ api-*",
        "name =~ 'api-[0-9]'",
        "name !~ 'API-?'",
        "name =~ '*'",
        "namespace == prod",
        "not namespace == dev",
        "not not namespace == prod",
        "namespace == dev or restarts == 3",
        "NOT namespace == dev AND restarts == 3",
        "namespace == dev || (cpu > 1 or cpu < 1) && restarts == 3",
        "label:app.kubernetes.io/name == web",
        'label:app.kubernetes.io/name =~ "w?b"',
        "namespace != name",
        "namespace > nodes and namespace < q",
    ],
)
def test_an_expression_that_is_true_matches(text: str) -> None:
    assert where(text, TABLE)(Row())


@pytest.mark.parametrize(
    "text",
    [
        "mem.pct_limit > 80.1",
        "mem.usage > 1Gi",
        "name =~ api",
        "name =~ '*-1'",
        "not namespace == prod",
        "namespace == prod and not restarts == 3",
        "label:missing == web",
        "label:missing != web",
        "not label:missing == web",
        "namespace == dev or namespace == test and restarts == 3",
    ],
)
def test_an_expression_that_is_not_true_does_not_match(text: str) -> None:
    assert not where(text, TABLE)(Row())


@pytest.mark.parametrize(
    "text",
    [
        "cpu.usage > 0",
        "cpu.usage <= 0",
        "not cpu.usage > 0",
        "cpu.usage == cpu.usage",
        "cpu.usage != cpu.requests",
        "name =~ '*'",
        "name !~ 'x'",
        "not (mem.pct_limit > 80 and restarts > 1)",
        "mem.pct_limit > 80 or namespace == dev",
        "mem.pct_limit > 80 and namespace == prod",
    ],
)
def test_what_depends_on_the_unknown_does_not_match(text: str) -> None:
    assert not where(text, TABLE)(UNKNOWN)


def test_what_does_not_depend_on_the_unknown_is_still_decided() -> None:
    assert where("cpu.usage > 0 or namespace == prod", TABLE)(UNKNOWN)
    assert where("not (cpu.usage > 0 and namespace == dev)", TABLE)(UNKNOWN)


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("", 1, "expected a column; '--columns help' lists the columns"),
        ("mem.pct_limt > 80", 1, "did you mean mem.pct_limit?"),
        ("zzz > 80", 1, "no column 'zzz' of rows; '--columns help' lists them"),
        ("cpu.usage", 10, "expected one of =="),
        ("cpu.usage >", 12, "expected a value to compare cpu.usage with"),
        ("cpu.usage > =", 13, "expected a value"),
        ("cpu.usage > 10Q", 13, "cpu.usage: not a quantity: '10Q'"),
        ("restarts > many", 12, "restarts: not a quantity"),
        ("age > 5x", 7, "age: not a Go duration: '5x'"),
        ("age > 5d5x", 7, "age: not a Go duration: '5x'"),
        ("cpu.usage =~ 'x'", 11, "=~ matches text, and cpu.usage is an amount of CPU"),
        ("name =~ ", 9, "expected a glob"),
        ("name =~ (", 9, "expected a glob"),
        ("name =~ ^api.*", 9, "a glob, not a regular expression: write 'api*'"),
        ("name =~ 'web$'", 9, "write '*web'"),
        ("name =~ '(api|web)-[0-9]'", 9, "write 'api'"),
        ("name =~ api-.+", 9, "write 'api-?*'"),
        (r"name =~ 'a\\.b'", 9, "write 'a.b'"),
        ("cpu.usage > mem.usage", 13, "mem.usage is an amount of memory"),
        ("(cpu.usage > 1", 15, "expected ')'"),
        ("cpu.usage > 1)", 14, "expected 'and', 'or' or the end"),
        ("cpu.usage > 1 restarts > 1", 15, "expected 'and', 'or' or the end"),
        ("name == 'x", 9, "this ' has no second one"),
        ("name  &  3", 7, "'&' means nothing here"),
        ("name 'is' x", 6, "expected one of =="),
        ("'name' == x", 1, "no column 'name'"),
        ("and", 1, "no column 'and'"),
        ("not", 4, "'--columns help' lists the columns"),
        ("not " * 60 + "cpu > 1", 201, "nested deeper than 50"),
        ("(" * 60, 51, "nested deeper than 50"),
        ("x" * 3000, 1, "expression of 3000 characters, more than 2000"),
    ],
)
def test_a_mistake_is_shown_with_its_column(
    text: str, column: int, problem: str
) -> None:
    with pytest.raises(ExpressionError) as raised:
        where(text, TABLE)
    assert (raised.value.column, problem in raised.value.problem) == (column, True)
    assert str(raised.value).startswith(f"column {column}: ")


def test_the_pointer_puts_a_caret_under_the_mistake() -> None:
    with pytest.raises(ExpressionError) as raised:
        where("name == '名\x1b' and x", TABLE)
    assert raised.value.pointer == (
        "  name == '名\\x1b' and x\n                       ^"
    )


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("name == none", False),
        ("name != none", True),
        ("name == -", False),
        ("name == NULL", False),
        ("cpu.usage = none", False),
        ("cpu.usage != ''", True),
        ('label:missing == ""', None),
        ("cpu.usage - cpu.requests == none", False),
        ("not cpu.usage == none", True),
    ],
)
def test_no_value_can_be_asked_for(text: str, *, there: bool | None) -> None:
    assert where(text, TABLE)(Row()) is (there is not False)
    assert where(text, TABLE)(UNKNOWN) is (there is not True)


def test_a_quoted_none_is_a_text() -> None:
    assert where("name == 'none'", TABLE)(Row(name="none"))
    assert not where("name == 'none'", TABLE)(UNKNOWN)
    assert where("name == none", TABLE)(Row(name=""))


@pytest.mark.parametrize(
    ("text", "true"),
    [
        ("cpu.usage - cpu.requests == 50m", True),
        ("cpu.requests - cpu.usage < 0", True),
        ("cpu.usage - 50m == cpu.requests", True),
        ("cpu.usage == cpu.requests + 50m", True),
        ("250m == cpu.usage", True),
        ("cpu.usage + cpu.usage - cpu.requests > 299m", True),
        ("(cpu.usage - cpu.requests) * 4 == cpu.requests", True),
        ("2 * cpu.usage == 500m", True),
        ("cpu.usage / 2 == 125m", True),
        ("cpu.usage / cpu.requests == 1.25", True),
        ("cpu.usage / cpu.requests > 124%", True),
        ("cpu.usage / 500m == 50%", True),
        ("restarts * 1.5 == 4.5", True),
        ("restarts - 3 > 0", False),
        ("cpu.usage / cpu.requests > 1.25", False),
        ("age + 30s == 2m", True),
        ("mem.usage - 1Gi == 0 and not (cpu.usage - 1 > 0)", True),
    ],
)
def test_columns_of_one_unit_are_reckoned_with(text: str, *, true: bool) -> None:
    assert where(text, TABLE)(Row()) is true
    assert not where(text, TABLE)(UNKNOWN._replace(requests=Quantity(0)))


@pytest.mark.parametrize(
    ("text", "column", "problem"),
    [
        ("cpu.usage - mem.usage > 1", 13, "mem.usage is an amount of memory"),
        ("cpu.usage - 1Gi", 16, "expected one of =="),
        ("cpu.usage / 0 > 1", 13, "nothing divides by 0"),
        ("cpu.usage * cpu.usage > 1", 11, "* takes a number"),
        ("name + name == x", 6, "expected one of =="),
        ("1 + 2 > 3", 1, "no column '1'"),
        ("cpu.usage + (cpu > 1) > 1", 11, "expected a column beside +"),
        ("cpu.usage > (cpu > 1)", 11, "expected a value, not a condition"),
        ("1 * (cpu > 1) > 1", 3, "expected a column beside *"),
        ("2 * 3 == cpu", 5, "no column '3'"),
        ("cpu.usage-cpu.requests > 1", 1, "with blanks around"),
        ("cpu.usage > 90%", 13, "cpu.usage: not a quantity"),
        ("mem.usage > 90%", 13, "for a share: mem.pct_limit > 90"),
        ("mem.usage > mem.usag", 13, "did you mean mem.usage"),
        ("cpu.usage - 1 =~ x", 15, "=~ matches text, and this is an amount of CPU"),
        ("'x' =~ x", 5, "=~ matches text, and this is a value"),
    ],
)
def test_sums_that_make_no_sense_are_refused(
    text: str, column: int, problem: str
) -> None:
    with pytest.raises(ExpressionError) as raised:
        where(text, TABLE)
    assert (raised.value.column, problem in raised.value.problem) == (column, True), (
        raised.value.problem
    )


def test_a_quote_inside_a_string_is_escaped() -> None:
    assert where(r'name == "a\"b\\"', TABLE)(Row(name='a"b\\'))
    assert where("name == 'a\"b'", TABLE)(Row(name='a"b'))


def test_stars_do_not_take_exponential_time() -> None:
    matches = where(f"name =~ '{'*a' * 40}b'", TABLE)
    assert not matches(Row(name="a" * 250))


@given(
    part=st.integers(0, 10**20),
    whole=st.integers(1, 10**20),
    threshold=st.decimals(0, 1000, places=9),
)
def test_percentages_compare_exactly(part: int, whole: int, threshold: object) -> None:
    row = Row(limit=Fraction(part, whole))
    expected = Fraction(part * 100, whole) > Fraction(str(threshold))
    assert where(f"mem.pct_limit > {threshold:f}", TABLE)(row) is expected


_ATOMS = st.sampled_from(
    [
        ("cpu.usage > 0", lambda r: None if r.cpu is None else r.cpu.nanos > 0),
        ("restarts == 3", lambda r: None if r.restarts is None else r.restarts == 3),
        ("namespace == prod", lambda r: r.namespace == "prod"),
    ]
)


def _and(*truths: bool | None) -> bool | None:
    return False if False in truths else None if None in truths else True


def _or(*truths: bool | None) -> bool | None:
    return True if True in truths else None if None in truths else False


_EXPRESSIONS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        inner.map(
            lambda e: (
                f"not ({e[0]})",
                lambda r: None if (t := e[1](r)) is None else not t,
            )
        ),
        st.tuples(inner, inner).map(
            lambda p: (
                f"({p[0][0]}) and ({p[1][0]})",
                lambda r: _and(p[0][1](r), p[1][1](r)),
            )
        ),
        st.tuples(inner, inner).map(
            lambda p: (
                f"({p[0][0]}) or ({p[1][0]})",
                lambda r: _or(p[0][1](r), p[1][1](r)),
            )
        ),
    ),
    max_leaves=6,
)


@given(
    expression=_EXPRESSIONS,
    row=st.builds(
        Row,
        cpu=st.sampled_from([None, Quantity(0), Quantity(1)]),
        restarts=st.sampled_from([None, 0, 3]),
        namespace=st.sampled_from(["prod", "dev"]),
        name=st.just("x"),
        memory=st.none(),
        requests=st.none(),
        limit=st.none(),
        age=st.none(),
        labels=st.just({}),
    ),
)
def test_connectives_follow_kleene(expression: tuple, row: Row) -> None:  # type: ignore[type-arg]
    text, model = expression
    assert where(text, TABLE)(row) is (model(row) is True)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_never_crashes(text: str) -> None:
    column = 1
    try:
        where(text, TABLE)(Row())
    except ExpressionError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1
