"""An argument of another type is refused by its name, in one line, and at once."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Generator, Iterable, Iterator
from types import FunctionType
from typing import Any, Final, NamedTuple

import pytest

import kubemetrics
from kubemetrics import AsyncClient, Client, Config, KubeMetricsError, errors
from kubemetrics.api import Api, ListOptions, RetryPolicy
from kubemetrics.api.watch import WatchOptions
from kubemetrics.config.selection import Overrides
from kubemetrics.snapshot.read import SnapshotOptions

LONG: Final = "x" * 100_000
WRONG: Final = (object(), 5j, b"bytes", [object()], {1: 2})
"""No argument of any function is one of these, but for maps."""
ODD: Final[tuple[object, ...]] = (
    *WRONG,
    float("nan"),
    5,
    -1,
    1.5,
    10**400,
    True,
    "",
    "\ud800\x00\n",
    LONG,
    [],
    (),
    {},
)
VALID: Final[dict[str, Any]] = {
    "name": "web-0", "path": "/version", "by": ["namespace"], "rows": [], "nodes": [],
    "flow": Api().get("/version"),
}  # fmt: skip
NOBODY: Final = Config(server="http://127.0.0.1:1", timeout=30)
ONCE: Final = RetryPolicy(attempts=1)


class Taken(NamedTuple):
    """One parameter of a public function; *positional* without a name."""

    owner: str
    function: str
    parameter: str
    positional: bool = False


def functions() -> Iterator[tuple[str, str, Any]]:
    """Yield every public function, with the class that it is of."""
    for name in kubemetrics.__all__:
        value: Any = getattr(kubemetrics, name)
        if isinstance(value, FunctionType):
            yield "", name, value
    for client in (Client, AsyncClient):
        yield client.__name__, "__init__", client.__init__
        for name, value in vars(client).items():
            if isinstance(value, FunctionType) and not name.startswith("_"):
                yield client.__name__, name, value


def parameters() -> Iterator[Taken]:
    """Yield what they take, the keywords of their options too."""
    known = {
        found.__name__: found
        for found in (ListOptions, SnapshotOptions, WatchOptions, Overrides)
    }
    for owner, name, function in functions():
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                options = known[parameter.annotation.removeprefix("Unpack[")[:-1]]
                for keyword in options.__annotations__:
                    yield Taken(owner, name, keyword)
            elif parameter.name != "self":
                several = parameter.kind is parameter.VAR_POSITIONAL
                yield Taken(owner, name, parameter.name, several)


TAKEN: Final = list(parameters())


def call_of(taken: Taken, client: object, value: object) -> object:
    """Call the function with that value, and with what is needed beside it."""
    target = next(f for o, n, f in functions() if (o, n) == taken[:2])
    of = (client,) if taken.owner else ()
    needed = {
        name: VALID[name]
        for name, parameter in inspect.signature(target).parameters.items()
        if name in VALID and parameter.default is parameter.empty
    }
    if taken.function == "__init__":
        return type(client)(**{"config": NOBODY, taken.parameter: value})
    if taken.positional:
        return target(*of, *needed.values(), value)
    return target(*of, **{**needed, taken.parameter: value})


def raised(taken: Taken, values: Iterable[object]) -> list[Exception | None]:
    """Make a call with each value; return what they raise."""
    if taken.owner == "AsyncClient":
        return asyncio.run(_raised_in_loop(taken, values))
    found: list[Exception | None] = []
    with Client(NOBODY, retry=ONCE) as client:
        for value in values:
            try:
                result = call_of(taken, client, value)
                if isinstance(result, Generator):
                    list(result)
            except Exception as error:  # noqa: BLE001 - it is what is judged
                found.append(error)
            else:
                found.append(None)
    return found


async def _raised_in_loop(
    taken: Taken, values: Iterable[object]
) -> list[Exception | None]:
    found: list[Exception | None] = []
    async with AsyncClient(NOBODY, retry=ONCE) as client:
        for value in values:
            try:
                result = call_of(taken, client, value)
                if inspect.isasyncgen(result):
                    _ = [part async for part in result]
                elif inspect.isawaitable(result):
                    await result
            except Exception as error:  # noqa: BLE001 - it is what is judged
                found.append(error)
            else:
                found.append(None)
    return found


def case(taken: Taken) -> str:
    return " ".join(filter(None, taken[:3]))


@pytest.mark.parametrize("taken", TAKEN, ids=case)
def test_a_value_of_another_type_is_refused_by_the_name_of_its_argument(
    taken: Taken,
) -> None:
    name = taken.parameter.removesuffix("s") if taken.positional else taken.parameter
    wrong = [value for value in WRONG if not is_right(taken, value)]
    for value, error in zip(wrong, raised(taken, wrong), strict=True):
        assert isinstance(error, TypeError), (value, error)
        assert name in str(error)
        assert_is_short(error)


@pytest.mark.parametrize("taken", TAKEN, ids=case)
def test_whatever_an_argument_is_its_error_is_one_short_line(taken: Taken) -> None:
    for error in raised(taken, ODD):
        if error is not None:
            assert isinstance(error, TypeError | ValueError | KubeMetricsError), error
            assert not str(error).startswith("unforeseen"), error
            assert_is_short(error)


def is_right(taken: Taken, value: object) -> bool:
    """Return whether it may be one, or is judged as a file's content is."""
    return isinstance(value, dict) and taken.parameter in {"kubeconfig", "environ"}


def assert_is_short(error: Exception) -> None:
    assert str(error).isprintable()
    assert len(str(error)) <= 500


def test_every_annotation_of_an_option_is_known() -> None:
    for options in (ListOptions, SnapshotOptions, WatchOptions, Overrides):
        for annotation in options.__annotations__.values():
            kinds = annotation.__forward_arg__.split(" | ")
            assert set(kinds) <= set(errors._KINDS)


def test_a_text_is_no_list_of_groups_of_its_letters() -> None:
    wrong: Any = "admins"
    with pytest.raises(TypeError, match="as_groups must be a list of texts"):
        kubemetrics.load_config(as_groups=wrong)
