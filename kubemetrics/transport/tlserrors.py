"""What OpenSSL complains about, in words that say what to do."""

from __future__ import annotations

import ssl
from typing import Final

from .context import WrongHostError

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

_NOT_TLS: Final = (
    "the server does not speak TLS on this port; is it http, or another port?"
)
_TOO_OLD: Final = "the server speaks no TLS 1.2 or newer"
_OUR_CERTIFICATE: Final = "the server does not accept the client certificate"
_REASONS: Final = {
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,
    "HTTP_REQUEST": _NOT_TLS,
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _TOO_OLD,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": (
        "the server wants a client certificate, and the configuration has none for it"
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
    """Say what *error* means and what to try; *host* is the name that was dialled."""
    if isinstance(error, WrongHostError):
        return _wrong_host(error, host)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(
            error.verify_code,
            f"the server's certificate does not verify: {error.verify_message}",
        )
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the connection was closed during the TLS handshake; is the port right?"
    reason = getattr(error, "reason", None) or "no reason given"
    return _REASONS.get(reason, f"TLS failed: {reason}")


def _wrong_host(error: WrongHostError, host: str) -> str:
    wanted = error.wanted or host
    text = f"the server's certificate is not for {wanted}"
    if not error.names:
        return f"{text}; give a name it is for with --tls-server-name"
    more = ", …" if len(error.names) > _NAMES_SHOWN else ""
    names = ", ".join(_printable(name) for name in error.names[:_NAMES_SHOWN])
    return f"{text} but for {names}{more}; give one of them with --tls-server-name"


def _printable(name: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in name)
