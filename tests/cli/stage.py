"""Screens of the recorded cluster, the same each time they are taken."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from kubemetrics.cli import build
from kubemetrics.cli.live import LiveScreen
from kubemetrics.cli.run import Rounds, context_readers, outcome_of
from kubemetrics.cli.view_commands import plan
from kubemetrics.console import terminal
from kubemetrics.views.pods import pod_view
from tests.cluster import Cluster
from tests.cluster.quantities import nanocores
from tests.cluster.samples import Sample

from .harness import run, streams

_SETTLED: Mapping[str, str] = {
    r"127\.0\.0\.1:\d{5}": "127.0.0.1:36443",
    r"answers in \d+ ms": "answers in 7 ms",
    r"the newest \d+s old": "the newest 7s old",
    r"Samples are \d+s": "Samples are 7s",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ": "2027-01-01T00:00:00Z",
    r"#[\w-]{16},": "#0123456789abcdef,",
}
"""What differs from run to run, and what is shown in its place, of the same length."""
_LOAD = (100, 130, 180, 150, 90, 60, 120, 240)
"""Per cent of the recorded CPU, sample after sample, while a screen is watched."""


class Stage:
    """Takes screens; ages stand still except where the doctor needs a real clock."""

    def __init__(self, still: Cluster, moving: Cluster) -> None:
        self._still = still
        self._moving = moving

    def screen(self, command: str, width: int = 120, *, colour: bool = False) -> str:
        """Return what a terminal shows of *command*, stderr after stdout."""
        words = shlex.split(command)
        if "-w" in words:
            return _settled(_watched(words, width, colour=colour))
        cluster = self._moving if words[0] == "doctor" else self._still
        path = cluster.kubeconfig("viewer")
        environ = {"KUBECONFIG": path.name, "NO_COLOR": "" if colour else "1"}
        with chdir(path.parent):
            result = run(cluster, *words, width=width, environ=environ)
        return _settled(result.out + result.err)


def _watched(words: list[str], width: int, *, colour: bool) -> str:
    """Return the last of some redraws, without waiting in between."""
    environ = {"NO_COLOR": "" if colour else "1"}
    with (
        Cluster.recorded() as cluster,
        streams(cluster, width=width, environ=environ),
    ):
        args = build(words[0])[1].read(words[1:])
        found = context_readers(args)
        wanted = plan(args, pod_view(), terminal(args.color))
        rounds = Rounds(args, wanted, found)
        live = LiveScreen(args, wanted, None, terminal(args.color), keys=True)
        lines: list[str] = []
        samples = cluster.pod_samples.samples()[::2]
        for number, load in enumerate(_LOAD):
            _scrape(cluster, samples, load)
            taken = rounds.read()
            live.take(taken, outcome_of(args, wanted, taken), number)
            lines = live.lines(number)
        for one in found:
            one.close()
    return "".join(f"{line}\n" for line in lines)


def _scrape(cluster: Cluster, samples: list[Sample], load: int) -> None:
    """Measure again: *samples* now have *load* per cent of their CPU."""
    cluster.clock.shift(13)
    for sample in samples:
        usages = (
            replace(u, cpu=f"{nanocores(u.cpu) * load // 100}n") for u in sample.usages
        )
        cluster.pod_samples.put(replace(sample, usages=tuple(usages)))
    cluster.scrape()
    cluster.clock.shift(2)


def _settled(text: str) -> str:
    for pattern, instead in _SETTLED.items():
        text = re.sub(pattern, instead, text)
    return text


@contextmanager
def stage() -> Iterator[Stage]:
    """Serve the recorded cluster twice: at its own time, and now."""
    with (
        Cluster.recorded() as still,
        Cluster.recorded(now=datetime.now(UTC)) as moving,
    ):
        yield Stage(still, moving)
