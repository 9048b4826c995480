"""Record what real kubectl prints: ``python -m tests.properties.odd_kubectl``.

Hundreds of runs are too many for each test run, so that they are kept as data.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Final, NamedTuple

from tests.cluster_tests.kubectl import KUBECTL

from .odd_answers import SHAPES, Odd, odd_answers, sound

RECORDED: Final = Path(__file__).parents[1] / "data" / "odd_answers_kubectl.json.gz"
PATHS: Final[Mapping[str, str]] = {
    "pods": "/api/v1/pods",
    "nodes": "/api/v1/nodes",
    "pod metrics": "/apis/metrics.k8s.io/v1beta1/pods",
    "node metrics": "/apis/metrics.k8s.io/v1beta1/nodes",
}
COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "pods": ("pods -A --field-selector=a=b",),
    "nodes": ("nodes --show-swap",),
    "pod metrics": ("pods -A --sum", "pods -A --containers"),
    "node metrics": ("nodes",),
}
"""What is run for an odd list of each kind; all other lists are sound."""

_NO_PODS: Final = b'{"kind":"PodList","apiVersion":"v1","items":[]}'
_V1BETA1: Final = '{"groupVersion":"metrics.k8s.io/v1beta1","version":"v1beta1"}'
_DISCOVERY: Final[Mapping[str, str]] = {
    "/api": '{"kind":"APIVersions","versions":["v1"]}',
    "/apis": '{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":'
    f'"metrics.k8s.io","versions":[{_V1BETA1}],"preferredVersion":{_V1BETA1}}}]}}',
}


class Said(NamedTuple):
    """What kubectl answered: its exit code and its stdout."""

    code: int
    stdout: str


def mark(odd: Odd) -> str:
    """Return what changes with the body that kubectl was given."""
    return f"{odd.name} #{zlib.crc32(odd.body):08x}"


def recorded() -> Mapping[str, Mapping[str, Said]]:
    """Return what kubectl said of each answer, by `mark` and command."""
    known = json.loads(gzip.decompress(RECORDED.read_bytes()))
    return {
        key: {command: Said(*said) for command, said in runs.items()}
        for key, runs in known.items()
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies = {k.encode(): v.encode() for k, v in _DISCOVERY.items()}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].encode()
        body = self.server.bodies.get(path, _NO_PODS)  # asked where no sample is left
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _serving() -> Iterator[_Server]:
    server = _Server()
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(server: _Server, odd: Odd, home: str) -> dict[str, Said]:
    """Let kubectl read *odd*."""
    for kind, path in PATHS.items():
        server.bodies[path.encode()] = odd.body if kind == odd.kind else sound(kind)
    address = f"http://127.0.0.1:{server.server_port}"
    said: dict[str, Said] = {}
    for command in COMMANDS[odd.kind]:
        done = subprocess.run(
            [KUBECTL, "-s", address, "top", *command.split()],
            env={"HOME": home, "KUBECONFIG": "/nope"},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        stdout = done.stdout.decode("utf-8", "surrogateescape")
        said[command] = Said(done.returncode, "" if done.returncode else stdout)
    return said


def _ask_all(odds: Sequence[Odd]) -> dict[str, dict[str, Said]]:
    with _serving() as server, TemporaryDirectory() as home:
        return {mark(odd): ask(server, odd, home) for odd in odds}


def main() -> None:
    """Ask what is not known yet, two at a time; what is no answer now is dropped."""
    odds = [odd for kind in SHAPES for odd in odd_answers(kind) if odd.for_kubectl]
    known = recorded() if RECORDED.exists() else {}
    new = [odd for odd in odds if mark(odd) not in known]
    with ThreadPoolExecutor(2) as pool:
        halves = list(pool.map(_ask_all, (new[::2], new[1::2])))
    said = {**known, **halves[0], **halves[1]}
    found = {key: said[key] for key in sorted(map(mark, odds))}
    text = json.dumps(found, indent=0, ensure_ascii=True)
    RECORDED.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
