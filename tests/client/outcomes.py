"""What a driver tells a flow: an answer, or what kept it from coming, in a few words.

A word names the same on both sides: the drivers' tests derive it from what arrives
(`word_of`), the flows' tests take from `OUTCOMES` what it stands for.
"""

from __future__ import annotations

import json
from typing import Final

from kubemetrics.api.answers import error_from_response, unexpected_text
from kubemetrics.api.exchange import ok
from kubemetrics.errors import (
    ApiError,
    DecodeError,
    KubeMetricsError,
    TransportError,
    TransportReason,
)
from kubemetrics.flow import Response
from tests.api.playing import answer, broken, status, text

REASONS: Final = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    502: "",
    503: "ServiceUnavailable",
    504: "Timeout",
}
WITHOUT_ANSWER: Final[tuple[TransportReason, ...]] = (
    "refused", "reset", "protocol", "limit", "deadline", "timeout",
)  # fmt: skip
POD: Final = b'{"kind":"Pod","metadata":{"name":"debug"},"status":{"phase":"Running"}}'
PAGE: Final = b"<html><head><title>sign in</title></head></html>"

OUTCOMES: Final[dict[str, Response | TransportError]] = {
    **{reason: broken(reason) for reason in WITHOUT_ANSWER},
    "200 not text": answer(200, b'{"kind":\xff\xfe\n'),
    "200 nested": answer(200, b'{"items":' + b"[" * 200_000),
    "200 cut": answer(200, POD[:-10]),
    "200 Login": answer(200, {"kind": "Login", "url": "/login"}),
    "200 web page": answer(200, PAGE, kind="text/html"),
    "302 empty": answer(302, headers={"location": "https://127.0.0.1:1/"}, kind=""),
    "502 web page": answer(502, PAGE, kind="text/html"),
    "503 empty": answer(503, kind=""),
    "429 text, wait 9 s": text(429, "Too many requests\n", {"retry-after": "9"}),
    **{
        f"{code} Status {reason}".strip(): status(code, reason, f"said {code}")
        for code, reason in REASONS.items()
    },
}


def word_of(told: Response | KubeMetricsError) -> str:
    """Return the word for what a driver gave a flow."""
    if isinstance(told, TransportError):
        return told.reason
    if isinstance(told, ApiError):
        return f"{told.status} {_refusal(told)}".strip()
    assert not isinstance(told, KubeMetricsError), told
    if not ok(told.status):
        return word_of(error_from_response(told))
    return f"{told.status} {_content(told.body)}"


def word_of_stream(heard: bytes, failure: KubeMetricsError | None) -> str:
    """Return the word for how a watch's stream ended, after it brought *heard*."""
    if failure is None or isinstance(failure, DecodeError):
        return f"200 {_content(heard)}" if heard else "end"
    return word_of(failure)


def _refusal(error: ApiError) -> str:
    foreign = unexpected_text(error)
    if foreign is None:
        return f"Status {error.reason}"
    if not foreign:
        return "empty"
    kind = "web page" if foreign.startswith("<") else "text"
    asked = error.retry_after
    return kind if asked is None else f"{kind}, wait {asked:g} s"


def _content(body: bytes) -> str:
    if body.startswith(b"<"):
        return "web page"
    try:
        read = json.loads(body.decode())
    except UnicodeDecodeError:
        return "not text"
    except RecursionError:
        return "nested"
    except ValueError:
        return "cut"
    return str(read["kind"])
