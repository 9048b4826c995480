"""What a forked child lets go of: locks, results and connections of its parent.

A lock may be held by a thread that the child does not have, and the other end of a
connection would hear both processes (kubernetes-client/python#1000, airflow#71707).
"""

from __future__ import annotations

import os
import weakref
from typing import Final, Protocol


class Inherited(Protocol):
    """What has to be put away in a forked child."""

    def forget(self) -> None:
        """Let go of all that is the parent's, without telling anybody; never fail."""
        ...


_inherited: Final[weakref.WeakSet[Inherited]] = weakref.WeakSet()


def forget_after_fork(thing: Inherited) -> None:
    """Have `Inherited.forget` of *thing* called in every forked child."""
    _inherited.add(thing)


def _after_fork() -> None:
    for thing in tuple(_inherited):
        thing.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
