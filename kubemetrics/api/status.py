"""From an answer that says no to the typed error: a Status, or whatever came instead.

Aggregator, priority-and-fairness and proxies answer in text or HTML, so a body is
looked at before it is trusted, and never quoted at length.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import urlsplit

from ..errors import ApiError, DecodeError, api_error_class
from ..flow import Response
from ..wire import decode
from ..wire.answers import StatusWire

_QUOTED: Final = 200
"""Characters of a foreign body that an error quotes."""

_LOOKED_AT: Final = 1 << 20
"""Bytes of an error's body that are looked at."""

_UNKNOWN_USER: Final = (
    "the server does not know these credentials, or they expired; `kubemetrics config`"
    " shows which they are"
)
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<[^>]{0,500}>")


def ok(response: Response) -> bool:
    """Say whether it is a 2xx."""
    return HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES


def content_type(response: Response) -> str:
    """Return the media type, without its parameters."""
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def text_of(response: Response) -> str:
    """Return a bounded piece of the body as one line of text."""
    raw = response.body[: _QUOTED * 4].decode("utf-8", "replace")
    line = " ".join(raw.split())
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"


def status_of(response: Response) -> Mapping[str, Any] | None:
    """Return the body if it is a ``metav1.Status``."""
    if response.body[:64].lstrip()[:1] != b"{" or len(response.body) > _LOOKED_AT:
        return None
    try:
        status = decode(response.body, StatusWire, url=response.url)
    except DecodeError:
        return None
    return cast("Mapping[str, Any]", status) if status.get("kind") == "Status" else None


def to_error(response: Response) -> ApiError:
    """Return the typed error for an answer that is no 2xx."""
    status = status_of(response)
    if status is not None:
        return _from_status(response, status)
    # As client-go keeps it: apimachinery api/errors, NewGenericServerResponse.
    cause = {"reason": "UnexpectedServerResponse", "message": text_of(response)}
    return api_error_class(response.status, "")(
        _foreign_message(response),
        url=response.url,
        status=response.status,
        details={"causes": [cause]},
        retry_after=retry_after(response, now=None),
    )


def foreign_text(error: ApiError) -> str:
    """Return the text that came instead of a Status, bounded; empty for a Status."""
    causes = error.details.get("causes") or [{}]
    foreign = causes[0].get("reason") == "UnexpectedServerResponse"
    return causes[0].get("message", "") if foreign else ""


def status_error(status: Mapping[str, Any], *, url: str) -> ApiError:
    """Return the typed error for a Status that came inside a 200: a watch's ERROR."""
    code = _whole(status.get("code")) or HTTPStatus.INTERNAL_SERVER_ERROR
    response = Response(status=code, headers={}, body=b"", url=url)
    return _from_status(response, status)


def _from_status(response: Response, status: Mapping[str, Any]) -> ApiError:
    reason = _string(status.get("reason"))
    details = status.get("details")
    details = cast("Mapping[str, Any]", details) if isinstance(details, dict) else {}
    token = (status.get("metadata") or {}).get("continue")
    if token:  # a 410 says where an expired list may go on
        details = {**details, "continue": token}
    asked = _whole(details.get("retryAfterSeconds"))
    waits = retry_after(response, now=None)
    message = _string(status.get("message"))
    return api_error_class(response.status, reason)(
        message or _phrase(response.status),
        url=response.url,
        status=response.status,
        reason=reason,
        details=details,
        hint=_UNKNOWN_USER if response.status == HTTPStatus.UNAUTHORIZED else "",
        retry_after=waits if waits is not None or not asked else float(asked),
    )


def _foreign_message(response: Response) -> str:
    phrase = _phrase(response.status)
    if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
        return f"{phrase}: redirects are not followed{_target(response)}"
    if not response.body:
        return f"{phrase}: an empty answer"
    if content_type(response) == "text/html" or response.body[:1] == b"<":
        return f"{phrase}: a web page instead of the API's JSON{_title(response)}"
    return f"{phrase}: {text_of(response)}"


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _target(response: Response) -> str:
    """Name the host only: the rest of a redirect may hold a one-time secret."""
    parts = urlsplit(response.headers.get("location", ""))
    host = parts.netloc.rpartition("@")[2]
    return f" (to {parts.scheme}://{host})" if host else ""


def _title(response: Response) -> str:
    text = response.body[:4096].decode("utf-8", "replace")
    match = _TITLE.search(text)
    words = match[1] if match else _TAG.sub(" ", text)
    shown = " ".join(html.unescape(words).split())[:_QUOTED]
    return f' ("{shown}"); is a proxy or a login in between?' if shown else ""


def retry_after(response: Response, *, now: float | None) -> float | None:
    """Return the seconds of ``Retry-After``: an integer, or a date if *now* is given.

    *now* is in seconds since the epoch; without it the server's own ``Date`` counts.
    """
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    if not value:
        return None
    then = _epoch(value)
    since = now if now is not None else _epoch(response.headers.get("date", ""))
    return None if then is None or since is None else max(0.0, then - since)


def _epoch(value: str) -> float | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - rarely needed

    try:
        return parsedate_to_datetime(value).timestamp()
    except ValueError:
        return None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
