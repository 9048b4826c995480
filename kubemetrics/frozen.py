"""Frozen, slotted dataclasses that take a fifth of the usual time to define.

The standard library writes and compiles six methods for every class: with it a command
takes a fifth longer to start (CPU time, Python 3.11 and 3.13). Here those that can be
shared are shared, and ``__init__`` is compiled when the first instance is made: most
commands make few kinds of value.
In all else they are dataclasses: `fields`, `replace`, `match`, pickling and copying.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal, ParamSpec, TypeVar

if TYPE_CHECKING:
    from inspect import Signature

P = ParamSpec("P")
T = TypeVar("T")

__all__ = ["dataclass", "maker"]


def _dataclass(
    *, frozen: Literal[True], slots: Literal[True], kw_only: bool = False
) -> Callable[[type[T]], type[T]]:
    """Do what ``dataclasses.dataclass`` does; of its ways the one this project has."""

    def define(cls: type[T]) -> type[T]:
        plain: Any = dataclasses.dataclass(
            init=False, repr=False, eq=False, slots=slots, kw_only=kw_only
        )(cls)
        plain.__dataclass_params__.frozen = frozen
        plain.__signature__ = _LazySignature(kw_only=kw_only)
        for name, method in _methods(plain, kw_only=kw_only).items():
            setattr(plain, name, method)
        made: type[T] = plain
        return made

    return define


def _methods(cls: Any, *, kw_only: bool) -> dict[str, Callable[..., Any]]:  # noqa: ANN401 - a dataclass
    compared = attrgetter(*(f.name for f in fields(cls) if f.compare))

    def init(self: object, *args: object, **values: object) -> None:
        cls.__init__ = _compiled_init(cls, kw_only=kw_only)
        cls.__init__(self, *args, **values)

    def eq(self: object, other: object) -> object:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return compared(self) == compared(other)

    def hashed(self: object) -> int:
        return hash(compared(self))

    return {
        "__init__": init,
        "__eq__": eq,
        "__hash__": hashed,
        "__repr__": _repr,
        "__setattr__": _refuse_to_set,
        "__delattr__": _refuse_to_delete,
        "__getstate__": _state,
        "__setstate__": _restore,
    }


def maker(cls: Callable[P, T]) -> Callable[P, T]:
    """Return a function that makes instances of *cls*, in half of the time or less.

    For those of which a list makes thousands. What calls a class hands its arguments on
    as a dictionary, and past a ``__setattr__`` of its own each slot is set by a call.
    Here an instance is made and filled as one of a class that is the same but for being
    frozen, and then is one of *cls*.
    """
    made: Any = cls
    slots = {"__slots__": made.__slots__}
    draft = type(made.__name__, made.__bases__, slots)
    kw_only = all(field.kw_only for field in fields(made))
    parameters, scope = _parameters(made, kw_only=kw_only)
    scope |= {"_cls": made, "_draft": draft, "_new": object.__new__}
    lines = [
        "self = _new(_draft)",
        *(f"self.{field.name} = {_value(field)}" for field in fields(made)),
        "self.__class__ = _cls",
        "return self",
    ]
    make: Callable[P, T] = _compiled(made.__name__, parameters, lines, scope)
    return make


def _compiled_init(cls: Any, *, kw_only: bool) -> Callable[..., None]:  # noqa: ANN401 - a dataclass
    """Write ``__init__`` so that it sets the slots themselves, past ``__setattr__``."""
    parameters, scope = _parameters(cls, kw_only=kw_only)
    lines = ["pass"]
    for field in fields(cls):
        scope[f"_set_{field.name}"] = getattr(cls, field.name).__set__
        lines.append(f"_set_{field.name}(self, {_value(field)})")
    init: Callable[..., None] = _compiled(
        "__init__", ["self", *parameters], lines, scope
    )
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {field.name: field.type for field in fields(cls)}
    init.__annotations__["return"] = None
    return init


def _compiled(
    name: str, parameters: list[str], lines: list[str], scope: dict[str, Any]
) -> Any:  # noqa: ANN401 - a function
    source = f"def {name}({', '.join(parameters)}):\n " + "\n ".join(lines)
    exec(source, scope)  # noqa: S102 - of field names, as the standard library does
    return scope[name]


def _parameters(
    cls: Any,  # noqa: ANN401 - a dataclass
    *,
    kw_only: bool,
) -> tuple[list[str], dict[str, Any]]:
    """Return the parameters of a class as they are written, and what they stand on."""
    scope: dict[str, Any] = {"_factory": _FACTORY}
    written = [_parameter(field, scope) for field in fields(cls)]
    return [*(["*"] if kw_only and written else []), *written], scope


def _parameter(field: Field[Any], scope: dict[str, Any]) -> str:
    if field.default is not MISSING:
        scope[f"_default_{field.name}"] = field.default
        return f"{field.name}=_default_{field.name}"
    if field.default_factory is not MISSING:
        scope[f"_make_{field.name}"] = field.default_factory
        return f"{field.name}=_factory"
    return field.name


def _value(field: Field[Any]) -> str:
    name = field.name
    if field.default_factory is MISSING:
        return name
    return f"_make_{name}() if {name} is _factory else {name}"


class _Factory:
    def __repr__(self) -> str:
        return "<factory>"


_FACTORY: Final = _Factory()
"""Stands in a signature for the default that a factory makes."""


class _LazySignature:
    """What ``inspect.signature`` says of a class, worked out when it is asked."""

    def __init__(self, *, kw_only: bool) -> None:
        self._kw_only = kw_only

    def __get__(self, _: object, owner: type) -> Signature:
        from inspect import signature  # noqa: PLC0415 - seldom needed

        whole = signature(_compiled_init(owner, kw_only=self._kw_only))
        _, *parameters = whole.parameters.values()
        return whole.replace(parameters=parameters)


def _repr(self: Any) -> str:  # noqa: ANN401 - a dataclass
    shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse_to_set(_: object, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[object]:  # noqa: ANN401 - a dataclass
    return [getattr(self, f.name) for f in fields(self)]


def _restore(self: Any, state: list[object]) -> None:  # noqa: ANN401 - a dataclass
    for field, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _dataclass
