"""The lock under which a kubeconfig is written: client-go's (clientcmd/loader.go)."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Generator
from typing import Final

from ..errors import ConfigError

_PATIENCE: Final = 10.0
_POLL: Final = 0.05


@contextlib.contextmanager
def locked(path: str, *, patience: float = _PATIENCE) -> Generator[None]:
    """Hold client-go's lock on the kubeconfig at *path*: the file ``<path>.lock``.

    *patience* is how many seconds to wait for whoever holds it.

    Raises:
        ConfigError: it stays held, or cannot be made, so that nobody can write.
    """
    lock = f"{path}.lock"
    _acquire(lock, patience)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(lock)  # noqa: PTH108


def _acquire(lock: str, patience: float) -> None:
    give_up = time.monotonic() + patience
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0))
        except FileExistsError:
            if time.monotonic() >= give_up:
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
