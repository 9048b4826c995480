"""No answer takes more memory than a call may have, whatever it is made of."""

from __future__ import annotations

import sys

import pytest

from kubemetrics import Client, Config, ConfigError, TransportError
from kubemetrics.client import MEMORY, open_session
from kubemetrics.errors import DecodeError
from kubemetrics.transport.network import Memory, MemoryShare
from kubemetrics.wire import cost, decode

from .bombs import BOMBS, BombServer, meet

_LIMIT = 16
_MOST = 280
"""MiB, of one interpreter that met all of them, whose heap is in pieces by then."""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the memory")
@pytest.mark.parametrize("plain", [False, True], ids=["msgspec", "json"])
def test_a_bomb_is_one_line_and_takes_little_memory(*, plain: bool) -> None:
    with BombServer() as server:
        urls = {name: server.url(name) for name in BOMBS}
        met = list(meet(urls, plain=plain, limit=f"{_LIMIT}Mi"))
    assert [one.name for one in met] == list(BOMBS)
    for one in met:
        lines = one.err.splitlines()
        assert one.code == 1, one
        assert len(set(lines)) == 1, one
        assert len(lines[0]) < 2000, one
        assert one.peak < _MOST, one
    named = [one.name for one in met if "KUBEMETRICS_MAX_MEMORY" in one.err]
    assert "a body without end" in named
    assert "many tiny pods" in named


def test_what_is_given_back_may_be_taken_again() -> None:
    memory = Memory(100)
    share = MemoryShare(memory, "https://cluster/api?continue=x")
    share.grow(60)
    other = MemoryShare(memory, "https://cluster/api?continue=x")
    with pytest.raises(TransportError, match=r"^https://cluster/api: ") as caught:
        other.grow(50)
    assert caught.value.reason == "limit"
    del share, caught
    other.grow(100)
    other.keep(0)


def test_what_is_kept_is_not_given_back() -> None:
    memory = Memory(100)
    MemoryShare(memory, "").keep(60)
    assert not memory.take(50)
    assert memory.take(40)


@pytest.mark.parametrize(
    ("text", "bytes_"), [("", MEMORY), ("256Mi", 256 << 20), (" 1G ", 10**9)]
)
def test_the_environment_says_how_much(
    text: str, bytes_: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEMETRICS_MAX_MEMORY", text)
    config = Config(server="http://cluster")
    assert open_session(config, silence=1.0).memory == bytes_
    assert open_session(config, silence=1.0, memory=7).memory == 7


def test_an_environment_that_says_nonsense_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBEMETRICS_MAX_MEMORY", "much")
    with pytest.raises(ConfigError, match='KUBEMETRICS_MAX_MEMORY "much" is no amount'):
        Client(Config(server="http://cluster"))


def test_the_cost_of_a_body_is_foreseen() -> None:
    assert cost(b"[" + b"{}," * 1000 + b"{}]") > 64 * 1000
    assert cost(b'"' + b"a" * 1000 + b'"') < 2100
    wide = '"' + "a" * 1000 + '\N{GRINNING FACE}"'
    assert cost(wide.encode()) > 8000
    assert 4000 < cost('"é{"'.encode() + b"a" * 1000) < 8000


def test_what_is_no_list_has_little_room() -> None:
    body = b'{"a":[' + b"{}," * 800_000 + b"{}]}"
    with pytest.raises(DecodeError, match="would take more than 64 MiB of memory"):
        decode(body, dict)


def test_a_body_of_fractions_is_refused() -> None:
    body = b'{"a":[' + b"1e9," * 100_000 + b"1e9]}"
    with pytest.raises(DecodeError, match="more than 100000 fractions"):
        decode(body, dict)
