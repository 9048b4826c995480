"""A client certificate of a kubeconfig: from data, or from files that may change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..config.model import AuthInfo
from ..errors import CredentialError
from ..frozen import dataclass
from .credential import ClientCertificate, Credential, CredentialSource
from .expiry import certificate_expiry, earliest
from .reload import Reloaded


@dataclass(frozen=True, slots=True)
class _Certified:
    certificate: ClientCertificate
    expires_at: float | None


class Identity:
    """The certificate to show now."""

    def __init__(
        self,
        auth: AuthInfo,
        user: str,
        clock: Callable[[], float],
        check: Callable[[ClientCertificate], None] | None,
    ) -> None:
        self._auth = auth
        self._user = user
        self._check = check
        self._files = Reloaded(_paths(auth), self._read, clock=clock)

    def peek(self) -> _Certified | None:
        """Return it, if the files were looked at just now; never blocks."""
        return self._files.peek()

    def current(self) -> _Certified:
        """Return it, read anew where a file has changed.

        Raises:
            CredentialError: a file cannot be read, and never could.
        """
        return self._files.current()

    def _read(self) -> _Certified:
        auth = self._auth
        pair = ClientCertificate(
            certificate=auth.client_certificate_data
            or self._file("client-cert", auth.client_certificate),
            key=auth.client_key_data or self._file("client-key", auth.client_key),
        )
        if self._check is not None:
            self._check(pair)
        return _Certified(pair, certificate_expiry(pair.certificate))

    def _file(self, what: str, path: str) -> bytes:
        if not path:
            raise CredentialError(f'user "{self._user}" has a certificate and no key')
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise CredentialError(
                f'unable to read {what} {path} for user "{self._user}":'
                f" {error.strerror}"
            ) from None


class WithCertificate:
    """A `CredentialSource` that adds a client certificate to what another gives."""

    def __init__(self, inner: CredentialSource, identity: Identity) -> None:
        self._inner = inner
        self._identity = identity

    def cached(self) -> Credential | None:
        """Return both, if both are at hand."""
        inner, certified = self._inner.cached(), self._identity.peek()
        return None if inner is None or certified is None else _join(inner, certified)

    def fetch(self) -> Credential:
        """Return both.

        Raises:
            CredentialError: one of them cannot be had.
        """
        return _join(self._inner.fetch(), self._identity.current())

    def rejected(self, credential: Credential) -> bool:
        """Pass it on: a file's change is noticed anyway."""
        return self._inner.rejected(credential)


def _join(inner: Credential, certified: _Certified) -> Credential:
    return replace(
        inner,
        certificate=certified.certificate,
        kind=_kind(inner.kind),
        expires_at=earliest(inner.expires_at, certified.expires_at),
    )


def _kind(inner: str) -> str:
    ours = "client certificate"
    return ours if inner == "none" else f"{inner}, {ours}"


def _paths(auth: AuthInfo) -> tuple[str, ...]:
    """Return the files that count: data goes before a file."""
    certificate = "" if auth.client_certificate_data else auth.client_certificate
    key = "" if auth.client_key_data else auth.client_key
    return tuple(path for path in (certificate, key) if path)
