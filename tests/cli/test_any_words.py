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


@pytest.fixture(scope="module")
def reachable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a configuration that is in order, of a server that is not there."""
    path = tmp_path_factory.mktemp("reachable") / "config"
    path.write_text(
        "{apiVersion: v1, kind: Config, current-context: c,"
        " clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}],"
        " contexts: [{name: c, context: {cluster: c, user: ''}}]}"
    )
    return path


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


NUMBERS = (
    ("pods", "--top", ""),
    ("pods", "--watch", ""),
    ("pods", "--chunk-size", ""),
    ("pods", "--thresholds", ",99999"),
    ("pods", "--request-timeout", ""),
    ("pods", "--request-timeout", "s"),
    ("nodes", "--top", ""),
    ("doctor", "--request-timeout", "h"),
    ("raw /version", "--request-timeout", ""),
    ("config", "--request-timeout", "m"),
)
"""A command, its flag, and what follows a number there."""
_DIGITS = st.text("0123456789", min_size=1, max_size=30)
_FOREIGN = st.characters(categories=["Nd", "Nl", "No"], exclude_characters="0123456789")
NO_NUMBERS = st.one_of(
    st.integers(min_value=19, max_value=5000).map(lambda size: "9" * size),
    _DIGITS.map("-{}".format),
    st.tuples(_DIGITS, _FOREIGN, _DIGITS | st.just("")).map("".join),
    st.tuples(_DIGITS, st.sampled_from("_ eEx'"), _DIGITS).map("".join),
    st.sampled_from(["inf", "nan", "-inf", "Infinity", "0x1F", "1e400", "+", "-", "."]),
)


@given(where=st.sampled_from(NUMBERS), number=NO_NUMBERS)
@example(where=NUMBERS[1], number="99999999999")  # OverflowError in the second round
@example(where=NUMBERS[1], number="0" * 5000)
@settings(max_examples=400, deadline=None)
def test_what_is_no_number_or_too_large_a_one_is_refused_in_a_line(
    where: tuple[str, str, str], number: str, reachable: Path
) -> None:
    command, flag, behind = where
    words = [*command.split(), f"{flag}={number}{behind}", f"--kubeconfig={reachable}"]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    assert code == 2, err.getvalue()
    assert not out.getvalue()
    first, *others = err.getvalue().splitlines()
    assert flag in first
    assert len(first) < 300
    assert len(others) <= 1


@given(words=WORDS, name=st.sampled_from(sorted(COMMANDS)))
@settings(max_examples=300, deadline=None)
def test_any_words_are_read_or_refused(words: list[str], name: str) -> None:
    _, parser = build(name)
    with contextlib.suppress(UsageError, HelpWanted):
        parser.read(words)
