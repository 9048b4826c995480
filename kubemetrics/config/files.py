"""Which kubeconfig files there are, and what is in them, merged.

Source: client-go tools/clientcmd/loader.go, ``ClientConfigLoadingRules``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Final, TypeAlias

from ..errors import ConfigError
from ..frozen import dataclass
from .document import MAX_BYTES, parse, plain
from .kubeconfig import Kubeconfig, merge, read_kubeconfig
from .values import DocumentError

KubeconfigSource: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any]"
GIVEN: Final = "kubeconfig"  # the name in messages of one that came as a mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the files hold, merged, and which files there were."""

    kubeconfig: Kubeconfig = field(default_factory=Kubeconfig)
    files: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def load(source: KubeconfigSource | None, environ: Mapping[str, str]) -> Loaded:
    """Load *source*, else the files ``KUBECONFIG`` names, else ``~/.kube/config``.

    Every problem of a stanza is in the result, for the caller to raise or to bear.

    Raises:
        ConfigError: a file cannot be read or parsed at all, or *source* is not there.
    """
    if isinstance(source, Mapping):
        return _from_mapping(source)
    if source is None or not os.fspath(source):
        return _from_files(_default_paths(environ))
    path = str(Path(source).expanduser())
    loaded = _from_files((path,))
    if loaded.missing:
        raise ConfigError(f"{path}: no such kubeconfig file")
    return loaded


def _default_paths(environ: Mapping[str, str]) -> tuple[str, ...]:
    listed = environ.get("KUBECONFIG", "")
    if listed:
        paths = dict.fromkeys(listed.split(os.pathsep))
        return tuple(path for path in paths if path)
    home = environ.get("HOME") or environ.get("USERPROFILE") or Path.home()
    return (str(Path(home, ".kube", "config")),)


def _from_mapping(source: Mapping[str, Any]) -> Loaded:
    try:
        values = plain(source)
    except DocumentError as error:
        reason = str(error)
    else:
        problems: list[str] = []
        read = read_kubeconfig(
            values, file=GIVEN, base=str(Path.cwd()), problems=problems
        )
        return Loaded(kubeconfig=read, problems=tuple(problems))
    raise ConfigError(f"{GIVEN}: {reason}")


def _from_files(paths: tuple[str, ...]) -> Loaded:
    fatal: list[str] = []
    problems: list[str] = []
    contents = {path: _content(path, fatal) for path in paths}
    found = {path: data for path, data in contents.items() if data is not None}
    read = [_read(path, data, fatal, problems) for path, data in found.items()]
    if fatal:
        raise ConfigError(*fatal, *problems)
    return Loaded(
        kubeconfig=merge(read),
        files=tuple(found),
        missing=tuple(path for path in paths if path not in found),
        problems=tuple(problems),
    )


def _content(path: str, fatal: list[str]) -> bytes | None:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        pass
    except OSError as error:
        fatal.append(f"{path}: cannot be read: {error.strerror}")
    return None


def _read(path: str, data: bytes, fatal: list[str], problems: list[str]) -> Kubeconfig:
    try:
        values = parse(data)
    except DocumentError as error:
        fatal.append(f"{path}: {error}")
        return Kubeconfig()
    base = str(Path(path).absolute().parent)
    return read_kubeconfig(values, file=path, base=base, problems=problems)
