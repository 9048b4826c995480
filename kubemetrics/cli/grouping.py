"""Views that sum up by a chain of keys."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from ..commandline.parser import UsageError
from ..views.view import group_view
from .run import run


def run_groups(args: Namespace, base: str = "pods", first: Sequence[str] = ()) -> int:
    """Show the roll-up by the keys of *first* and then those of ``--by``.

    Raises:
        UsageError: a flag is wrong.
        KubeMetricsError: no usable configuration.
    """
    keys = [_key(word.strip()) for word in args.by.split(",") if word.strip()]
    if getattr(args, "label_columns", None):
        raise UsageError("-L shows labels of pods; to sum up by one: --by label:NAME")
    try:
        view = group_view(tuple(dict.fromkeys([*first, *keys])), base)
    except ValueError as error:
        raise UsageError(f"--by: {error}") from None
    return run(args, view)


def _key(word: str) -> str:
    """Take a column's key for the key of a group."""
    return {"priority_class": "priority-class", "ns": "namespace"}.get(word, word)
