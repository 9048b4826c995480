"""Pasts by name, for tests and for `python -m tests.cluster --past NAME`.

`quiet`: nothing but usage. `hour`: all that may happen, within an hour, and again in
every hour after it. `clocks`: the same with clocks that jump. `means`: a provider
like prometheus-adapter, whose windows of five minutes overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from .cluster import Cluster
from .curves import Flat, Ramp, bursts, daily, restless
from .objects import node
from .options import Options
from .past import Past, Usage

_MEGA: Final = 1 << 20
_MILLI: Final = 10**6
NODES: Final = ("n1", "n2")

_WEB: Final = Usage(
    cpu=daily(40 * _MILLI + 7, 700 * _MILLI + 3),
    memory=restless(90 * _MEGA, 140 * _MEGA, seed=1),
    requests={"cpu": "250m", "memory": "128Mi"},
    limits={"memory": "256Mi"},
)
_PROXY: Final = Usage(
    cpu=bursts(3 * _MILLI + 1, 90 * _MILLI, every=60, busy=4), memory=Flat(20 * _MEGA)
)
_LEAK: Final = Usage(
    cpu=restless(0, 999_999_999, seed=2),
    memory=Ramp(60 * _MEGA, 40_000),
    requests={"cpu": "100m", "memory": "64Mi"},
    limits={"cpu": "1", "memory": "128Mi"},
)
_DB: Final = Usage(
    cpu=restless(100 * _MILLI, 900 * _MILLI, seed=4),
    memory=Flat(900 * _MEGA + 12_345),
    requests={"cpu": "500m", "memory": "1Gi"},
)
_HOUR: Final = 3600


def holding(
    now: datetime | None = None,
    options: Options | None = None,
    nodes: tuple[str, ...] = NODES,
) -> Cluster:
    """Serve nodes alone, as of the recording's time, or of *now*, which then runs."""
    return Cluster.holding(
        nodes=[node(name) for name in nodes], options=options, now=now
    )


def _usage(past: Past) -> None:
    past.deploy("shop", "web", 2, {"app": _WEB, "proxy": _PROXY})
    past.deploy("shop", "leak", 1, {"app": _LEAK})
    past.deploy("data", "db", 1, {"db": _DB}, kind="StatefulSet")


def _events(past: Past, number: int) -> None:
    """Let happen what an hour has; the leak is killed each half of it by itself."""
    later: Mapping[int, Callable[[], None]] = {
        400: partial(past.restart, "data", "db-0", "db"),
        900: partial(past.roll_out, "shop", "web", f"t{number}"),
        1500: partial(past.outage, 70),
        1800: partial(past.restart, "data", "db-0", "db", pause=45),
        2100: partial(past.reschedule, "data", "db-0", NODES[number % 2], pause=8),
        2500: partial(past.resize, "data", "db-0", "db", {"cpu": f"{number + 1}"}),
        2700: partial(past.silence, NODES[number % 2], 100),
        3000: partial(past.outage, 40, "warming"),
        _HOUR: partial(_events, past, number + 1),
    }
    for seconds, do in later.items():
        past.after(seconds, do)


def quiet(past: Past) -> None:
    _usage(past)


def hour(past: Past) -> None:
    _usage(past)
    _events(past, 1)


def clocks(past: Past) -> None:
    """Half an hour forth after ten minutes, five minutes back, then two seconds."""
    hour(past)
    past.after(600, partial(past.jump, 1800))
    past.after(1000, partial(past.jump, -300))
    past.after(1450, partial(past.jump, -2))


PASTS: Final[Mapping[str, Callable[[Past], None]]] = {
    "quiet": quiet,
    "hour": hour,
    "clocks": clocks,
    "means": hour,
}
RATES: Final[Mapping[str, int]] = {"means": 300}


def begun(
    name: str,
    cluster: Cluster,
    *,
    cadence: float = 15,
    wandering: int = 0,
    running: bool = False,
) -> Past:
    """Return a past by its name, at its beginning."""
    past = Past(
        cluster,
        cadence=cadence,
        wandering=wandering,
        rate=RATES.get(name),
        running=running,
    )
    PASTS[name](past)
    return past
