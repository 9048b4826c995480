"""One request read and one answer framed, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote

from kubemetrics.testing.apiserver import (
    PAGE_NOT_FOUND,
    Refusal,
    encode_line,
    status_object,
)

from .encoding import Mark

CHUNK = 1 << 20
JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass(slots=True, kw_only=True)
class Seen:
    """What the server saw of one request; *status* is set once it answered."""

    method: str
    target: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    connection: int
    number: int
    sni: str | None = None
    peer_certificate: dict[str, Any] | None = None
    body: bytes = b""
    user: str | None = None
    status: int | None = None

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")

    @property
    def accept(self) -> str:
        return self.headers.get("accept", "")

    @property
    def accept_encoding(self) -> str:
        return self.headers.get("accept-encoding", "")

    @property
    def impersonation(self) -> dict[str, str]:
        return {k: v for k, v in self.headers.items() if k.startswith("impersonate-")}

    @property
    def peer_common_name(self) -> str | None:
        return common_name(self.peer_certificate)


def common_name(certificate: dict[str, Any] | None) -> str | None:
    for relative_name in (certificate or {}).get("subject", ()):
        for key, value in relative_name:
            if key == "commonName":
                return str(value)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer, or one with a *stream* of pieces as they come to be.

    *plain_limit* is the size up to which Go's server sends a Content-Length; *marks*
    tell how the encoding of a list goes on, for a server that keeps its pace.
    """

    status: int = HTTPStatus.OK
    body: bytes = b""
    marks: tuple[Mark, ...] = ()
    stream: Iterator[bytes] | None = None
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    plain_limit: int = 2048

    def with_headers(self, *headers: tuple[str, str]) -> Answer:
        return replace(self, headers=(*self.headers, *headers))


class Problem(Exception):  # noqa: N818 - it is an answer on its way out
    """An answer that ends the handling of a request."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def text_answer(status: int, text: str) -> Answer:
    return Answer(
        status=status,
        body=text.encode(),
        content_type=TEXT_TYPE,
        headers=(("X-Content-Type-Options", "nosniff"),),
    )


def page_not_found() -> Answer:
    """Go's own 404, for a path nobody serves."""
    return text_answer(HTTPStatus.NOT_FOUND, PAGE_NOT_FOUND)


def status_answer(
    code: int, reason: str, message: str, details: Mapping[str, Any] | None = None
) -> Answer:
    return refused(Refusal(status_object(code, reason, message, details)))


def refused(refusal: Refusal) -> Answer:
    """Return the answer that a refusal is."""
    answer = Answer(
        status=refusal.code, body=encode_line(refusal.status), content_type=JSON_TYPE
    )
    if refusal.retry_after is None:
        return answer
    return answer.with_headers(("Retry-After", str(refusal.retry_after)))


@dataclass(frozen=True, slots=True)
class Head:
    """The parsed head of a request."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def length(self) -> int:
        return int(self.headers.get("content-length", "0"))

    @property
    def keep_alive(self) -> bool:
        return self.headers.get("connection", "").lower() != "close"


def parse_head(raw: bytes) -> Head:
    """Read a request line and header fields; repeated fields are joined by commas."""
    first, *lines = raw.decode("latin-1").split("\r\n")
    method, target, _version = first.split(" ", 2)
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key, value = name.strip().lower(), value.strip()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return Head(method, target, headers)


def split_target(target: str) -> tuple[str, dict[str, str]]:
    path, _, query = target.partition("?")
    values = parse_qs(query, keep_blank_values=True)
    return unquote(path), {name: value[0] for name, value in values.items()}


def head_bytes(answer: Answer, framing: tuple[str, str] | None, date: str) -> bytes:
    """Write the status line and headers the way net/http orders them."""
    reason = _reason(answer.status)
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if answer.content_type:
        lines.append(f"Content-Type: {answer.content_type}")
    lines.append(f"Date: {date}")
    if framing:
        lines.append(f"{framing[0]}: {framing[1]}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "status code"


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


LAST_CHUNK = b"0\r\n\r\n"


def framing_of(answer: Answer) -> tuple[str, str]:
    if answer.stream is None and len(answer.body) <= answer.plain_limit:
        return ("Content-Length", str(len(answer.body)))
    return ("Transfer-Encoding", "chunked")


def pieces(body: bytes) -> Iterator[bytes]:
    view = memoryview(body)
    for start in range(0, len(body), CHUNK):
        yield bytes(view[start : start + CHUNK])
