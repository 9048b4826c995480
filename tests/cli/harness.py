"""Runs the command in this process, with a terminal of any width."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TypedDict, Unpack
from unittest.mock import patch

from kubemetrics.cli import main
from tests.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def streams(
    cluster: Cluster,
    *,
    user: str = "viewer",
    width: int | None = None,
    height: int = 50,
    environ: dict[str, str] | None = None,
    err: io.StringIO | None = None,
) -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """Redirect stdout and stderr, and be *user*; a *width* makes stdout a terminal."""
    out = Terminal() if width else io.StringIO()
    err = io.StringIO() if err is None else err
    given = {
        "KUBECONFIG": str(cluster.kubeconfig(user)),
        "COLUMNS": str(width or 80),
        "LINES": str(height),
        "TERM": "xterm",
        "NO_COLOR": "",
        **(environ or {}),
    }
    with patch.dict(os.environ, given), redirect_stdout(out), redirect_stderr(err):
        yield out, err


class Circumstances(TypedDict, total=False):
    """What `streams` takes."""

    user: str
    width: int | None
    height: int
    environ: dict[str, str]
    err: io.StringIO


def run(cluster: Cluster, *args: str, **how: Unpack[Circumstances]) -> Result:
    """Run ``kubemetrics`` in these circumstances."""
    with streams(cluster, **how) as (out, err):
        code = main(list(args))
    return Result(code, out.getvalue(), err.getvalue())
