"""What Go holds against certificates that OpenSSL takes, and how it reads PEM.

That these are Go's verdicts is seen in tests/differential; here are the corners.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.serialization import Encoding

from kubemetrics.x509 import (
    blocks,
    certificates,
    client_fault,
    not_after,
    server_fault,
)
from tests.transport.certs import (
    Digest,
    Issued,
    authority,
    leaf,
    ordinary,
    rsa_of_8676_bits,
)


def der(issued: Issued) -> bytes:
    return issued.cert.public_bytes(Encoding.DER)


def fault(own: Issued, issuer: Issued) -> str:
    return server_fault([der(own)], [der(own), der(issuer)])


def pem(content: bytes, label: bytes = b"X") -> bytes:
    text = base64.b64encode(content)
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label, text, label)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (pem(b"a") + b"# text\n" + pem(b"b"), [b"a", b"b"]),
        (pem(b"a").rstrip(), [b"a"]),
        (pem(b"").replace(b"\n\n", b"\n"), [b""]),
        (b"-----BEGIN X-----\n" + pem(b"a"), [b"a"]),
        (pem(b"a").replace(b"END X", b"END Y") + pem(b"b"), [b"b"]),
        (pem(b"a").replace(b"=", b"!") + pem(b"b"), [b"b"]),
        (pem(b"a").replace(b"X-----\nY", b"X\nY") + pem(b"b"), [b"b"]),
        (pem(b"a").replace(b"END X-----", b"END X----- .") + pem(b"b"), [b"b"]),
        (b"." + pem(b"a") + pem(b"b"), [b"b"]),
        (b"-----END X-----\n" + pem(b"a"), [b"a"]),
        (b"\n-----END -----BEGIN X-----\nYQ==\n-----END X-----", [b"a"]),
        (b"-----BEGIN X-----\na: b\n-----END X-----\n" + pem(b"b"), [b"b"]),
        (pem(b"abc").replace(b"j", b"j="), []),
        (pem(b"abc").replace(b"j", b"j===="), []),
        (pem(b"a").replace(b"=", b""), []),
        (pem(b"a")[:-9], []),
        (b"", []),
    ],
)
def test_a_block_is_what_go_takes_for_one(written: bytes, found: list[bytes]) -> None:
    assert [block.content for block in blocks(written)] == found


def test_headers_are_read_and_are_none_of_the_content() -> None:
    written = pem(b"a").replace(b"X-----\n", b"X-----\nDEK-Info: b\nc:\n\n", 1)
    (block,) = blocks(written)
    assert block == (b"X", b"DEK-Info: b\nc:\n", b"a")


def test_a_certificate_with_headers_is_no_authority() -> None:
    written = ordinary().pem.replace(b"-----\n", b"-----\na: b\n", 1)
    assert certificates(written) == []
    assert certificates(ordinary().pem) == [der(ordinary())]
    assert certificates(pem(b"none", b"CERTIFICATE") + ordinary().pem) == [
        der(ordinary())
    ]


def changed(issued: Issued, old: str, new: str) -> bytes:
    """Write other bytes into a certificate; its signature is not looked at."""
    assert der(issued).count(bytes.fromhex(old)) == 1
    return der(issued).replace(bytes.fromhex(old), bytes.fromhex(new))


RSA = leaf(ordinary(), "foo.example", bits=1024)
SERIAL = f"02{(RSA.cert.serial_number.bit_length() // 8) + 1:02x}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"\x30", "cannot be read"),
        (der(RSA)[:-1], "cannot be read"),
        (der(RSA) + b"\0", "cannot be read"),
        (changed(RSA, "a003020102" + SERIAL, "a003020102" + SERIAL), ""),
        (
            changed(RSA, "2a864886f70d0101010500", "2a864886f70d0101010400"),
            "has a key of RSA that is not written as such",
        ),
    ],
)
def test_what_cannot_be_parsed_is_refused(content: bytes, said: str) -> None:
    assert server_fault([content], []) == said
    assert client_fault(content) == said


def test_a_negative_serial_number_is_refused() -> None:
    length = len(der(RSA).partition(bytes.fromhex("a003020102"))[0]) + 5
    own = bytearray(der(RSA))
    own[length + 2] |= 0x80
    assert server_fault([bytes(own)], []) == "has a negative serial number"


OTHER_KEY = "has a key of another kind than RSA, P-256, P-384, P-521 and Ed25519"
OTHER_CURVE = "has a key on another curve than P-256, P-384 and P-521"


@pytest.mark.parametrize(
    ("private", "server", "client"),
    [
        (ec.generate_private_key(ec.SECP384R1()), "", ""),
        (ec.generate_private_key(ec.SECP224R1()), "", OTHER_KEY),
        (ec.generate_private_key(ec.SECP256K1()), OTHER_CURVE, OTHER_CURVE),
        (ed448.Ed448PrivateKey.generate(), OTHER_KEY, OTHER_KEY),
        (rsa_of_8676_bits(), "has a key of RSA of more than 8,192 bits", ""),
    ],
)
def test_a_key_is_one_that_go_knows(
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed448.Ed448PrivateKey,
    server: str,
    client: str,
) -> None:
    own = leaf(ordinary(), "foo.example", private=private)
    assert fault(own, ordinary()) == server
    assert client_fault(der(own)) == client


def padded(salt: int, digest: Digest, mask: Digest) -> Callable[[Issued], Issued]:
    padding = PSS(MGF1(mask), salt)
    return lambda ca: leaf(ca, "foo.example", digest=digest, padding=padding)


SHA_256, SHA_384, SHA_512 = hashes.SHA256(), hashes.SHA384(), hashes.SHA512()
UNFIT = "is not for servers: serverAuth is missing in its extended key usage"
UNUSUAL = "is signed with RSA-PSS of unusual parameters"


@pytest.mark.parametrize(
    ("signed", "verified", "insecure"),
    [
        (padded(32, SHA_256, SHA_256), "", ""),
        (padded(48, SHA_384, SHA_384), "", ""),
        (padded(64, SHA_512, SHA_512), "", ""),
        (padded(20, SHA_256, SHA_256), UNUSUAL, ""),
        (padded(32, SHA_256, SHA_512), UNUSUAL, ""),
        (padded(28, hashes.SHA224(), hashes.SHA224()), UNUSUAL, UNUSUAL),
        (
            lambda ca: leaf(ca, "foo.example", digest=hashes.SHA224()),
            "is signed with SHA-224",
            "is signed with SHA-224",
        ),
        (
            lambda ca: leaf(ca, "foo.example", digest=hashes.SHA3_256()),
            "is signed with an algorithm of its own",
            "is signed with an algorithm of its own",
        ),
    ],
    ids=[str(n) for n in range(8)],
)
def test_a_signature_is_one_that_go_knows(
    signed: Callable[[Issued], Issued], verified: str, insecure: str
) -> None:
    ca = authority(bits=2048)
    assert fault(signed(ca), ca) == verified
    assert server_fault([der(signed(ca))], []) == insecure


def test_how_an_anchor_is_signed_does_not_count() -> None:
    ca = authority(digest=hashes.SHA224())
    assert fault(leaf(ca, "foo.example"), ca) == ""


def test_every_name_is_one_although_another_is_asked_for() -> None:
    for names in ("300487020101", "30048202c3bc", "30048602c3bc", "30048102c3bc"):
        own = leaf(ordinary(), "x", names=bytes.fromhex(names))
        assert fault(own, ordinary()) == "has a malformed subject alternative name"
    own = leaf(ordinary(), "x", names=bytes.fromhex("3006870401010101"))
    assert fault(own, ordinary()) == ""


@pytest.mark.parametrize(
    ("purposes", "said"),
    [
        (["1.3.6.1.5.5.7.3.1"], ""),
        (["2.5.29.37.0"], ""),
        (["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"], ""),
        (["1.3.6.1.4.1.311.10.3.3"], UNFIT),
    ],
)
def test_the_whole_chain_is_for_servers(purposes: list[str], said: str) -> None:
    for_what = [x509.ObjectIdentifier(purpose) for purpose in purposes]
    assert fault(leaf(ordinary(), "x", purposes=for_what), ordinary()) == said
    ca = authority(purposes=for_what)
    assert fault(leaf(ca, "x"), ca) == said


def test_the_end_of_a_certificate_is_read() -> None:
    assert not_after(der(RSA)) == (0x18, b"20510203040506Z")
    assert not_after(b"nothing") is None
