"""Flows and their combinators, step by step."""

from __future__ import annotations

import dataclasses

import pytest

from kubemetrics.errors import KubeMetricsError, TransportError
from kubemetrics.flow import (
    NOTHING,
    Flow,
    Fork,
    Pause,
    Request,
    Response,
    attempt,
    both,
    gather,
)
from tests.api.playing import Play, answer, broken, by_path

OK = answer(200, {}, path="/a")


def path_of(path: str) -> Flow[str]:
    response: Response = yield Request(path=path)
    return response.body.decode()


def words(**bodies: str) -> Play:
    answers: dict[str, Response | KubeMetricsError] = {
        f"/{name}": answer(200, body.encode()) for name, body in bodies.items()
    }
    answers["/broken"] = broken("refused")
    return Play(by_path(answers))


def result(flow: Flow[object]) -> object:
    with pytest.raises(StopIteration) as stop:
        flow.send(NOTHING)
    return stop.value.value


def test_two_flows_run_in_one_fork() -> None:
    flow = both(path_of("/a"), path_of("/b"))
    fork = next(flow)
    assert isinstance(fork, Fork)
    assert len(fork.flows) == 2
    flow.close()
    assert words(a="x", b="y").run(both(path_of("/a"), path_of("/b"))) == ("x", "y")


@pytest.mark.parametrize("count", [0, 1, 5])
def test_any_number_of_flows_keep_their_order(count: int) -> None:
    bodies = {f"p{n}": str(n) for n in range(count)}
    flows = [path_of(f"/p{n}") for n in range(count)]
    assert words(**bodies).run(gather(flows)) == tuple(map(str, range(count)))


def test_a_part_that_fails_fails_the_whole() -> None:
    with pytest.raises(TransportError):
        words(a="x").run(both(path_of("/a"), path_of("/broken")))


def test_a_part_that_may_fail_gives_its_error() -> None:
    good, bad = words(a="x").run(
        both(attempt(path_of("/a")), attempt(path_of("/broken")))
    )
    assert good == "x"
    assert isinstance(bad, TransportError)


def test_an_error_that_is_a_result_keeps_no_frame() -> None:
    error = words().run(attempt(path_of("/broken")))
    assert isinstance(error, KubeMetricsError)
    assert error.__traceback__ is None


def test_an_attempt_hides_no_defect() -> None:
    def broken_flow() -> Flow[None]:
        yield Pause(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        words().run(attempt(broken_flow()))


@pytest.mark.parametrize(
    ("method", "idempotent"),
    [("GET", True), ("HEAD", True), ("OPTIONS", True), ("POST", False), ("PUT", False)],
)
def test_what_may_be_sent_twice(method: str, idempotent: bool) -> None:  # noqa: FBT001
    assert Request(path="/", method=method).idempotent is idempotent


def test_a_response_does_not_show_its_body() -> None:
    assert "secret" not in repr(answer(200, b"secret"))


@pytest.mark.parametrize("step", [Request(path="/"), OK, Pause(1), Fork(())])
def test_steps_cannot_be_changed(step: object) -> None:
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        setattr(step, dataclasses.fields(step)[0].name, None)  # type: ignore[arg-type]
