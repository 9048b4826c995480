"""Who watches: once the list is told, two more pods come, and both must be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

MARKERS = ("marker-1", "marker-2")


@dataclass(slots=True, kw_only=True)
class Consumer:
    """Is told a list of *listed* pods; then *bring* makes the markers come."""

    listed: int
    bring: Callable[[], None]
    _told: list[str] = field(default_factory=list)

    def hears(self, name: str) -> bool:
        """Hear of a pod; say whether it was the last."""
        self._told.append(name)
        if len(self._told) == self.listed:
            self.bring()
        return name == MARKERS[-1]

    @property
    def text(self) -> str:
        more = tuple(self._told[self.listed :])
        return "goes on" if more == MARKERS else f"told {len(more)} more"
