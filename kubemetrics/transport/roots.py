"""A certificate authority file that is read anew when it changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..config.model import Config
from .authorities import holds_a_certificate, no_certificate, read_authorities

if TYPE_CHECKING:
    from ..auth.reload import Reloaded


class Roots:
    """The authorities of one client, as PEM; ``None`` means the system's roots.

    client-go notices a changed file within five minutes (transport/ca_rotation.go);
    here it is looked at once a second at most. Where the new content is bad the last
    good one stays. Safe to share between threads.
    """

    def __init__(
        self, config: Config, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._file: Reloaded[bytes | None] | None = None
        if config.certificate_authority and not config.certificate_authority_data:
            from ..auth.reload import Reloaded  # noqa: PLC0415 - for files alone

            self._file = Reloaded(
                (config.certificate_authority,), self._read, clock=clock
            )

    def current(self) -> bytes | None:
        """Return the authorities to trust now.

        Raises:
            ConfigError: the file could not be read, or never held a certificate.
        """
        if self._file is None:
            return self._config.certificate_authority_data or None
        return self._file.current()

    def _read(self) -> bytes | None:
        pem = read_authorities(self._config)
        if pem is not None and not holds_a_certificate(pem):
            raise no_certificate(self._config)
        return pem
