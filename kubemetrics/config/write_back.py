"""Write renewed OIDC tokens back into the kubeconfig they came from.

As client-go does (clientcmd/loader.go, ``persister`` and ``ModifyConfig``) under its
lock file, and unlike it atomically, and touching nothing but the tokens: comments,
order and quoting of everything else stay, and so do the file's owner, mode, extended
attributes and further names. Where a new file cannot have them, the old one is written
to in place, as client-go does.
"""

from __future__ import annotations

import atexit
import codecs
import contextlib
import errno
import json
import os
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final, TypeAlias, cast

from ..errors import ConfigError
from ..files import read_file, real_path, system_path
from .kubeconfig import MAX_BYTES, parse
from .model import DocumentError, config_error

_LOCK_TIMEOUT: Final = 10.0
_POLL: Final = 0.05


class _Lock:
    """The lock file at *path*, which is removed at the end of the process at last."""

    held: Final[set[_Lock]] = set()

    def __init__(self, path: str) -> None:
        self._path = path
        self._process = os.getpid()
        self._descriptors: list[int] = []

    def acquire(self, timeout: float) -> None:
        self.held.add(self)
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._create()
            except FileExistsError:
                if time.monotonic() >= deadline:
                    raise config_error(
                        f"{self._path} exists: another process is writing the"
                        " kubeconfig; if none is, remove that file"
                    ) from None
                time.sleep(_POLL)
            except OSError as error:
                raise config_error(
                    f"cannot lock the kubeconfig to write to it: {self._path}:"
                    f" {error.strerror}"
                ) from None
            else:
                return

    def _create(self) -> None:
        # In one step of the interpreter: an interrupt cannot come between a file that
        # is made and the knowledge that it is ours.
        made = map(os.open, (system_path(self._path),), (_NEW,), (0,))
        self._descriptors.extend(made)

    def release(self) -> None:
        if self._descriptors and self._process == os.getpid():
            with contextlib.suppress(OSError):
                os.unlink(system_path(self._path))  # noqa: PTH108
        while self._descriptors:
            os.close(self._descriptors.pop())
        self.held.discard(self)


_NEW: Final = os.O_CREAT | os.O_EXCL


@atexit.register
def release_locks() -> None:
    """Remove the lock files of this process, whose threads end with it wherever."""
    for lock in tuple(_Lock.held):
        lock.release()


@contextlib.contextmanager
def locked(path: str, *, timeout: float = _LOCK_TIMEOUT) -> Generator[None]:
    """Hold client-go's lock on the kubeconfig at *path*: the file ``<path>.lock``.

    *timeout* is in seconds: how long to wait for another process that holds it.

    Raises:
        ConfigError: another process keeps it, or the file cannot be made.
    """
    lock = _Lock(f"{path}.lock")
    try:
        lock.acquire(timeout)
        yield
    finally:
        lock.release()


_Edit: TypeAlias = tuple[int, int, str]


def read_auth_provider(path: str, user: str) -> Mapping[str, str]:
    """Return the strings now in *user*'s ``auth-provider.config`` in *path*.

    Raises:
        ConfigError: the file cannot be read, or has no such stanza any more.
    """
    found = _stanza(_load(_read(path), path), user)
    if found is None:
        raise _no_stanza(path, user)
    return {key: value for key, value in found.items() if isinstance(value, str)}


def write_auth_provider(path: str, user: str, changes: Mapping[str, str]) -> None:
    """Set *changes* in *user*'s ``auth-provider.config`` in the kubeconfig at *path*.

    Call it with `locked` held. The file is replaced as a whole, if the new one can have
    all that the old one has beside its content; a symbolic link stays one.

    Raises:
        ConfigError: it cannot be read, edited or written.
    """
    target = real_path(path)
    data = _read(target)
    if _stanza(_load(data, path), user) is None:
        raise _no_stanza(path, user)
    edited = _edit(data, user, changes)
    if edited is None:
        raise config_error(
            f'{path}: the tokens of user "{user}" cannot be edited in it'
        )
    try:
        if not _replaced(target, edited):
            _write_in_place(target, edited)
    except OSError as error:
        raise config_error(f"cannot write {path}: {error.strerror}") from None


def _edit(data: bytes, user: str, changes: Mapping[str, str]) -> bytes | None:
    """Return *data* with the tokens changed and all else as it was, or ``None``."""
    encoding = _encoding(data)
    text = data.decode(encoding)
    edits = _edits(text, user, changes)
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    edited = text.encode(encoding)
    return edited if edits and _holds(edited, user, changes) else None


def _encoding(data: bytes) -> str:
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "utf-16" if utf16 else "utf-8"


def _edits(text: str, user: str, changes: Mapping[str, str]) -> list[_Edit]:
    # Heavy to import, and needed once in a token's life.
    import yaml  # noqa: PLC0415

    try:
        loader = yaml.SafeLoader(text)
        loader.check_node()  # steps over the start of the stream
        config = _config_node(loader.get_node(), user)
    except yaml.YAMLError:
        return []
    if config is None or not config.value:
        return []
    return [_edit_one(text, config, key, value) for key, value in changes.items()]


def _config_node(root: Any, user: str) -> Any:  # noqa: ANN401 - a node of yaml
    """Find the node of *user*'s ``auth-provider.config``, a mapping."""
    for entry in getattr(_child(root, "users"), "value", ()):
        if getattr(_child(entry, "name"), "value", None) == user:
            node = _child(_child(_child(entry, "user"), "auth-provider"), "config")
            return node if getattr(node, "id", None) == "mapping" else None
    return None


def _child(node: Any, key: str) -> Any:  # noqa: ANN401 - a node of yaml, or nothing
    pairs: Any = getattr(node, "value", None)
    if getattr(node, "id", None) != "mapping":
        return None
    return next((value for name, value in pairs if name.value == key), None)


def _edit_one(text: str, config: Any, key: str, value: str) -> _Edit:  # noqa: ANN401
    for name, node in config.value:
        if name.value == key:
            start = node.start_mark.index
            # A block scalar reaches into the next line, and nothing has no space.
            end = start + len(text[start : node.end_mark.index].rstrip())
            space = " " if text[:start].endswith(":") else ""
            return start, end, f"{space}{_quote(value)}"
    first = config.value[0][0].start_mark
    between = ", " if config.flow_style else f"\n{' ' * first.column}"
    return first.index, first.index, f'"{key}": {_quote(value)}{between}'


def _quote(value: str) -> str:
    """Write a string for both YAML and JSON; YAML has no surrogate pairs."""
    parts = (c if c > "\uffff" else json.dumps(c)[1:-1] for c in value)
    return f'"{"".join(parts)}"'


def _holds(data: bytes, user: str, changes: Mapping[str, str]) -> bool:
    try:
        found = _stanza(parse(data), user)
    except DocumentError:
        return False
    return found is not None and all(found.get(key) == changes[key] for key in changes)


def _stanza(document: Mapping[str, Any], user: str) -> Mapping[str, Any] | None:
    users: Any = document.get("users")
    for entry in cast("list[object]", users) if isinstance(users, list) else ():
        if _mapping(entry).get("name") == user:
            provider = _mapping(
                _mapping(_mapping(entry).get("user")).get("auth-provider")
            )
            return _mapping(provider.get("config")) or None
    return None


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _load(data: bytes, path: str) -> Mapping[str, Any]:
    try:
        return parse(data)
    except DocumentError as error:
        raise config_error(f'error loading config file "{path}": {error}') from None


def _read(path: str) -> bytes:
    try:
        return read_file(path, MAX_BYTES)
    except OSError as error:
        raise config_error(f"cannot read {path}: {error.strerror}") from None


def _no_stanza(path: str, user: str) -> ConfigError:
    return config_error(
        f'{path}: there is no auth-provider config of user "{user}" to write to'
    )


_SPARE: Final = ".kubemetrics"
"""What is added to a kubeconfig's name for its new content, between two system calls.

A process that is killed there leaves it behind; the next one that reads the tokens, or
writes them, removes it.
"""
_NOT_THIS_WAY: Final = frozenset(
    (
        errno.EPERM,  # another's file, or attributes that only the system sets
        errno.EACCES,  # a folder that is not ours
        errno.EBUSY,  # a file that is mounted by itself, as into a container
        errno.EINVAL,
        errno.ENOENT,  # no /proc
        errno.ENOTSUP,
        errno.EXDEV,
    )
)


def _replaced(target: str, data: bytes) -> bool:
    """Replace *target* by a file that differs in its content alone; false: none can."""
    path = system_path(target)
    kept = os.stat(path)  # noqa: PTH116 - bytes
    if kept.st_nlink > 1:
        return False
    spare = path + os.fsencode(_SPARE)
    _remove(spare)
    try:
        # Without a name there is nothing to leave behind, whenever it ends.
        with os.fdopen(_open_unnamed(spare), "wb") as file:
            _adopt(file.fileno(), path, kept)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            _put(file.fileno(), spare, path)
    except BaseException as error:
        _remove(spare)
        if isinstance(error, OSError) and error.errno in _NOT_THIS_WAY:
            return False
        raise
    return True


def remove_leftover(path: str) -> None:
    """Remove what a process that was killed while it wrote to *path* left behind.

    One that is writing at this moment finds its file gone, and writes in place.
    """
    with contextlib.suppress(OSError):
        _remove(system_path(real_path(path)) + os.fsencode(_SPARE))


def _remove(path: bytes) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - bytes


def _open_unnamed(path: bytes) -> int:
    folder = os.path.dirname(path) or b"."  # noqa: PTH120 - bytes
    unnamed: int = getattr(os, "O_TMPFILE", 0)
    if unnamed:
        with contextlib.suppress(OSError):
            return os.open(folder, unnamed | os.O_WRONLY, 0o600)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    return os.open(path, flags, 0o600)  # it has none: NFS, macOS


def _put(descriptor: int, spare: bytes, path: bytes) -> None:
    """Put the new file in the place of *path*; it is called *spare* for a moment."""
    if os.fstat(descriptor).st_nlink:
        os.replace(spare, path)  # noqa: PTH105 - bytes
        return
    name = os.fsencode(str(descriptor))
    folder = os.open("/proc/self/fd", os.O_RDONLY)
    try:
        # Relative to a folder it is linkat, which alone follows the link (open(2)).
        os.link(name, spare, src_dir_fd=folder)
        os.replace(spare, path)  # noqa: PTH105 - at once: a kill in between leaves both
    finally:
        os.close(folder)


def _adopt(descriptor: int, path: bytes, kept: os.stat_result) -> None:
    """Give the new file the owner, mode and attributes of the one at *path*."""
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (kept.st_uid, kept.st_gid):
        os.chown(descriptor, kept.st_uid, kept.st_gid)
    os.chmod(descriptor, kept.st_mode & 0o7777)
    if _listxattr is None:
        return
    for name in _listxattr(path):
        value = os.getxattr(path, name)
        # A label that the system gives both cannot be set, nor need it.
        if name not in _listxattr(descriptor) or (
            os.getxattr(descriptor, name) != value
        ):
            os.setxattr(descriptor, name, value)


_listxattr: Callable[[bytes | int], list[str]] | None = getattr(os, "listxattr", None)


def _write_in_place(target: str, data: bytes) -> None:
    """Write over what is there; never is the file empty, as after a truncation."""
    descriptor = os.open(system_path(target), os.O_WRONLY)
    try:
        written = 0
        while written < len(data):
            written += os.pwrite(descriptor, data[written:], written)
        os.ftruncate(descriptor, len(data))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
