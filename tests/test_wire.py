"""Both ways to decode give the same models, and the same errors where there are any."""

from __future__ import annotations

import contextlib
import gc
import json
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics import DecodeError, Node, NodeMetrics, Pod, PodMetrics
from kubemetrics.wire import (
    NodeListWire,
    NodeMetricsListWire,
    PodListWire,
    PodMetricsListWire,
    StatusWire,
    _fast_decoder,
    _slow,
    collector_paused,
    decode,
)
from tests.cluster.recorded import body
from tests.items import drained

LISTS: dict[str, tuple[Any, Any]] = {
    "pods-all": (PodListWire, Pod),
    "pods-page-1": (PodListWire, Pod),
    "nodes": (NodeListWire, Node),
    "podmetrics-all": (PodMetricsListWire, PodMetrics),
    "nodemetrics": (NodeMetricsListWire, NodeMetrics),
}


def fast(raw: bytes, shape: Any) -> Any:  # noqa: ANN401 - JSON
    decoder = _fast_decoder(shape)
    assert decoder is not None
    return decoder(raw)


@pytest.mark.parametrize("name", LISTS)
def test_both_ways_make_the_same_models(name: str) -> None:
    shape, model = LISTS[name]
    raw = body(f"{name}.body.gz")
    ours, theirs = fast(raw, shape), _slow(raw, "")
    assert isinstance(theirs, dict)
    read = [[model.from_json(item) for item in way["items"]] for way in (ours, theirs)]
    assert read[0] == read[1]
    assert ours["kind"] == theirs["kind"]
    continued = [(way.get("metadata") or {}).get("continue") for way in (ours, theirs)]
    assert continued[0] == continued[1]


@pytest.mark.parametrize("name", LISTS)
def test_nothing_is_kept_that_is_not_read(name: str) -> None:
    shape, _ = LISTS[name]
    raw = body(f"{name}.body.gz")
    whole = fast(raw, shape)
    whole["items"] = list(whole["items"])
    kept = json.dumps(whole, separators=(",", ":"), ensure_ascii=False)
    assert len(kept) < len(raw)


def test_an_item_that_the_fast_way_refuses_is_read_by_the_slow() -> None:
    items = b'[{"metadata":{"name":"a"}},{"metadata":{"name":null}},7,null]'
    read = fast(b'{"kind":"PodList","items":' + items + b"}", PodListWire)
    assert list(read["items"]) == json.loads(items)


def test_items_are_let_go_as_they_are_read() -> None:
    read = fast(b'{"items":[{"metadata":{"name":"a"}}]}', PodListWire)["items"]
    assert list(read) == [{"metadata": {"name": "a"}}]
    assert list(read) == []


@pytest.mark.no_cover
def test_a_large_list_says_which_item_is_wrong() -> None:
    item = b'{"metadata":{"name":"a"}},'
    raw = b'{"items":[' + item * 50_000 + b'{"metadata":{"name":7}}]}'
    listed = decode(raw, PodListWire)
    read, (unreadable,) = drained(listed, Pod.from_json)
    assert len(read) == 50_000
    assert unreadable.error.path == "$.items[50000].metadata.name"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"kind":"Status","message":null}', {"kind": "Status", "message": None}),
        (b'{"kind":"Status","code":"x"}', {"kind": "Status", "code": "x"}),
        (b'\xef\xbb\xbf{"kind":"Status"}', None),
    ],
)
def test_what_the_fast_way_refuses_is_read_by_the_slow(
    raw: bytes, value: object
) -> None:
    assert fast(raw, StatusWire) is None
    if value is None:
        assert decode(raw, StatusWire)["kind"] == "Status"
    else:
        assert decode(raw, StatusWire) == value


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "not JSON at byte 0 of 0"),
        (b"{", "not JSON at byte 1 of 1"),
        (b"null", "expected a JSON object, got null"),
        (b"[1]", "expected a JSON object, got list"),
        (b'"x"', "expected a JSON object, got str"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_object_says_so(raw: bytes, problem: str) -> None:
    with pytest.raises(DecodeError, match=problem):
        decode(raw, StatusWire, url="https://x/")


def test_no_number_becomes_a_float() -> None:
    raw = b'{"details":{"a":0.1,"b":1e2,"c":null},"code":null}'
    details: Any = decode(raw, StatusWire)["details"]
    assert str(details["a"]) == "0.1"
    assert not isinstance(details["b"], float)


@pytest.mark.parametrize("way", ["fast", "slow"])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"\xff"', "\ufffd"),
        ('"\xe2\x82"', "\ufffd\ufffd"),  # Go replaces each byte
        ("9" * 5000, Decimal("9" * 5000)),
        ("1e99999999999999999999", "NaN"),
        ("-1.5e-99999999999999999999", "NaN"),
    ],
)
def test_odd_text_and_numbers_cost_nothing_but_themselves(
    written: str, read: object, way: str
) -> None:
    labels = b'{"a":' + written.encode("latin-1") + b"}"
    raw = b'{"items":[{"metadata":{"labels":' + labels + b"}}]}"
    decoded: Any = fast(raw, PodListWire) if way == "fast" else _slow(raw, "")
    (item,) = decoded["items"]
    assert str(item["metadata"]["labels"]["a"]) == str(read)


@given(st.binary(max_size=40))
def test_any_bytes_are_an_object_or_an_error(raw: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert isinstance(decode(raw, StatusWire), dict)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled: bool) -> None:  # noqa: FBT001
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with contextlib.suppress(ZeroDivisionError), collector_paused():
            assert not gc.isenabled()
            raise ZeroDivisionError
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


def test_without_msgspec_there_is_one_way_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgspec", None)
    assert _fast_decoder.__wrapped__(PodListWire) is None
