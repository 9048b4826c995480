"""Whatever a flag, an argument or a variable holds: one short line, no traceback.

The flags are those that the parsers declare, so that later ones are held too.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from unittest.mock import patch

import pytest

from kubemetrics.cli import COMMANDS, build, main
from kubemetrics.testing import FakeCluster, pod

ODD: Final = {
    "huge": "1" + "0" * 5000,
    "negative": "-5",
    "minus zero": "-0",
    "NaN": "NaN",
    "infinite": "inf",
    "beyond floats": "1e400",
    "beyond exponents": "1e999999999",
    "arabic digit": "٣",
    "superscript": "²",
    "empty": "",
    "blanks": "   ",
    "null character": "1\x002",
    "two lines": "1\n2",
    "escape": "1\x1b[31m2",
    "right to left": "1\u202e2",
    "no UTF-8": "1\udcff",
    "half a pair": "1\ud800",
    "100 KB of letters": "x" * 100_000,
    "100 KB of words": "not " * 25_000,
    "100 KB of brackets": "(" * 100_000,
    "100 KB of signs": "-*" * 50_000,
    "100 KB of escapes": "\x1b" * 100_000,
    "100 KB of lines": "a\n" * 50_000,
    "100 KB of a list": "a=b," * 25_000,
}
OF_FREE: Final = (
    "null character", "no UTF-8", "half a pair", "100 KB of signs", "100 KB of escapes",
)  # fmt: skip
"""Those tried where a request may be made of each."""
_LINE: Final = 2000
"""Characters that no line exceeds."""
_SHORT: Final = 500
"""And those of a line about a value that is wrong by itself."""

JUDGED: Final = frozenset(
    {
        "N", "DURATION", "TIME", "SECONDS", "BYTES", "T..T", "I/N", "UNIT", "EXPR",
        "WARNING,CRITICAL", "cpu=N,memory=N", "ADDRESS", "FORMAT", "WHEN", "MODE",
        "LEVEL", "NAMES", "KEY=VALUE", "KEY[,KEY]", "KEY[,KEY...]", "cpu|memory",
    }
)  # fmt: skip
"""What has a grammar: a value that is none of it is wrong usage."""
FREE: Final = frozenset(
    {
        "NAME", "FILE", "URL", "TOKEN", "USER", "GROUP", "UID", "LABELS", "FIELDS",
        "KEY", "IMAGE", "PATH", "WORKLOAD", "TOPIC",
    }
)  # fmt: skip
"""What may be any text, or is for a server or a file system to judge."""


NOBODY: Final = "http://127.0.0.1:1"
"""Where no server is, so that none is served."""
UNSET: Final = frozenset(
    {
        "--request-timeout", "--sort", "--sort-by", "--columns", "--by", "--watch",
        "--selector",
    }
)  # fmt: skip
"""What is as if it were not there where its value is empty, as kubectl has it."""


class Given(NamedTuple):
    """A flag or an argument of a command, and whether its value is *judged*."""

    command: str
    name: str
    judged: bool
    argument: bool = False

    def words(self, value: str) -> list[str]:
        """Return a command line with it."""
        line = [*self.command.split(), *_BESIDE.get(self.command, ())]
        if self.command == "serve" and self.name == "--listen":
            line = ["serve", f"--server={NOBODY}"]
        if self.command == "record" and self.name not in {"--every", "--for"}:
            line.append("--once")
        if self.argument:
            flags = (word for word in line if word.startswith("--"))
            return [*self.command.split(), *flags, "--", value]
        return [*line, f"{self.name}={value}"]


_BESIDE: Final = {
    "record": ("x.db",), "serve": ("--listen=127.0.0.1:0", f"--server={NOBODY}"),
    "raw": ("/version",), "compare": ("api",), "completion": ("bash",),
}  # fmt: skip


def _declared(command: str) -> Iterator[tuple[Given, argparse.Action]]:
    for action in build(command)[1]._actions:
        if action.nargs == 0:
            continue
        kind = str(action.metavar or action.dest).upper()
        judged = bool(action.choices) or str(action.metavar) in JUDGED
        long = [n for n in action.option_strings if n.startswith("--")]
        name = long[0] if long else kind
        yield Given(command, name, judged, argument=not long), action


def _flags() -> list[Given]:
    """Return each declaration once: the views, and the connections, share theirs."""
    found: dict[object, Given] = {}
    for command in sorted(COMMANDS, key=lambda name: name != "config"):
        for given, action in _declared(command):
            if isinstance(action, argparse._StoreAction | argparse._AppendAction):
                about = "" if given.argument else action.help
                key = (given.name, action.metavar, about, action.nargs)
                found.setdefault(key, given)
    return list(found.values())


FLAGS: Final = _flags()


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Be in a directory of one's own, with a cluster of one pod."""
    home = tmp_path_factory.mktemp("home")
    given = {"HOME": str(home), "XDG_STATE_HOME": str(home)}
    with FakeCluster([pod("web-0", cpu="250m", memory="1Gi")]) as cluster:
        given["KUBECONFIG"] = str(cluster.kubeconfig(home / "config"))
        with contextlib.chdir(home), patch.dict(os.environ, given):
            yield home


def ran(words: list[str]) -> tuple[int, list[str], str]:
    """Run the command in this process; return its code, its errors, its output."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return code, err.getvalue().splitlines(), out.getvalue()


def test_every_kind_of_value_is_known_here() -> None:
    unknown = {
        (name, given.name, action.metavar)
        for name in COMMANDS
        for given, action in _declared(name)
        if action.metavar and str(action.metavar) not in JUDGED | FREE
    }
    assert unknown == set(), "say above whether such a value has a grammar"


@pytest.mark.parametrize("given", FLAGS, ids=lambda g: f"{g.command} {g.name}")
def test_any_value_ends_in_short_lines_and_a_known_exit_code(given: Given) -> None:
    wrong = 1 if given.command.startswith("top") else 2
    odd: list[object] = []
    for kind in ODD if given.judged else OF_FREE:
        value = ODD[kind]
        if not value and given.name == "--watch":
            continue  # it watches for good
        code, lines, out = ran(given.words(value))
        longest = max(map(len, lines), default=0)
        if code not in {0, 1, 2} or len(lines) > 3 or longest > _LINE:
            odd.append((kind, code, len(lines), longest))
        unset = not value.strip() and given.name in UNSET
        if given.judged and not unset and (code != wrong or longest > _SHORT):
            odd.append((kind, code, longest, lines[:1], out[:80]))
        assert all(line.isprintable() for line in lines)
    assert odd == []
