"""From an answer that is no 2xx to a typed error: a Status, or what came instead.

Aggregator, priority-and-fairness and proxies answer in text or HTML, so a body is
looked at before it is trusted, and never quoted at length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import urlsplit

from ..errors import ApiError, DecodeError, Forbidden, Unauthorized, api_error_class
from ..flow import Response
from ..jsonread import EMPTY, as_integer, as_object, as_objects, as_text
from ..text import one_line
from ..times import parse_http_date, server_date
from ..wire import StatusWire, decode

AGGREGATOR_TEXTS: Final = ("service unavailable", "error trying to reach service")
"""How kube-aggregator says that an aggregated API is down.

Source: kube-aggregator/pkg/apiserver/handler_proxy.go, which answers in plain text.
"""

_QUOTED: Final = 200
"""Characters of a foreign body that an error quotes."""

_LONGEST_MESSAGE: Final = 2000
"""Characters of a Status's message that are kept."""

_LOOKED_AT: Final = 1 << 20
"""Bytes of an error's body that are looked at."""

_LONGEST_WAIT: Final = (1 << 31) - 1
"""Seconds: ``retryAfterSeconds`` is an int32."""

_UNKNOWN_USER: Final = (
    "the server does not know {}, or no longer; `kubemetrics config` shows what is sent"
)
NO_CREDENTIALS: Final = (
    "no credentials arrived at the server; `kubemetrics config` shows which are in use"
)
_NOT_BOUND: Final = "a binding to the ClusterRole view usually allows it"
_NODES_NOT_BOUND: Final = (
    "it takes a ClusterRole with get and list on nodes: view has neither"
)
_TITLE: Final = r"(?is)<title[^>]*>(.*?)</title>"
_TAG: Final = r"<[^>]{0,500}>"


def content_type(response: Response) -> str:
    """Return the media type, without its parameters."""
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def text_of(response: Response) -> str:
    """Return a bounded piece of the body as one line of text."""
    raw = response.body[: _QUOTED * 4].decode("utf-8", "replace")
    return one_line(raw, _QUOTED)


def is_down(response: Response) -> bool:
    """Return whether kube-aggregator reports the API behind it as down."""
    return (
        response.status == HTTPStatus.SERVICE_UNAVAILABLE
        and content_type(response) == "text/plain"
        and text_of(response).startswith(AGGREGATOR_TEXTS)
    )


def status_of(response: Response) -> Mapping[str, Any] | None:
    """Return the body if it is a ``metav1.Status``, but for one of success.

    Source: client-go rest/request.go, ``Result.Error`` and ``Result.Into``.
    """
    if response.body[:64].lstrip()[:1] != b"{" or len(response.body) > _LOOKED_AT:
        return None
    try:
        status = decode(response.body, StatusWire, url=response.url)
    except DecodeError:
        return None
    failed = status.get("kind") == "Status" and status.get("status") != "Success"
    return cast("Mapping[str, Any]", status) if failed else None


def error_instead_of(response: Response) -> ApiError | None:
    """Return the error that came in a 2xx in the place of an object, if one did."""
    status = status_of(response)
    return None if status is None else _from_status(response, status)


def error_from_response(response: Response) -> ApiError:
    """Return the typed error for an answer that is no 2xx."""
    status = status_of(response)
    if status is not None:
        return _from_status(response, status)
    # As client-go keeps it: apimachinery api/errors, NewGenericServerResponse.
    cause = {"reason": "UnexpectedServerResponse", "message": text_of(response)}
    kind = api_error_class(response.status, "")
    return kind(
        f"{response.url.partition('?')[0]}: {_foreign_message(response)}",
        url=response.url,
        status=response.status,
        details={"causes": [cause]},
        retry_after=retry_after(response),
        hint=_hint(kind, retry_after(response), sent=response.sent),
    )


def unexpected_text(error: ApiError) -> str | None:
    """Return the text that came instead of a Status, bounded; ``None`` for a Status."""
    causes = as_objects(error.details.get("causes"))
    cause = causes[0] if causes else EMPTY
    foreign = cause.get("reason") == "UnexpectedServerResponse"
    return as_text(cause.get("message")) if foreign else None


def error_from_status(status: Mapping[str, Any], *, url: str) -> ApiError:
    """Return the typed error for a Status that came inside a 200: a watch's ERROR."""
    return _from_status(Response(status=200, headers={}, body=b"", url=url), status)


def _from_status(response: Response, status: Mapping[str, Any]) -> ApiError:
    """Return the typed error for a Status: its own code goes before that of HTTP."""
    code, reason = as_integer(status.get("code")), as_text(status.get("reason"))
    http = response.status
    if http < HTTPStatus.MULTIPLE_CHOICES:  # it came in the place of an object
        http = code or HTTPStatus.INTERNAL_SERVER_ERROR
    details = as_object(status.get("details"))
    token = as_object(status.get("metadata")).get("continue")
    if token:  # a 410 says where an expired list may go on
        details = {**details, "continue": token}
    asked = retry_after(response)
    if asked is None:
        seconds = as_integer(details.get("retryAfterSeconds"))
        asked = float(min(seconds, _LONGEST_WAIT)) if seconds > 0 else None
    message = as_text(status.get("message"))[:_LONGEST_MESSAGE]
    kind = api_error_class(code or http, reason)
    return kind(
        message or _phrase(http),
        url=response.url,
        status=http,
        reason=reason,
        details=details,
        hint=_hint(kind, asked, message, response.sent),
        retry_after=asked,
    )


def _hint(
    kind: type[ApiError], asked: float | None, message: str = "", sent: str = ""
) -> str:
    """Return what to do next, where the answer itself does not say it."""
    if kind is Unauthorized:
        return _UNKNOWN_USER.format(sent or "these credentials")
    if kind is Forbidden:
        return _refusal_hint(message)
    return f"the server asks to wait {asked:g} s" if asked else ""


def _refusal_hint(message: str) -> str:
    if ' in API group ""' not in message:  # an aggregated API is asked about elsewhere
        return ""
    if ' User "system:anonymous" ' in message:
        return NO_CREDENTIALS
    if ' resource "nodes" ' in message:
        return _NODES_NOT_BOUND
    return rbac_hint(message) if ' resource "pods" ' in message else ""


def rbac_hint(message: str) -> str:
    """Return what may be done about a 403 with RBAC's *message*."""
    pods = ' resource "pods" ' in message
    narrower = pods and message.endswith(" at the cluster scope")
    return f"{_NOT_BOUND}; -n asks for one namespace" if narrower else _NOT_BOUND


def _foreign_message(response: Response) -> str:
    phrase = _phrase(response.status)
    if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
        return f"{phrase}: {_redirect(response)}"
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


def _redirect(response: Response) -> str:
    """Name the host only: the rest of a redirect may hold a one-time secret."""
    try:
        parts = urlsplit(response.headers.get("location", ""))
    except ValueError:  # brackets that hold no address, a host that NFKC breaks up
        parts = urlsplit("")
    host, here = parts.netloc.rpartition("@")[2], urlsplit(response.url)
    scheme = parts.scheme or here.scheme
    if not host or (scheme, host) == (here.scheme, here.netloc):
        return "this redirect is not followed"
    return (
        f"redirects to another server are not followed (to {scheme}://{host}), for the"
        " token would go there; if the API is there, name it with --server"
    )


def _title(response: Response) -> str:
    import html  # noqa: PLC0415 - seldom needed

    text = response.body[:4096].decode("utf-8", "replace")
    match = re.search(_TITLE, text)
    words = match[1] if match else re.sub(_TAG, " ", text)
    shown = one_line(html.unescape(words), _QUOTED)
    return f' ("{shown}"); is a proxy or a login in between?' if shown else ""


def retry_after(response: Response) -> float | None:
    """Return the seconds of ``Retry-After``: an integer, or a date.

    A date is told from the server's own ``Date``: its clock may not be ours.
    """
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    then, now = parse_http_date(value), server_date(response.headers)
    return max(0.0, (then - now).total_seconds()) if then and now else None


_MISCELLANEOUS: Final = "299"
"""The one code of a warning that is for people (client-go rest/warnings.go)."""
_ENCODED: Final = re.compile(r"=\?([^?]+)\?([bBqQ])\?([^?]*)\?=")
_CHARSETS: Final = frozenset({"utf-8", "iso-8859-1", "us-ascii"})
"""What Go's mime.WordDecoder knows; of a text with any other nothing is decoded."""
_ONE_WARNING: Final = re.compile(
    r"""\s*([0-9]{3})\ [^\s]+\ "((?:[^"\\]|\\.)*)"   # code, agent and text
    \s*(?:"[^"]*"\s*)?(?:,|$)                       # a date, perhaps""",
    re.DOTALL | re.VERBOSE,
)


def warnings_of(response: Response) -> list[str]:
    """Return the texts of the ``Warning`` headers, one a line, that are for people.

    What is broken costs the rest of its own header. Source: apimachinery
    pkg/util/net/http.go, ``ParseWarningHeaders``.
    """
    headers = response.headers.get("warning", "").split("\n")
    return [text for header in headers for text in _warnings(header)]


def _warnings(header: str) -> Iterator[str]:
    start = 0
    while match := _ONE_WARNING.match(header, start):
        text = _decoded(re.sub(r"\\(.)", r"\1", match[2], flags=re.DOTALL))
        if match[1] == _MISCELLANEOUS and text:
            yield text
        start = match.end()


def _decoded(text: str) -> str:
    """Decode the words of RFC 2047; blanks between two of them are none of the text."""
    found = [match for match in _ENCODED.finditer(text) if _word(match) is not None]
    if any(match[1].lower() not in _CHARSETS for match in found):
        return text
    parts: list[str] = []
    end = 0
    for match in found:
        between = text[end : match.start()]
        parts += [between if between.strip() or not end else "", _word(match) or ""]
        end = match.end()
    return "".join([*parts, text[end:]])


def _word(match: re.Match[str]) -> str | None:
    import binascii  # noqa: PLC0415 - seldom needed

    try:
        if match[2] in "bB":
            raw = binascii.a2b_base64(match[3].encode(), strict_mode=True)
        else:
            raw = binascii.a2b_qp(match[3].encode(), header=True)
    except ValueError:
        return None
    charset = match[1].lower()
    return raw.decode(charset if charset in _CHARSETS else "utf-8", "replace")
