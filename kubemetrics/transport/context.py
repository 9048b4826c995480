"""The SSL context of one client: the name it insists on, the sockets it has open."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import weakref
from collections.abc import Mapping
from typing import Any, Final, cast

from .call import clamped

_HOSTNAME_MISMATCH: Final = 62  # X509_V_ERR_HOSTNAME_MISMATCH
_ADDRESS_MISMATCH: Final = 64  # X509_V_ERR_IP_ADDRESS_MISMATCH


class WrongHostError(ssl.SSLCertVerificationError):
    """The certificate is good and made out to *names*, not to the one *wanted*."""

    names: tuple[str, ...] = ()
    wanted: str = ""


class ClientContext(ssl.SSLContext):
    """An `ssl.SSLContext` of one client, never shared with another.

    With a *server_name* that name is sent (SNI) and verified, whatever host is dialled:
    a kubeconfig's ``tls-server-name``. It is forced here since httpcore ignores its own
    ``sni_hostname`` extension inside a CONNECT tunnel (encode/httpcore#934).
    """

    def __init__(self, protocol: int, *, server_name: str = "") -> None:
        # `protocol` is taken by `__new__`.
        del protocol
        self.server_name = server_name
        self.sslsocket_class: type[ssl.SSLSocket] = _Socket
        self.sslobject_class: type[ssl.SSLObject] = _Object
        self._live: weakref.WeakSet[ssl.SSLSocket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,  # noqa: FBT001, FBT002 - the standard signature
        do_handshake_on_connect: bool = True,  # noqa: FBT001, FBT002
        suppress_ragged_eofs: bool = True,  # noqa: FBT001, FBT002
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """Wrap a socket, with the forced name where there is one."""
        return super().wrap_socket(
            sock,
            server_side,
            do_handshake_on_connect,
            suppress_ragged_eofs,
            self._name(server_hostname),
            session,
        )

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - the standard signature
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Wrap two buffers, with the forced name where there is one."""
        return super().wrap_bio(
            incoming,
            outgoing,
            server_side,
            self._name(server_hostname),
            session,
        )

    def _name(self, dialled: str | bytes | None) -> str | None:
        if isinstance(dialled, bytes):
            dialled = dialled.decode("ascii")
        # As in Go: no dot at the end, no brackets (a proxied IPv6 address has them).
        name = self.server_name or dialled
        return name and name.removesuffix(".").strip("[]")

    def remember(self, sock: ssl.SSLSocket) -> None:
        """Keep *sock* in mind, weakly; after `shut_down` it is shut down at once."""
        with self._lock:
            self._live.add(sock)
            closed = self._closed
        if closed:
            _shut_down(sock)

    def shut_down(self) -> None:
        """Wake every thread that waits on a connection of this context, for good.

        ``httpx.Client.close`` alone lets a blocked reader wait on.
        """
        with self._lock:
            self._closed = True
            live = tuple(self._live)
        for sock in live:
            _shut_down(sock)


class _Socket(ssl.SSLSocket):
    def settimeout(self, value: float | None) -> None:
        # httpcore sets the time-out before each read and write.
        super().settimeout(clamped(self, value))

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002
        cast("ClientContext", self.context).remember(self)
        try:
            super().do_handshake(block)
        except ssl.SSLCertVerificationError as error:
            _explain(error, self)
            raise


class _Object(ssl.SSLObject):
    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as error:
            _explain(error, self)
            raise


def _shut_down(sock: ssl.SSLSocket) -> None:
    # Not SSLSocket.shutdown: that drops the TLS layer first, and a writer in another
    # thread would go on in plain text.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _explain(
    error: ssl.SSLCertVerificationError, connection: ssl.SSLSocket | ssl.SSLObject
) -> None:
    if error.verify_code not in {_HOSTNAME_MISMATCH, _ADDRESS_MISMATCH}:
        return
    explained = WrongHostError(*error.args)
    explained.names = _presented_names(connection)
    explained.wanted = connection.server_hostname or ""
    explained.reason = error.reason
    explained.verify_code = error.verify_code
    explained.verify_message = error.verify_message
    raise explained from error


def _presented_names(connection: ssl.SSLSocket | ssl.SSLObject) -> tuple[str, ...]:
    # Public only from Python 3.13 on, and there as DER; this form exists since 3.10.
    # Without it the message merely does not list the names.
    chain: Any = getattr(
        getattr(connection, "_sslobj", None), "get_unverified_chain", tuple
    )()
    return alternative_names(chain[0].get_info()) if chain else ()


def alternative_names(certificate: Mapping[str, Any]) -> tuple[str, ...]:
    """List the host names and addresses of what ``getpeercert()`` returned."""
    found: tuple[tuple[str, str], ...] = certificate.get("subjectAltName", ())
    return tuple(name for kind, name in found if kind in {"DNS", "IP Address"})
