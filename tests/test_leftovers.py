"""Everything that a test may leave behind is found, and nothing else."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from .leftovers import Ledger

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="/proc of Linux")


def test_nothing_is_nothing() -> None:
    assert Ledger().left(0) == []


def test_a_thread_is_found_though_it_is_a_daemon() -> None:
    before, end = Ledger(), threading.Event()
    thread = threading.Thread(target=end.wait, daemon=True, name="waits")
    thread.start()
    (left,) = before.left(0)
    assert "waits" in left
    end.set()
    thread.join()
    assert before.left() == []


def test_an_end_that_takes_a_moment_is_waited_for() -> None:
    before = Ledger()
    threading.Timer(0.05, lambda: None).start()
    assert before.left() == []


@LINUX
def test_sockets_and_pipes_are_found() -> None:
    before = Ledger()
    with ExitStack() as stack:
        for one in socket.socketpair():
            stack.enter_context(one)
        for end in os.pipe():
            stack.callback(os.close, end)
        kinds = [left.partition(":")[0] for left in before.left(0)]
    assert kinds == ["pipe", "pipe", "socket", "socket"]
    assert before.left(0) == []


@LINUX
def test_a_child_is_found_running_or_not_reaped() -> None:
    before = Ledger()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        assert f"process {child.pid}" in before.left(0)
        assert child.stdin is not None
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert before.left(0) == [f"process {child.pid}"]
    assert before.left(0) == []


def test_a_temporary_file_is_found() -> None:
    before = Ledger()
    with tempfile.NamedTemporaryFile() as file:
        assert before.left(0) == [f"temporary file {Path(file.name).name}"]
    assert before.left(0) == []


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="kept in C, out of sight")
def test_a_task_that_nobody_awaits_is_found() -> None:
    before = Ledger()
    loop = asyncio.new_event_loop()
    task = loop.create_task(asyncio.sleep(0), name="forgotten")
    assert any("forgotten" in left for left in before.left(0))
    loop.run_until_complete(task)
    loop.close()
    assert before.left(0) == []


def test_what_is_of_a_wider_scope_may_stay() -> None:
    before, end = Ledger(), threading.Event()
    thread = threading.Thread(target=end.wait)
    with before.kept():
        thread.start()
    assert before.left(0) == []
    end.set()
    thread.join()
