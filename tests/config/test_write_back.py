"""A kubeconfig that is written to keeps all but two tokens, whatever comes between.

Source of what is kept: client-go writes in place, so that owner, mode, extended
attributes and further names stay (tools/clientcmd/loader.go, ``WriteToFile``).
"""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest

from kubemetrics.auth.oidc import oidc_source
from kubemetrics.config import write_back
from kubemetrics.config.model import OidcConfig
from kubemetrics.config.write_back import (
    locked,
    read_auth_provider,
    release_locks,
    remove_leftover,
    write_auth_provider,
)
from kubemetrics.errors import ConfigError

CONFIG: Final = """\
users:
- name: jane
  user:
    auth-provider:
      name: oidc
      config:
        id-token: old-id  # of today
        refresh-token: old-refresh
"""
OLD: Final = {"id-token": "old-id", "refresh-token": "old-refresh"}
NEW: Final = {"id-token": "a-longer-new-id" * 40, "refresh-token": "new-refresh"}
as_root: Final = pytest.mark.skipif(os.geteuid() != 0, reason="chown is root's")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(CONFIG)
    path.chmod(0o640)
    return path


def renew(path: Path) -> None:
    with locked(str(path)):
        write_auth_provider(str(path), "jane", NEW)


def tokens(path: Path) -> dict[str, str]:
    return dict(read_auth_provider(str(path), "jane"))


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def has_attributes(path: Path) -> bool:
    try:
        os.setxattr(path, "user.kept", b"value")
    except OSError:
        return False
    return True


def test_the_mode_stays_under_any_umask(config: Path) -> None:
    before = os.umask(0o077)
    try:
        renew(config)
    finally:
        os.umask(before)
    assert config.stat().st_mode & 0o7777 == 0o640
    assert tokens(config) == NEW


@as_root
def test_the_owner_and_the_group_stay_when_root_renews(config: Path) -> None:
    """txn2/kubefwd#275: refreshed under sudo, and no longer the user's to read."""
    os.chown(config, 12345, 23456)
    renew(config)
    kept = config.stat()
    assert (kept.st_uid, kept.st_gid, kept.st_mode & 0o777) == (12345, 23456, 0o640)
    assert tokens(config) == NEW


def test_extended_attributes_stay(config: Path) -> None:
    if not has_attributes(config):
        pytest.skip("this file system has none")
    renew(config)
    assert os.getxattr(config, "user.kept") == b"value"
    assert tokens(config) == NEW


def test_a_further_name_of_the_file_has_the_new_tokens_too(config: Path) -> None:
    """ManageIQ/kubeclient#409: a refresh token that was used works nowhere else."""
    other = config.with_name("other")
    other.hardlink_to(config)
    renew(config)
    assert other.samefile(config)
    assert tokens(other) == NEW
    assert names(config) == ["config", "other"]


def refused(number: int) -> Callable[..., None]:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("chmod", errno.EPERM),
        ("chown", errno.EPERM),
        ("setxattr", errno.ENOTSUP),
        ("replace", errno.EBUSY),
        ("link", errno.ENOENT),
    ],
)
def test_what_a_new_file_cannot_have_is_kept_by_writing_in_place(
    call: str, number: int, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of its own mounted into a container; a file of another owner."""
    if call == "setxattr" and not has_attributes(config):
        pytest.skip("this file system has none")
    if call == "chown":
        if os.geteuid() != 0:
            pytest.skip("chown is root's")
        os.chown(config, 12345, 23456)
    before = config.stat()
    monkeypatch.setattr(os, call, refused(number))
    renew(config)
    after = config.stat()
    assert (after.st_ino, after.st_mode, after.st_uid) == (
        before.st_ino,
        before.st_mode,
        before.st_uid,
    )
    assert tokens(config) == NEW
    assert names(config) == ["config"]


def test_in_place_a_shorter_text_leaves_nothing_of_the_longer_one(
    config: Path,
) -> None:
    config.with_name("other").hardlink_to(config)
    renew(config)
    with locked(str(config)):
        write_auth_provider(str(config), "jane", OLD)
    assert config.read_text() == CONFIG.replace("old-id", '"old-id"').replace(
        "old-refresh", '"old-refresh"'
    )


def test_a_full_disk_leaves_the_old_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refused(errno.ENOSPC))
    with pytest.raises(ConfigError, match="No space left"):
        renew(config)
    assert config.read_text() == CONFIG
    assert names(config) == ["config"]


def test_where_no_file_is_without_a_name_it_has_one_for_a_moment(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    renew(config)
    assert tokens(config) == NEW
    assert config.stat().st_mode & 0o777 == 0o640
    assert names(config) == ["config"]


def test_what_a_killed_process_left_behind_is_removed_by_the_next(config: Path) -> None:
    left = config.with_name("config.kubemetrics")
    left.write_text("id-token: of another time")
    renew(config)
    assert names(config) == ["config"]


def test_what_a_killed_process_left_behind_is_removed_with_the_next_client(
    config: Path,
) -> None:
    left = config.with_name("config.kubemetrics")
    oidc = OidcConfig(issuer_url="", client_id="", file=str(config), user="jane")
    for persist in (False, True):
        left.write_text("id-token: of another time")
        oidc_source(oidc, None, time.time, persist=persist)
        assert left.exists() is not persist


@contextmanager
def ended_at(line: int, end: Callable[[], None]) -> Iterator[list[int]]:
    """Call *end* before the given line of the module that is run; count the lines.

    A line that is run again and again, as for each letter of a token, counts once.
    """
    count, before_it = [0], [0]

    def trace(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401
        if frame.f_code.co_filename != write_back.__file__:
            return None
        if event == "line" and frame.f_lineno != before_it[0]:
            before_it[0] = frame.f_lineno
            count[0] += 1
            if count[0] == line:
                sys.settrace(None)
                end()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield count
    finally:
        sys.settrace(before)


def interrupt() -> None:
    raise KeyboardInterrupt


def interrupted_at(line: int, path: Path) -> None:
    """Renew in a thread of its own, and interrupt that.

    What a trace function raises within an ``except`` leaves the exception that was
    handled there behind in the thread, as the context of all that follow.
    """

    def renewal() -> None:
        with ended_at(line, interrupt):
            renew(path)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(renewal).result()


def lines_of_a_renewal(path: Path) -> int:
    with ended_at(-1, interrupt) as count:
        renew(path)
    path.write_text(CONFIG)
    return count[0]


# Between a file's last line and its end only the garbage collector closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("unnamed", [True, False])
def test_an_interrupt_at_any_line_leaves_a_whole_file_and_no_token_file(
    config: Path, monkeypatch: pytest.MonkeyPatch, *, unnamed: bool
) -> None:
    if not unnamed:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    for linked in (False, True):
        if linked:
            config.with_name("other").hardlink_to(config)
        kept = names(config)
        for line in range(1, lines_of_a_renewal(config) + 1):
            config.write_text(CONFIG)
            with pytest.raises(KeyboardInterrupt):
                interrupted_at(line, config)
            assert tokens(config) in (OLD, NEW), line
            assert config.stat().st_mode & 0o777 == 0o640, line
            release_locks()
            assert names(config) == kept, line


def killed_at(line: int, path: Path) -> None:
    child = os.fork()
    if child == 0:
        with ended_at(line, lambda: os._exit(9)):
            renew(path)
        os._exit(0)
    os.waitpid(child, 0)


def test_a_kill_at_any_line_leaves_a_whole_file_and_the_next_renewal_no_token_file(
    config: Path,
) -> None:
    for line in range(1, lines_of_a_renewal(config) + 1):
        config.write_text(CONFIG)
        killed_at(line, config)
        assert tokens(config) in (OLD, NEW), line
        assert config.stat().st_mode & 0o777 == 0o640, line
        config.with_name("config.lock").unlink(missing_ok=True)
        renew(config)
        assert tokens(config) == NEW, line
        assert names(config) == ["config"], line


def test_a_lock_of_a_parent_is_not_its_forked_childs_to_remove(config: Path) -> None:
    with locked(str(config)):
        child = os.fork()
        if child == 0:
            release_locks()
            os._exit(0)
        os.waitpid(child, 0)
        assert names(config) == ["config", "config.lock"]
    assert names(config) == ["config"]


_RENEWING: Final = """
import signal, sys
from kubemetrics.config.write_back import locked, write_auth_provider

# Which a shell in the background leaves ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
path, number = sys.argv[1], 0
try:
    while True:
        number += 1
        new = {key: f"{number}-" + "x" * 5000 for key in ("id-token", "refresh-token")}
        with locked(path):
            write_auth_provider(path, "jane", new)
        if number == 3:
            print("ready", flush=True)
except KeyboardInterrupt:
    pass
"""


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_hundred_ends_at_random_leave_a_whole_file_and_no_token_file(
    number: signal.Signals, config: Path, daily_seed: int
) -> None:
    moments = random.Random(daily_seed)  # noqa: S311 - not for secrets
    if os.geteuid() == 0:
        os.chown(config, 12345, 23456)
    attributes = has_attributes(config)
    before = config.stat()
    for _ in range(100):
        child = subprocess.Popen(
            [sys.executable, "-c", _RENEWING, str(config)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        with child:
            assert child.stdout
            assert child.stdout.readline() == b"ready\n"
            time.sleep(moments.random() * 0.05)
            child.send_signal(number)
        found = tokens(config)
        assert found["id-token"] == found["refresh-token"]
        after = config.stat()
        assert (after.st_uid, after.st_gid, after.st_mode) == (
            before.st_uid,
            before.st_gid,
            before.st_mode,
        )
        assert not attributes or os.getxattr(config, "user.kept") == b"value"
        lock = config.with_name("config.lock")
        if number == signal.SIGKILL:
            lock.unlink(missing_ok=True)  # as client-go's, it says so until removed
            # Between two system calls the new content has a name: of some thousand
            # kills one leaves it, until the tokens are read again.
            remove_leftover(str(config))
        assert names(config) == ["config"]
