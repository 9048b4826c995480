# ruff: noqa: E501 - a case a line
"""Whom kubectl and we trust, and by which name the server is asked for."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.transport.certs import ordinary

from .bench import Case, needs_kubectl, same
from .conftest import Benches
from .sites import other_authority

pytestmark = needs_kubectl


def encoded(der: bytes) -> bytes:
    content = base64.b64encode(der)
    return b"-----BEGIN CERTIFICATE-----\n%b\n-----END CERTIFICATE-----\n" % content


OTHER = base64.b64encode(other_authority().pem).decode()
BOTH = base64.b64encode(other_authority().pem + b"# and\n" + ordinary().pem).decode()
NO_CA = {"certificate-authority-data": None}
CA_FILE = {**NO_CA, "certificate-authority": "ca.crt"}
INSECURE = {**NO_CA, "insecure-skip-tls-verify": True}
AT = "https://{}:<port>"

TLS = [
    Case(name="CA data"),
    Case(name="CA file", cluster=CA_FILE, files={"ca.crt": ordinary().pem}),
    Case(name="CA file, absolute", cluster={**CA_FILE, "certificate-authority": "<dir>/ca.crt"}, files={"ca.crt": ordinary().pem}),
    Case(name="CA among others", cluster={"certificate-authority-data": BOTH}),
    Case(name="CA with text around", cluster=CA_FILE, files={"ca.crt": "ümlaut\n".encode() + ordinary().pem + b"\x00rest"}),
    Case(name="CA data and file", cluster={"certificate-authority": "ca.crt"}, files={"ca.crt": ordinary().pem}, refused=True),
    Case(name="CA missing", cluster=CA_FILE, refused=True),
    Case(name="CA that is none", cluster=CA_FILE, files={"ca.crt": "nothing"}, refused=True),
    Case(name="CA file that is empty", cluster=CA_FILE, files={"ca.crt": ""}, refused=True),
    Case(name="no CA", cluster=NO_CA, refused=True),
    Case(name="wrong CA", cluster={"certificate-authority-data": OTHER}, refused=True),
    Case(name="insecure", cluster=INSECURE),
    Case(name="insecure, wrong host", cluster=INSECURE, place="wrong host"),
    Case(name="insecure, expired", cluster=INSECURE, place="expired"),
    Case(name="insecure and CA data", cluster={"insecure-skip-tls-verify": True}, refused=True),
    Case(name="insecure and CA file", cluster={**CA_FILE, **INSECURE, "certificate-authority": "ca.crt"}, files={"ca.crt": ordinary().pem}, refused=True),
    Case(name="insecure false", cluster={**NO_CA, "insecure-skip-tls-verify": False}, refused=True),
    Case(name="insecure with a server name", cluster={**INSECURE, "tls-server-name": "any.example"}),
    Case(name="by name", cluster={"server": AT.format("localhost")}),
    Case(name="server name", cluster={"tls-server-name": "api.example"}),
    Case(name="server name instead of a host that fits not", cluster={"tls-server-name": "other.example"}, place="wrong host"),
    Case(name="server name that is an address", cluster={"server": AT.format("localhost"), "tls-server-name": "127.0.0.1"}),
    Case(name="server name that is an IPv6 address", cluster={"tls-server-name": "::1"}),
    Case(name="server name that is wrong", cluster={"tls-server-name": "wrong.example"}, refused=True),
    Case(name="server name that is empty", cluster={"tls-server-name": ""}),
    Case(name="server name in capitals", cluster={"tls-server-name": "API.Example"}),
    Case(name="server name with a dot at the end", cluster={"tls-server-name": "api.example."}),
    Case(name="server name in brackets", cluster={"tls-server-name": "[::1]"}),
    Case(name="server name with a blank", cluster={"tls-server-name": " api.example"}, refused=True),
    *(
        Case(name=f"server name {name!r}", cluster={"tls-server-name": name}, refused=True)
        for name in ("a\0b", ".", "..", ".a", "a..b", "a" * 300, "a\nb", "*", "1.2.3", "-a", "api.example:443")
    ),
    *(
        Case(name=f"host {host!r}", cluster={"server": f"https://{host}:1"}, refused=True)
        for host in ("a" * 300, "a..b", "*", "xn--.invalid", "\ufffe.invalid", "-a.invalid", "a%41.invalid")
    ),
    Case(name="wildcard", cluster={"tls-server-name": "a.zone.example"}, place="wildcard"),
    Case(name="wildcard, one level too deep", cluster={"tls-server-name": "a.b.zone.example"}, place="wildcard", refused=True),
    Case(name="a name in punycode", cluster={"tls-server-name": "xn--bcher-kva.example"}, place="wildcard"),
    Case(name="wrong host", place="wrong host", refused=True),
    Case(name="IPv6", place="IPv6"),
    Case(name="IPv6 with a server name", place="IPv6", cluster={"tls-server-name": "api.example"}),
    Case(name="expired", place="expired", refused=True),
    Case(name="not valid yet", place="future", refused=True),
    Case(name="a common name and no other", cluster={"server": AT.format("localhost")}, place="common name only", refused=True),
    Case(name="an intermediate as anchor", place="intermediate"),
    Case(name="a chain to the root", place="chain"),
    Case(name="a chain with a part missing", place="broken chain", refused=True),
    Case(name="an authority without key identifiers", place="old authority"),
    Case(name="TLS 1.1", place="TLS 1.1", refused=True),
    Case(name="TLS 1.1, insecure", place="TLS 1.1", cluster=INSECURE, refused=True),
    Case(name="TLS 1.2", place="TLS 1.2"),
    Case(name="http and a CA", place="plain"),
    Case(name="http and insecure", place="plain", cluster=INSECURE),
    Case(name="a scheme in capitals", cluster={"server": "HTTPS://127.0.0.1:<port>"}),
    Case(name="a slash at the end", cluster={"server": "<url>/"}),
    Case(name="a path, as Rancher has it", cluster={"server": "<url>/k8s/clusters/c-1"}),
    Case(name="a path with escapes", cluster={"server": "<url>/%7Eme/a%2Fb%20c"}),
    Case(name="a path with an umlaut and a blank", cluster={"server": "<url>/ü b"}),
    Case(name="a path with signs", cluster={"server": "<url>/a!b$c&d'e(f)g*h+i,j;k=l:m@n~o"}),
    Case(name="a path with brackets", cluster={"server": '<url>/a[b]{c}|d^e`f"g<h>i'}),
    Case(name="a path with signs escaped", cluster={"server": "<url>/a%3Fb%23c%25d"}),
    Case(name="a path with a broken escape", cluster={"server": "<url>/a%zz"}, refused=True),
    Case(name="a path above the top", cluster={"server": "<url>/../x"}),
    Case(name="a path with dots", cluster={"server": "<url>/a/../b/./c"}),
    Case(name="a path with double slashes", cluster={"server": "<url>//a//b//"}),
    Case(name="a blank before", cluster={"server": " <url>"}, refused=True),
    Case(name="a blank behind", cluster={"server": "<url> "}, refused=True),
    Case(name="a path, a slash, a query", cluster={"server": "<url>/k8s/?q=1#f"}),
]  # fmt: skip

OLD = [
    *(
        Case(name=place, place=place)
        for place in (
            "RSA 1024", "RSA 1024 above", "P-521", "P-521 above", "Ed25519", "Ed25519 above",
            "SHA-1 root", "CBC and SHA-1", "ChaCha20", "key encipherment",
            "SHA-512", "SHA-224 root", "SHA-1 itself", "RSA-PSS", "RSA 8676 above",
        )
    ),
    *(
        Case(name=place, place=place, refused=True)
        for place in (
            "P-224", "SHA-1", "SHA-1 within", "CBC and SHA-2", "CBC and SHA-384",
            "RSA key exchange", "DHE", "clients alone", "SGC", "SGC within",
            "Ed448", "Ed448 above", "brainpool above", "secp256k1 besides", "RSA 8676",
            "SHA-224", "SHA-224 and ECDSA", "SHA-3", "MD5 itself",
            "RSA-PSS, a short salt", "an address of five bytes", "an umlaut in a name",
        )
    ),
    Case(name="SHA-1, insecure", place="SHA-1", cluster=INSECURE),
    Case(name="RSA-PSS, a short salt, insecure", place="RSA-PSS, a short salt", cluster=INSECURE),
    *(
        Case(name=f"{place}, insecure", place=place, cluster=INSECURE, refused=True)
        for place in ("Ed448", "RSA 8676", "SHA-224", "secp256k1 besides", "an address of five bytes")
    ),
    *(
        Case(name=f"IPv4 as IPv6, {how}", place="IPv4 as IPv6", cluster=cluster)
        for how, cluster in {
            "by that name": {"tls-server-name": "::ffff:127.0.0.1"},
            "at that address": {"server": "https://[::ffff:127.0.0.1]:<port>"},
        }.items()
    ),
]  # fmt: skip


def authorities(name: str, pem: bytes, *, refused: bool = False) -> Case:
    data = base64.b64encode(pem).decode()
    return Case(
        name=name, cluster={"certificate-authority-data": data}, refused=refused
    )


PEM, DER = ordinary().pem, ordinary().cert.public_bytes(Encoding.DER)
NONE = {"SSL_CERT_DIR": "/nowhere"}
WRITTEN = [
    authorities("a mark before", b"\xef\xbb\xbf" + PEM, refused=True),
    authorities("a blank before", b" " + PEM, refused=True),
    authorities("trusted certificate", PEM.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"), refused=True),
    authorities("X509 certificate", PEM.replace(b"CERTIFICATE", b"X509 CERTIFICATE"), refused=True),
    authorities("with a header", PEM.replace(b"-----\n", b"-----\na: b\n\n", 1), refused=True),
    authorities("more in its DER", encoded(DER + b"more"), refused=True),
    authorities("more in its last line", PEM.rstrip() + b" x", refused=True),
    authorities("the next in its last line", PEM.rstrip() + PEM, refused=True),
    authorities("without padding", PEM.replace(b"=", b""), refused=b"=" in PEM),
    authorities("blank lines within", PEM.replace(b"\n", b"\n\n")),
    authorities("blanks within", PEM.replace(b"\n", b" \t\n")),
    authorities("one line", encoded(DER)),
    authorities("line ends of another system", PEM.replace(b"\n", b"\r\n")),
    authorities("one begun before", b"-----BEGIN CERTIFICATE-----\nAAAA\n" + PEM),
    authorities("one that is broken before", encoded(b"no") + b"-----BEGIN X-----\n!\n-----END X-----\n" + PEM),
    *(
        Case(name=f"the system's, behind {name}", cluster=NO_CA, files={"b": before + PEM}, environ={**NONE, "SSL_CERT_FILE": "<dir>/b"})
        for name, before in {"a broken one": encoded(b"no"), "a line of zeros": b"\0\n"}.items()
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", WRITTEN, ids=str)
def test_authorities_are_read_as_kubectl_reads_them(
    case: Case, benches: Benches
) -> None:
    same(benches(case.place), case)


@pytest.mark.parametrize("case", OLD, ids=str)
def test_old_keys_and_ciphers_are_judged_as_by_kubectl(
    case: Case, benches: Benches
) -> None:
    """kubernetes-client/python#1824, #531; krr#368; kubespray#9053."""
    same(benches(case.place), case)


@pytest.mark.parametrize("case", TLS, ids=str)
def test_who_is_trusted_is_whom_kubectl_trusts(case: Case, benches: Benches) -> None:
    """Items 1, 21, 25 and 26: kubernetes-client/python#2394; kr8s#178, #374."""
    same(benches(case.place), case)
