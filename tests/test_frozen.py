"""The project's dataclasses do what the standard library's do."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, replace
from typing import Any

import pytest

from kubemetrics import frozen


@frozen.dataclass(frozen=True, slots=True)
class Ours:
    first: int
    second: str = "two"
    third: list[int] = field(default_factory=list, compare=False, repr=False)


@frozen.dataclass(frozen=True, slots=True, kw_only=True)
class OursByKeyword:
    first: int = 1
    second: str


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    first: int
    second: str = "two"
    third: list[int] = field(default_factory=list, compare=False, repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TheirsByKeyword:
    first: int = 1
    second: str


def outcome(act: Callable[[], object]) -> str:
    """Return the result or the error in words, without the name of the class."""
    try:
        said = repr(act())
    except (TypeError, AttributeError) as error:
        said = f"{type(error).__name__}: {error}"
    return said.replace("Theirs", "Ours")


ACTS: dict[str, Callable[[Any], object]] = {
    "positions": lambda cls: cls(1, "b", [3]),
    "keywords": lambda cls: cls(second="b", first=1),
    "too few": lambda cls: cls(),
    "too many": lambda cls: cls(1, 2, 3, 4),
    "unknown": lambda cls: cls(first=1, second="b", fourth=4),
    "equal": lambda cls: cls(first=1, second="b") == cls(first=1, second="b"),
    "unequal": lambda cls: cls(first=1, second="b") == cls(first=2, second="b"),
    "another type": lambda cls: cls(first=1, second="b") == (1, "b"),
    "hash": lambda cls: hash(cls(first=1, second="b")),
    "set": lambda cls: setattr(cls(first=1, second="b"), "first", 2),
    "delete": lambda cls: delattr(cls(first=1, second="b"), "first"),
    "replace": lambda cls: replace(cls(first=1, second="b"), second="c"),
    "as a dictionary": lambda cls: dataclasses.asdict(cls(first=1, second="b")),
    "copy": lambda cls: copy.deepcopy(cls(first=1, second="b")),
    "pickle": lambda cls: pickle.loads(pickle.dumps(cls(first=1, second="b"))),  # noqa: S301
    "match": lambda cls: cls.__match_args__,
    "slots": lambda cls: cls.__slots__,
    "signature": inspect.signature,
    "frozen": lambda cls: cls.__dataclass_params__.frozen,
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("ours", "theirs"), [(Ours, Theirs), (OursByKeyword, TheirsByKeyword)]
)
def test_they_act_alike(act: str, ours: type, theirs: type) -> None:
    assert outcome(lambda: ACTS[act](ours)) == outcome(lambda: ACTS[act](theirs))


def test_each_instance_has_a_default_of_its_own() -> None:
    assert Ours(1).third is not Ours(1).third


def test_what_is_not_compared_does_not_count() -> None:
    assert Ours(1, third=[1]) == Ours(1, third=[2])
    assert hash(Ours(1, third=[1])) == hash(Ours(1, third=[2]))


def test_nothing_can_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Ours(1).first = 2  # type: ignore[misc]


def test_a_subclass_makes_its_instances() -> None:
    class Sub(Ours):
        __slots__ = ()

    made = Sub(1, "b")
    assert (type(made), made.first, Ours(2).first) == (Sub, 1, 2)


def test_the_first_instance_of_a_class_may_be_a_subclass_s() -> None:
    @frozen.dataclass(frozen=True, slots=True)
    class Base:
        value: int

    class Sub(Base):
        __slots__ = ()

    assert (Sub(1).value, Base(2).value) == (1, 2)


@pytest.mark.parametrize("cls", [Ours, OursByKeyword])
def test_what_a_maker_makes_is_what_the_class_makes(cls: type[Any]) -> None:
    make, given = frozen.maker(cls), {"first": 1, "second": "b"}
    made = make(**given)
    assert type(made) is cls
    assert made == cls(**given)
    assert repr(made) == repr(cls(**given))
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'first'"):
        made.first = 2


def test_a_maker_takes_the_arguments_of_its_class_and_no_others() -> None:
    assert frozen.maker(Ours)(1) == Ours(1)
    assert frozen.maker(OursByKeyword)(second="b") == OursByKeyword(second="b")
    first, second = (frozen.maker(Ours)(1).third for _ in range(2))
    assert first == []
    assert first is not second
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        frozen.maker(Ours)()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="takes 0 positional arguments"):
        frozen.maker(OursByKeyword)(1, "b")  # type: ignore[misc]
