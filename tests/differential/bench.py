"""One kubeconfig, given to kubectl and to each of our ways in: what came of it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio
import pytest

from kubemetrics import AsyncClient, Client, load_config
from kubemetrics.cli import main
from kubemetrics.errors import KubeMetricsError
from tests.cluster.exchange import Seen
from tests.cluster.proxy import Proxy
from tests.tools.kubectl import LEAN

from .sites import Place

Stanza: TypeAlias = Mapping[str, object]
Driver: TypeAlias = Callable[[dict[str, str]], str]
"""Asks for the version in an environment; returns what went wrong, if anything."""


def _find_kubectl() -> str:
    fetched = Path(__file__).parents[2] / ".tools/kubectl"
    return str(fetched) if fetched.is_file() else shutil.which("kubectl") or ""


KUBECTL: Final = _find_kubectl()
needs_kubectl: Final = pytest.mark.skipif(
    not KUBECTL, reason="no kubectl on this machine"
)
PATH: Final = os.environ.get("PATH", "")
VERSION: Final = "/version"
_VARIABLES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A kubeconfig and what is around it.

    In all its texts <url>, <port>, <ca> (base64), <dir> (the kubeconfig's) and <proxy>
    stand for what is known later. A stanza's None takes the usual entry out.
    """

    name: str
    user: Stanza = field(default_factory=lambda: {"token": "a-token"})
    cluster: Stanza = field(default_factory=dict)
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    place: str = "ordinary"
    refused: bool = False

    def __str__(self) -> str:
        return self.name.replace(" ", "-")

    def kubeconfig(self) -> dict[str, object]:
        usual = {"server": "<url>", "certificate-authority-data": "<ca>"}
        named = {**usual, **self.cluster}
        cluster = {key: value for key, value in named.items() if value is not None}
        return {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": self.user}],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request as the server saw it."""

    target: str
    host: str
    sni: str | None
    peer: str | None
    authorization: str | None
    impersonation: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, seen: Seen) -> Arrival:
        return cls(
            target=seen.target,
            host=seen.headers.get("host", ""),
            sni=seen.sni,
            peer=seen.peer_common_name,
            authorization=seen.authorization,
            impersonation=tuple(sorted(seen.impersonation.items())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it: whether it was accepted, and what server, proxy, plugin saw."""

    accepted: bool
    arrivals: tuple[Arrival, ...] = ()
    asked: tuple[tuple[str, str, str | None], ...] = ()
    told: tuple[Any, ...] = ()
    said: str = field(default="", compare=False)


@dataclass(frozen=True)
class Bench:
    """Runs a case at a *place*, through a *proxy* if there is one; see `same`."""

    place: Place
    root: Path
    ways: Sequence[str]
    proxy: Proxy | None = None

    def run(self, case: Case, name: str, driver: Driver) -> Outcome:
        self.place.server.forget_requests()
        before = len(self.proxy.asked) if self.proxy else 0
        folder = self.root / name
        said = driver(self._prepare(case, folder))
        asked = self.proxy.asked[before:] if self.proxy else []
        return Outcome(
            accepted=not said,
            arrivals=tuple(map(Arrival.of, self.place.server.requests)),
            asked=tuple((a.method, a.target, a.credentials) for a in asked),
            told=_told(folder / "told"),
            said=said,
        )

    def _prepare(self, case: Case, folder: Path) -> dict[str, str]:
        folder.mkdir()
        for name, content in case.files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(self._bytes(content, folder))
            path.chmod(0o700)
        config = folder / "config"
        config.write_text(self._fill(json.dumps(case.kubeconfig()), folder))
        given = {k: self._fill(v, folder) for k, v in case.environ.items()}
        usual = {"PATH": PATH, "HOME": str(folder), "KUBECONFIG": str(config)}
        return usual | given

    def _bytes(self, content: str | bytes, folder: Path) -> bytes:
        if isinstance(content, bytes):
            return content
        return self._fill(content, folder).encode()

    def _fill(self, text: str, folder: Path) -> str:
        known = {
            "<url>": self.place.url,
            "<port>": str(self.place.server.port),
            "<ca>": base64.b64encode(self.place.ca.pem).decode(),
            "<dir>": str(folder),
            "<proxy>": self.proxy.url if self.proxy else "",
            "<proxyport>": str(self.proxy.port) if self.proxy else "",
        }
        for word, value in known.items():
            text = text.replace(word, value)
        return text


def _told(path: Path) -> tuple[Any, ...]:
    """Read what a plugin was told at each run."""
    lines = path.read_text().split("\n") if path.exists() else []
    return tuple(json.loads(line) for line in lines if line)


def kubectl(environ: dict[str, str]) -> str:
    done = subprocess.run(
        [KUBECTL, "get", "--raw", VERSION],
        env=environ | LEAN,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.stderr.decode() or "refused" if done.returncode else ""


def command(_: dict[str, str]) -> str:
    code = main(["raw", VERSION])
    return f"exit code {code}" if code else ""


def blocking(_: dict[str, str]) -> str:
    try:
        with Client(load_config()) as client:
            client.get_raw(VERSION)
    except KubeMetricsError as error:
        return str(error)
    return ""


def awaiting(_: dict[str, str]) -> str:
    async def ask() -> str:
        try:
            async with AsyncClient(load_config()) as client:
                await client.get_raw(VERSION)
        except KubeMetricsError as error:
            return str(error)
        return ""

    return anyio.run(ask)


def _here(driver: Driver) -> Driver:
    """Make this process's environment the given one for as long as *driver* runs."""

    def run(environ: dict[str, str]) -> str:
        with pytest.MonkeyPatch.context() as patch:
            for name in _VARIABLES:
                patch.delenv(name, raising=False)
                patch.delenv(name.lower(), raising=False)
            for name, value in environ.items():
                patch.setenv(name, value)
            return driver(environ)

    return run


OURS: Final[dict[str, Driver]] = {
    "command": _here(command),
    "Client": _here(blocking),
    "AsyncClient": _here(awaiting),
}


def same(bench: Bench, case: Case) -> Outcome:
    """Expect the same of kubectl and of our *ways* in; return what kubectl got."""
    theirs = bench.run(case, "kubectl", kubectl)
    assert theirs.accepted is not case.refused, theirs.said
    for name in bench.ways:
        assert bench.run(case, name, OURS[name]) == theirs, name
    return theirs
