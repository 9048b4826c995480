"""What can go wrong with an answer, for `Cluster.faults.add`.

Each function returns a fault. Those that answer differently return an `Answer`; those
that break the exchange write to the connection themselves and end it.
"""

from __future__ import annotations

import json
import re
import zlib
from http import HTTPStatus

from .encoding import gzip
from .exchange import (
    JSON_TYPE,
    Answer,
    framing_of,
    head_bytes,
    status_answer,
    text_answer,
)
from .exchange import (
    chunk as framed,
)
from .scripts import Attempt, Fault

_GARBAGE = bytes(range(256)) * 4
_CONTINUE = re.compile(rb'"metadata":\{"resourceVersion":"(\d+)"[^}]*\}', re.ASCII)


def answer(
    code: int,
    body: bytes = b"",
    content_type: str = "",
    headers: tuple[tuple[str, str], ...] = (),
) -> Fault:
    """Answer anything, as it stands."""
    made = Answer(status=code, body=body, content_type=content_type, headers=headers)
    return lambda _: made


def api_error(
    code: int, reason: str, message: str, headers: tuple[tuple[str, str], ...] = ()
) -> Fault:
    """Answer a Status."""
    made = status_answer(code, reason, message).with_headers(*headers)
    return lambda _: made


def unauthorized() -> Fault:
    """Answer as to a token that holds no longer."""
    return api_error(401, "Unauthorized", "Unauthorized")


def text(code: int, body: str, *headers: tuple[str, str]) -> Fault:
    """Answer plain text, as the aggregator and priority and fairness do."""
    return lambda _: text_answer(code, body).with_headers(*headers)


def html(code: int) -> Fault:
    """Answer a page, as a proxy in front of the API does."""
    page = f"<html><head><title>{code}</title></head><body>oops</body></html>"
    return answer(code, page.encode(), "text/html")


def empty(code: int, *headers: tuple[str, str]) -> Fault:
    return answer(code, headers=headers)


def throttled(seconds: str = "1") -> Fault:
    """Answer 429 with Retry-After, an integer or a date."""
    return text(
        429, "Too many requests, please try again later.\n", ("Retry-After", seconds)
    )


def redirect(location: str, code: int = HTTPStatus.FOUND) -> Fault:
    return answer(code, headers=(("Location", location),))


def with_headers(*headers: tuple[str, str]) -> Fault:
    """Answer as usual with more headers, such as Warning."""
    return lambda attempt: attempt.answer.with_headers(*headers)


def warning(message: str) -> Fault:
    return with_headers(("Warning", f'299 - "{message}"'))


def huge_header(size: int) -> Fault:
    return with_headers(("X-Filler", "x" * size))


def json_body(body: bytes) -> Fault:
    """Answer 200 and *body* as if it were the API's JSON."""
    return answer(HTTPStatus.OK, body, JSON_TYPE)


def garbage_body() -> Fault:
    return json_body(_GARBAGE)


def nested(depth: int) -> Fault:
    """Answer JSON with arrays in arrays."""
    return json_body(b'{"items":' + b"[" * depth + b"]" * depth + b"}")


def gzip_garbage() -> Fault:
    gzipped = (("Content-Encoding", "gzip"),)
    return answer(HTTPStatus.OK, _GARBAGE, JSON_TYPE, gzipped)


def gzip_truncated() -> Fault:
    """Answer a whole body whose compressed stream ends too early."""

    def fault(attempt: Attempt) -> Answer:
        packed = gzip(attempt.answer.body)
        return Answer(
            body=packed[: len(packed) // 2],
            content_type=JSON_TYPE,
            headers=(("Content-Encoding", "gzip"),),
        )

    return fault


def gzip_bomb(size: int) -> Fault:
    """Answer about *size* zero bytes, compressed a thousandfold."""
    machine = zlib.compressobj(9, wbits=31)
    block = bytes(1 << 20)
    parts = [machine.compress(block) for _ in range(max(1, size >> 20))]
    packed = b"".join([*parts, machine.flush()])
    gzipped = (("Content-Encoding", "gzip"),)
    return answer(HTTPStatus.OK, packed, JSON_TYPE, gzipped)


def repeating_continue(token: str) -> Fault:
    """Answer every page with the same continue token, so that paging never ends."""

    def fault(attempt: Attempt) -> Answer:
        metadata = b'"metadata":{"resourceVersion":"\\1","continue":%b}'
        body = _CONTINUE.sub(
            metadata % json.dumps(token).encode(), attempt.answer.body, count=1
        )
        return Answer(body=body, content_type=JSON_TYPE)

    return fault


def delay(seconds: float) -> Fault:
    """Answer as usual, later."""

    def fault(attempt: Attempt) -> Answer:
        attempt.wire.wait(seconds)
        return attempt.answer

    return fault


def silence(seconds: float | None = None) -> Fault:
    """Say nothing until the peer leaves, or for so long, then close."""
    return lambda attempt: attempt.wire.wait(seconds)


def silence_after_headers() -> Fault:
    def fault(attempt: Attempt) -> None:
        attempt.wire.write(_head(attempt))
        attempt.wire.wait(None)

    return fault


def close() -> Fault:
    """Close in good order without an answer, as for a stale keep-alive."""
    return lambda _: None


def reset_before_headers() -> Fault:
    return lambda attempt: attempt.wire.reset()


def reset_in_headers() -> Fault:
    def fault(attempt: Attempt) -> None:
        head = _head(attempt)
        attempt.wire.write(head[: len(head) // 2])
        attempt.wire.pause()
        attempt.wire.reset()

    return fault


def reset_after_headers() -> Fault:
    return reset_in_body(0)


def reset_in_body(keep: int) -> Fault:
    """Reset after *keep* bytes of the body."""

    def fault(attempt: Attempt) -> None:
        attempt.wire.write(_head(attempt) + attempt.answer.body[:keep])
        attempt.wire.pause()
        attempt.wire.reset()

    return fault


def truncated(keep: int) -> Fault:
    """Close in good order after *keep* bytes of a body announced in full."""
    return wrong_length(0, keep)


def wrong_length(more: int, keep: int | None = None) -> Fault:
    """Announce *more* (or, negative, fewer) bytes than the body has, then close."""

    def fault(attempt: Attempt) -> None:
        head = _head(attempt, len(attempt.answer.body) + more)
        attempt.wire.write(head + attempt.answer.body[:keep])

    return fault


def truncated_chunks(keep: int) -> Fault:
    """Close in the middle of a chunked body."""

    def fault(attempt: Attempt) -> None:
        framing = ("Transfer-Encoding", "chunked")
        attempt.seen.status = attempt.answer.status
        head = head_bytes(attempt.answer, framing, attempt.date)
        attempt.wire.write(head + framed(attempt.answer.body[:keep]))

    return fault


def garbage() -> Fault:
    """Say something that is not HTTP."""
    return lambda attempt: attempt.wire.write(_GARBAGE)


def drip(size: int, pause: float) -> Fault:
    """Send the usual answer *size* bytes at a time with a *pause* between."""

    def fault(attempt: Attempt) -> None:
        body = attempt.answer.body
        attempt.wire.write(_head(attempt))
        for at in range(0, len(body), size):
            attempt.wire.write(body[at : at + size])
            attempt.wire.wait(pause)

    return fault


def drip_head(pause: float) -> Fault:
    """Send the head a byte at a time with a *pause* between, and never its end."""

    def fault(attempt: Attempt) -> None:
        for byte in _head(attempt)[:-4]:
            attempt.wire.write(bytes((byte,)))
            attempt.wire.wait(pause)

    return fault


def _head(attempt: Attempt, length: int | None = None) -> bytes:
    """Return the usual head with a Content-Length, and log it as answered."""
    attempt.seen.status = attempt.answer.status
    announced = len(attempt.answer.body) if length is None else length
    framing = ("Content-Length", str(announced))
    if attempt.answer.stream is not None:
        framing = framing_of(attempt.answer)
    return head_bytes(attempt.answer, framing, attempt.date)
