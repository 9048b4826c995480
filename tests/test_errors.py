"""The error tree: where a leaf is, what it carries, what it says."""

from __future__ import annotations

import copy
import pickle

import pytest

from kubemetrics import errors
from kubemetrics.errors import (
    ApiError,
    ConfigError,
    CredentialError,
    DecodeError,
    Expired,
    Forbidden,
    HistoryError,
    Interruption,
    KubeMetricsError,
    MetricsUnavailable,
    NotFound,
    QuantityError,
    ResponseError,
    TransportError,
    Unauthorized,
    api_error_class,
)

TREE = {
    ConfigError: KubeMetricsError,
    CredentialError: KubeMetricsError,
    TransportError: KubeMetricsError,
    ResponseError: KubeMetricsError,
    DecodeError: ResponseError,
    ApiError: ResponseError,
    Unauthorized: ApiError,
    Forbidden: ApiError,
    NotFound: ApiError,
    Expired: ApiError,
    MetricsUnavailable: ApiError,
    HistoryError: KubeMetricsError,
    QuantityError: KubeMetricsError,
}
URL = "https://cluster/api/v1/pods?continue=long"


@pytest.mark.parametrize(("leaf", "branch"), TREE.items(), ids=lambda e: e.__name__)
def test_a_leaf_is_on_its_branch(
    leaf: type[Exception], branch: type[Exception]
) -> None:
    assert issubclass(leaf, branch)


def test_a_quantity_error_is_a_value_error() -> None:
    assert issubclass(QuantityError, ValueError)


EXAMPLES: list[KubeMetricsError] = [
    ConfigError("a: no server", "b: no user"),
    CredentialError("no plugin"),
    TransportError("x: refused", url=URL, reason="refused", elapsed=1.5, reused=True),
    DecodeError("expected a list, got null", url=URL, path="$.items"),
    Forbidden(
        "no",
        url=URL,
        status=403,
        reason="Forbidden",
        details={"kind": "pods"},
        hint="ask",
    ),
    MetricsUnavailable("none", cause="absent", url=URL, status=404, hint="install"),
    HistoryError("a.db: another process records into it"),
    QuantityError("not a quantity"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: type(e).__name__)
def test_a_copy_has_all_facts(error: KubeMetricsError) -> None:
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: type(e).__name__)
def test_what_is_said_is_one_line(error: KubeMetricsError) -> None:
    assert "\n" not in str(error)


def test_all_complaints_of_a_configuration_are_told() -> None:
    error = ConfigError("a: no server", "b: no user")
    assert str(error) == "a: no server; b: no user"
    assert error.problems == ("a: no server", "b: no user")


def test_a_decode_error_says_where_without_the_query() -> None:
    error = DecodeError("expected a list, got null", url=URL, path="$.items")
    assert (
        str(error) == "https://cluster/api/v1/pods: $.items: expected a list, got null"
    )
    assert error.url == URL
    assert str(DecodeError("x")) == "$: x"


def test_an_api_error_shows_its_hint_and_one_line() -> None:
    error = NotFound("no\n such  pod", status=404, hint="look")
    assert str(error) == "no such pod (look)"
    assert error.message == "no\n such  pod"


def test_explaining_makes_another_error() -> None:
    error = Forbidden("no", status=403, reason="Forbidden", details={"a": 1})
    explained = error.explained("ask an admin")
    assert str(error) == "no"
    assert str(explained) == "no (ask an admin)"
    assert explained.hint == "ask an admin"
    assert (explained.status, explained.details) == (403, {"a": 1})
    assert type(explained) is Forbidden


@pytest.mark.parametrize(
    ("status", "reason", "leaf"),
    [
        (404, "", NotFound),
        (404, "Expired", Expired),
        (500, "Unheard", errors.InternalError),
        (418, "", ApiError),
        (0, "", ApiError),
    ],
)
def test_the_reason_goes_before_the_status(
    status: int, reason: str, leaf: type[ApiError]
) -> None:
    assert api_error_class(status, reason) is leaf


@pytest.mark.parametrize(
    ("leaf", "status", "reasons"),
    [
        (errors.BadRequest, 400, ("BadRequest",)),
        (errors.Unauthorized, 401, ("Unauthorized",)),
        (errors.Forbidden, 403, ("Forbidden",)),
        (errors.NotFound, 404, ("NotFound",)),
        (errors.MethodNotAllowed, 405, ("MethodNotAllowed",)),
        (errors.NotAcceptable, 406, ("NotAcceptable",)),
        (errors.Conflict, 409, ("Conflict", "AlreadyExists")),
        (errors.Expired, 410, ("Expired", "Gone")),
        (errors.Invalid, 422, ("Invalid",)),
        (errors.TooManyRequests, 429, ("TooManyRequests",)),
        (errors.InternalError, 500, ("InternalError", "StorageReadError")),
        (errors.ServiceUnavailable, 503, ("ServiceUnavailable",)),
        (errors.ServerTimeout, 504, ("Timeout", "ServerTimeout")),
    ],
)
def test_a_status_or_a_reason_alone_tells_the_leaf(
    leaf: type[ApiError], status: int, reasons: tuple[str, ...]
) -> None:
    assert api_error_class(status, "") is leaf
    for reason in reasons:
        assert api_error_class(418, reason) is leaf


def test_every_error_of_a_request_says_what_was_asked() -> None:
    asked: list[TransportError | ResponseError] = [
        TransportError("refused", url=URL, reason="refused"),
        ResponseError("cut", url=URL),
        DecodeError("no list", url=URL),
        ApiError("no", url=URL, status=418),
        MetricsUnavailable("no", cause="down", url=URL, status=503),
    ]
    assert [error.url for error in asked] == [URL] * len(asked)


def test_what_was_not_given_is_empty() -> None:
    refused = TransportError("refused", url=URL, reason="refused")
    assert (refused.elapsed, refused.reused) == (0.0, False)
    nothing = ApiError("no", status=418)
    assert (nothing.url, nothing.reason, nothing.hint) == ("", "", "")
    assert nothing.details == {}
    assert nothing.retry_after is None
    unavailable = MetricsUnavailable("no", cause="down", status=503)
    assert (unavailable.url, unavailable.hint) == ("", "")
    undecoded = DecodeError("expected a list, got null")
    assert (undecoded.url, undecoded.path) == ("", "$")
    assert undecoded.problem == "expected a list, got null"
    assert ResponseError("cut").url == ""


def test_no_two_leaves_share_a_reason_or_a_status() -> None:
    leaves = errors._LEAVES
    reasons = [reason for _, _, named in leaves for reason in named]
    statuses = [status for _, status, _ in leaves]
    assert len(reasons) == len(set(reasons))
    assert len(statuses) == len(set(statuses))


def test_an_interrupt_is_remembered_where_python_would_forget_it() -> None:
    interruption = Interruption()
    with pytest.raises(KeyboardInterrupt):
        interruption.handle()
    assert interruption.pending
