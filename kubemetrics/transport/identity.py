"""A client certificate into an SSL context: no prompt, no key left on disk."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Generator
from typing import Final, NoReturn

from ..auth.credential import ClientCertificate
from ..errors import CredentialError

_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_KEY: Final = b"PRIVATE KEY-----"


class _EncryptedKeyError(Exception):
    """The key asks for a pass phrase."""


def load_identity(
    context: ssl.SSLContext, identity: ClientCertificate, name: str
) -> None:
    """Load *identity* into *context*; *name* says in errors whose it is.

    Raises:
        CredentialError: it is no certificate and key, not a pair, or encrypted.
    """
    problem = _try_to_load(context, identity)
    if problem:
        raise CredentialError(f"{name}: {problem}")


def _try_to_load(context: ssl.SSLContext, identity: ClientCertificate) -> str:
    try:
        with _as_file(identity.certificate) as chain, _as_file(identity.key) as key:
            context.load_cert_chain(chain, key, password=_refuse)
    except _EncryptedKeyError:
        return (
            "the private key is encrypted, and there is nobody to ask for the pass"
            " phrase; decrypt it first: openssl pkey -in KEY -out NEWKEY"
        )
    except ssl.SSLError as error:
        return _pem_problem(error, identity)
    except OSError as error:
        return f"cannot hand it to OpenSSL: {error.strerror}"
    return ""


def _refuse() -> NoReturn:
    # Without a callback OpenSSL asks on the terminal, and a script hangs.
    raise _EncryptedKeyError


def _pem_problem(error: ssl.SSLError, identity: ClientCertificate) -> str:
    if _CERTIFICATE not in identity.certificate:
        return "there is no PEM certificate in it"
    if _KEY not in identity.key:
        return "there is no PEM private key in it"
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the private key does not belong to the certificate"
    return f"OpenSSL cannot read it ({error.reason or 'no PEM'})"


@contextlib.contextmanager
def _as_file(data: bytes) -> Generator[str]:
    """Give *data* a path for as long as OpenSSL, which takes nothing else, reads it."""
    descriptor = _memory_file()
    if descriptor is None:
        with _short_lived_file(data) as path:
            yield path
        return
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(data)
        file.flush()
        yield f"/proc/self/fd/{descriptor}"


def _memory_file() -> int | None:
    """Make a file that exists in memory only, where the system can (Linux)."""
    if not (hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd")):  # noqa: PTH112
        return None
    try:
        return os.memfd_create("pem", os.MFD_CLOEXEC)
    except OSError:  # a sandbox may forbid it
        return None


@contextlib.contextmanager
def _short_lived_file(data: bytes) -> Generator[str]:
    descriptor, path = tempfile.mkstemp()  # readable by this user alone
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(data)
        yield path
    finally:
        os.unlink(path)  # noqa: PTH108
