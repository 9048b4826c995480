"""What follows from an error: retries, pages, the metrics, a watch that goes on.

``error_matrix.txt`` has a line for each thing that a driver may tell a flow, always or
once, and a column for each operation: its result or error, and the attempts of it that
reached the server. A watch is met instead of its first stream, instead of the one after
a stream that ended in good order, and within a stream. Nothing here is sent anywhere,
and no time passes.
"""

from __future__ import annotations

import pytest

from .byhand import OPERATIONS, STREAMS, play
from .outcomes import OUTCOMES
from .tables import NOT_SO, read_table

OFTEN = {"always": None, "once": 1}
EXPECTED = read_table("error_matrix.txt", keys=2)


@pytest.mark.parametrize(("outcome", "often"), EXPECTED)
def test_an_error_ends_as_the_table_says(outcome: str, often: str) -> None:
    expected = {
        operation: cell
        for operation, cell in EXPECTED[outcome, often].items()
        if cell != NOT_SO
    }
    assert expected == {
        operation: play(operation, outcome, OFTEN[often]) for operation in expected
    }


def test_the_table_has_every_outcome_and_every_operation() -> None:
    assert set(EXPECTED) == {(o, often) for o in (*OUTCOMES, "end") for often in OFTEN}
    for (outcome, _), cells in EXPECTED.items():
        assert tuple(cells) == OPERATIONS
        met = {operation for operation, cell in cells.items() if cell != NOT_SO}
        assert met >= set(OPERATIONS[:-1] if outcome in OUTCOMES else STREAMS)
