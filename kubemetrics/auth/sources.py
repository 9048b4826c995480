"""Choose where a `Config`'s credentials come from, and fetch them anew in time.

Sources: client-go transport/token_source.go, transport/cert_rotation.go and
plugin/pkg/client/auth/exec/exec.go (``UpdateTransportConfig``).
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from ..config.model import AuthInfo, Config
from ..errors import CredentialError, KubeMetricsError
from ..files import is_regular, read_file, system_path
from ..forks import forget_after_fork
from ..frozen import dataclass
from ..text import printable
from . import (
    WAIT,
    ClientCertificate,
    Credential,
    CredentialSource,
    Exchange,
    always,
    basic,
    bearer,
    certificate_expiry,
    credential_error,
    earliest,
    token_expiry,
    token_problem,
)

_RETRY_AFTER: Final = 5.0
"""Seconds to go on with a credential that is still good after a fetch failed."""

_log = logging.getLogger("kubemetrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A credential to renew from *refresh_at* on and to send until *usable_until*."""

    credential: Credential
    refresh_at: float
    usable_until: float


class AbandonedError(CredentialError):
    """A fetch was ended, because no call waited for it any more."""


class Refreshing:
    """A `CredentialSource` that calls *obtain* when there is need.

    *obtain* is given the credential that was rejected, or ``None``, and returns
    another; *refresh_at* says from which time on to renew what came at the time of its
    second argument. All times are in seconds since the epoch, as *clock* tells it.

    Whoever asks while a fetch is under way waits for it and has its outcome, a failure
    as well: a plugin that hangs does not run once for each of fifty threads.
    """

    def __init__(
        self,
        obtain: Callable[[Credential | None], Credential],
        refresh_at: Callable[[Credential, float], float],
        clock: Callable[[], float],
    ) -> None:
        self._obtain = obtain
        self._refresh_at = refresh_at
        self._clock = clock
        self.forget()
        forget_after_fork(self)

    def forget(self) -> None:
        """Begin anew: in a forked child, what is held or under way is the parent's."""
        self._changed = threading.Condition(threading.Lock())
        self._fetching: object | None = None
        self._held: _Held | None = None
        self._fetches = 0
        self._failure = ""
        self._waiters: dict[object, Callable[[], bool]] = {}

    def cached(self) -> Credential | None:
        """Return the credential held, ``None`` if it is to be renewed."""
        held = self._held
        if held is None or self._clock() >= held.refresh_at:
            return None
        return held.credential

    def fetch(self, wanted: Callable[[], bool] = always) -> Credential:
        """Return a good credential; one fetch at a time, ended if no caller wants it.

        Raises:
            CredentialError: none can be had.
            AbandonedError: *wanted* has become false, and that of all others too.
        """
        fetches, waiter = self._fetches, object()
        self._waiters[waiter] = wanted
        try:
            with self._changed:
                while (good := self.cached()) is None:
                    if self._fetches != fetches and self._failure:
                        raise CredentialError(self._failure)
                    if not wanted():
                        raise AbandonedError(
                            "no call waits for the credential any more"
                        )
                    if self._fetching is None:
                        self._fetching = waiter
                        break
                    self._changed.wait(WAIT)
                else:
                    return good
            return self._renew()
        finally:
            self._waiters.pop(waiter, None)
            with self._changed:
                if self._fetching is waiter:
                    self._fetching = None
                    self._changed.notify_all()

    def wanted(self) -> bool:
        """Return whether any call still waits for the fetch under way."""
        return any(wanted() for wanted in tuple(self._waiters.values()))

    def rejected(self, credential: Credential) -> bool:
        """Have the credential held renewed, if it is the one that got the 401."""
        with self._changed:
            held = self._held
            if held is not None and credential.generation == held.credential.generation:
                self._held = replace(held, refresh_at=-math.inf, usable_until=-math.inf)
        return True

    def _renew(self) -> Credential:
        held = self._held
        refused = held is not None and held.usable_until == -math.inf
        failure = ""  # that a fetch was ended early is nothing to others
        try:
            fresh = self._obtain(held.credential if held and refused else None)
        except AbandonedError:
            raise
        except CredentialError as error:
            failure = str(error)
            return self._keep(error)
        else:
            return self._hold(replace(fresh, generation=self._fetches + 1))
        finally:
            self._failure = failure
            self._fetches += 1

    def _hold(self, fresh: Credential) -> Credential:
        expires = math.inf if fresh.expires_at is None else fresh.expires_at
        fetched = _Held(
            credential=fresh,
            refresh_at=self._refresh_at(fresh, self._clock()),
            usable_until=expires,
        )
        with self._changed:
            self._held = fetched
        return fresh

    def _keep(self, error: CredentialError) -> Credential:
        """Go on with what is held, unless it has been refused meanwhile."""
        now = self._clock()
        with self._changed:
            held = self._held
            if held is None or now > held.usable_until:
                raise error
            self._held = replace(
                held, refresh_at=min(now + _RETRY_AFTER, held.usable_until)
            )
        _log.warning("using the last credential, which could not be renewed: %s", error)
        return held.credential


T = TypeVar("T")

_Stamp: TypeAlias = tuple[int, int, int] | None

_CHECK_EVERY: Final = 1.0
"""Seconds between two checks of the files, as in client-go's cert_rotation.go."""


class Reloaded(Generic[T]):
    """The value that *make* makes of files, made anew when one of *paths* changes.

    A change is another modification time, size or inode, so that the symbolic links a
    kubelet swaps count. Where *make* fails the last good value stays. *clock* is in
    seconds. Safe to share between threads.
    """

    def __init__(
        self,
        paths: tuple[str, ...],
        make: Callable[[], T],
        *,
        clock: Callable[[], float],
    ) -> None:
        # A pipe, as of a shell's <(command), gives what it has once.
        self._paths = tuple(path for path in paths if is_regular(path))
        self._make = make
        self._clock = clock
        self.forget()
        forget_after_fork(self)

    def forget(self) -> None:
        """Begin anew: in a forked child, the lock may be held by nobody."""
        self._lock = threading.Lock()
        self._values: tuple[T, ...] = ()
        self._stamps: tuple[_Stamp, ...] = ()
        self._checked_at = 0.0
        self.problem: str = ""
        """Why the files as they are now cannot be used, where they could before."""

    def cached(self) -> T | None:
        """Return the value if no file is to be checked now, without ever blocking."""
        values = self._values
        return values[0] if values and not self._check_due() else None

    def current(self) -> T:
        """Return the value, made anew if a file has changed.

        Raises:
            KubeMetricsError: *make* failed and never succeeded before.
        """
        with self._lock:
            if not self._values or self._check_due():
                self._reload()
            return self._values[0]

    def _check_due(self) -> bool:
        return (
            bool(self._paths) and abs(self._clock() - self._checked_at) >= _CHECK_EVERY
        )

    def _reload(self) -> None:
        self._checked_at = self._clock()
        stamps = tuple(_stamp(path) for path in self._paths)
        if self._values and stamps == self._stamps:
            return
        try:
            self._values, self.problem = (self._make(),), ""
        except KubeMetricsError as error:
            if not self._values:
                raise
            self.problem = str(error)
            _log.warning("using the files as they were before a change: %s", error)
        self._stamps = stamps


def _stamp(path: str) -> _Stamp:
    try:
        found = os.stat(system_path(path))  # noqa: PTH116 - bytes
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


_EVERY: Final = 50.0
"""Seconds; client-go's transport/token_source.go has 60 with a leeway of 10."""

CredentialKind: TypeAlias = Literal[
    "client certificate", "token file", "token", "basic", "exec plugin", "oidc"
]


class _TokenFile:
    """Reads the token at *path*; the last good one is kept when that fails.

    Until it could be read once, *fallback* stands in: a kubeconfig's static token.
    """

    def __init__(self, path: str, fallback: Credential | None) -> None:
        self._path = path
        self._last = fallback

    def obtain(self, rejected: Credential | None) -> Credential:
        """Read the credential from the file.

        Raises:
            CredentialError: it cannot be read or used, and there is nothing to keep, or
                nothing but what got a 401.
        """
        found = _read(self._path)
        if isinstance(found, Credential):
            self._last = found
        elif self._last is None:
            raise credential_error(found)
        elif rejected is not None and rejected == self._last:
            raise credential_error(f"{found}; the token read before was refused (401)")
        else:
            _log.warning("using the last known token: %s", found)
        return self._last


def _token_file_source(
    path: str, fallback: Credential | None, clock: Callable[[], float]
) -> Refreshing:
    """Make the source that reads *path* about every 50 seconds, and after a 401."""
    return Refreshing(
        _TokenFile(path, fallback).obtain, lambda _, now: now + _EVERY, clock
    )


def _read(path: str) -> Credential | str:
    """Return the credential, or what is wrong: no frame that raises holds a token."""
    try:
        text = read_file(path).decode().strip()
    except OSError as error:
        return f'failed to read token file "{path}": {error.strerror}'
    except UnicodeDecodeError:
        return f'failed to read token file "{path}": it is not UTF-8 text'
    if not text:
        return f'read empty token from file "{path}"'
    problem = token_problem(text)
    if problem:
        return f'the token in file "{path}" {problem}'
    return Credential(
        authorization=bearer(text), kind="token file", expires_at=token_expiry(text)
    )


@dataclass(frozen=True, slots=True)
class _Certified:
    certificate: ClientCertificate
    expires_at: float | None


class _CertificateFiles:
    """A client certificate and its key, read anew when a file of theirs changes."""

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

    def cached(self) -> _Certified | None:
        """Return the certificate if no file is to be checked now, without blocking."""
        return self._files.cached()

    def current(self) -> _Certified:
        """Return the certificate, read anew if a file has changed.

        Raises:
            CredentialError: a file cannot be read, and never could.
        """
        return self._files.current()

    def problem(self) -> str:
        """Say why the files as they are now are not used; empty if they are."""
        return self._files.problem

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
            raise credential_error(f'user "{self._user}" has a certificate and no key')
        try:
            return read_file(path)
        except OSError as error:
            raise credential_error(
                f'unable to read {what} {path} for user "{self._user}":'
                f" {error.strerror}"
            ) from None


class _WithCertificate:
    """A `CredentialSource` that adds a client certificate to what another gives."""

    def __init__(
        self, inner: CredentialSource, certificate_files: _CertificateFiles
    ) -> None:
        self._inner = inner
        self._certificate_files = certificate_files
        self._refused: ClientCertificate | None = None

    def cached(self) -> Credential | None:
        """Return the other's credential with the certificate, if both are cached."""
        inner, certified = self._inner.cached(), self._certificate_files.cached()
        if inner is None or certified is None or self._stuck(certified):
            return None
        return _join(inner, certified)

    def fetch(self, wanted: Callable[[], bool] = always) -> Credential:
        """Return the other's credential with the certificate.

        Raises:
            CredentialError: one of them cannot be had, or there is no certificate but
                the one that got a 401.
        """
        certified = self._certificate_files.current()
        if self._stuck(certified):
            raise credential_error(
                f"{self._certificate_files.problem()}; the certificate read before was"
                " refused (401)"
            )
        return _join(self._inner.fetch(wanted), certified)

    def rejected(self, credential: Credential) -> bool:
        """Report a 401 to the other source; a changed file is found without it."""
        again = self._inner.rejected(credential)
        if not again:
            self._refused = credential.certificate
        return again or bool(self._certificate_files.problem())

    def _stuck(self, certified: _Certified) -> bool:
        """Return whether the files are bad and what was read before was refused."""
        return (
            bool(self._certificate_files.problem())
            and certified.certificate == self._refused
        )


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


class _Fixed:
    """A `CredentialSource` of one credential, which a 401 cannot change."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def cached(self) -> Credential | None:
        """Return the credential."""
        return self._credential

    def fetch(self, wanted: Callable[[], bool] = always) -> Credential:
        """Return the credential."""
        del wanted
        return self._credential

    def rejected(self, credential: Credential) -> bool:
        """Return false: there is no other credential."""
        del credential
        return False


def credential_source(
    config: Config,
    *,
    exchange: Exchange | None = None,
    clock: Callable[[], float] = time.time,
    environ: Mapping[str, str] = os.environ,
    exec_timeout: float | None = None,
    persist: bool | None = None,
    check: Callable[[ClientCertificate], None] | None = None,
) -> CredentialSource:
    """Choose where *config*'s credentials come from.

    What is written down (token, token file, basic, client certificate) goes before an
    exec plugin, which then never runs; a client certificate and a header are both
    used. Without https there is no credential at all.

    *exchange* sends OIDC's requests (`transport.connections.exchange`). *clock* tells
    seconds since the epoch. *exec_timeout* bounds a plugin in seconds (0: no bound),
    else ``KUBEMETRICS_EXEC_TIMEOUT`` does. *persist* says whether renewed OIDC tokens
    may be written to the kubeconfig, else ``KUBEMETRICS_OIDC_PERSIST`` does. *check*
    raises for a certificate and key that do not fit (`transport.tls.check_pair`): in
    the midst of a rotation the pair read before goes on.

    Source: client-go plugin/pkg/client/auth/exec/exec.go, ``UpdateTransportConfig``.

    Raises:
        CredentialError: the token cannot be sent.
    """
    auth, kinds = config.auth, credential_kinds(config)
    header: CredentialSource
    # A plugin and OIDC are a part of the start-up time, and few need either.
    if "exec plugin" in kinds and auth.exec is not None:
        from .exec import exec_source  # noqa: PLC0415

        header = exec_source(config, auth.exec, environ, clock, exec_timeout)
    elif "oidc" in kinds and auth.oidc is not None:
        from .oidc import may_persist, oidc_source  # noqa: PLC0415

        write = may_persist(persist, environ)
        header = oidc_source(auth.oidc, exchange, clock, persist=write)
    elif "token file" in kinds:
        static = _static(auth)
        usable = None if isinstance(static, str) else static
        header = _token_file_source(auth.token_file, usable, clock)
    else:
        header = _fixed(auth if kinds else AuthInfo(), config.user)
    if "client certificate" not in kinds:
        return header
    return _WithCertificate(header, _CertificateFiles(auth, config.user, clock, check))


def credential_kinds(config: Config) -> tuple[CredentialKind, ...]:
    """Return which credentials of *config* are used, in the order of precedence.

    A client certificate goes with a header; an exec plugin runs where there is neither,
    and OIDC where no other header is. Without https there is none.

    Source: client-go plugin/pkg/client/auth/exec/exec.go, ``UpdateTransportConfig``.
    """
    if not config.secure:
        return ()
    auth = config.auth
    certificate = bool(auth.client_certificate or auth.client_certificate_data)
    candidates: dict[CredentialKind, bool] = {
        "token file": bool(auth.token_file),
        "token": bool(auth.token),
        "basic": bool(auth.username or auth.password),
        "exec plugin": auth.exec is not None and not certificate,
        "oidc": auth.oidc is not None,
    }
    used: list[CredentialKind] = []
    if certificate:
        used.append("client certificate")
    used.extend(islice((kind for kind, present in candidates.items() if present), 1))
    return tuple(used)


def credentials_shown(config: Config) -> str:
    """Say which credentials of *config* are sent, and where they come from."""
    auth = config.auth
    command = auth.exec.command if auth.exec else ""
    certificate = (
        "client-certificate-data"
        if auth.client_certificate_data
        else f"the certificate {auth.client_certificate}"
    )
    shown: dict[CredentialKind, str] = {
        "client certificate": certificate,
        "token file": f"the token in {auth.token_file}",
        "token": "the token",
        "basic": "the name and password",
        "exec plugin": f"what the plugin {command} gives",
        "oidc": "the id-token of the oidc auth-provider",
    }
    kinds = credential_kinds(config)
    of = f' of user "{config.user}"' if config.user and kinds else ""
    return printable(" and ".join(shown[kind] for kind in kinds) + of)


def _fixed(auth: AuthInfo, user: str) -> _Fixed:
    static = _static(auth)
    if isinstance(static, str):
        raise credential_error(f'the token of user "{user}" {static}')
    return _Fixed(static or Credential())


def _static(auth: AuthInfo) -> Credential | str | None:
    """Return the credential, what is wrong with it, or ``None`` if there is none."""
    if auth.token:
        return token_problem(auth.token) or Credential(
            authorization=bearer(auth.token),
            kind="token",
            expires_at=token_expiry(auth.token),
        )
    if auth.username or auth.password:
        return Credential(
            authorization=basic(auth.username, auth.password), kind="basic"
        )
    return None
