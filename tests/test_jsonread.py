"""What is read of a JSON object whose types are not promised."""

from __future__ import annotations

import pytest

from kubemetrics import DecodeError, jsonread
from kubemetrics.jsonread import as_integer, as_object, as_objects, as_text


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"a":' * 100_000])
def test_what_is_no_object_is_an_error_with_its_address(body: bytes) -> None:
    with pytest.raises(DecodeError, match=r"^https://x/: "):
        jsonread.read_object(body, url="https://x/?token=1")


@pytest.mark.parametrize("odd", [None, 7, True, 1.5, "x", [], [7], {}])
def test_another_type_is_as_good_as_nothing(odd: object) -> None:
    assert as_object(odd) == {}
    assert as_text(odd) == ("x" if odd == "x" else "")
    assert as_integer(odd) == (7 if odd == 7 else 0)
    assert as_objects(odd) == ([{}] if odd == [7] else [])


def test_what_is_there_is_returned() -> None:
    assert as_objects([{"a": 1}, None]) == [{"a": 1}, {}]
    assert as_object({"a": 1}) == {"a": 1}
