"""Recorded answers with one field at a time made odd: null, missing, of another type.

The fields are those of the shapes in `kubemetrics.wire`: one that is read anew is tried
by itself. A field that the recorded answer lacks is put there first.
"""

# ruff: noqa: ANN401 - shapes are types of any kind, and answers JSON

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias, get_args, get_origin, get_type_hints

from kubemetrics.wire import (
    NodeListWire,
    NodeMetricsListWire,
    PodListWire,
    PodMetricsListWire,
)
from tests.cluster.recorded import body

Json: TypeAlias = Any
Path: TypeAlias = tuple[str, ...]

ITEM: Final = "[]"
"""A step into a list: its first element, and of the whole list the one at `BAD`."""
ENTRY: Final = "{}"
"""A step into a map: one of its values."""
BAD: Final = 1
"""Which item of a list is made odd; all others are as they were recorded."""

SHAPES: Final[Mapping[str, type]] = {
    "pods": PodListWire,
    "nodes": NodeListWire,
    "pod metrics": PodMetricsListWire,
    "node metrics": NodeMetricsListWire,
}
_FILES: Final = {
    "pods": "pods-all.body.gz",
    "nodes": "nodes.body.gz",
    "pod metrics": "podmetrics-all.body.gz",
    "node metrics": "nodemetrics.body.gz",
}
_CUT: Final = {"pods": 5, "nodes": 3, "pod metrics": 4, "node metrics": 3}

_MISSING: Final = object()
_TWICE: Final = object()
_KEY_TWICE: Final = object()


def raw(text: str) -> str:
    """Return a string that `encoded` writes as this text, without quotes."""
    return f"@raw({text})@"


_DIGITS: Final = "9" * 309
_OF_ANY: Final[Mapping[str, Json]] = {
    "missing": _MISSING,
    "null": None,
    "empty": "",
    "empty list": [],
    "empty map": {},
    "text": "x",
    "integer": 7,
    "fraction": 1.5,
    "true": True,
    "list of null": [None],
    "map of null": {"x": None},
}
_NUMBERS: Final[Mapping[str, Json]] = {
    "zero": 0,
    "negative": -1,
    "1e999": raw("1e999"),
    "309 digits": raw(_DIGITS),
    "5000 digits": raw("9" * 5000),
    "1e20 digits of exponent": raw("1e99999999999999999999"),
    "NaN": raw("NaN"),
}
_AMOUNTS: Final[Mapping[str, Json]] = {
    "digits": "7",
    "negative text": "-1",
    "NaN text": "NaN",
    "Infinity text": "Infinity",
    "1e999 text": "1e999",
    "1e20 text": "1e99999999999999999999",
}
_TEXTS: Final[Mapping[str, Json]] = {
    "blank": " 1",
    "309 digits text": _DIGITS,
    "no UTF-8": "a@byte@b",
    "lone surrogate": "a\ud800b",
    "escapes": "\x1b[31m\u202e\n",
    "year 1": "0001-01-01T00:00:00+14:00",
    "year 9999": "9999-12-31T23:59:59.999999999-14:00",
    "longest duration": "2562047h47m16.854775807s",
    "negative duration": "-15s",
}
_OF_KUBECTL: Final = frozenset(
    {
        "null", "empty", "empty list", "text", "integer", "twice", "key twice",
    }
)  # fmt: skip
"""What is tried on kubectl for fields that it decodes and does not print."""


@dataclass(frozen=True, slots=True)
class Odd:
    """One answer with one odd field; *alone* has of its items the odd one only."""

    kind: str
    path: Path
    how: str
    body: bytes
    alone: bytes

    @property
    def name(self) -> str:
        return f"{self.kind}: {'.'.join(self.path)} {self.how}"

    @property
    def in_item(self) -> bool:
        return self.path[:2] == ("items", ITEM)

    @property
    def printed(self) -> bool:
        """Whether kubectl may print what the field holds."""
        shown = {"name", "namespace", "usage", "capacity", "allocatable"}
        return self.kind != "pods" and self.in_item and bool(shown & {*self.path})

    @property
    def for_kubectl(self) -> bool:
        return self.printed or self.how in _OF_KUBECTL


def fields(shape: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Name every place below a shape, and what it should hold."""
    for step, inner in _below(shape).items():
        yield (*path, step), inner
        yield from fields(inner, (*path, step))


@cache
def _below(shape: Any) -> Mapping[str, Any]:
    if get_origin(shape) is list:
        return {ITEM: get_args(shape)[0]}
    if get_origin(shape) is dict:
        return {ENTRY: get_args(shape)[1]}
    scalar = shape in (str, int, bool) or not isinstance(shape, type)
    return {} if scalar else get_type_hints(shape)


@cache
def answer(kind: str) -> Json:
    """Return a recorded list, cut to few items: of each list those of one another."""
    listed = json.loads(body(_FILES[kind]))
    if kind == "pod metrics":
        chosen = {_key(pod) for pod in answer("pods")["items"]}
        listed["items"] = [i for i in listed["items"] if _key(i) in chosen]
    elif kind == "pods":
        sampled = {_key(s) for s in json.loads(body(_FILES["pod metrics"]))["items"]}
        rich = sorted(listed["items"], key=lambda pod: -len(json.dumps(pod)))
        of_each = {
            pod["metadata"]["ownerReferences"][0]["name"]: pod
            for pod in rich
            if pod["metadata"].get("ownerReferences")
        }.values()
        listed["items"] = [
            *[pod for pod in of_each if _key(pod) in sampled][:4],
            *[pod for pod in of_each if _key(pod) not in sampled][:1],
        ]
    else:
        listed["items"] = listed["items"][: _CUT[kind]]
    return {"apiVersion": listed["apiVersion"], **_read(listed, SHAPES[kind])}


def _read(value: Json, shape: Any) -> Json:
    """Leave out what is not read: it is most of an answer."""
    below = _below(shape)
    if isinstance(value, list):
        return [_read(item, below[ITEM]) for item in value]
    if isinstance(value, dict) and ENTRY not in below:
        return {k: _read(v, below[k]) for k, v in value.items() if k in below}
    return value


def _key(item: Json) -> tuple[str, str]:
    return item["metadata"]["namespace"], item["metadata"]["name"]


def encoded(value: Json) -> bytes:
    """Write JSON, and what is no JSON where `raw` or ``@byte@`` asks for it."""
    text = json.dumps(value, separators=(",", ":"))
    text = re.sub(r'"@raw\((.*?)\)@"', lambda m: m[1].replace('\\"', '"'), text)
    return text.encode().replace(b"@byte@", b"\xff")


@cache
def sound(kind: str) -> bytes:
    """Return the answer as it was recorded."""
    return encoded(answer(kind))


def odd_answers(kind: str) -> Iterator[Odd]:
    """Make every field of a list odd, in every way."""
    for path, inner in fields(SHAPES[kind]):
        for how, value in _values(path, inner):
            changed = _changed(kind, path, value)
            if changed is not None:
                yield Odd(kind, path, how, *changed)


def _values(path: Path, inner: Any) -> Iterator[tuple[str, Json]]:
    yield from _OF_ANY.items()
    if path[-1] == ITEM:
        yield "twice", _TWICE
    if inner in (int, bool, str):
        yield from _NUMBERS.items()
        yield "key twice", _KEY_TWICE
    if inner is str:
        yield from _TEXTS.items()
    if path[-1] == ENTRY:
        yield from _AMOUNTS.items()


def odd_objects(shape: type, sample: Json) -> Iterator[tuple[str, bytes]]:
    """Make every field of one object odd, in every way; name each."""
    for path, inner in fields(shape):
        for how, value in _values(path, inner):
            changed = copy.deepcopy(sample)
            if _put(changed, path, shape, value):
                yield f"{'.'.join(path)} {how}", encoded(changed)


def _put(top: Json, path: Path, shape: Any, value: Json) -> bool:
    """Put *value* at *path*; return whether that is a change."""
    holder, inner = _holder(top, path, shape)
    step = _step(holder, path[-1], top.get("items"))
    if value is _TWICE:
        if step == len(holder):
            return False
        holder.insert(step, holder[step])
    elif value is _MISSING:
        if isinstance(holder, list) or step not in holder:
            return False
        del holder[step]
    elif value is _KEY_TWICE and isinstance(holder, list):
        return False
    elif value is _KEY_TWICE:
        known = holder[step] if step in holder else _plain(inner)
        first, name, last = map(json.dumps, (_other(known), step, known))
        holder[step] = raw(f"{first},{name}:{last}")
    elif isinstance(holder, list) and step == len(holder):
        holder.append(value)
    else:
        holder[step] = value
    return True


def _changed(kind: str, path: Path, value: Json) -> tuple[bytes, bytes] | None:
    """Return the answer with this value at *path*, or nothing if it is so already.

    The second is the same without the items that are as they were.
    """
    before = answer(kind)
    items: Sequence[Json] = before["items"]
    top = {**before, "metadata": dict(before["metadata"]), "items": [*items]}
    inside = path[:2] == ("items", ITEM)
    if inside:
        top["items"][BAD] = copy.deepcopy(items[BAD])
    if not _put(top, path, SHAPES[kind], value):
        return None
    if not inside or not path[2:]:
        whole = encoded(top)
        return whole, whole
    head, tail = encoded({**top, "items": []}).split(b"[]")
    alone = encoded(top["items"][BAD])
    others = [_sound_item(kind, index) for index in range(len(items))]
    others[BAD] = alone
    return b"%b[%b]%b" % (head, b",".join(others), tail), b"%b[%b]%b" % (
        head,
        alone,
        tail,
    )


@cache
def _sound_item(kind: str, index: int) -> bytes:
    return encoded(answer(kind)["items"][index])


def _other(known: Json) -> Json:
    return f"{known}9" if isinstance(known, str) else not known


def _plain(inner: Any) -> Json:
    return {str: "x", int: 1, bool: True}[inner]


def _holder(top: Json, path: Path, shape: Any) -> tuple[Json, Any]:
    """Go to what holds the last step; make on the way what is not there.

    Return what the last step should hold as well.
    """
    here = top
    for step in path[:-1]:
        shape = _below(shape)[step]
        key = _step(here, step, top.get("items"))
        empty: Json = [] if get_origin(shape) is list else {}
        if isinstance(here, list) and key == len(here):
            here.append(empty)
        elif isinstance(here, dict) and here.get(key) is None:
            here[key] = empty
        here = here[key]
    return here, _below(shape)[path[-1]]


def _step(holder: Json, step: str, items: Json) -> Json:
    if step == ITEM:
        return BAD if holder is items else 0
    if step == ENTRY:
        return next(iter(holder), "cpu")
    return step
