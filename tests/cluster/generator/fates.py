"""What becomes of a pod, and why it then has no sample."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A fate's phase, its weight among pods, and the reason for a missing sample."""

    phase: str
    weight: float
    reason: str = ""
    scheduled: bool = True


class Fate(Enum):
    """The courses a pod's life may take."""

    HEALTHY = Course(phase="Running", weight=90)
    OOM_BEFORE = Course(phase="Running", weight=2)
    PARTIAL = Course(phase="Running", weight=0.5)
    TERMINATING_MEASURED = Course(phase="Running", weight=0.3)
    SUCCEEDED = Course(phase="Succeeded", weight=1.5, reason="Finished")
    FAILED = Course(phase="Failed", weight=0.5, reason="Finished")
    EVICTED = Course(phase="Failed", weight=0.4, reason="Finished")
    UNSCHEDULED = Course(
        phase="Pending", weight=0.6, reason="NotScheduled", scheduled=False
    )
    CREATING = Course(phase="Pending", weight=0.5, reason="NotStarted")
    IMAGE_PULL = Course(phase="Pending", weight=0.4, reason="NotStarted")
    TERMINATING = Course(phase="Running", weight=0.3, reason="Terminating")
    CRASH_LOOP = Course(phase="Running", weight=1, reason="ContainerNotRunning")
    RESTARTED = Course(phase="Running", weight=0.4, reason="Restarted")
    YOUNG = Course(phase="Running", weight=0.4, reason="TooYoung")
    UNREPORTED = Course(phase="Running", weight=0.6, reason="Unreported")


#: Reasons that hold whatever the node does; the others give way to a silent node.
_BEFORE_NODE = ("Finished", "NotScheduled", "NotStarted", "Terminating")
_WEIGHTS = [fate.value.weight for fate in Fate]


def assign_fates(count: int, rng: Random) -> list[Fate]:
    """Return a fate for each pod; where there is room, each fate at least once."""
    fates = rng.choices(list(Fate), _WEIGHTS, k=count)
    if count >= 2 * len(Fate):
        for place, fate in zip(rng.sample(range(count), len(Fate)), Fate, strict=True):
            fates[place] = fate
    return fates


def reason_for(fate: Fate, *, node_is_silent: bool) -> str:
    """Return why a pod has no sample, "" when it has one."""
    reason = fate.value.reason
    if node_is_silent and reason not in _BEFORE_NODE:
        return "NodeSilent"
    return reason
