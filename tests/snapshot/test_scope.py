"""Which namespaces are read, and of which of them the rows are kept."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kubemetrics.snapshot.parts import Scope


@pytest.mark.parametrize(
    ("namespace", "read"),
    [
        (None, None),
        ("", None),
        ([], None),
        ("a", ("a",)),
        (["b", "a", "b"], ("b", "a")),
    ],
)
def test_the_keyword_names_one_several_or_all(
    namespace: str | Sequence[str] | None, read: tuple[str, ...] | None
) -> None:
    assert Scope.of(namespace).namespaces == read


@pytest.mark.parametrize(
    ("words", "excluded", "everywhere", "read", "kept"),
    [
        ((), (), False, ("own",), "own a kube-x b"),
        ((), (), True, None, "own a kube-x b"),
        ((), ("kube-*",), False, None, "own a b"),
        (("a",), (), True, ("a",), "own a kube-x b"),
        (("a", "b", "a"), ("b",), False, ("a", "b"), "own a kube-x"),
        (("a", "kube-*"), (), False, None, "a kube-x"),
    ],
)
def test_a_glob_or_an_exclusion_alone_reads_all_and_keeps_what_matches(
    *,
    words: Sequence[str],
    excluded: Sequence[str],
    everywhere: bool,
    read: tuple[str, ...] | None,
    kept: str,
) -> None:
    scope = Scope.of_words(words, excluded, everywhere=everywhere).within("own")
    assert scope.namespaces == read
    assert list(filter(scope.keeps, ("own", "a", "kube-x", "b"))) == kept.split()


@pytest.mark.parametrize(
    ("scope", "single", "only"),
    [
        (Scope(), False, ""),
        (Scope(everywhere=False), True, ""),
        (Scope.of("a"), True, "a"),
        (Scope.of(["a", "a"]), True, "a"),
        (Scope.of(["a", "b"]), False, ""),
    ],
)
def test_one_namespace_is_one_that_is_read_alone(
    *, scope: Scope, single: bool, only: str
) -> None:
    assert (scope.single, scope.only) == (single, only)
