"""`metav1.Status` bodies in kube-apiserver's own words.

Wording after apimachinery's `pkg/api/errors/errors.go` and apiserver's
`pkg/endpoints/handlers/responsewriters/errors.go`, checked against recordings.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from .encoding import encode_line
from .exchange import Answer, Problem, text_answer

JSON_TYPE = "application/json"


def status_object(
    code: int, reason: str, message: str, details: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
    }
    if details is not None:
        status["details"] = dict(details)
    return status | {"code": code}


def status(
    code: int, reason: str, message: str, details: Mapping[str, Any] | None = None
) -> Answer:
    body = encode_line(status_object(code, reason, message, details))
    return Answer(status=code, body=body, content_type=JSON_TYPE)


def problem(
    code: int, reason: str, message: str, details: Mapping[str, Any] | None = None
) -> Problem:
    return Problem(status(code, reason, message, details))


def bad_request(message: str) -> Problem:
    return problem(HTTPStatus.BAD_REQUEST, "BadRequest", message)


def unauthorized() -> Problem:
    return problem(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")


def not_found(kind: str, name: str, group: str = "", resource: str = "") -> Problem:
    """Say that *name* is missing; *resource* is how the message names the kind."""
    details = {"name": name, "group": group, "kind": kind}
    return problem(
        HTTPStatus.NOT_FOUND,
        "NotFound",
        f'{resource or kind} "{name}" not found',
        {key: value for key, value in details.items() if value},
    )


def no_such_route() -> Problem:
    """Answer a path below a served group version that is no route of it."""
    return problem(
        HTTPStatus.NOT_FOUND,
        "NotFound",
        "the server could not find the requested resource",
        {},
    )


def method_not_allowed() -> Problem:
    return problem(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        {},
    )


def expired(message: str, fresh_continue: str = "") -> Problem:
    body = status_object(HTTPStatus.GONE, "Expired", message)
    if fresh_continue:
        body["metadata"] = {"continue": fresh_continue}
    return Problem(
        Answer(status=HTTPStatus.GONE, body=encode_line(body), content_type=JSON_TYPE)
    )


def page_not_found() -> Answer:
    """Go's own 404, for a path nobody serves."""
    return text_answer(HTTPStatus.NOT_FOUND, "404 page not found\n")
