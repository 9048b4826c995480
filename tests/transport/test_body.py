"""Bodies piece by piece: what is kept, what is refused, and how early."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.errors import TransportError
from kubemetrics.transport.connections import BodyReader

URL = "https://cluster/api/v1/pods"


def read(
    data: bytes, encoding: str = "", *, size: int = 1000, most: int = 1 << 30
) -> bytes:
    reader = BodyReader(url=URL, encoding=encoding, most=most)
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
    return reader.finish()


@given(st.binary(max_size=2000), st.integers(1, 300))
def test_a_body_is_the_same_however_it_is_cut(body: bytes, size: int) -> None:
    assert read(body, size=size) == body
    for encoding in ("gzip", "x-gzip", " GZIP "):
        assert read(gzip.compress(body), encoding, size=size) == body


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_what_is_not_compressed_is_taken_as_it_is(encoding: str) -> None:
    assert read(b"{}", encoding) == b"{}"


def test_an_empty_answer_that_says_gzip_is_empty() -> None:
    assert read(b"", "gzip") == b""


REFUSED = {
    "another encoding": (b"{}", "br", "protocol", 'encoded as "br"'),
    "two encodings": (b"{}", "gzip, gzip", "protocol", "encoded as"),
    "no gzip": (b"{}", "gzip", "protocol", "not the gzip it says"),
    "cut short": (gzip.compress(b"x" * 99)[:-5], "gzip", "reset", "cut short"),
    "damaged": (
        gzip.compress(bytes(range(99)))[:-8] + bytes(8),
        "gzip",
        "protocol",
        "gzip",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_says_why(case: tuple[bytes, str, str, str]) -> None:
    data, encoding, reason, says = case
    with pytest.raises(TransportError, match=says) as caught:
        read(data, encoding)
    assert caught.value.reason == reason
    assert str(caught.value).startswith(URL)


def bomb(size: int) -> bytes:
    machine = zlib.compressobj(9, wbits=31)
    return machine.compress(bytes(size)) + machine.flush()


def test_a_bomb_is_noticed_before_it_takes_memory() -> None:
    packed = bomb(128 << 20)
    reader = BodyReader(url=URL, encoding="gzip")
    with pytest.raises(TransportError, match="grows more than 300-fold") as caught:
        reader.feed(packed)
    assert caught.value.reason == "limit"
    assert reader._size < 64 << 20


def test_a_bomb_behind_what_is_honest_is_one_and_is_not_cut_in_silence() -> None:
    honest = random.Random(1).randbytes(1 << 20)  # noqa: S311 - not for secrets
    with pytest.raises(TransportError, match="grows more than 300-fold"):
        read(gzip.compress(honest, 1) + bomb(32 << 20), "gzip", size=1 << 16)


def test_what_shrinks_well_and_is_small_is_no_bomb() -> None:
    assert len(read(bomb(8 << 20), "gzip")) == 8 << 20


def test_an_honest_list_of_many_megabytes_is_no_bomb() -> None:
    pod = b'{"metadata":{"name":"app-%06d","uid":"%032x"},"status":{"phase":"Running"}}'
    body = b",".join(pod % (n, n * 7919) for n in range(300_000))
    assert len(body) > 20 << 20
    assert read(gzip.compress(body, 1), "gzip", size=1 << 16) == body


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_body_beyond_the_limit_is_refused(encoding: str) -> None:
    body = bytes(range(256)) * 40
    data = gzip.compress(body) if encoding else body
    with pytest.raises(TransportError, match="larger than 10000 bytes") as caught:
        read(data, encoding, most=10_000)
    assert caught.value.reason == "limit"
    assert read(data, encoding, most=10_240) == body


def test_a_stream_is_not_kept_and_has_no_end() -> None:
    reader = BodyReader(url=URL, encoding="", most=1000)
    for _ in range(100):
        assert reader.feed(b"x" * 500) == b"x" * 500
        reader.forget()
    assert reader.finish() == b""


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 50))
def test_gzip_of_several_members_is_read_whole(bodies: list[bytes], size: int) -> None:
    packed = b"".join(map(gzip.compress, bodies))
    assert read(packed, "gzip", size=size) == b"".join(bodies)


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        (b"\0\0\0", "protocol"),
        (b"{}", "protocol"),
        (gzip.compress(b"{}", mtime=0)[:12], "reset"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_what_follows_a_member_and_is_none_is_an_error(
    rest: bytes, reason: str, size: int
) -> None:
    with pytest.raises(TransportError, match=r"gzip|cut short") as caught:
        read(gzip.compress(b"{") + rest, "gzip", size=size)
    assert caught.value.reason in {reason, "reset"}
