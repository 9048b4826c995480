"""A plugin never outlives the command, nor the last call that waits for it."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from kubemetrics import AsyncClient, Client
from kubemetrics.auth import Credential, CredentialSource, process
from kubemetrics.auth import exec as exec_module
from kubemetrics.auth.sources import AbandonedError, Refreshing, credential_source
from kubemetrics.config.model import ExecConfig
from kubemetrics.errors import CredentialError, TransportError
from tests.config.kubeconfigs import kubeconfig
from tests.tools.interrupt import interruptible

from .plugins import (
    HANG,
    V1,
    answer,
    begun,
    counting,
    ended,
    holding,
    plugged,
    runs,
    says,
    script,
    until_written,
)


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    path, pipe = holding(tmp_path)
    yield path, pipe
    os.close(pipe)


def fetch(source: CredentialSource) -> Credential:
    return source.fetch()


def test_a_plugin_ends_with_the_last_call_that_waits_for_it(
    plugin: tuple[Path, int],
) -> None:
    path, pipe = plugin
    source = credential_source(plugged(path))
    asked: list[bool] = []

    def wanted() -> bool:
        asked.append(not asked)
        if len(asked) == 2:  # the first is before the plugin runs
            begun(pipe)
        return asked[0] and len(asked) == 1

    with pytest.raises(AbandonedError, match="no call waits for it any more"):
        source.fetch(wanted)
    assert ended(pipe)


def test_a_call_that_gives_up_leaves_the_plugin_to_the_others(tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    path = script(tmp_path / "plugin", f"read _ < '{go}'; " + says(answer(token="t")))
    source = credential_source(plugged(path))
    assert isinstance(source, Refreshing)
    wants, found = [True], list[Credential]()
    first = threading.Thread(
        target=lambda: found.append(source.fetch(lambda: wants[0]))
    )
    first.start()
    with go.open("w") as release:  # the plugin is there
        second = threading.Thread(target=lambda: found.append(source.fetch()))
        second.start()
        while len(source._waiters) < 2:
            threading.Event().wait(0.01)
        wants[0] = False
        release.write("go\n")
    first.join(HANG)
    second.join(HANG)
    assert [credential.authorization for credential in found] == ["Bearer t"] * 2


def test_a_call_after_all_others_gave_up_runs_the_plugin_anew(tmp_path: Path) -> None:
    path = script(tmp_path / "plugin", says(answer(token="t")))
    source = credential_source(plugged(path))
    with pytest.raises(AbandonedError):
        source.fetch(lambda: False)
    assert source.fetch().authorization == "Bearer t"


def interrupt(monkeypatch: pytest.MonkeyPatch, name: str, pipe: int) -> None:
    """Have Ctrl-C come to this thread just after *name* of a thread was called."""
    real, own = getattr(threading.Thread, name), threading.get_ident()
    come: list[bool] = []

    def interrupted(self: threading.Thread, timeout: float | None = None) -> None:
        real(self, *(() if timeout is None else (timeout,)))
        if threading.get_ident() == own and not come:
            come.append(True)
            begun(pipe)
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, name, interrupted)


@pytest.mark.parametrize("name", ["start", "join"])
def test_an_interrupted_wait_ends_the_plugin(
    name: str, plugin: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, pipe = plugin
    monkeypatch.setattr(process, "WAIT", 0.01)
    interrupt(monkeypatch, name, pipe)
    with pytest.raises(KeyboardInterrupt):
        process.run(ExecConfig(command=str(path), api_version=V1), os.environ)
    assert ended(pipe)


def test_a_plugin_that_just_starts_is_known_before_the_process_ends(
    plugin: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between the fork and what follows: the child runs, its pid is nobody's."""
    path, pipe = plugin
    monkeypatch.setattr(process, "_registry", process._Registry())
    forked, go_on = threading.Event(), threading.Event()

    class Slow(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
            super().__init__(*args, **options)
            forked.set()
            assert go_on.wait(HANG)

    def slept(_: float) -> None:
        go_on.set()

    monkeypatch.setattr(subprocess, "Popen", Slow)
    config = ExecConfig(command=str(path), api_version=V1)
    caller = threading.Thread(target=process.run, args=(config, os.environ))
    caller.start()
    assert forked.wait(HANG)
    begun(pipe)
    monkeypatch.setattr(process, "sleep", slept)
    process.kill_all()
    assert ended(pipe)
    caller.join(HANG)


def test_no_plugin_is_started_once_the_process_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_registry", process._Registry())
    path = counting(tmp_path, answer(token="t"))
    process.kill_all()
    result = process.run(ExecConfig(command=str(path), api_version=V1), os.environ)
    assert result.abandoned
    assert runs(tmp_path) == 0


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_without_threads_the_plugin_ends_with_a_reason(
    threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, started = threading.Thread.start, list[threading.Thread]()

    def start(self: threading.Thread) -> None:
        if len(started) >= threads:
            raise RuntimeError("can't start new thread")
        started.append(self)
        real(self)

    path = script(tmp_path / "plugin", "exec sleep 600")
    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(CredentialError, match="there is no thread to read its output"):
        credential_source(plugged(path)).fetch()
    for thread in started[:1]:
        thread.join(HANG)
    assert process._registry.runs == set()


def test_at_a_terminal_the_children_end_too(
    plugin: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the plugin is of our own group, which cannot be killed as a whole."""
    path, pipe = plugin
    written = tmp_path / "written"
    script(path, path.read_text().replace("; wait", f"; echo x > '{written}'; wait"))
    monkeypatch.setattr(exec_module, "has_controlling_terminal", lambda: True)
    monkeypatch.setattr(process, "monotonic", until_written(written))
    source = credential_source(plugged(path), exec_timeout=1)
    with pytest.raises(CredentialError, match="did not finish within 1 s"):
        fetch(source)
    begun(pipe)
    assert ended(pipe)


@pytest.mark.parametrize(
    ("terminal", "limit"), [(True, 300.0), (False, 60.0)], ids=["terminal", "none"]
)
def test_where_a_person_may_be_asked_the_limit_is_longer(
    terminal: bool,  # noqa: FBT001
    limit: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exec_module, "has_controlling_terminal", lambda: terminal)
    config = plugged("plugin")
    assert config.auth.exec is not None
    made = exec_module._plugin(config, config.auth.exec, {}, float, None)
    assert (made.timeout, made.own_session) == (limit, not terminal)


@pytest.mark.parametrize("there", [True, False])
def test_a_terminal_is_what_can_be_opened(
    there: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = os.open

    def opened(path: str, flags: int) -> int:
        assert path == "/dev/tty"
        return real(os.devnull if there else os.devnull + "/none", flags)

    monkeypatch.setattr(os, "open", opened)
    assert process.has_controlling_terminal() is there


AT_A_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
from kubemetrics.auth.sources import credential_source
from kubemetrics.config.model import AuthInfo, Config, ExecConfig
plugin = ExecConfig(command=sys.argv[1], api_version=sys.argv[2])
config = Config(server="https://cluster", auth=AuthInfo(exec=plugin))
print(credential_source(config).fetch().authorization)
"""


def test_kubelogin_92_a_plugin_asks_at_the_terminal_though_stdin_is_none(
    tmp_path: Path,
) -> None:
    """Azure/kubelogin#92, int128/kubelogin#717, teleport#6630, #10868; k9s#2048.

    ``while read ns; do kubemetrics pods -n $ns; done < list``: stdin is a file, and
    a person sits at the terminal. getpass, pinentry and tsh open ``/dev/tty``.
    """
    text = says(answer(token="$token")).replace("'END'", "END")
    path = script(
        tmp_path / "plugin", f"echo 'code ABCD' >&2; read token < /dev/tty\n{text}"
    )
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL, path, V1],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
        start_new_session=True,
    ) as asking:
        os.close(slave)
        seen = b""
        while b"code ABCD" not in seen:
            readable, _, _ = select.select([master], [], [], HANG)
            assert readable
            seen += os.read(master, 1024)
        os.write(master, b"t0ken\n")
        output, _ = asking.communicate(timeout=HANG)
    os.close(master)
    assert output == b"Bearer t0ken\n"


# --- the calls and the command --------------------------------------------------------


def test_the_deadline_of_a_call_ends_the_plugin(plugin: tuple[Path, int]) -> None:
    path, pipe = plugin
    with Client(plugged(path)) as client, pytest.raises(TransportError, match="within"):
        client.list_pods(timeout=0.5)
    assert ended(pipe)


def test_the_deadline_of_an_async_call_ends_the_plugin(
    plugin: tuple[Path, int],
) -> None:
    path, pipe = plugin

    async def call() -> None:
        async with AsyncClient(plugged(path)) as client:
            await client.list_pods(timeout=0.5)

    with pytest.raises(TransportError, match="within"):
        anyio.run(call)
    assert ended(pipe)


@contextmanager
def command(plugin: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start ``kubemetrics pods`` with *plugin*."""
    user = {"exec": {"apiVersion": V1, "command": str(plugin)}}
    user["exec"]["interactiveMode"] = "Never"
    path = plugin.parent / "config"
    path.write_text(json.dumps(kubeconfig(user=user)))
    with interruptible():
        started = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "kubemetrics",
                "pods",
                "--kubeconfig",
                path,
                *options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    with started as running:
        yield running
        running.communicate(timeout=HANG)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_command_ends_the_plugin(
    number: signal.Signals, plugin: tuple[Path, int]
) -> None:
    path, pipe = plugin
    with command(path) as running:
        begun(pipe)
        running.send_signal(number)
    assert running.returncode == -number
    assert ended(pipe)


def test_ctrl_c_ends_the_plugin(plugin: tuple[Path, int]) -> None:
    path, pipe = plugin
    with command(path) as running:
        begun(pipe)
        running.send_signal(signal.SIGINT)
    assert running.returncode == 130
    assert ended(pipe)


def test_the_request_timeout_of_the_command_ends_the_plugin(
    plugin: tuple[Path, int],
) -> None:
    path, pipe = plugin
    with command(path, "--request-timeout", "1s") as running:
        pass
    assert running.returncode == 1
    assert ended(pipe)


def test_what_runs_at_the_end_of_the_process_is_ended(
    plugin: tuple[Path, int],
) -> None:
    """A daemon thread's plugin, whose thread is not waited for."""
    path, pipe = plugin
    code = """
import os, sys, threading
from kubemetrics.auth.process import run
from kubemetrics.config.model import ExecConfig
config = ExecConfig(command=sys.argv[1], api_version="v1")
threading.Thread(target=run, args=(config, os.environ), daemon=True).start()
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE
    ) as running:
        begun(pipe)
        running.communicate(timeout=HANG)
    assert ended(pipe)


def test_a_child_process_leaves_its_parents_plugins_alone(
    plugin: tuple[Path, int],
) -> None:
    path, pipe = plugin
    code = """
import os, sys, threading, warnings
from kubemetrics.auth.process import kill_all, run
from kubemetrics.config.model import ExecConfig
config = ExecConfig(command=sys.argv[1], api_version="v1")
threading.Thread(target=run, args=(config, os.environ), daemon=True).start()
sys.stdin.readline()
warnings.simplefilter("ignore")
child = os.fork()
if not child:
    kill_all()
    os._exit(0)
os.waitpid(child, 0)
print("forked", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        begun(pipe)
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(b"fork\n")
        running.stdin.flush()
        assert running.stdout.readline() == b"forked\n"
        assert select.select([pipe], [], [], 0) == ([], [], [])
        running.communicate(timeout=HANG)
    assert ended(pipe)


# --- whoever takes the exit code ------------------------------------------------------


@pytest.fixture
def _reaped_by_the_kernel() -> Iterator[None]:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGCHLD, before)


@pytest.mark.usefixtures("_reaped_by_the_kernel")
def test_without_an_exit_code_stdout_decides(tmp_path: Path) -> None:
    path = script(tmp_path / "plugin", says(answer(token="t")) + "\nexit 3")
    assert fetch(credential_source(plugged(path))).authorization == "Bearer t"


@pytest.mark.usefixtures("_reaped_by_the_kernel")
def test_without_an_exit_code_and_a_credential_both_outputs_are_quoted(
    tmp_path: Path,
) -> None:
    body = "echo 'not logged in, token=hunter2hunter2'; echo x; echo why >&2; exit 1"
    path = script(tmp_path / "plugin", body)
    with pytest.raises(CredentialError) as caught:
        fetch(credential_source(plugged(path)))
    assert str(caught.value).endswith(
        "; whether it failed is not known, another part of this program took its exit"
        " code; its stdout: not logged in, token=[redacted]; its stderr: why"
    )


def test_without_posix_the_process_itself_is_polled_and_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_POSIX", False)
    path = script(tmp_path / "plugin", says(answer(token="t")))
    assert fetch(credential_source(plugged(path))).authorization == "Bearer t"
    hangs = script(tmp_path / "hangs", "exec sleep 600")
    source = credential_source(plugged(hangs))
    with pytest.raises(AbandonedError):
        source.fetch(iter([True, True, False]).__next__)


def test_a_stdout_that_ends_early_is_no_end(tmp_path: Path) -> None:
    body = says(answer(token="t")) + "\nexec >&-; sleep 0.1; exit 3"
    path = script(tmp_path / "plugin", body)
    with pytest.raises(CredentialError, match="exit code 3"):
        fetch(credential_source(plugged(path)))
