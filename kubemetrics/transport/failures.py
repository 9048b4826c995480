"""From an error of httpcore, OpenSSL or the system to one that says what to try."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final, TypeAlias, cast
from urllib.parse import urlsplit

import httpcore

from ..errors import TransportError, TransportReason
from ..text import printable, without_credentials
from .network import Call
from .tls import RefusedCertificateError, WrongHostError

_UNTRUSTED: Final = (
    "the server's certificate is signed by an authority that is not trusted; give the"
    " cluster's with certificate-authority-data or --certificate-authority"
)
_VERIFY: Final = {
    # The numbers are OpenSSL's X509_V_ERR_*.
    2: _UNTRUSTED,
    18: _UNTRUSTED,
    19: _UNTRUSTED,
    20: _UNTRUSTED,
    21: _UNTRUSTED,
    9: (
        "the server's certificate is not valid yet; check this machine's clock and the"
        " server's"
    ),
    10: "the server's certificate has expired; renew it, or check this machine's clock",
    23: "the server's certificate has been revoked",
}
_ANEW: Final = "have it issued anew"
_FAULTS: Final = {
    # The same numbers; OpenSSL's own words go before these.
    24: f"{_ANEW} as an authority: CA:TRUE, and keyCertSign in its key usage",
    25: f"{_ANEW} with a longer path length, or by the authority above",
    26: (
        f"{_ANEW} with digitalSignature in its key usage and serverAuth in its extended"
        " one"
    ),
    34: f"{_ANEW} without it, or with it as one that is not critical",
    47: "have the name constraints of its authority permit the server's names",
    48: "have the name constraints of its authority not exclude the server's names",
    66: f"{_ANEW}, for RSA of 2,048 bits or P-256",
    67: f"{_ANEW}, for RSA of 2,048 bits or P-256",
    68: f"one of its chain is signed with SHA-1 or MD5; {_ANEW}, with SHA-256",
}

_NOT_TLS: Final = (
    "the server does not speak TLS on this port; is it http, or another port?"
)
_TOO_OLD: Final = "the server speaks no TLS 1.2 or newer"
_OUR_CERTIFICATE: Final = "the server does not accept the client certificate"
_NO_PROTOCOL: Final = "TLSV1_ALERT_NO_APPLICATION_PROTOCOL"
_KEYS: Final = "have it issued anew, for a key of RSA, P-256, P-384, P-521 or Ed25519"
_REASONS: Final = {
    _NO_PROTOCOL: (
        "the server speaks HTTP/2 alone (alert 120, no_application_protocol); let it,"
        " or the proxy in front of it, offer HTTP/1.1 too"
    ),
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,
    "HTTP_REQUEST": _NOT_TLS,
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _TOO_OLD,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": (
        "the server wants a client certificate, and the configuration has none for it,"
        f" or one whose key TLS 1.3 has no use for; {_KEYS}"
    ),
    "SSLV3_ALERT_HANDSHAKE_FAILURE": (
        "the server finds nothing that both sides can use (alert 40,"
        " handshake_failure): let it offer TLS 1.3, or ECDHE with AES-GCM, ChaCha20 or"
        " AES-CBC and SHA-1, and the curve P-256 or X25519, for a key of RSA, P-256,"
        " P-384, P-521 or Ed25519; or it wants a client certificate"
    ),
    "SSLV3_ALERT_ILLEGAL_PARAMETER": (
        "the server refuses a part of the handshake (alert 47, illegal_parameter), such"
        f" as the curve of the client certificate's key; {_KEYS}"
    ),
    "EXCESSIVE_MESSAGE_SIZE": (
        "the server's certificates are larger than the 100 KB that OpenSSL takes; have"
        " the server's issued anew with fewer names, or send a shorter chain"
    ),
    "TLSV1_ALERT_UNKNOWN_CA": f"{_OUR_CERTIFICATE} (unknown authority)",
    "SSLV3_ALERT_BAD_CERTIFICATE": _OUR_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _OUR_CERTIFICATE,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _OUR_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": f"{_OUR_CERTIFICATE} (expired)",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": f"{_OUR_CERTIFICATE} (revoked)",
    "TLSV1_UNRECOGNIZED_NAME": (
        "the server knows no such name; give the one it has with --tls-server-name"
    ),
}

_NAMES_SHOWN: Final = 10


def explain_tls(error: ssl.SSLError, host: str) -> str:
    """Return what *error* means and what to try; *host* is the name dialled."""
    if isinstance(error, WrongHostError):
        return _wrong_host(error, host)
    if isinstance(error, RefusedCertificateError):
        return (
            "the server's certificate, or one that came with it or signed it,"
            f" {error.fault}: kubectl refuses it too; {_ANEW}, for a key of RSA of"
            " 2,048 bits or P-256, with SHA-256"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code) or _unverified(error)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the connection was closed during the TLS handshake; is the port right?"
    # Of an alert that OpenSSL's tables do not know there is the text alone.
    said = " ".join(str(part) for part in error.args)
    reason = getattr(error, "reason", None) or (
        _NO_PROTOCOL if _ALERT_120.search(said) else "no reason given"
    )
    return _REASONS.get(reason, f"TLS failed: {reason}")


def _unverified(error: ssl.SSLCertVerificationError) -> str:
    said = f"the server's certificate does not verify: {error.verify_message}"
    advice = _FAULTS.get(error.verify_code, "")
    return f"{said}; {advice}" if advice else said


_ALERT_120: Final = re.compile(r"(?i)alert number 120|no.application.protocol")


def _wrong_host(error: WrongHostError, host: str) -> str:
    wanted = error.wanted or host
    if wanted in error.names:  # Go looks for an address among addresses as well
        return (
            f"the server's certificate has {wanted} as a host name, not as an address;"
            " have it made anew with an IP address, or give another of its names with"
            " --tls-server-name"
        )
    text = f"the server's certificate is not for {wanted}"
    if not error.names:
        return f"{text}; give a name it is for with --tls-server-name"
    more = ", …" if len(error.names) > _NAMES_SHOWN else ""
    names = ", ".join(printable(name) for name in error.names[:_NAMES_SHOWN])
    return f"{text} but for {names}{more}; give one of them with --tls-server-name"


_Finding: TypeAlias = tuple[TransportReason, str]

UNASKED: Final = "an answer that nobody asked for"
NETWORK_ERRORS: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    TransportError,
    OSError,
    UnicodeError,
)
"""What sending a request and reading its answer may raise."""


def is_untrusted(error: BaseException) -> bool:
    """Return whether a certificate was refused since its issuer is not known."""
    return any(
        isinstance(cause, ssl.SSLCertVerificationError)
        and _VERIFY.get(cause.verify_code) == _UNTRUSTED
        for cause in _chain(error)
    )


def socks_errors() -> tuple[type[Exception], ...]:
    """Return what may be raised besides where a SOCKS proxy is in between."""
    from socksio.exceptions import SOCKSError  # noqa: PLC0415 - for SOCKS alone

    return (SOCKSError,)


def closed(url: str) -> TransportError:
    """Return the error for a client that was closed meanwhile."""
    place = _place(url)
    return TransportError(f"{place}: the client was closed", url=url, reason="closed")


def late(call: Call, url: str, elapsed: float = 0.0) -> TransportError:
    """Return the error for *call*, whose time is over or which was cancelled."""
    text = (
        "cancelled"
        if call.timeout is None or call.cancelled
        else f"no full answer within {call.timeout:g} s; raise the timeout"
        " (--request-timeout)"
    )
    return TransportError(
        f"{_place(url)}: {text}", url=url, reason="deadline", elapsed=elapsed
    )


def translate(
    error: BaseException,
    *,
    url: str,
    elapsed: float = 0.0,
    reused: bool = False,
    proxy: str = "",
    silence: float | None = None,
) -> TransportError:
    """Turn an error of httpcore, ssl or the system into a `TransportError`.

    *url* is what was asked; user and password in it are dropped. *elapsed* is in
    seconds. *proxy* is the address of the proxy in between, without credentials;
    *silence* for how long nothing was allowed to come, in seconds.
    No text of httpcore's own gets in, since it may quote a header.
    """
    shown = without_credentials(url)
    reason, text = _find(error, _Route(shown, proxy, silence))
    return TransportError(
        f"{_place(shown)}: {text}",
        url=shown,
        reason=reason,
        elapsed=elapsed,
        reused=reused,
    )


class _Route:
    """Where it went: the server's host and port, and the proxy on the way."""

    def __init__(self, url: str, proxy: str, silence: float | None) -> None:
        parts = urlsplit(url)
        self.secure = parts.scheme == "https"
        self.server = parts.netloc
        self.host = parts.hostname or ""
        self.proxy = proxy
        self.silence = silence

    def dialled(self) -> str:
        return f"the proxy {self.proxy}" if self.proxy else self.server


def _find(error: BaseException, route: _Route) -> _Finding:
    chain = tuple(_chain(error))
    for cause in chain:
        if isinstance(cause, ssl.SSLError) and not _harmless(cause, error):
            # To client-go as well an end within the handshake may pass.
            gone = isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError)
            return "reset" if gone else "tls", explain_tls(cause, route.host)
    if isinstance(error, httpcore.ProxyError):
        return "proxy", _proxy_problem(error, route)
    if type(error).__module__.partition(".")[0] == "socksio":
        return (
            "proxy",
            f"the proxy {route.proxy} does not answer as a SOCKS5 proxy does",
        )
    if isinstance(error, httpcore.TimeoutException):
        return _timeout(error, route)
    if isinstance(error, httpcore.NetworkError | OSError | UnicodeError):
        return _network_problem(error, chain, route)
    return _protocol_problem(error, route)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Go through an error and whatever it came from, the parts of a group as well."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            group = cast("BaseExceptionGroup[BaseException]", current)
            pending.extend(group.exceptions)
        pending.extend((current.__cause__, current.__context__))


def _harmless(cause: ssl.SSLError, error: BaseException) -> bool:
    """Return whether TLS merely waited, or noticed that a connection is gone."""
    if isinstance(cause, ssl.SSLWantReadError | ssl.SSLWantWriteError):
        return True  # anyio was handling it when the connection broke
    gone = isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    return gone and not isinstance(error, httpcore.ConnectError | ssl.SSLError)


def _is_socks(error: BaseException) -> bool:
    """Return whether it is one of `socks_errors`, which need not be installed."""
    return type(error).__module__.partition(".")[0] == "socksio"


def _proxy_problem(error: BaseException, route: _Route) -> str:
    if _is_socks(error):
        return f"the proxy {route.proxy} does not answer as a SOCKS5 proxy does"
    said = printable(str(error))[:100]
    hint = (
        "; it wants a user and a password in its URL" if said.startswith("407") else ""
    )
    return f"the proxy {route.proxy or 'in between'} refused: {said}{hint}"


def _timeout(error: httpcore.TimeoutException, route: _Route) -> _Finding:
    if isinstance(error, httpcore.ConnectTimeout):
        return _dialling(route, "timeout"), (
            f"connecting to {route.dialled()} timed out; is the address right, and"
            " reachable from here (VPN, firewall, proxy)?"
        )
    if isinstance(error, httpcore.PoolTimeout):
        return "timeout", "all connections were busy for too long"
    after = "" if route.silence is None else f": nothing came for {route.silence:g} s"
    return "timeout", f"the server stopped answering{after}; raise --request-timeout"


def _dialling(route: _Route, reason: TransportReason) -> TransportReason:
    return "proxy" if route.proxy else reason


def _network_problem(
    error: BaseException, chain: tuple[BaseException, ...], route: _Route
) -> _Finding:
    if isinstance(error, httpcore.ReadError | httpcore.WriteError):
        return "reset", "the connection broke; try again"
    for cause in chain:
        if isinstance(cause, socket.gaierror | UnicodeError):  # or no name at all
            return _dialling(route, "dns"), (
                f"the name of {route.dialled()} cannot be resolved; check its"
                " spelling, the DNS and the VPN"
            )
        if isinstance(cause, ConnectionRefusedError):
            return _dialling(route, "refused"), (
                f"{route.dialled()} refused the connection; did you specify the right"
                " host and port?"
            )
        if isinstance(cause, ConnectionResetError | BrokenPipeError):
            return "reset", "the connection was cut; try again"
    texts = [cause.strerror for cause in chain if isinstance(cause, OSError)]
    said = next((text for text in texts if text), "no connection")
    return _dialling(route, "refused"), f"cannot connect to {route.dialled()}: {said}"


def _protocol_problem(error: BaseException, route: _Route) -> _Finding:
    if isinstance(error, httpcore.RemoteProtocolError):
        # h11's words for a connection that ends before or within an answer.
        if "disconnected" in str(error) or "peer closed connection" in str(error):
            return "reset", "the server closed the connection without a full answer"
        if str(error) == UNASKED:
            return "reset", "the server had answered before it was asked; try again"
        if "Receive buffer too long" in str(error):
            return "limit", "the answer's headers are larger than 100 KiB"
        malformed = _malformed(str(error))
        if malformed:
            return "protocol", f"the answer cannot be read: {malformed}"
        hint = "" if route.secure else "; does it speak https?"
        return "protocol", f"what answers there does not speak HTTP{hint}"
    return "protocol", f"the request could not be sent ({type(error).__name__})"


_MALFORMED: Final = {
    "continuation line at start": "its headers begin with a continued line",
    "bad Content-Length": "its Content-Length is no number",
    "conflicting Content-Length": "it has two Content-Lengths",
    "Only Transfer-Encoding: chunked": "its Transfer-Encoding is another than chunked",
}
_LONGEST_NAME: Final = 64
_SCHEMES: Final = ("bearer", "basic")
_BAD_HEADER: Final = re.compile(r"illegal header line: \w*\(?b(['\"])(.*?)(?:\1|:)")


def _malformed(said: str) -> str:
    """Say what h11 could not read in the head of an answer; a value is not quoted."""
    found = _BAD_HEADER.match(said)
    if found:
        name = printable(found[2])
        # No part of a credential that is sent back.
        hidden = len(name) > _LONGEST_NAME or name.lower().startswith(_SCHEMES)
        shown = "of a name that is not shown" if hidden else f'"{name}"'
        return f"its header {shown} is malformed; a proxy may have put it there"
    return next((text for key, text in _MALFORMED.items() if said.startswith(key)), "")


def _place(url: str) -> str:
    return url.partition("?")[0]
