"""A server of bombs: answers that are small to send and large to read, or endless.

``python -m tests.client.bombs`` meets each with a command in a process of its own, and
prints the error and the memory that it took; ``--plain`` does so without msgspec.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from kubemetrics import Client, Config, KubeMetricsError
from kubemetrics.api import RetryPolicy
from kubemetrics.cli import main

_CHUNK = 1 << 16
_MUCH = 700 << 20
"""Bytes that nobody should keep."""

Pieces = Iterator[bytes]


def _repeated(piece: bytes, size: int) -> Pieces:
    block = piece * max(1, _CHUNK // len(piece))
    for _ in range(size // len(block) + 1):
        yield block


def _list(items: Pieces) -> Pieces:
    yield b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1"},'
    yield b'"items":[{}'
    yield from items
    yield b"]}"


def _sized(pieces: Pieces, head: str = "", status: str = "200 OK") -> Pieces:
    """Send a body whose end is the connection's."""
    yield f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{head}\r\n".encode()
    yield from pieces


def _gzip(piece: bytes, level: int) -> Pieces:
    """Pack *piece* again and again, each megabyte of it into the same bytes."""
    machine = zlib.compressobj(level, wbits=31)
    yield machine.compress(b"".join(_list(iter(()))).removesuffix(b"]}"))
    yield machine.flush(zlib.Z_FULL_FLUSH)
    block = piece * ((1 << 20) // len(piece))
    packed = machine.compress(block) + machine.flush(zlib.Z_FULL_FLUSH)
    yield from _repeated(packed, (_MUCH >> 20) * len(packed))


def _chunked(pieces: Pieces) -> Pieces:
    yield b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    yield from pieces


_GZIP = "content-encoding: gzip\r\n"
_POD = b',{"metadata":{"name":"a","namespace":"b"}}'
_LEVEL_1 = 1
"""Repetitions shrink to less than one in 230: not dense enough to be a bomb at once."""

WATCHED = "a watch's line without end"
BOMBS: dict[str, Callable[[], Pieces]] = {
    "gzip, a thousandfold": lambda: _sized(_gzip(b",{}", 9), _GZIP),
    "gzip, two hundredfold": lambda: _sized(_gzip(b",{}", _LEVEL_1), _GZIP),
    "gzip in gzip": lambda: _sized(
        _gzip(b"".join(_gzip(b",{}", 9)), 9),
        "content-encoding: gzip, gzip\r\n",
    ),
    "deflate": lambda: _sized(_gzip(b",{}", 9), "content-encoding: deflate\r\n"),
    "a body without end": lambda: _sized(_list(_repeated(_POD, _MUCH))),
    "a length without end": lambda: _sized(
        _list(_repeated(b" ", _MUCH)), f"content-length: {10**15}\r\n"
    ),
    "a header without end": lambda: _then(
        b"HTTP/1.1 200 OK\r\nx: ", _repeated(b"y", _MUCH)
    ),
    "a chunk's extension without end": lambda: _chunked(
        _then(b"5;a=", _repeated(b"y", _MUCH))
    ),
    "chunks of one byte": lambda: _chunked(_repeated(b"1\r\n \r\n", 1)),
    "deep JSON": lambda: _sized(_repeated(b"[", 60 << 20)),
    "a deep item": lambda: _sized(_list(_then(b",", _repeated(b'{"a":', 40 << 20)))),
    "a huge number": lambda: _sized(_list(_then(b",", _repeated(b"9", 60 << 20)))),
    "many fractions": lambda: _sized(_list(_repeated(b",1e9", 12 << 20))),
    "a huge string": lambda: _sized(
        _list(_then(b',{"metadata":{"name":"', _repeated(b"a", 60 << 20), b'"}}'))
    ),
    "a huge string of wide characters": lambda: _sized(
        _list(
            _then(
                b',{"metadata":{"name":"',
                _repeated("😀".encode(), 24 << 20),
                b'"}}',
            )
        )
    ),
    "many small pods": lambda: _sized(_list(_repeated(_POD, 40 << 20))),
    "small pods, read as they come": lambda: _sized(
        _then(b"".join(_list(iter(()))).removesuffix(b"{}]}") + _POD[1:], _pods())
    ),
    "many tiny pods": lambda: _sized(_list(_repeated(b",{}", 5 << 20))),
    "many items that are none": lambda: _sized(_list(_repeated(b",1", 5 << 20))),
    "many labels": lambda: _sized(
        _list(_then(b',{"metadata":{"name":"a","labels":{', _labels(), b'"":""}}}'))
    ),
    "an error's body without end": lambda: _sized(
        _repeated(b"x", _MUCH), status="500 Internal Server Error"
    ),
    "a huge Status": lambda: _sized(
        _then(
            b'{"kind":"Status","code":403,"reason":"Forbidden","message":"',
            _repeated(b"no ", 90 << 20),
            b'"}',
        ),
        status="403 Forbidden",
    ),
    "a huge Status in a 200": lambda: _sized(
        _then(b'{"kind":"Status","code":403,"message":"', _repeated(b"no ", 90 << 20))
    ),
    "a web page without end": lambda: _sized(_repeated(b"<html>", _MUCH)),
    WATCHED: lambda: _sized(
        _then(b'{"type":"ADDED","object":{"x":"', _repeated(b"y", _MUCH))
    ),
}


def _then(first: bytes, rest: Pieces, last: bytes = b"") -> Pieces:
    yield first
    yield from rest
    yield last


def _pods() -> Pieces:
    return _repeated(_POD, _MUCH)


def _labels() -> Pieces:
    for block in range(1500):
        yield b"".join(b'"%d.%d":"",' % (block, number) for number in range(1000))


class BombServer:
    """Answers each request with the bomb that the path's beginning names."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._names = list(BOMBS)
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._serve)

    def url(self, name: str) -> str:
        """Return the server's address for one bomb."""
        port = self._socket.getsockname()[1]
        return f"http://127.0.0.1:{port}/{self._names.index(name)}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for sock in tuple(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)

    def _serve(self) -> None:
        workers: list[threading.Thread] = []
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                break
            self._open.add(sock)
            workers.append(threading.Thread(target=self._answer, args=(sock,)))
            workers[-1].start()
        for worker in workers:
            worker.join(30)

    def _answer(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            head = sock.recv(_CHUNK)
            if head:
                name = self._names[int(head.split(b"/")[1])]
                for piece in BOMBS[name]():
                    sock.sendall(piece)
        self._open.discard(sock)


@dataclass(frozen=True, slots=True)
class Meeting:
    """What came of one bomb: exit code, stderr and the highest resident MiB."""

    name: str
    code: int
    err: str
    peak: int


def meet(urls: Mapping[str, str], *, plain: bool, limit: str = "") -> Iterator[Meeting]:
    """Meet bombs in another process, one after the other; *limit* is its memory's."""
    argv = [sys.executable, "-m", "tests.client.bombs", "--meet"]
    done = subprocess.run(
        argv,
        input=json.dumps({"urls": urls, "plain": plain}),
        env={"KUBECONFIG": os.devnull, "KUBEMETRICS_MAX_MEMORY": limit},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    for line in done.stdout.splitlines():
        yield Meeting(**json.loads(line))


def _meet_here() -> None:
    asked = json.load(sys.stdin)
    if asked["plain"]:
        sys.modules["msgspec"] = None  # type: ignore[assignment]
    for name, url in asked["urls"].items():
        _forget_peak()
        code, err = _command(url) if name != WATCHED else _watch(url)
        print(json.dumps(asdict(Meeting(name, code, err, _peak()))), flush=True)


def _command(url: str) -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["pods", "-A", "--server", url, "--chunk-size", "0"])
    return code, err.getvalue()


def _watch(url: str) -> tuple[int, str]:
    retry = RetryPolicy(watch_first_wait=0.0, watch_interval=0.0, random=lambda: 0.0)
    with Client(Config(server=url), retry=retry) as client:
        try:
            with client.watch_pods(resource_version="1") as events:
                for _ in events:
                    pass
        except KubeMetricsError as error:
            return 1, f"{error}\n"
    return 0, ""


def _peak() -> int:
    """Return the highest resident MiB of this process since `_forget_peak`.

    Not ``ru_maxrss``: that begins with the parent's.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) >> 10
    raise AssertionError


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _report(*, plain: bool) -> None:
    with BombServer() as server:
        for name in BOMBS:
            for met in meet({name: server.url(name)}, plain=plain):
                line = met.err.strip().splitlines()[-1][:150]
                print(f"{met.peak:4} MiB  exit {met.code}  {name}: {line}", flush=True)


if __name__ == "__main__":
    if "--meet" in sys.argv:
        _meet_here()
    else:
        _report(plain="--plain" in sys.argv)
