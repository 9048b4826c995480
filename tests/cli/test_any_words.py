"""No command line at all ends in a traceback."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kubemetrics.cli import COMMANDS, build, main
from kubemetrics.commandline import FLAGS, HelpWanted, UsageError

pytestmark = pytest.mark.no_cover

_PIECES = [word for name in COMMANDS for word in name.split()]
_PIECES += [*sorted(FLAGS), "--", "-", "=", "-A", "-l", "-o", "json", "x", "__complete"]
_PIECES += ["--help", "--version", "-n=x", "--token=t", "--server=https://127.0.0.1:1"]
WORDS = st.lists(st.sampled_from(_PIECES) | st.text(max_size=8), max_size=8)


@pytest.fixture(scope="module", autouse=True)
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leave no configuration to be found."""
    home = tmp_path_factory.mktemp("home")
    kept = dict(os.environ)
    os.environ.update(HOME=str(home), KUBECONFIG=str(Path(home, "nope")))
    yield
    os.environ.clear()
    os.environ.update(kept)


@given(WORDS)
@example(["pods", "--context", "--"])  # TypeError: argparse gave a list
@example(["pods", "--context=--", "--"])
@settings(max_examples=300, deadline=None)
def test_any_words_end_with_a_known_exit_code(words: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    assert code in {0, 1, 2, 3}
    assert code == 0 or out.getvalue() or err.getvalue()
    assert all(line.isprintable() for line in err.getvalue().splitlines())


@given(words=WORDS, name=st.sampled_from(sorted(COMMANDS)))
@settings(max_examples=300, deadline=None)
def test_any_words_are_read_or_refused(words: list[str], name: str) -> None:
    _, parser = build(name)
    with contextlib.suppress(UsageError, HelpWanted):
        parser.read(words)
