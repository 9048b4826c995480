"""What can go wrong, by the names of the rows of the fault matrix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.cluster import faults, stream_faults
from tests.cluster.exchange import Answer
from tests.cluster.scripts import Attempt, Fault
from tests.cluster.wire import Gone

from .outcomes import REASONS


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault of an answer, and the same in the middle of a stream.

    Either may be missing. Without the latter a stream ends in good order and the next
    one meets the former.
    """

    answer: Fault | None
    stream: Fault | None = None


def _broken_stream(last: bytes) -> Fault:
    """Send *last* outside of any chunk after the first line, and close."""

    def broken(attempt: Attempt) -> Iterator[bytes]:
        for piece in attempt.answer.stream or ():
            yield piece
            if piece:
                break
        attempt.wire.write(last)
        raise Gone

    def fault(attempt: Attempt) -> Answer:
        return replace(attempt.answer, stream=broken(attempt))

    return fault


def _slow_head(attempt: Attempt) -> None:
    """Send a head that does not end: its deadline alone ends such a request."""
    faults.drip_head(0.02)(attempt)
    attempt.wire.wait(None)


def _slow_stream(attempt: Attempt) -> Answer:
    """Send the stream a byte at a time, so that no line ends within a test."""

    def dripping() -> Iterator[bytes]:
        for piece in attempt.answer.stream or ():
            for at in range(len(piece)):
                yield piece[at : at + 1]
                attempt.wire.wait(0.05)

    return replace(attempt.answer, stream=dripping())


ENDLESS: dict[str, Fault] = {
    "silence": faults.silence(),
    "slow head": _slow_head,
    "slow body": faults.drip(1, 0.02),
    "silence after the head": faults.silence_after_headers(),
}
"""What keeps a list from ever being whole, or for minutes."""

TROUBLES = {
    "reset before the head": Trouble(faults.reset_before_headers()),
    "reset in the head": Trouble(faults.reset_in_headers()),
    "reset after the head": Trouble(
        faults.reset_after_headers(), stream_faults.reset_stream(1)
    ),
    "closed without an answer": Trouble(faults.close(), stream_faults.cut_stream(1)),
    "truncated body": Trouble(
        faults.truncated(500), stream_faults.half_line_in_stream(1)
    ),
    "truncated chunk": Trouble(
        faults.truncated_chunks(500), _broken_stream(b"ffff\r\n{")
    ),
    "longer than it says": Trouble(faults.wrong_length(-10)),
    "shorter than it says": Trouble(faults.wrong_length(10)),
    "not HTTP": Trouble(faults.garbage(), _broken_stream(bytes(range(200, 256)))),
    "not JSON": Trouble(faults.garbage_body(), stream_faults.garbage_in_stream(1)),
    "nested without end": Trouble(
        faults.nested(200_000),
        stream_faults.line_in_stream(1, b'{"object":' + b"[" * 200_000 + b"\n"),
    ),
    "another kind": Trouble(
        faults.json_body(b'{"kind":"Login","url":"/login"}'),
        stream_faults.line_in_stream(1, b'{"kind":"Login","url":"/login"}\n'),
    ),
    "not gzip": Trouble(faults.gzip_garbage()),
    "gzip cut short": Trouble(faults.gzip_truncated()),
    "gzip bomb": Trouble(faults.gzip_bomb(32 << 20)),
    "unknown encoding": Trouble(
        faults.answer(200, b"{}", "application/json", (("Content-Encoding", "br"),))
    ),
    "huge head": Trouble(faults.huge_header(200_000)),
    "slow head": Trouble(ENDLESS["slow head"]),
    "slow body": Trouble(ENDLESS["slow body"], _slow_stream),
    "silence": Trouble(ENDLESS["silence"], stream_faults.silent_stream(1)),
    "silence after the head": Trouble(
        ENDLESS["silence after the head"], stream_faults.silent_stream(1)
    ),
    "redirect": Trouble(faults.redirect("https://127.0.0.1:1/login?once=secret")),
    "web page 200": Trouble(faults.html(200)),
    "web page 502": Trouble(faults.html(502)),
    "empty 503": Trouble(faults.empty(503)),
    "text 429, Retry-After 9": Trouble(faults.throttled("9")),
    **{
        str(code): Trouble(faults.api_error(code, reason, f"said {code}"))
        for code, reason in REASONS.items()
    },
    **{
        f"ERROR event {code}": Trouble(
            None,
            stream_faults.error_in_stream(1, code, reason, f"said {code}"),
        )
        for code, reason in REASONS.items()
    },
}
