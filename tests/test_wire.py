"""Both ways to decode give the same models, and the same errors where there are any."""

from __future__ import annotations

import contextlib
import gc
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics import DecodeError, Node, NodeMetrics, Pod, PodMetrics, jsonread
from kubemetrics.models.resources import Pool
from kubemetrics.wire import (
    Items,
    NodeListWire,
    NodeMetricsListWire,
    PodListWire,
    PodMetricsListWire,
    StatusWire,
    _fast_decoder,
    _slow,
    _stepwise,
    collector_paused,
    decode,
    read_list,
)
from tests.cluster.recorded import body

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


def test_a_large_list_says_which_item_is_wrong() -> None:
    item = b'{"metadata":{"name":"a"}},'
    raw = b'{"items":[' + item * 50_000 + b'{"metadata":{"name":7}}]}'
    listed = decode(raw, PodListWire)
    read, (unreadable,) = jsonread.drained_list(listed, "items", Pod.from_json, Pool())
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


@pytest.mark.parametrize("way", ["whole", "stepwise"])
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
    raw = b'{"metadata":{},"items":[{"a":' + written.encode("latin-1") + b"}]}"
    decoded = stepwise(raw) if way == "stepwise" else _slow(raw, "")
    assert isinstance(decoded, dict)
    (item,) = decoded["items"]
    assert str(item["a"]) == str(read)


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


def stepwise(raw: bytes, window: int = 1 << 20) -> dict[str, Any] | None:
    read = read_list(raw, window=window)
    return None if read is None else {**read[0], "items": list(read[1])}


@pytest.mark.parametrize("name", LISTS)
def test_item_by_item_json_reads_what_it_reads_at_once(name: str) -> None:
    raw = body(f"{name}.body.gz")
    assert stepwise(raw) == _slow(raw, "")


@given(st.data())
def test_a_damaged_list_is_an_error_item_by_item_too(data: st.DataObject) -> None:
    raw = body("podmetrics-all.body.gz")[:4000] + b"]}"
    at = data.draw(st.integers(0, len(raw) - 3))
    damaged = raw[:at] + data.draw(st.binary(max_size=3)) + raw[at:]
    try:
        expected = _slow(damaged, "")
    except DecodeError:
        with contextlib.suppress(DecodeError):
            assert stepwise(damaged) is None
    else:
        assert stepwise(damaged) in (None, expected)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"items":[{}],"metadata":{"continue":"more"},"x":[]}',
        b'{"metadata":{},"items":null,"x":[]}',
        b'{"metadata":{}}',
        b"[]",
        b"",
    ],
)
def test_what_is_laid_out_otherwise_is_read_whole(raw: bytes) -> None:
    assert read_list(raw) is None


def test_a_list_without_items_is_read_item_by_item_too() -> None:
    assert stepwise(b'{"metadata":{},"items":[]}') == {"metadata": {}, "items": []}


def test_what_follows_the_items_must_be_json() -> None:
    assert stepwise(b'{"metadata":{},"items":[{}, {}] , "x":[1]}') == {
        "metadata": {},
        "items": [{}, {}],
    }
    with pytest.raises(DecodeError, match="not JSON before byte"):
        stepwise(b'{"metadata":{},"items":[{}]"x":[1]]}')


def test_windows_may_cut_anything_anywhere() -> None:
    raw = '{"kind":"X", "metadata":{"a":"é€"},"items":[{"n":-12.5e3}, {"é":[]}]}'
    expected = _slow(raw.encode(), "")
    for width in range(1, 40):
        # What is longer than a window may be left to be read whole, never misread.
        assert stepwise(raw.encode(), width) in (expected, None)
    assert stepwise(raw.encode(), 24) == expected


def test_a_mistake_early_in_a_large_list_is_found_at_once() -> None:
    items = b"{}," * (1 << 20)
    raw = b'{"metadata":{},"items":[{},{"x":tru},' + items + b"{}]}"
    read = read_list(raw)
    assert read is not None
    with pytest.raises(DecodeError, match=f"before byte 2097152 of {len(raw)}"):
        list(read[1])


def test_a_large_list_is_read_item_by_item_without_msgspec() -> None:
    padding = b" " * (1 << 20)
    raw = b'{"kind":"PodList","metadata":{},"items":[{"spec":{}}' + padding + b"]}"
    decoded: Any = _stepwise(raw)
    assert isinstance(decoded["items"], Items)
    assert list(decoded["items"]) == [{"spec": {}}]
