"""The items of a list are taken out of its text while that comes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics import DecodeError, wire
from kubemetrics.flow import Share
from kubemetrics.wire import ItemSplitter, PodListWire, decode

SMALL = 24
ROOM = Share().grow
TRAPS = ['},{"metadata":{', '"items":[', "]}", "\\", '"', "{", "}", "ä", "\u2028", ""]

WORDS = st.lists(st.sampled_from(TRAPS), max_size=3).map("".join)
LABELS = st.dictionaries(WORDS, WORDS, max_size=2)
TEMPLATES = st.lists(st.fixed_dictionaries({"metadata": LABELS}), max_size=3)
ITEMS = st.lists(
    st.none()
    | st.integers(0, 9)
    | st.fixed_dictionaries(
        {"metadata": st.fixed_dictionaries({"name": WORDS, "labels": LABELS})},
        optional={"templates": TEMPLATES, "spec": st.fixed_dictionaries({})},
    ),
    max_size=8,
)
METADATA = st.fixed_dictionaries({}, optional={"continue": WORDS})


@pytest.fixture(params=["msgspec", "json"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "_PIECE", SMALL)
        if request.param == "json":
            patch.setattr(wire, "_fast_decoder", lambda _: None)
        yield request.param


def text_of(listed: object) -> bytes:
    """Write JSON as an API server does."""
    return json.dumps(listed, separators=(",", ":"), ensure_ascii=False).encode()


def roomy(_: int) -> None:
    """Take any number of bytes."""


def fed(pieces: Iterable[bytes]) -> tuple[list[object], ItemSplitter]:
    splitter = ItemSplitter("PodList", PodListWire)
    given = [splitter.feed(piece, ROOM) for piece in pieces]
    return [item for items in given for item in items or ()], splitter


def read(pieces: Iterable[bytes]) -> dict[str, Any]:
    """Return the list as it is read piece by piece."""
    items, splitter = fed(pieces)
    body: Any = dict(decode(splitter.finish(roomy), PodListWire))
    return {**body, "items": [*items, *(body.get("items") or [])]}


def cut(text: bytes, places: Iterable[int]) -> list[bytes]:
    ends = sorted({place % (len(text) + 1) for place in places})
    return [
        text[start:end] for start, end in zip([0, *ends], [*ends, None], strict=True)
    ]


def slim(item: object) -> object:
    """Return of an item what either way keeps."""
    meta = (item.get("metadata") or {}) if isinstance(item, dict) else item
    return {**meta} if isinstance(meta, dict) else meta


@given(
    items=ITEMS, metadata=METADATA, places=st.lists(st.integers(0, 5000), max_size=9)
)
@pytest.mark.usefixtures("way")
def test_any_list_cut_anywhere_is_the_list(
    items: list[object], metadata: object, places: list[int]
) -> None:
    listed = {"kind": "PodList", "metadata": metadata, "items": items}
    got = read(cut(text_of(listed), places))
    assert (got["kind"], got["metadata"]) == ("PodList", metadata)
    assert [slim(item) for item in got["items"]] == [slim(item) for item in items]


def pods(count: int) -> list[dict[str, Any]]:
    return [{"metadata": {"name": f"pod-{number}"}} for number in range(count)]


@pytest.mark.usefixtures("way")
def test_what_is_whole_is_given_before_the_end() -> None:
    text = text_of({"kind": "PodList", "metadata": {}, "items": pods(100)})
    items, splitter = fed([text[:1500], text[1500:2000]])
    assert items == pods(100)[: len(items)]
    assert len(items) > 60
    left = json.loads(splitter.finish(roomy) + text[2000:])
    assert [*items, *left["items"]] == pods(100)
    assert splitter.taken + len(splitter.finish(roomy)) == 2000


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "listed",
    [
        {"kind": "Status", "metadata": {}, "items": pods(50)},
        {"metadata": {}, "items": pods(50)},
        {"items": pods(50), "kind": "PodList", "metadata": {}},
        {"kind": "PodList", "metadata": {"a": [{"items": pods(50)}]}, "items": []},
    ],
    ids=["another kind", "no kind", "the kind last", "items within its metadata"],
)
def test_any_other_text_is_left_as_it_is(listed: object) -> None:
    items, splitter = fed(cut(text_of(listed), range(0, 900, 50)))
    assert items == []
    assert splitter.finish(roomy) == text_of(listed)


@pytest.mark.usefixtures("way")
def test_a_text_with_blanks_is_left_as_it_is() -> None:
    text = json.dumps({"kind": "PodList", "items": pods(50)}, indent=1).encode()
    items, splitter = fed(cut(text, range(0, 900, 50)))
    assert items == []
    assert splitter.finish(roomy) == text


@pytest.mark.usefixtures("way")
def test_an_error_is_said_of_its_byte_in_the_whole_body() -> None:
    text = text_of({"kind": "PodList", "metadata": {}, "items": pods(50)})
    broken = text[:-12] + b"?" + text[-11:]
    items, splitter = fed(cut(broken, range(0, 1500, 100)))
    assert len(items) > 30
    with pytest.raises(DecodeError) as caught:
        decode(splitter.finish(roomy), PodListWire, taken=splitter.taken)
    assert f"not JSON at byte {len(text) - 12} of {len(text)}" in str(caught.value)


@pytest.mark.usefixtures("way")
def test_what_cannot_be_split_is_tried_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[int] = []
    real = wire._items_in

    def counting(parts: Iterable[bytes], *args: Any) -> Any:  # noqa: ANN401
        text = [*parts]
        tries.append(sum(map(len, text)))
        return real(text, *args)

    monkeypatch.setattr(wire, "_items_in", counting)
    nested: dict[str, Any] = {"metadata": {}, "templates": [{"metadata": {}}] * 500}
    text = text_of({"kind": "PodList", "items": [nested]})
    items, splitter = fed(cut(text, range(0, len(text), 40)))
    assert items == []
    assert splitter.finish(roomy) == text
    assert 5 < len(tries) < 15
    assert sum(tries) < 3 * len(text)
