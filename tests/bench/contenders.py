"""Who is measured: each a command that lists, or prints, the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .environments import HOME, KUBECTL, python
from .results import Place

_ANY: Final = 10**9
SCRIPTS: Final = Path(__file__).parent / "scripts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A command, measured up to *most* pods and at each of *distances* (ms).

    *counts* says that it prints how many pods and samples it got. What takes much
    longer than any server is not *paced*.
    """

    name: str
    argv: tuple[str, ...]
    most: int = _ANY
    distances: tuple[int, ...] = (0,)
    counts: bool = False
    paced: bool = True

    def can(self, place: Place) -> bool:
        """Whether it takes part."""
        return (
            (_ANY if place.pods is None else place.pods) <= self.most
            and place.distance in self.distances
            and (self.paced or not place.paced)
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


def lists(curls: Mapping[str, Path], *, every_peer: bool) -> list[Contender]:
    """Pods and their metrics, as a script gets them; *curls* are files of options."""
    found = [
        _script("kubemetrics (fast)", "fast", "ours_blocking"),
        _script("kubemetrics (plain)", "plain", "ours_blocking"),
        _script("kubemetrics (fast, async)", "fast", "ours_awaiting"),
        _script("kubemetrics (plain, async)", "plain", "ours_awaiting"),
        _script("bare httpx loop", "plain", "bare_lists"),
        _script("lightkube", "peers", "lightkube_lists"),
        _script("kubernetes", "peers", "official", paced=False),
        *(
            Contender(name=f"curl, {what} only", argv=("curl", "-K", str(path)))
            for what, path in curls.items()
        ),
    ]
    if every_peer:
        found += [
            _script("kubernetes_asyncio", "peers", "official_async", paced=False),
            _script("pykube-ng", "peers", "pykube_lists"),
            _script("kr8s", "peers", "kr8s_lists", most=1000),
        ]
    return found


def pages(sizes: Iterable[int]) -> list[Contender]:
    """Ours with other sizes of a page."""
    return [
        _script(f"kubemetrics ({extra}), {size} a page", extra, "ours_blocking", size)
        for size in sizes
        for extra in ("fast", "plain")
    ]


def commands() -> list[Contender]:
    """Tables, as a person gets them."""
    bare = (str(python("plain")), str(SCRIPTS / "bare_top.py"), "-A")
    return [
        Contender(name="bare top script", argv=bare, distances=_FAR),
        _ours("top pods -A", "plain", distances=_FAR),
        _ours("top pods -A", "fast", distances=_FAR),
        _ours("pods -A", "plain", distances=_FAR),
        _ours("pods -A", "fast", distances=_FAR),
        *_kubectl(),
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
        Contender(
            name="kubectl get, then top", argv=("sh", "-c", both), distances=_FAR
        ),
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


def _script(
    name: str,
    environment: str,
    script: str,
    *arguments: object,
    most: int = _ANY,
    paced: bool = True,
) -> Contender:
    path = SCRIPTS / f"{script}.py"
    argv = (str(python(environment)), str(path), *map(str, arguments))
    return Contender(name=name, argv=argv, most=most, counts=True, paced=paced)
