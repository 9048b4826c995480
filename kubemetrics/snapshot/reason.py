"""Why a pod, container or node has no value: one reason, and one sentence for it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..frozen import dataclass

ReasonCode: TypeAlias = Literal[
    "ApiAbsent", "ApiDown", "Forbidden", "ReadFailed",
    "Finished", "NotScheduled", "NotStarted", "Terminating",
    "NodeSilent", "ContainerNotRunning", "Restarted", "TooYoung", "Unreported",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """Why there is no value: the first *code* that holds, in the order of `ReasonCode`.

    *explanation* is one sentence for people. It says what the API showed; what it did
    not show is called possible, never a cause.

    ``ApiAbsent``, ``ApiDown``, ``Forbidden``, ``ReadFailed``: the metrics could not be
    read. ``Finished`` … ``Terminating``: none is to be expected. ``NodeSilent``: node
    metrics were read and lack the node. The others: see `reasons`.
    """

    code: ReasonCode
    explanation: str
