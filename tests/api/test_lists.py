"""Lists: pages, what is asked for, what happens between pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TypedDict

import pytest

from kubemetrics.api import Api, ListOptions, ResourceList, RetryPolicy
from kubemetrics.errors import DecodeError, Expired, Forbidden, NotFound
from kubemetrics.flow import Request, Response
from kubemetrics.models.pod import Pod

from .playing import Play, answer, in_turn, page, status

API = Api(retry=RetryPolicy(random=lambda: 0.0))


def gone(token: str = "") -> Response:
    body = {
        "kind": "Status",
        "metadata": {"continue": token},
        "reason": "Expired",
        "code": 410,
    }
    return answer(410, body)


def listed(options: ListOptions, *answers: Response) -> tuple[ResourceList[Pod], Play]:
    play = Play(in_turn(answers))
    return play.run(API.list_pods(options)), play


def names(pods: ResourceList[Pod]) -> list[str]:
    return [pod.name for pod in pods]


def queries(play: Play) -> list[dict[str, str]]:
    return [dict(request.query) for request in play.requests]


def test_pages_are_read_until_there_is_no_token() -> None:
    pods, play = listed({}, page("ab", token="t1"), page("cd", token="t2"), page("e"))
    assert names(pods) == list("abcde")
    assert queries(play) == [
        {"limit": "1000"},
        {"limit": "1000", "continue": "t1"},
        {"limit": "1000", "continue": "t2"},
    ]


def test_a_list_is_as_of_its_first_page() -> None:
    pods, _ = listed({}, page("a", token="t", version="7"), page("b", version="9"))
    assert pods.resource_version == "7"
    assert pods.date == datetime(2026, 11, 23, 2, 59, 48, tzinfo=UTC)


class Asked(TypedDict):
    options: ListOptions
    first: dict[str, str]
    second: dict[str, str]


ASKED: dict[str, Asked] = {
    "selectors go along to every page": {
        "options": {"label_selector": "a=b", "field_selector": "spec.nodeName=n"},
        "first": {
            "labelSelector": "a=b",
            "fieldSelector": "spec.nodeName=n",
            "limit": "1000",
        },
        "second": {
            "labelSelector": "a=b",
            "fieldSelector": "spec.nodeName=n",
            "limit": "1000",
            "continue": "t",
        },
    },
    "a version is for the first page only": {
        "options": {"resource_version": "5", "resource_version_match": "Exact"},
        "first": {
            "limit": "1000",
            "resourceVersion": "5",
            "resourceVersionMatch": "Exact",
        },
        "second": {"limit": "1000", "continue": "t"},
    },
    "version 0 is never paged": {
        "options": {"resource_version": "0"},
        "first": {"resourceVersion": "0"},
        "second": {"continue": "t"},
    },
    "no chunks, no limit": {
        "options": {"chunk_size": 0},
        "first": {},
        "second": {"continue": "t"},
    },
    "chunks of another size": {
        "options": {"chunk_size": 7},
        "first": {"limit": "7"},
        "second": {"limit": "7", "continue": "t"},
    },
}


@pytest.mark.parametrize("case", ASKED.values(), ids=ASKED)
def test_what_is_asked_for(case: Asked) -> None:
    _, play = listed(case["options"], page("a", token="t"), page("b"))
    assert queries(play) == [case["first"], case["second"]]


@pytest.mark.parametrize(
    ("namespace", "path"),
    [
        (None, "/api/v1/pods"),
        ("", "/api/v1/pods"),
        ("a b", "/api/v1/namespaces/a%20b/pods"),
    ],
)
def test_a_namespace_is_part_of_the_path(namespace: str | None, path: str) -> None:
    _, play = listed({"namespace": namespace}, page("a"))
    assert play.paths == [path]


def test_an_expired_token_starts_over_once() -> None:
    pods, play = listed(
        {"resource_version": "5"},
        page("a", token="t"),
        gone("u"),
        page("ab", token="t", version="8"),
        page("c"),
    )
    assert names(pods) == list("abc")
    assert pods.resource_version == "8"
    assert [q.get("continue") for q in queries(play)] == [None, "t", None, "t"]


def test_a_token_that_expires_again_makes_it_one_full_list() -> None:
    pods, play = listed(
        {"label_selector": "a"},
        *[page("a", token="t"), gone(), page("a", token="t"), gone()],
        page("abc"),
    )
    assert names(pods) == list("abc")
    assert queries(play)[-1] == {"labelSelector": "a"}


def test_a_list_that_expires_even_then_is_an_error() -> None:
    with pytest.raises(Expired):
        listed({}, *[page("a", token="t"), gone()] * 3)


def test_an_expired_first_page_is_the_callers_to_hear() -> None:
    with pytest.raises(Expired):
        listed({"resource_version": "1", "resource_version_match": "Exact"}, gone())


def test_another_error_between_pages_is_raised() -> None:
    with pytest.raises(Forbidden):
        listed({}, page("a", token="t"), status(403, "Forbidden"))


@pytest.mark.parametrize("tokens", ["tt", "tut", "tuvt"])
def test_a_token_that_comes_again_ends_the_list(tokens: str) -> None:
    with pytest.raises(DecodeError, match=r"never ends.*token repeats") as caught:
        listed({}, *(page("a", token=token) for token in tokens))
    assert caught.value.url.startswith("https://cluster:6443/")


@pytest.mark.no_cover
def test_a_list_without_end_ends() -> None:
    count = 0

    def server(_: Request) -> Response:
        nonlocal count
        count += 1
        return page("", token=str(count))

    with pytest.raises(DecodeError, match="does not end within 20000 pages"):
        Play(server).run(API.list_pods({}))


def test_progress_is_told_with_each_page() -> None:
    told: list[tuple[int, int | None]] = []
    listed(
        {"progress": lambda done, total: told.append((done, total))},
        page("ab", token="t", remaining=3),
        page("cd", token="u"),
        page("e"),
    )
    assert told == [(2, 5), (4, None), (5, 5)]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"<html>", "a web page instead of the API's JSON"),
        (b"", "not JSON at byte 0"),
        (b"[]", "expected a JSON object, got list"),
        (b"{}", "expected PodList, got none"),
        (b'{"kind":"Login"}', 'expected PodList, got "Login"'),
        (b'{"kind":"PodList","items":{}}', r"\$\.items: expected a list"),
        (b'{"kind":7,"items":[]}', "expected PodList, got none"),
        (b'{"kind":"PodList","metadata":[]}', r"\$\.metadata: expected an object"),
        (b'{"kind":"PodList","metadata":{"continue":1}}', r"\$\.metadata\.continue"),
    ],
)
def test_what_is_no_list_says_so(body: bytes, problem: str) -> None:
    with pytest.raises(DecodeError, match=problem) as caught:
        listed({}, answer(200, body, path="/api/v1/pods?continue=long"))
    assert str(caught.value).startswith("https://cluster:6443/api/v1/pods: $")


def test_a_list_need_not_say_its_kind() -> None:
    pods, _ = listed({}, answer(200, b'{"items":[{"metadata":{"name":"a"}}]}'))
    assert names(pods) == ["a"]


def test_an_item_that_cannot_be_read_costs_no_other() -> None:
    first = {"items": [pod("a"), pod("b", status=7), pod("c")], **more("t")}
    second = {"items": [7, pod("d")], **more("")}
    pods, _ = listed(
        {}, *(answer(200, json.dumps(page).encode()) for page in (first, second))
    )
    assert names(pods) == ["a", "c", "d"]
    assert [(u.namespace, u.name, u.error.path) for u in pods.unreadable] == [
        ("n", "b", "$.items[1].status"),
        ("", "", "$.items[0]"),
    ]
    assert repr(pods) == "<ResourceList of 3 Pod, 2 unreadable>"
    with pytest.raises(
        DecodeError, match=r"\$\.items\[1\]\.status: expected an object"
    ):
        pods.whole()


def pod(name: str, **fields: object) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": "n"}, **fields}


def more(token: str) -> dict[str, object]:
    return {"kind": "PodList", "metadata": {"continue": token}}


@pytest.mark.parametrize("items", ["null", "[]"])
def test_no_items_are_an_empty_list(items: str) -> None:
    body = f'{{"kind":"PodList","metadata":{{}},"items":{items}}}'
    pods, _ = listed({}, answer(200, body.encode()))
    assert len(pods) == 0


class TestPages:
    """Page by page, for who wants to keep nothing."""

    def play(self, *answers: Response) -> tuple[list[list[str]], Play]:
        play = Play(in_turn(answers))
        pages = API.pages_of_pods({})
        seen: list[list[str]] = []
        while pages.more:
            seen.append(names(play.run(pages.next())))
        return seen, play

    def test_each_comes_by_itself(self) -> None:
        seen, _ = self.play(page("ab", token="t"), page("c"))
        assert seen == [["a", "b"], ["c"]]

    def test_an_expired_token_goes_on_where_the_server_says(self) -> None:
        seen, play = self.play(page("a", token="t"), gone("fresh"), page("b"))
        assert seen == [["a"], ["b"]]
        assert queries(play)[-1] == {"limit": "1000", "continue": "fresh"}

    def test_an_expired_token_without_another_is_an_error(self) -> None:
        with pytest.raises(Expired):
            self.play(page("a", token="t"), gone())

    def test_a_token_that_comes_again_is_an_error(self) -> None:
        with pytest.raises(DecodeError, match="token repeats"):
            self.play(page("a", token="t"), page("b", token="t"))


def test_a_resource_list_is_a_sequence() -> None:
    numbers = ResourceList([1, 2, 3], resource_version="7")
    assert list(numbers) == [1, 2, 3]
    assert numbers[0] == 1
    assert numbers[1:] == (2, 3)
    assert 2 in numbers
    assert numbers == ResourceList([1, 2, 3])
    assert numbers != [1, 2, 3]
    assert repr(numbers) == "<ResourceList of 3 int>"
    assert repr(ResourceList([])) == "<ResourceList of 0 nothing>"


REFUSED = {
    "kind": "Status", "status": "Failure", "reason": "Forbidden", "message": "no"
}  # fmt: skip


def test_a_status_in_the_place_of_a_list_is_the_error_that_it_says() -> None:
    """As client-go has it (rest/request.go, ``Result.Into``), whatever the code."""
    for code in (0, 403, 500):
        with pytest.raises(Forbidden, match="no") as caught:
            listed({}, answer(200, {**REFUSED, "code": code}))
        assert caught.value.status == (code or 500)


def test_a_status_in_the_place_of_a_pod_is_the_error_that_it_says() -> None:
    play = Play(in_turn((answer(200, {**REFUSED, "reason": "", "code": 404}),)))
    with pytest.raises(NotFound, match="no"):
        play.run(API.get_pod("x", "default"))


def test_a_status_of_success_is_no_list_either() -> None:
    with pytest.raises(DecodeError, match="expected PodList"):
        listed({}, answer(200, {"kind": "Status", "status": "Success"}))
