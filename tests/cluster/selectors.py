"""Label and field selectors, refused as the API server's answers are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from kubemetrics.testing import matching

from .status import bad_request

Test: TypeAlias = matching.Matches


def label_selector(text: str) -> Test:
    return _parsed(lambda: matching.label_selector(text))


def core_fields(resource: str, text: str) -> Test:
    return _parsed(lambda: matching.core_fields(resource, text))


def metrics_fields(text: str) -> Test:
    return _parsed(lambda: matching.metrics_fields(text))


def _parsed(parse: Callable[[], Test]) -> Test:
    try:
        return parse()
    except matching.SelectorError as refused:
        raise bad_request(str(refused)) from None
