"""Selectors of the fake cluster, as an API server reads them."""

from __future__ import annotations

import pytest

from kubemetrics.testing.apiserver import Refusal
from kubemetrics.testing.matching import (
    core_fields,
    label_selector,
    metrics_fields,
)

LABELS = {"app": "web", "tier": "front", "size": "5", "empty": ""}
FIELDS = {"metadata.name": "web-0", "spec.nodeName": "n1"}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("app", True),
        ("!app", False),
        ("!other", True),
        ("app=web", True),
        ("app==web,tier=back", False),
        ("app!=web", False),
        ("other!=web", True),
        ("app in (db, web)", True),
        ("app notin (db,web)", False),
        ("other notin (db)", True),
        ("empty=", True),
        ("empty in ()", True),
        ("size>4", True),
        ("size<5", False),
        ("app>1", False),
    ],
)
def test_a_label_selector_chooses(selector: str, *, matches: bool) -> None:
    assert label_selector(selector)(LABELS) is matches


@pytest.mark.parametrize(
    ("selector", "says"),
    [
        ("app,", "found '', expected: identifier after ','"),
        ("app web", "found 'web', expected: in, notin"),
        ("app in web", r"found 'web', expected: '\('"),
        ("app in (web", "found '', expected: ',', "),
        ("=web", "found '=', expected: identifier"),
        ("app=(", r"found '\(', expected: identifier"),
        ("app=a b", "found 'b', expected: ','"),
        ("app=in (", "',' or 'end of string'"),
    ],
)
def test_a_label_selector_that_is_none_is_refused(selector: str, says: str) -> None:
    with pytest.raises(Refusal, match=says):
        label_selector(selector)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("metadata.name=web-0", True),
        ("metadata.name==web-1", False),
        ("spec.nodeName!=n1", False),
        ("metadata.name=web-0,spec.nodeName=n1", True),
    ],
)
def test_a_field_selector_chooses(selector: str, *, matches: bool) -> None:
    assert core_fields("pods", selector)(FIELDS) is matches


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(Refusal, match=r"field label not supported: spec\.image"):
        core_fields("pods", "spec.image=x")
    with pytest.raises(Refusal, match="can't understand 'name'"):
        core_fields("nodes", "name")
    with pytest.raises(Refusal, match="is not a known field selector"):
        metrics_fields("spec.nodeName=n1")
    assert metrics_fields("metadata.name=web-0")(FIELDS)
