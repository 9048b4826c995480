"""Write renewed OIDC tokens back into the kubeconfig they came from.

As client-go does (clientcmd/loader.go, ``persister`` and ``ModifyConfig``) under its
lock file, and unlike it atomically, and touching nothing but the tokens: comments,
order and quoting of everything else stay.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

from ..errors import ConfigError
from .kubeconfig import parse
from .model import DocumentError

_LOCK_TIMEOUT: Final = 10.0
_POLL: Final = 0.05


@contextlib.contextmanager
def locked(path: str, *, timeout: float = _LOCK_TIMEOUT) -> Generator[None]:
    """Hold client-go's lock on the kubeconfig at *path*: the file ``<path>.lock``.

    *timeout* is in seconds: how long to wait for another process that holds it.

    Raises:
        ConfigError: another process keeps it, or the file cannot be made.
    """
    lock = f"{path}.lock"
    _acquire(lock, timeout)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(lock)  # noqa: PTH108


def _acquire(lock: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0))
        except FileExistsError:
            if time.monotonic() >= deadline:
                raise ConfigError(
                    f"{lock} exists: another process is writing the kubeconfig; if"
                    " none is, remove that file"
                ) from None
            time.sleep(_POLL)
        except OSError as error:
            raise ConfigError(
                f"cannot lock the kubeconfig to write to it: {lock}: {error.strerror}"
            ) from None
        else:
            return


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

    Call it with `locked` held. The file is replaced as a whole, with mode 0600; a
    symbolic link stays one.

    Raises:
        ConfigError: it cannot be read, edited or written.
    """
    target = os.path.realpath(path)
    data = _read(target)
    if _stanza(_load(data, path), user) is None:
        raise _no_stanza(path, user)
    edited = _edit(data, user, changes)
    if edited is None:
        raise ConfigError(f'{path}: the tokens of user "{user}" cannot be edited in it')
    try:
        _replace(target, edited)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None


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
        raise ConfigError(f'error loading config file "{path}": {error}') from None


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None


def _no_stanza(path: str, user: str) -> ConfigError:
    return ConfigError(
        f'{path}: there is no auth-provider config of user "{user}" to write to'
    )


def _replace(target: str, data: bytes) -> None:
    # mkstemp makes it 0600; beside the target, so that the rename is atomic.
    descriptor, path = tempfile.mkstemp(dir=os.path.dirname(target))  # noqa: PTH120
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path, target)  # noqa: PTH105
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(path)  # noqa: PTH108
        raise
