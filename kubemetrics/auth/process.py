"""Run a plugin's process: bounded in time and output, for as long as a call waits.

Without a controlling terminal a plugin has a session of its own, so that all it started
can be killed with it. With one it stays in ours: pinentry and getpass open
``/dev/tty``, which another session does not have, and a background group is stopped
for. No shell is involved.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Final

from ..config.model import ExecConfig
from ..files import native
from ..forks import forget_after_fork
from ..frozen import dataclass
from . import WAIT, always

_STDOUT_LIMIT: Final = 4 * 2**20
_STDERR_KEPT: Final = 16 * 2**10
_CHUNK: Final = 2**16
_GRACE: Final = 1.0
"""Seconds for the pipes to end after the plugin did; its children may hold them."""
_POLL: Final = 0.05
_POLL_AT_END: Final = 0.002
"""Seconds; a plugin that has closed its stdout ends in a moment."""
_STARTING: Final = 5.0
"""Seconds for a program to start, if the process is to end meanwhile."""
_POSIX: Final = os.name == "posix"
_ABANDONED: Final = "was ended: no call waits for it any more"
_NO_THREAD: Final = "there is no thread to read its output"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginResult:
    """How a run ended: *problem* says why the plugin could not run to its end.

    *code* is its exit code, ``None`` if another part of this program has taken it: a
    handler of SIGCHLD, or none for it. *missing* says that there is no such program,
    *abandoned* that no call waits for it any more.
    """

    code: int | None = 0
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)
    problem: str = ""
    missing: bool = False
    abandoned: bool = False


def is_terminal(stream: IO[str] | None) -> bool:
    """Return whether *stream*, which may be missing or any object, is a terminal."""
    # In the place of a stream a program may have put what has no isatty.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return stream is not None and stream.isatty()
    return False


def has_controlling_terminal() -> bool:
    """Return whether a plugin can ask a person at ``/dev/tty``."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0)))
    except OSError:
        return False
    return True


def run(
    plugin: ExecConfig,
    environ: Mapping[str, str],
    *,
    stdin: bool = False,
    own_session: bool = True,
    timeout: float | None = None,
    wanted: Callable[[], bool] = always,
) -> PluginResult:
    """Run *plugin* to its end, for *timeout* seconds, or while *wanted* is true.

    It does not raise. *environ* is all it gets, and our stdin with *stdin*.
    """
    # Found as Go does: by this process's PATH, not by the one of the plugin's `env`.
    path = shutil.which(native(plugin.command))
    if path is None:
        return PluginResult(
            missing=True, problem=f"executable {plugin.command} not found"
        )
    if Path(plugin.command).name == plugin.command and not Path(path).is_absolute():
        # Go's exec.ErrDot: a repository that was checked out must not choose it.
        return PluginResult(
            problem=f"executable {plugin.command} is not run: PATH has it in"
            f' "{Path(path).parent}", below the working directory, first'
        )
    start = partial[subprocess.Popen[bytes]](
        subprocess.Popen,
        [path, *map(native, plugin.args)],
        env=dict(environ),
        stdin=None if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=own_session,
        # No console window flashes up on Windows (client-go#1214).
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    started = _Run(plugin.command, start, timeout, wanted, own_session=own_session)
    thread = threading.Thread(target=started.run, daemon=True)
    try:
        thread.start()
        while thread.is_alive():
            thread.join(WAIT)
    except RuntimeError:
        return PluginResult(
            problem=f"executable {plugin.command} cannot be run: {_NO_THREAD}"
        )
    except BaseException:
        started.give_up()
        raise
    return started.result


class _Run:
    """A plugin's process, from before it is started until it has been reaped.

    It is started, read and killed in a thread of its own: Ctrl-C is raised in the main
    thread, where it could come between the fork and the moment at which anybody knows
    of the child.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], subprocess.Popen[bytes]],
        timeout: float | None,
        wanted: Callable[[], bool],
        *,
        own_session: bool,
    ) -> None:
        self._name = name
        self._start = start
        self._timeout = timeout
        self._wanted = wanted
        self._own_session = own_session
        self._process: subprocess.Popen[bytes] | None = None
        self._given_up = False
        self._code: int | None = None
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._too_much = False
        self.starting = True
        self.result = self._result(_ABANDONED)

    def run(self) -> None:
        """Run to the end; `result` is what came of it."""
        _registry.runs.add(self)
        try:
            self.result = self._run()
        finally:
            self.starting = False
            _registry.runs.discard(self)

    def give_up(self) -> None:
        """Have the plugin killed in a moment, or not started; returns at once."""
        self._given_up = True

    def _run(self) -> PluginResult:
        if self._ended_by_us():
            return self._result(_ABANDONED)
        try:
            process = self._process = self._start()
        except (OSError, ValueError) as error:
            why = (
                getattr(error, "strerror", None)
                or "an argument or a variable holds a null character"
            )
            return self._result(f"cannot be run: {why}")
        finally:
            self.starting = False
        try:
            stdout = _reader(process.stdout, self._take_stdout)
            stderr = _reader(process.stderr, self._take_stderr)
            problem = self._wait(process, stdout)
        except RuntimeError:
            if process.stderr:
                process.stderr.close()
            return self._result(f"cannot be run: {_NO_THREAD}")
        finally:
            self.kill()
            self._reap(process)
        until = monotonic() + _GRACE
        for reader in (stdout, stderr):
            reader.join(max(0.0, until - monotonic()))
        if self._too_much:
            problem = f"wrote more than {_STDOUT_LIMIT >> 20} MiB to stdout"
        return self._result(problem)

    def _ended_by_us(self) -> bool:
        return self._given_up or _registry.closed

    def _result(self, problem: str) -> PluginResult:
        return PluginResult(
            code=self._code,
            stdout=bytes(self._stdout),
            stderr=bytes(self._stderr),
            problem=problem and f"executable {self._name} {problem}",
            abandoned=problem == _ABANDONED,
        )

    def kill(self) -> None:
        """Kill the plugin, if it runs, and what it started.

        A signal's handler calls it: it takes no lock and waits for nothing.
        """
        process = self._process
        if process is None or process.returncode is not None:
            return
        if not _POSIX:
            process.kill()
        elif self._own_session:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            for pid in (process.pid, *_descendants(process.pid)):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)

    def _wait(self, process: subprocess.Popen[bytes], stdout: threading.Thread) -> str:
        """Wait for the end; return why it has to be killed, empty if it ended."""
        started = monotonic()
        while not self._ended(process):
            if self._timeout is not None and monotonic() - started >= self._timeout:
                return f"did not finish within {self._timeout:g} s"
            if self._ended_by_us() or not self._wanted():
                return _ABANDONED
            if stdout.is_alive():
                stdout.join(_POLL)
            else:
                sleep(_POLL_AT_END)
        return ""

    def _ended(self, process: subprocess.Popen[bytes]) -> bool:
        """Reap the process, if it has ended.

        `subprocess` takes a missing child for one that succeeded.
        """
        if process.returncode is not None:
            return True
        if not _POSIX:
            self._code = process.poll()
            return self._code is not None
        try:
            pid, status = os.waitpid(process.pid, os.WNOHANG)
        except ChildProcessError:
            process.returncode = 0
            return True
        if pid:
            self._code = process.returncode = os.waitstatus_to_exitcode(status)
        return bool(pid)

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        while not self._ended(process):
            sleep(_POLL_AT_END)

    def _take_stdout(self, chunk: bytes) -> None:
        if self._too_much:
            return
        self._stdout += chunk
        if len(self._stdout) > _STDOUT_LIMIT:
            self._too_much = True
            self.kill()

    def _take_stderr(self, chunk: bytes) -> None:
        self._stderr += chunk
        del self._stderr[:-_STDERR_KEPT]
        if is_terminal(sys.stderr):
            # "To sign in, open the page …": a person has to see it now.
            sys.stderr.write(chunk.decode(errors="replace"))
            sys.stderr.flush()


def _reader(
    stream: IO[bytes] | None, take: Callable[[bytes], None]
) -> threading.Thread:
    # The thread closes its pipe itself: a child of the plugin may hold the other end
    # for long, and a descriptor closed under a reader may come back as another file.
    def drain() -> None:
        with stream or io.BytesIO() as pipe:
            while chunk := pipe.read(_CHUNK):
                take(chunk)

    thread = threading.Thread(target=drain, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        if stream:
            stream.close()
        raise
    return thread


def _descendants(pid: int) -> Iterator[int]:
    """Yield the processes below *pid*; none where there is no ``/proc``."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            # pid (name) state parent …; a name may hold anything.
            fields = path.read_bytes().rpartition(b")")[2].split()
            children[int(fields[1])].append(int(path.parent.name))
    pending = [pid]
    while pending:
        found = children[pending.pop()]
        yield from found
        pending += found


class _Registry:
    """The plugins that run, and whether any may still be started."""

    def __init__(self) -> None:
        self.runs: set[_Run] = set()
        self.closed = False

    def forget(self) -> None:
        """Know of none: a forked child has none, and must not kill its parent's."""
        self.runs.clear()


_registry: Final = _Registry()


def kill_all() -> None:
    """Kill all plugins, and start no more: the process is about to end.

    One that is being started is waited for: once this process is gone nobody would
    know of it. A signal's handler calls this: no lock is taken.
    """
    _registry.closed = True
    until = monotonic() + _STARTING
    for started in tuple(_registry.runs):
        while started.starting and monotonic() < until:
            sleep(_POLL_AT_END)
        started.kill()


atexit.register(kill_all)
forget_after_fork(_registry)
