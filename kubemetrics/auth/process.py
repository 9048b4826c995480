"""Run a plugin's process: bounded in time and output, never through a shell."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import IO, Final

from ..config.model import ExecConfig
from ..frozen import dataclass

_STDOUT_LIMIT: Final = 4 * 2**20
_STDERR_KEPT: Final = 16 * 2**10
_CHUNK: Final = 2**16
_GRACE: Final = 1.0
"""Seconds for the pipes to end after the plugin did; its children may hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginResult:
    """What came of it; *problem* says why there is no exit code to speak of."""

    code: int = 0
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)
    problem: str = ""
    missing: bool = False


def run(
    plugin: ExecConfig,
    environ: Mapping[str, str],
    *,
    interactive: bool = False,
    timeout: float | None = None,
) -> PluginResult:
    """Run *plugin* to its end, or for *timeout* seconds. It does not raise.

    *environ* is all it gets. With *interactive* it has the terminal: stdin, and stderr
    as it comes.
    """
    # Found as Go does: by this process's PATH, not by the one of the plugin's `env`.
    path = shutil.which(plugin.command)
    if path is None:
        return PluginResult(
            missing=True, problem=f"executable {plugin.command} not found"
        )
    command = [path, *plugin.args]
    try:
        process = _start(command, environ, interactive=interactive)
    except (OSError, ValueError) as error:
        why = (
            getattr(error, "strerror", None)
            or "an argument or a variable holds a null character"
        )
        return PluginResult(problem=f"executable {plugin.command} cannot be run: {why}")
    return _Watch(process, plugin.command, timeout, interactive=interactive).outcome()


def _start(
    command: list[str], environ: Mapping[str, str], *, interactive: bool
) -> subprocess.Popen[bytes]:
    # Without the terminal the plugin has a session of its own, so that whatever it
    # started can be ended with it.
    return subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
        command,
        env=dict(environ),
        stdin=None if interactive else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=not interactive,
        # No console window flashes up on Windows (client-go#1214).
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


class _Watch:
    """Reads both pipes of a running plugin and ends it when a bound is reached."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        name: str,
        timeout: float | None,
        *,
        interactive: bool,
    ) -> None:
        self._process = process
        self._name = name
        self._timeout = timeout
        self._interactive = interactive
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._too_much = False

    def outcome(self) -> PluginResult:
        readers = (
            _reader(self._process.stdout or io.BytesIO(), self._take_stdout),
            _reader(self._process.stderr or io.BytesIO(), self._take_stderr),
        )
        problem = self._wait()
        until = time.monotonic() + _GRACE
        for reader in readers:
            reader.join(max(0.0, until - time.monotonic()))
        if self._too_much:
            problem = f"wrote more than {_STDOUT_LIMIT >> 20} MiB to stdout"
        return PluginResult(
            code=self._process.returncode,
            stdout=bytes(self._stdout),
            stderr=bytes(self._stderr),
            problem=problem and f"executable {self._name} {problem}",
        )

    def _wait(self) -> str:
        try:
            self._process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            self._kill()
            return f"did not finish within {self._timeout:g} s"
        except BaseException:
            self._kill()
            raise
        return ""

    def _kill(self) -> None:
        with contextlib.suppress(OSError):
            if self._interactive or not hasattr(os, "killpg"):
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _take_stdout(self, chunk: bytes) -> None:
        if self._too_much:
            return
        self._stdout += chunk
        if len(self._stdout) > _STDOUT_LIMIT:
            self._too_much = True
            self._kill()

    def _take_stderr(self, chunk: bytes) -> None:
        self._stderr += chunk
        del self._stderr[:-_STDERR_KEPT]
        if self._interactive and sys.stderr.isatty():
            # "To sign in, open the page …": a person has to see it now.
            sys.stderr.write(chunk.decode(errors="replace"))
            sys.stderr.flush()


def _reader(stream: IO[bytes], take: Callable[[bytes], None]) -> threading.Thread:
    # The thread closes its pipe itself: a child of the plugin may hold the other end
    # for long, and a descriptor closed under a reader may come back as another file.
    def drain() -> None:
        with stream:
            while chunk := stream.read(_CHUNK):
                take(chunk)

    thread = threading.Thread(target=drain, daemon=True)
    thread.start()
    return thread
