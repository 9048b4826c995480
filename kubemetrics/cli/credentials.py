"""Which credentials a configuration uses, in words and without any secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..auth.expiry import certificate_expiry, show_time, token_expiry
from ..config import AuthInfo, Config


class CredentialFact(NamedTuple):
    """A credential: its *kind*, where it is, when it ends, and the key it is from.

    *expires_at* is in seconds since the epoch. *key* is the attribute of `Config` whose
    origin is the credential's.
    """

    kind: str
    detail: str
    expires_at: float | None
    key: str

    @property
    def expires(self) -> str:
        """When it ends, in words; empty where it does not say."""
        return "" if self.expires_at is None else show_time(self.expires_at)


def credentials_of(config: Config) -> tuple[CredentialFact, ...]:
    """Return what goes with each request, in the order of `credential_source`.

    No plugin is run and no token renewed for it.
    """
    if not config.secure:
        return ()
    auth = config.auth
    written = [*_certificate(auth), *_header(auth)]
    return tuple(written or _plugin(auth))


def _certificate(auth: AuthInfo) -> Iterator[CredentialFact]:
    if auth.client_certificate_data is not None:
        ends = certificate_expiry(auth.client_certificate_data)
        key = "auth.client_certificate_data"
        yield CredentialFact("client certificate", "embedded", ends, key)
    elif auth.client_certificate:
        ends = certificate_expiry(_read(auth.client_certificate))
        key = "auth.client_certificate"
        yield CredentialFact("client certificate", auth.client_certificate, ends, key)


def _header(auth: AuthInfo) -> Iterator[CredentialFact]:
    if auth.token_file:
        ends = token_expiry(_read(auth.token_file).decode("ascii", "replace"))
        yield CredentialFact("token file", auth.token_file, ends, "auth.token_file")
    elif auth.token:
        ends = token_expiry(auth.token)
        yield CredentialFact("token", "", ends, "auth.token")
    elif auth.username or auth.password:
        yield CredentialFact("basic", auth.username, None, "auth.username")
    elif auth.oidc and auth.exec is None:
        ends = token_expiry(auth.oidc.id_token)
        yield CredentialFact("oidc", auth.oidc.issuer_url, ends, "auth.oidc")


def _plugin(auth: AuthInfo) -> Iterator[CredentialFact]:
    if auth.exec:
        version = auth.exec.api_version.rpartition("/")[2]
        detail = f"{auth.exec.command} ({version})"
        yield CredentialFact("exec plugin", detail, None, "auth.exec")


def _read(path: str) -> bytes:
    """Read a file that need not be there: whoever uses it will say so."""
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
