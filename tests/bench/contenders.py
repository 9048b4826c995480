"""Who is measured: each a command that lists, or prints, the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .environments import HOME, KUBECTL, python

_ANY: Final = 10**9
SCRIPTS: Final = Path(__file__).parent / "scripts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A command, measured up to *most* pods and at each of *distances* (ms).

    *counts* says that it prints how many pods and samples it got.
    """

    name: str
    argv: tuple[str, ...]
    most: int = _ANY
    distances: tuple[int, ...] = (0,)
    counts: bool = False

    def can(self, pods: int | None, distance: int) -> bool:
        """Whether it takes part; ``None`` are as many pods as a real cluster has."""
        return (_ANY if pods is None else pods) <= self.most and (
            distance in self.distances
        )


_FAR: Final = (0, 40, 100)


def imports(*, every_peer: bool) -> list[Contender]:
    """What importing and starting costs."""
    ours, peers = str(python("plain")), str(python("peers"))
    more = ("kubernetes_asyncio", "kr8s", "pykube") if every_peer else ()
    return [
        Contender(name="python", argv=(ours, "-c", "pass")),
        Contender(name="import httpx", argv=(ours, "-c", "import httpx")),
        Contender(
            name="from kubemetrics import Client",
            argv=(ours, "-c", "from kubemetrics import Client"),
        ),
        Contender(name="kubemetrics --help", argv=(_command("plain"), "--help")),
        *(
            Contender(name=f"import {name}", argv=(peers, "-c", f"import {name}"))
            for name in ("kubernetes", "lightkube", *more)
        ),
    ]


def lists(*, every_peer: bool) -> list[Contender]:
    """Pods and their metrics, as a script gets them."""
    found = [
        _script("kubemetrics (fast)", "fast", "ours_blocking"),
        _script("kubemetrics (plain)", "plain", "ours_blocking"),
        _script("kubemetrics (fast, async)", "fast", "ours_awaiting"),
        _script("kubemetrics (plain, async)", "plain", "ours_awaiting"),
        _script("bare httpx loop", "plain", "bare_lists"),
        _script("lightkube", "peers", "lightkube_lists"),
        _script("kubernetes", "peers", "official"),
    ]
    if every_peer:
        found += [
            _script("kubernetes_asyncio", "peers", "official_async"),
            _script("pykube-ng", "peers", "pykube_lists"),
            _script("kr8s", "peers", "kr8s_lists", most=1000),
        ]
    return found


def commands(curl: Path | None) -> list[Contender]:
    """Tables, as a person gets them; *curl* is the file of its options."""
    bare = (str(python("plain")), str(SCRIPTS / "bare_top.py"), "-A")
    return [
        Contender(name="bare top script", argv=bare, distances=_FAR),
        _ours("top pods -A", "plain", distances=_FAR),
        _ours("top pods -A", "fast", distances=_FAR),
        _ours("pods -A", "plain"),
        _ours("pods -A", "fast"),
        *_kubectl(),
        *(
            [Contender(name="curl, pods only", argv=("curl", "-K", str(curl)))]
            if curl
            else []
        ),
    ]


def _kubectl() -> list[Contender]:
    kubectl = str(KUBECTL) if KUBECTL.exists() else shutil.which("kubectl")
    if kubectl is None:
        return []
    both = f"'{kubectl}' get pods -A && '{kubectl}' top pods -A"
    return [
        Contender(
            name="kubectl top pods -A",
            argv=(kubectl, "top", "pods", "-A"),
            distances=_FAR,
        ),
        Contender(name="kubectl get pods -A", argv=(kubectl, "get", "pods", "-A")),
        Contender(name="kubectl get, then top", argv=("sh", "-c", both)),
    ]


def environment(
    kubeconfig: Path, cache: Path, *, everything: bool = False
) -> Mapping[str, str]:
    """Return what every contender finds in its environment: little, or *everything*.

    A simulated cluster is not behind a proxy; a real one's plugins may need a profile.
    """
    wanted = os.environ if everything else ("PATH", "HOME")
    kept = {name: os.environ[name] for name in wanted if name in os.environ}
    return kept | {"KUBECONFIG": str(kubeconfig), "KUBECACHEDIR": str(cache)}


def _command(environment: str) -> str:
    return str(HOME / environment / "bin" / "kubemetrics")


def _ours(
    arguments: str, environment: str, distances: tuple[int, ...] = (0,)
) -> Contender:
    return Contender(
        name=f"kubemetrics {arguments} ({environment})",
        argv=(_command(environment), *arguments.split()),
        distances=distances,
    )


def _script(name: str, environment: str, script: str, most: int = _ANY) -> Contender:
    argv = (str(python(environment)), str(SCRIPTS / f"{script}.py"))
    return Contender(name=name, argv=argv, most=most, counts=True)
