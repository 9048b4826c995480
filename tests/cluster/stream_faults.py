"""What can go wrong in the middle of a watch, for `Cluster.faults.add`.

*after* counts the lines (events and bookmarks) that still come as usual.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kubemetrics.testing.apiserver import encode_line, status_object

from .encoding import Json
from .exchange import Answer
from .scripts import Attempt, Fault
from .wire import Gone


def _lines(attempt: Attempt, after: int) -> Iterator[bytes]:
    """Yield what comes as usual, up to the *after*-th line."""
    if after == 0:
        return
    for piece in attempt.answer.stream or ():
        yield piece
        after -= bool(piece)
        if after == 0:
            return


def _with_stream(attempt: Attempt, stream: Iterator[bytes]) -> Answer:
    return replace(attempt.answer, stream=stream)


def end_stream(after: int) -> Fault:
    """End the stream in good order, as a server's time-out does."""
    return lambda attempt: _with_stream(attempt, _lines(attempt, after))


def cut_stream(after: int) -> Fault:
    """Close the connection without the closing chunk."""

    def broken(attempt: Attempt) -> Iterator[bytes]:
        yield from _lines(attempt, after)
        raise Gone

    return lambda attempt: _with_stream(attempt, broken(attempt))


def reset_stream(after: int) -> Fault:
    def broken(attempt: Attempt) -> Iterator[bytes]:
        yield from _lines(attempt, after)
        attempt.wire.pause()
        attempt.wire.reset()

    return lambda attempt: _with_stream(attempt, broken(attempt))


def silent_stream(after: int) -> Fault:
    """Keep the connection open and say nothing more: a dead peer."""

    def silent(attempt: Attempt) -> Iterator[bytes]:
        yield from _lines(attempt, after)
        attempt.wire.wait(None)

    return lambda attempt: _with_stream(attempt, silent(attempt))


def line_in_stream(after: int, line: bytes) -> Fault:
    """Put *line* into the stream and end it."""

    def longer(attempt: Attempt) -> Iterator[bytes]:
        yield from _lines(attempt, after)
        yield line

    return lambda attempt: _with_stream(attempt, longer(attempt))


def event_in_stream(after: int, kind: str, obj: Json) -> Fault:
    return line_in_stream(after, encode_line({"type": kind, "object": obj}))


def error_in_stream(after: int, code: int, reason: str, message: str) -> Fault:
    """Send an ERROR event with a Status and end the stream."""
    return event_in_stream(after, "ERROR", status_object(code, reason, message))


def garbage_in_stream(after: int) -> Fault:
    return line_in_stream(after, b'{"type":"ADDED","object":\xff\xfe\n')


def half_line_in_stream(after: int) -> Fault:
    """End in good order in the middle of a line."""
    return line_in_stream(after, b'{"type":"MODIFIED","object":{"kind":"Pod","metad')


def resliced_stream(size: int) -> Fault:
    """Send chunks of *size* bytes that heed neither lines nor UTF-8."""

    def resliced(attempt: Attempt) -> Iterator[bytes]:
        for piece in attempt.answer.stream or ():
            yield from (piece[at : at + size] for at in range(0, len(piece), size))
            if not piece:
                yield piece

    return lambda attempt: _with_stream(attempt, resliced(attempt))
