"""The terminal of a watch: real ones, whose other end the tests hold."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Self

import pyte
import pytest

from kubemetrics.cli.keyboard import LiveTerminal, keys_of
from tests.cluster import Cluster
from tests.tools.interrupt import HANG, interruptible


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("cq/?", ["c", "q", "/", "?"]),
        ("\x1b[A\x1b[B\x1bOA\x1bOB", ["up", "down", "up", "down"]),
        ("\x1b[5~\x1b[6~\x1b[H\x1b[1~", ["pageup", "pagedown", "home", "home"]),
        ("a\r\n\x7f\b", ["a", "enter", "enter", "backspace", "backspace"]),
        ("\x1b", ["escape"]),
        ("é 漢", ["é", " ", "漢"]),
        ("\x1b[1;5C\x1b[24~\x1bOP\t\x01\ue000", []),  # unknown: not typed as text
    ],
)
def test_keys_are_characters_or_names(text: str, keys: list[str]) -> None:
    assert list(keys_of(text)) == keys


Mode = list[Any]


class Stdin:
    """stdin as a terminal, and the end at which is typed."""

    def __init__(self, typing_end: int, number: int) -> None:
        self.typing_end = typing_end
        self.number = number
        self.before = self.mode
        self._happened: SimpleQueue[str] = SimpleQueue()

    @property
    def mode(self) -> Mode:
        return termios.tcgetattr(self.number)

    @property
    def unbuffered(self) -> bool:
        return not self.mode[3] & (termios.ICANON | termios.ECHO)

    def type(self, text: str) -> None:
        os.write(self.typing_end, text.encode())

    def happened(self) -> str:
        return self._happened.get(timeout=HANG)

    def watched(self) -> LiveTerminal:
        return LiveTerminal(self._happened.put)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stdin]:
    typing_end, number = pty.openpty()
    with open(number, closefd=False) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield Stdin(typing_end, number)
    os.close(typing_end)
    os.close(number)


def test_a_key_is_had_at_once_and_unseen(stdin: Stdin) -> None:
    with stdin.watched() as terminal:
        assert terminal.usable
        assert stdin.unbuffered
        stdin.type("mé")
        assert [stdin.happened(), stdin.happened()] == ["m", "é"]
    assert stdin.mode == stdin.before


def test_the_terminal_is_put_back_after_an_exception(stdin: Stdin) -> None:
    def fail() -> None:
        with stdin.watched():
            assert stdin.unbuffered
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert stdin.mode == stdin.before


def test_handlers_are_those_from_before_afterwards(stdin: Stdin) -> None:
    numbers = (signal.SIGWINCH, signal.SIGTERM, signal.SIGTSTP, signal.SIGCONT)
    before = [signal.getsignal(number) for number in numbers]
    with stdin.watched():
        assert all(signal.getsignal(number) not in before for number in numbers)
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_signal_that_is_ignored_stays_so(stdin: Stdin) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stdin.watched():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_size_is_said(stdin: Stdin) -> None:
    with stdin.watched():
        os.kill(os.getpid(), signal.SIGWINCH)
        assert stdin.happened() == ""


def test_it_is_put_back_while_the_process_is_stopped(
    stdin: Stdin, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_stopped: list[Mode] = []

    def stop(number: int) -> None:
        assert number == signal.SIGTSTP
        while_stopped.append(stdin.mode)

    monkeypatch.setattr(signal, "raise_signal", stop)
    with stdin.watched():
        os.kill(os.getpid(), signal.SIGTSTP)
        assert while_stopped == [stdin.before]
        os.kill(os.getpid(), signal.SIGCONT)
        assert stdin.happened() == ""
        assert stdin.unbuffered
        os.kill(os.getpid(), signal.SIGTSTP)  # a second time as the first
        assert while_stopped == [stdin.before, stdin.before]
    assert stdin.mode == stdin.before


def test_it_is_put_back_before_a_signal_ends_the_process(
    stdin: Stdin, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_end: list[tuple[int, Any, Mode]] = []

    def end(number: int) -> None:
        at_the_end.append((number, signal.getsignal(number), stdin.mode))

    monkeypatch.setattr(signal, "raise_signal", end)
    with stdin.watched():
        os.kill(os.getpid(), signal.SIGTERM)
    assert at_the_end == [(signal.SIGTERM, signal.SIG_DFL, stdin.before)]


def test_without_termios_there_are_no_keys_and_the_rest_works(
    stdin: Stdin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "termios", None)
    with stdin.watched() as terminal:
        assert not terminal.usable
        os.kill(os.getpid(), signal.SIGWINCH)
        assert stdin.happened() == ""
        assert stdin.mode == stdin.before


@pytest.mark.parametrize("instead", [None, io.StringIO("q")])
def test_without_a_terminal_there_are_no_keys(
    monkeypatch: pytest.MonkeyPatch, instead: io.StringIO | None
) -> None:
    monkeypatch.setattr(sys, "stdin", instead)
    with LiveTerminal(print) as terminal:
        assert not terminal.usable


def test_a_file_as_stdin_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as stream:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdin", stream)
        with LiveTerminal(print) as terminal:
            assert not terminal.usable


def test_a_terminal_that_is_gone_ends_the_keys(stdin: Stdin) -> None:
    with stdin.watched():
        os.close(stdin.typing_end)
        stdin.typing_end = os.open(os.devnull, os.O_RDONLY)


def test_a_process_in_the_background_leaves_the_keys_to_others(
    stdin: Stdin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read, or a change of the mode, would stop it (SIGTTIN, SIGTTOU)."""
    ours = os.getpgrp()
    looked = threading.Event()

    def foreground(_: int) -> int:
        looked.set()
        return group[0]

    group = [ours]
    monkeypatch.setattr(os, "tcgetpgrp", foreground)
    with stdin.watched() as terminal:
        assert terminal.usable
        group[0] = ours + 1
        looked.clear()
        stdin.type("q")
        assert looked.wait(HANG)
        os.kill(os.getpid(), signal.SIGCONT)  # as `bg` does
        assert stdin.happened() == ""
        group[0] = ours
        assert stdin.happened() == "q"
        group[0] = ours + 1  # it ends there
    with stdin.watched() as terminal:
        assert not terminal.usable


def test_keys_are_taken_again_when_the_process_comes_back_to_the_foreground(
    stdin: Stdin, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = [os.getpgrp()]
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: group[0])
    monkeypatch.setattr(signal, "raise_signal", lambda _: None)
    with stdin.watched() as terminal:
        os.kill(os.getpid(), signal.SIGTSTP)
        group[0] += 1
        os.kill(os.getpid(), signal.SIGCONT)  # in the background
        terminal.take_back()
        assert stdin.mode == stdin.before
        group[0] -= 1  # and no signal says so
        terminal.take_back()
        assert stdin.unbuffered
    assert stdin.mode == stdin.before


def test_threads_other_than_the_main_one_handle_no_signals(stdin: Stdin) -> None:
    handlers: list[object] = []

    def watch() -> None:
        with stdin.watched():
            handlers.append(signal.getsignal(signal.SIGWINCH))

    before = signal.getsignal(signal.SIGWINCH)
    thread = threading.Thread(target=watch)
    thread.start()
    thread.join(HANG)
    assert handlers == [before]


# the command on a terminal


class Shown:
    """A terminal with the command on it, and what can be read there."""

    def __init__(self, cluster: Cluster, *line: str) -> None:
        self.ours, theirs = pty.openpty()
        self._screen = pyte.Screen(100, 20)
        self._stream = pyte.ByteStream(self._screen)
        self.resize(100, 20)
        self.before: Mode = termios.tcgetattr(theirs)
        environ = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES"}}
        own = {"KUBECONFIG": str(cluster.kubeconfig("viewer")), "TERM": "xterm"}
        with interruptible():
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kubemetrics", *line],
                env={**environ, **own},
                stdin=theirs, stdout=theirs, stderr=theirs,
                start_new_session=True,
            )  # fmt: skip
        self._theirs = theirs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self._theirs)

    @property
    def mode(self) -> Mode:
        return termios.tcgetattr(self._theirs)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    @property
    def cursor_hidden(self) -> bool:
        return bool(self._screen.cursor.hidden)

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, size)
        self._screen.resize(rows, columns)

    def until(self, holds: Callable[[], bool]) -> None:
        """Read what is drawn until it shows what is waited for."""
        end = time.monotonic() + HANG
        while not holds():
            assert time.monotonic() < end, "\n".join(self.lines)
            if select.select([self.ours], [], [], 0.05)[0]:
                self._stream.feed(os.read(self.ours, 65536))


@contextmanager
def watching(*line: str) -> Iterator[Shown]:
    with Cluster.recorded() as cluster, Shown(cluster, *line) as shown:
        shown.until(lambda: "rows 1-" in shown.lines[0])
        yield shown


def resized(shown: Shown, columns: int) -> None:
    shown.resize(columns, 12)
    os.kill(shown.process.pid, signal.SIGWINCH)  # it controls no terminal here


def test_a_watch_on_a_terminal_follows_keys_and_sizes() -> None:
    with watching("pods", "-A", "-w") as shown:
        assert shown.cursor_hidden
        assert "by CPU" in shown.lines[0]
        assert shown.lines[1].split()[:2] == ["NAMESPACE", "NAME"]
        shown.type("m")
        shown.until(lambda: "by MEM" in shown.lines[0])
        shown.type("/kafka-\r")
        shown.until(lambda: "/kafka-   4 pods" in shown.lines[0])
        assert sum("kafka-" in line for line in shown.lines[2:]) == 4
        resized(shown, 80)
        shown.until(lambda: shown.lines[0].startswith("sample "))
        assert shown.lines[0].endswith("q quit  ? help")
        resized(shown, 40)
        shown.until(lambda: bool(shown.lines[0]) and "quit" not in shown.lines[0])
        assert max(map(len, shown.lines)) <= 40
        shown.type("q")
        assert shown.process.wait(HANG) == 0
        shown.until(lambda: not shown.cursor_hidden)
        assert shown.mode == shown.before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_a_watch_and_leaves_the_terminal_as_it_was(
    number: signal.Signals,
) -> None:
    with watching("pods", "-A", "-w") as shown:
        assert shown.mode != shown.before
        os.kill(shown.process.pid, number)
        code = shown.process.wait(HANG)
        assert code == (130 if number == signal.SIGINT else -number)
        shown.until(lambda: not shown.cursor_hidden)
        assert shown.mode == shown.before
        assert "Traceback" not in "\n".join(shown.lines)
