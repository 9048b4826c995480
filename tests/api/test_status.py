"""From any answer that says no to a typed error of one bounded line."""

from __future__ import annotations

import pytest

from kubemetrics.api.answers import (
    error_from_response,
    error_from_status,
    retry_after,
    unexpected_text,
    warnings_of,
)
from kubemetrics.api.exchange import ok
from kubemetrics.errors import (
    ApiError,
    BadRequest,
    Conflict,
    Expired,
    Forbidden,
    InternalError,
    Invalid,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    ServerTimeout,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from kubemetrics.flow import Response

from .playing import DATE, answer, status, text

PLACE = "https://cluster:6443/api/v1/pods"


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", BadRequest),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (405, "MethodNotAllowed", MethodNotAllowed),
        (406, "NotAcceptable", NotAcceptable),
        (409, "Conflict", Conflict),
        (409, "AlreadyExists", Conflict),
        (410, "Expired", Expired),
        (410, "Gone", Expired),
        (413, "RequestEntityTooLarge", ApiError),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", TooManyRequests),
        (500, "InternalError", InternalError),
        (500, "ServerTimeout", ServerTimeout),
        (502, "", ApiError),
        (503, "ServiceUnavailable", ServiceUnavailable),
        (504, "Timeout", ServerTimeout),
        (404, "Expired", Expired),  # the reason goes before the code
        (403, "", Forbidden),
        (403, "FromTheFuture", Forbidden),
        (599, "", ApiError),
    ],
)
def test_a_status_becomes_its_leaf(
    code: int, reason: str, kind: type[ApiError]
) -> None:
    error = error_from_response(status(code, reason, "why", name="x"))
    assert type(error) is kind
    assert (error.status, error.reason, error.message) == (code, reason, "why")
    assert error.details == {"name": "x"}
    assert error.url == "https://cluster:6443/"
    assert unexpected_text(error) is None


@pytest.mark.parametrize(
    ("http", "body", "kind"),
    [
        (400, {"code": 404}, NotFound),
        (400, {"code": 404, "reason": "FromTheFuture"}, NotFound),
        (404, {"code": 403, "reason": "Expired"}, Expired),
        (404, {"code": 404, "reason": "UnsupportedMediaType"}, ApiError),
        (429, {"code": 429, "reason": "Forbidden"}, TooManyRequests),
        (429, {"reason": "Forbidden"}, TooManyRequests),
        (403, {"code": 429, "reason": "Forbidden"}, TooManyRequests),
        (500, {"code": 403}, Forbidden),
    ],
)
def test_a_status_is_judged_as_client_go_does(
    http: int, body: dict[str, object], kind: type[ApiError]
) -> None:
    """By a known reason, else by its own code; by 429 whatever the reason."""
    whole = {"kind": "Status", "status": "Failure", "message": "why", **body}
    error = error_from_response(answer(http, whole))
    assert type(error) is kind
    assert (error.message, error.status) == ("why", http)


@pytest.mark.parametrize(
    "body",
    [
        {"status": "Failure", "message": "mine", "reason": "NotFound"},
        {"kind": "Status", "status": "Success", "message": "mine"},
    ],
)
def test_a_body_of_no_kind_or_of_success_is_no_status(body: dict[str, object]) -> None:
    """Neither is it to kubectl 1.37.1."""
    error = error_from_response(answer(400, body))
    assert type(error) is BadRequest
    assert unexpected_text(error) is not None


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"", "", "an empty answer"),
        (b"nope\n", "text/plain", "nope"),
        (b"two\r\n\r\nlines\n", "text/plain", "two lines"),
        (b"<html><title>Sign  in</title>", "text/html", 'JSON ("Sign in")'),
        (b"<html><body><p>Sign</p> in &amp; up", "", 'JSON ("Sign in & up")'),
        (b'{"kind":"Status","message":"cut', "application/json", '"message":"cut'),
        (b'{"kind":"Other"}', "application/json", '{"kind":"Other"}'),
        (b"\xff\xfe\x00", "application/json", "\ufffd\ufffd"),
        (b"[" * 100_000, "application/json", "[[["),
        (b"{" * 100_000, "application/json", "{{{"),
    ],
)
def test_what_is_no_status_is_quoted_within_bounds(
    code: int, body: bytes, kind: str, says: str
) -> None:
    error = error_from_response(
        answer(code, body, kind=kind, path="/api/v1/pods?limit=1")
    )
    assert error.status == code
    assert error.reason == ""
    assert says in str(error)
    assert str(error).startswith(f"{PLACE}: {code} ")
    assert "\n" not in str(error)
    assert len(str(error)) < 500
    assert unexpected_text(error) is not None


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("https://user:pw@sso.example/login?code=1", "(to https://sso.example)"),
        (
            "https://user:pw@cluster:6443/x?code=1",
            "302 Found: this redirect is not followed",
        ),
        ("http://cluster:6443/x", "(to http://cluster:6443), "),
        ("https://cluster:8443/x", "(to https://cluster:8443), "),
        ("//sso.example/x", "(to https://sso.example), "),
        ("/login", "this redirect is not followed"),
        ("", "this redirect is not followed"),
        ("https://[login]/", "this redirect is not followed"),
        ("http://a]b/", "this redirect is not followed"),
        ("http://a\u2100b/", "this redirect is not followed"),
    ],
)
def test_a_redirect_names_its_host_and_none_of_its_secrets(
    location: str, says: str
) -> None:
    error = error_from_response(answer(302, b"", headers={"location": location}))
    assert says in str(error)
    assert "pw" not in str(error)
    assert "code" not in str(error)


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (
            answer(300),
            "300 Multiple Choices: this redirect is not followed",
        ),
        (answer(301), "301 Moved Permanently: this redirect is not followed"),
        (
            answer(302, headers={"location": "/login?code=1"}),
            "302 Found: this redirect is not followed",
        ),
        (
            answer(307, headers={"location": "https://sso.example:8443/x"}),
            (
                "307 Temporary Redirect: redirects to another server are not followed"
                " (to https://sso.example:8443), for the token would go there; if the"
                " API is there, name it with --server"
            ),
        ),
        (answer(404), "404 Not Found: an empty answer"),
        (answer(599), "599: an empty answer"),
        (text(404, "404 page not found\n"), "404 Not Found: 404 page not found"),
        (
            answer(502, b"<html><body></body></html>", kind="text/html"),
            "502 Bad Gateway: a web page instead of the API's JSON",
        ),
        (
            answer(502, b"oops", kind="text/html; charset=utf-8"),
            (
                "502 Bad Gateway: a web page instead of the API's JSON"
                ' ("oops"); is a proxy or a login in between?'
            ),
        ),
        (
            answer(502, b"oops", kind="Text/HTML"),
            (
                "502 Bad Gateway: a web page instead of the API's JSON"
                ' ("oops"); is a proxy or a login in between?'
            ),
        ),
        (
            answer(502, b"<TITLE lang=en>Bad\ngateway</TITLE><p>no", kind=""),
            (
                "502 Bad Gateway: a web page instead of the API's JSON"
                ' ("Bad gateway"); is a proxy or a login in between?'
            ),
        ),
        (text(500, "x" * 200), "500 Internal Server Error: " + "x" * 200),
        (text(500, "x" * 201), "500 Internal Server Error: " + "x" * 200 + "…"),
    ],
)
def test_what_came_instead_of_a_status_is_said_in_full(
    response: Response, said: str
) -> None:
    error = error_from_response(response)
    assert str(error) == f"https://cluster:6443/: {said}"
    assert error.url == response.url
    assert error.retry_after is None
    cause = {"reason": "UnexpectedServerResponse", "message": unexpected_text(error)}
    assert error.details == {"causes": [cause]}


def test_a_status_without_end_is_not_looked_at() -> None:
    body = {"kind": "Status", "reason": "NotFound", "message": "x" * 2**20}
    error = error_from_response(answer(500, body))
    assert type(error) is InternalError
    assert (unexpected_text(error) or "").startswith('{"kind": "Status"')


@pytest.mark.parametrize(
    ("code", "good"), [(199, False), (200, True), (299, True), (300, False)]
)
def test_only_a_2xx_is_good(code: int, good: bool) -> None:  # noqa: FBT001 - a table
    assert ok(code) is good


def test_a_wait_that_a_proxy_asks_for_is_said_too() -> None:
    error = error_from_response(text(429, "slow down", {"retry-after": "4"}))
    assert error.retry_after == 4.0
    assert str(error) == (
        "https://cluster:6443/: 429 Too Many Requests: slow down"
        " (the server asks to wait 4 s)"
    )


PODS = 'pods is forbidden: User "jane" cannot list resource "pods" in API group ""'
NODES = 'nodes is forbidden: User "jane" cannot list resource "nodes" in API group ""'
NOBODY = PODS.replace("jane", "system:anonymous")
MAY_BE_BOUND = "a binding to the ClusterRole view usually allows it"


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        (
            f"{PODS} at the cluster scope",
            f"{MAY_BE_BOUND}; -n asks for one namespace",
        ),
        (f'{PODS} in the namespace "web"', MAY_BE_BOUND),
        (
            f"{NODES} at the cluster scope",
            "it takes a ClusterRole with get and list on nodes: view has neither",
        ),
        (
            f"{NOBODY} at the cluster scope",
            (
                "no credentials arrived at the server;"
                " `kubemetrics config` shows which are in use"
            ),
        ),
        (PODS.replace('""', '"metrics.k8s.io"'), ""),
        (PODS.replace('"pods"', '"secrets"'), ""),
        ("no", ""),
    ],
)
def test_a_refusal_says_what_would_allow_it(message: str, hint: str) -> None:
    assert error_from_response(status(403, "Forbidden", message)).hint == hint


def test_a_message_of_several_lines_is_shown_on_one_and_kept_as_it_is() -> None:
    error = error_from_response(status(406, "NotAcceptable", "406\n\nonly  these"))
    assert str(error) == "406 only these"
    assert error.message == "406\n\nonly  these"


def test_a_message_without_end_is_cut() -> None:
    assert (
        len(str(error_from_response(status(400, "BadRequest", "x" * 10_000)))) <= 2000
    )


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "Status", "details": 7, "metadata": [], "message": 5, "reason": {}},
        {"kind": "Status", "details": {"causes": 7}},
        {"kind": "Status", "details": {"causes": []}},
        {"kind": "Status", "details": {"causes": ["x"]}},
        {"kind": "Status", "details": {"retryAfterSeconds": "soon"}},
        {"kind": "Status", "code": "x"},
    ],
)
def test_a_status_of_wrong_types_is_an_error_all_the_same(
    body: dict[str, object],
) -> None:
    error = error_from_response(answer(500, body))
    assert type(error) is InternalError
    assert str(error) == "500 Internal Server Error"
    assert unexpected_text(error) is None


def test_an_expired_list_says_where_it_may_go_on() -> None:
    body = {"kind": "Status", "metadata": {"continue": "t"}, "reason": "Expired"}
    assert error_from_response(answer(410, body)).details["continue"] == "t"
    kept = {**body, "details": {"kind": "pods"}}
    assert error_from_response(answer(410, kept)).details == {
        "kind": "pods",
        "continue": "t",
    }


def test_an_unknown_user_is_told_where_to_look() -> None:
    assert error_from_response(status(401, "Unauthorized")).hint == (
        "the server does not know these credentials, or no longer;"
        " `kubemetrics config` shows what is sent"
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("-7", None),
        ("7.5", None),
        ("soon", None),
        ("9" * 400, 999_999_999.0),
        ("٣", None),
        ("Mon, 23 Nov 2026 03:00:48 GMT", 60.0),
        ("Mon, 23 Nov 2026 03:00:48 -0000", 60.0),
        ("Mon, 23 Nov 2020 03:00:48 GMT", 0.0),
        ("Mon, 99 Nov 2026 03:00:48 GMT", None),
    ],
)
def test_retry_after_is_an_integer_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(answer(429, headers={"retry-after": value})) == seconds


def test_a_date_means_nothing_without_the_servers_own() -> None:
    response = Response(status=429, headers={"retry-after": DATE}, body=b"", url="")
    assert retry_after(response) is None


def test_the_wait_may_be_in_the_details() -> None:
    error = error_from_response(status(429, "TooManyRequests", retryAfterSeconds=3))
    assert error.retry_after == 3.0
    assert "asks to wait 3 s" in str(error)
    assert error_from_response(text(429, "no", {"retry-after": "4"})).retry_after == 4.0


@pytest.mark.parametrize(
    ("seconds", "wait"), [(int("9" * 309), float(2**31 - 1)), (-1, None), (0, None)]
)
def test_a_wait_that_cannot_be_is_none_or_the_longest(
    seconds: int, wait: float | None
) -> None:
    error = error_from_response(
        status(429, "TooManyRequests", retryAfterSeconds=seconds)
    )
    assert error.retry_after == wait


def test_a_cause_without_text_is_quoted_as_nothing() -> None:
    cause = {"reason": "UnexpectedServerResponse", "message": 7}
    assert unexpected_text(error_from_response(status(503, "", causes=[cause]))) == ""


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        ({"code": 410, "reason": "Expired", "message": "old"}, Expired, 410),
        ({"reason": "Expired"}, Expired, 500),
        ({"code": 429}, TooManyRequests, 429),
        ({}, InternalError, 500),
        ({"code": True}, InternalError, 500),
    ],
)
def test_an_error_event_is_typed_by_its_status(
    body: dict[str, object], kind: type[ApiError], code: int
) -> None:
    error = error_from_status(body, url=PLACE)
    assert type(error) is kind
    assert error.status == code
    assert error.url == PLACE
    assert error.message


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ('299 - "one"', ["one"]),
        ('299 - "one", 299 agent "two"', ["one", "two"]),
        ('299 - "say \\"hi\\" \\\\"', ['say "hi" \\']),
        ('299 - "dated" "Mon, 23 Nov 2026 02:59:48 GMT", 299 - "on"', ["dated", "on"]),
        ('199 - "no", 299 - "yes", 299 - ""', ["yes"]),
        # RFC 2047
        ('299 - "=?utf-8?q?veraltet:_f=C3=BCr?= v1"', ["veraltet: für v1"]),
        ('299 - "=?UTF-8?B?YWx0?= =?utf-8?Q?_neu?= x"', ["alt neu x"]),
        ('299 - "a =?iso-8859-1?q?=FC?="', ["a ü"]),
        ('299 - "=?koi8-r?q?=C1?= =?utf-8?q?b?="', ["=?koi8-r?q?=C1?= =?utf-8?q?b?="]),
        ('299 - "=?utf-8?b?***?= =?utf-8?q?b?="', ["=?utf-8?b?***?= b"]),
        ('299 - "=?utf-8?x?b?="', ["=?utf-8?x?b?="]),
        # a broken header costs what follows in it, and no other
        ('299 - "open\n299 - "good"', ["good"]),
        ('299 - "fine", 299 - "open\n299 - "good"', ["fine", "good"]),
        ('299\n29x - "a"\n299 - a\n299 - "a" b\n299 - "good"', ["good"]),
        ("", []),
    ],
)
def test_warnings_are_read_as_apimachinery_reads_them(
    header: str, texts: list[str]
) -> None:
    given = Response(status=200, headers={"warning": header}, body=b"", url="")
    assert warnings_of(given) == texts
