"""Certificates as Go reads and judges them; OpenSSL is laxer here, stricter there.

Only what Go refuses and OpenSSL takes is looked at: signatures, dates and names are
verified by OpenSSL. Nothing here raises anything for what somebody else wrote.

Sources: Go's encoding/pem/pem.go (``Decode``), crypto/x509/parser.go and verify.go,
crypto/tls/handshake_client.go (``verifyServerCertificate``) and common.go.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

_BEGIN: Final = b"-----BEGIN "
_END: Final = b"\n-----END "
_DASHES: Final = b"-----"
_BLANKS: Final = b" \t\r\n"


class Block(NamedTuple):
    """What stands between BEGIN and END: DER, its *label*, and headers if any."""

    label: bytes
    headers: bytes
    content: bytes


def blocks(pem: bytes) -> Iterator[Block]:
    """Yield the blocks of *pem* that Go finds; what is none is passed over.

    A block begins with a line (no mark or blank goes before it) and ends with one.
    """
    at = seen = 0
    while (end := pem.find(_END, seen)) >= 0:
        start, seen = at, end + len(_END)
        at = seen
        begin = pem.rfind(_BEGIN, start, end)
        if begin < 0 or (begin > start and pem[begin - 1 : begin] != b"\n"):
            continue
        first, _, text = pem[begin + len(_BEGIN) : end].partition(b"\n")
        label = _trimmed(first)
        line_end = pem.find(b"\n", seen)
        line_end = len(pem) if line_end < 0 else line_end
        if label.endswith(_DASHES) and _trimmed(pem[seen:line_end]) == label:
            block = _block(label.removesuffix(_DASHES), text)
            if block is not None:
                yield block
                at = seen = line_end + 1


def _trimmed(line: bytes) -> bytes:
    return line.removesuffix(b"\r").rstrip(b" \t")


def _block(label: bytes, text: bytes) -> Block | None:
    headers = b""
    while b":" in (parts := text.partition(b"\n"))[0]:
        if not parts[1]:  # no line is left for the content
            return None
        headers, text = headers + parts[0] + b"\n", parts[2]
    encoded = text.translate(None, _BLANKS)
    if len(encoded) % 4 or encoded.endswith(b"==="):  # binascii takes "YWJj="
        return None
    try:
        return Block(label, headers, binascii.a2b_base64(encoded, strict_mode=True))
    except binascii.Error:
        return None


def certificates(pem: bytes) -> list[bytes]:
    """Return the certificates of *pem* as DER, those alone that Go can parse.

    Source: crypto/x509/cert_pool.go, ``AppendCertsFromPEM``.
    """
    return [
        block.content
        for block in blocks(pem)
        if block.label == b"CERTIFICATE" and not block.headers
        if not _unreadable(block.content)
    ]


class _Certificate(NamedTuple):
    """The parts of a certificate that are judged, as DER."""

    serial: bytes
    signature: bytes
    issuer: bytes
    not_after: tuple[int, bytes]
    subject: bytes
    key: bytes
    bits: bytes
    extensions: Mapping[bytes, bytes]


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the tag and the content of each element (X.690, 8.1)."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:  # the long form: so many bytes of length follow
            size = length & 0x7F
            length = int.from_bytes(der[at : at + size], "big")
            at += size
        if at + length > len(der):
            raise IndexError
        yield tag, der[at : at + length]
        at += length


def _read(der: bytes) -> _Certificate:
    """Take a certificate apart (RFC 5280, 4.1).

    Raises:
        ValueError, LookupError: it is none.
    """
    ((_, whole),) = _elements(der)  # nothing comes behind it
    (_, body), (_, _signature), _ = _elements(whole)
    parts = [part for part in _elements(body) if part[0] not in (0xA0, 0x81, 0x82)]
    serial, (_, signature), issuer, (_, dates), subject, (_, key), *more = parts
    _, not_after = _elements(dates)
    (_, kind), (_, bits) = _elements(key)
    return _Certificate(
        serial[1],
        signature,
        issuer[1],
        not_after,
        subject[1],
        kind,
        bits[1:],
        dict(_extensions(more[0][1])) if more else {},
    )


def _extensions(der: bytes) -> Iterator[tuple[bytes, bytes]]:
    ((_, listed),) = _elements(der)
    for _, extension in _elements(listed):
        (_, name), *_critical, (_, value) = _elements(extension)
        yield name, value


def not_after(der: bytes) -> tuple[int, bytes] | None:
    """Return the tag and the digits of a certificate's end, if it is one."""
    try:
        return _read(der).not_after
    except (ValueError, LookupError):
        return None


_RSA: Final = bytes.fromhex("06092a864886f70d0101010500")
_EC: Final = bytes.fromhex("06072a8648ce3d0201")
_ED25519: Final = bytes.fromhex("06032b6570")
_P224: Final = bytes.fromhex("06052b81040021")
_CURVES: Final = (
    bytes.fromhex("06082a8648ce3d030107"),  # P-256
    bytes.fromhex("06052b81040022"),  # P-384
    bytes.fromhex("06052b81040023"),  # P-521
)
_NAMES: Final = bytes.fromhex("551d11")
_PURPOSES: Final = bytes.fromhex("551d25")
_FITTING: Final = (
    bytes.fromhex("551d2500"),  # any
    bytes.fromhex("2b06010505070301"),  # serverAuth
)
_TEXTS: Final = (0x81, 0x82, 0x86)
"""An address of mail, a host's name, a URI (RFC 5280, 4.2.1.6)."""
_ADDRESS: Final = 0x87
_LARGEST: Final = 8192
"""Bits of an RSA key in a handshake (crypto/tls/handshake_client.go)."""


def _unreadable(der: bytes) -> str:
    try:
        return _unparsed(_read(der))
    except (ValueError, LookupError):
        return "cannot be read"


def _unparsed(found: _Certificate) -> str:
    """Say why Go does not parse a certificate; empty where it does."""
    if found.serial[:1] >= b"\x80":
        return "has a negative serial number"
    if found.key.startswith(_EC):
        if found.key.removeprefix(_EC) not in (_P224, *_CURVES):
            return "has a key on another curve than P-256, P-384 and P-521"
    elif found.key.startswith(_RSA[:-2]) and found.key != _RSA:
        return "has a key of RSA that is not written as such"
    if not all(map(_is_name, *_pairs(found.extensions.get(_NAMES)))):
        return "has a malformed subject alternative name"
    return ""


def _pairs(sequence: bytes | None) -> tuple[Sequence[int], Sequence[bytes]]:
    """Return tags and contents of what a *sequence* holds."""
    if sequence is None:
        return (), ()
    ((_, listed),) = _elements(sequence)
    found = tuple(_elements(listed))
    return tuple(tag for tag, _ in found), tuple(content for _, content in found)


def _is_name(tag: int, content: bytes) -> bool:
    if tag in _TEXTS:
        return content.isascii()
    return tag != _ADDRESS or len(content) in (4, 16)


def client_fault(der: bytes) -> str:
    """Say why Go shows no server this client certificate; empty where it does."""
    try:
        found = _read(der)
        return _unparsed(found) or _no_key(found, _CURVES)
    except (ValueError, LookupError):
        return "cannot be read"


def _no_key(found: _Certificate, curves: Sequence[bytes]) -> str:
    known = (_RSA, _ED25519, *(_EC + curve for curve in curves))
    if found.key in known:
        return ""
    return "has a key of another kind than RSA, P-256, P-384, P-521 and Ed25519"


_PKCS1: Final = bytes.fromhex("06092a864886f70d0101")
_PSS: Final = _PKCS1 + b"\x0a"
_ECDSA: Final = bytes.fromhex("06082a8648ce3d0403")
_SHA2: Final = bytes.fromhex("0609608648016503040200")[:-1]
"""SHA-256, 384 and 512 are 1, 2 and 3 below it."""
_MGF1: Final = bytes.fromhex("06092a864886f70d010108")
_GOOD: Final = (
    *(_PKCS1 + bytes((number,)) for number in (11, 12, 13)),
    *(_ECDSA + bytes((number,)) for number in (2, 3, 4)),
    _ED25519,
)
"""SHA-256, 384 and 512 with RSA and with ECDSA; Ed25519."""
_OLD: Final = (_PKCS1 + b"\5", bytes.fromhex("06072a8648ce3d0401"))
"""SHA-1: offered in a handshake, and good for nothing that is verified."""
_WELL_KNOWN: Final = {
    _PKCS1 + b"\4": "MD5",
    _PKCS1 + b"\x0e": "SHA-224",
    _ECDSA + b"\1": "SHA-224",
    bytes.fromhex("06032b6571"): "Ed448",
}


def _pss(number: int, length: int) -> bytes:
    """Write the only RSA-PSS of a digest that Go knows: its own size of salt."""
    digest = b"\x30\x0d" + _SHA2 + bytes((number,)) + b"\5\0"
    mask = b"\x30\x1a" + _MGF1 + digest
    salt = bytes((0xA2, 3, 2, 1, length))
    parts = b"\xa0\x0f" + digest + b"\xa1\x1c" + mask + salt
    return _PSS + b"\x30" + bytes((len(parts),)) + parts


_GOOD_PSS: Final = (_pss(1, 32), _pss(2, 48), _pss(3, 64))


def _bad_signature(found: _Certificate, *, verified: bool) -> str:
    """Say why Go does not take such a signature, or does not offer to."""
    signature = found.signature
    if signature.startswith(_PSS):
        digests = (_SHA2 + bytes((number,)) for number in (1, 2, 3))
        if signature in _GOOD_PSS:
            return ""
        if not verified and any(digest in signature for digest in digests):
            return ""
        return "is signed with RSA-PSS of unusual parameters"
    name = signature[: 2 + signature[1]]
    if name in _GOOD or (not verified and name in _OLD):
        return ""
    return f"is signed with {_WELL_KNOWN.get(name, 'an algorithm of its own')}"


def server_fault(sent: Sequence[bytes], verified: Sequence[bytes]) -> str:
    """Say what Go holds against a server's certificates; empty where it takes them.

    *sent* came from the server, its own first; *verified* is the chain that OpenSSL
    found, up to what is trusted, and empty where nothing is verified.
    """
    try:
        came, chain = tuple(map(_read, sent)), tuple(map(_read, verified))
        return next((fault for fault in _faults(came, chain) if fault), "")
    except (ValueError, LookupError):
        return "cannot be read"


def _faults(
    came: Sequence[_Certificate], chain: Sequence[_Certificate]
) -> Iterator[str]:
    yield from map(_unparsed, (*came, *chain))
    yield from map(_too_large, came)
    yield from map(_unoffered, came[:1])
    yield from map(_unproved, chain[:-1])  # how an anchor is signed does not count
    yield from map(_unfit, chain)


def _too_large(found: _Certificate) -> str:
    if found.key != _RSA:
        return ""
    tags, numbers = _pairs(found.bits)
    large = bool(tags) and int.from_bytes(numbers[0], "big").bit_length() > _LARGEST
    return f"has a key of RSA of more than {_LARGEST:,} bits" if large else ""


def _unoffered(own: _Certificate) -> str:
    """Judge a server's *own* one: by what Go offers, a server must not show others.

    Source: RFC 8446, 4.2.3; RFC 5246, 7.4.2.
    """
    return _no_key(own, (_P224, *_CURVES)) or _bad_signature(own, verified=False)


def _unproved(below: _Certificate) -> str:
    """Judge what is not trusted for itself: its signature was verified."""
    return _bad_signature(below, verified=True)


def _unfit(found: _Certificate) -> str:
    purposes = _pairs(found.extensions.get(_PURPOSES))[1]
    if not purposes or any(purpose in _FITTING for purpose in purposes):
        return ""
    return "is not for servers: serverAuth is missing in its extended key usage"
