"""Both clients are one client: the same names, signatures and words."""

from __future__ import annotations

import inspect
import re

import pytest

from kubemetrics import AsyncClient, Client

ASYNC_WORDS = {
    "AbstractAsyncContextManager": "AbstractContextManager",
    "AsyncIterator": "Iterator",
    "AsyncGenerator": "Generator",
    "between tasks": "between threads",
    "another task": "another thread",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
}


def in_blocking_words(text: str) -> str:
    pattern = "|".join(map(re.escape, ASYNC_WORDS))
    return re.sub(pattern, lambda match: ASYNC_WORDS[match[0]], text)


def members(client: type) -> dict[str, object]:
    return {
        in_blocking_words(name): member
        for name, member in vars(client).items()
        if not name.startswith("_") or callable(member)
    }


NAMES = sorted(members(Client))


def signature(member: object) -> str:
    member = member.fget if isinstance(member, property) else member
    assert callable(member)
    words = in_blocking_words(str(inspect.signature(member)))
    # What is sent into one and what it returns; that for event loops returns nothing.
    return re.sub(r"(?<=Generator\[)(.*?)(, None)+(?=\]')", r"\1", words)


def test_the_names_are_the_same() -> None:
    assert sorted(members(AsyncClient)) == NAMES


def test_the_classes_say_the_same() -> None:
    assert in_blocking_words(inspect.getdoc(AsyncClient) or "") == inspect.getdoc(
        Client
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_member_has_the_same_signature_and_words(name: str) -> None:
    ours, theirs = members(Client)[name], members(AsyncClient)[name]
    assert signature(theirs) == signature(ours)
    said = [inspect.getdoc(member) or "" for member in (ours, theirs)]
    assert in_blocking_words(said[1]) == said[0]
    assert said[0] or name.startswith("_")


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_nobody_inherits_from_a_client(client: type) -> None:
    assert getattr(client, "__final__", False)
