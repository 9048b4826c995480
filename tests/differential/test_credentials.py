# ruff: noqa: E501 - a case a line
"""Each kind of credential, as kubectl and as we bring it before the server."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.auth.clock import jwt
from tests.auth.plugins import V1, V1BETA1, answer
from tests.transport.certs import Key, leaf, ordinary

from .bench import PATH, Case, needs_kubectl, same
from .conftest import Benches
from .plugins import gives, plugin, script

pytestmark = needs_kubectl

JANE = leaf(ordinary(), name="jane")
OTHER = leaf(ordinary(), name="other")
ID_TOKEN = jwt(exp=4_000_000_000, sub="jane")


def data(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


CERT_DATA = {
    "client-certificate-data": data(JANE.pem),
    "client-key-data": data(JANE.key),
}
CERT_FILES = {"client-certificate": "pki/jane.crt", "client-key": "pki/jane.key"}
PKI = {"pki/jane.crt": JANE.pem, "pki/jane.key": JANE.key}
PAIR = {"clientCertificateData": JANE.pem.decode(), "clientKeyData": JANE.key.decode()}
BASIC = {"username": "jane", "password": "pässword:with colon"}


INFO = {
    "certificate-authority-data": "<ca>",
    "tls-server-name": "api.example",
    "proxy-url": None,
    "disable-compression": True,
}
EXTENSION = [
    {
        "name": "client.authentication.k8s.io/exec",
        "extension": {"audience": "x", "n": [1, {"deep": None}], "t": True},
    }
]
OIDC = {
    "client-id": "c",
    "idp-issuer-url": "https://issuer.invalid",
    "id-token": ID_TOKEN,
}
EXTRA = {"scopes.example.com/x y%": ["a", "b"], "Upper": ["c"], "ümlaut": ["d"]}

WRITTEN_DOWN = [
    Case(name="token"),
    Case(name="token that the server refuses", user={"token": "refused"}, refused=True),
    Case(name="token file", user={"tokenFile": "sa/token"}, files={"sa/token": "file-token\n"}),
    Case(name="token file, absolute", user={"tokenFile": "<dir>/token"}, files={"token": "  file-token \r\n"}),
    Case(name="token file of a name beyond ASCII", user={"tokenFile": "größe ☃/tök"}, files={"größe ☃/tök": "file-token"}),
    Case(name="token file of two lines", user={"tokenFile": "t"}, files={"t": "a\nb"}, refused=True),
    Case(name="token file that is a folder", user={"tokenFile": "."}, refused=True),
    Case(name="basic with a colon in the name", user={"username": "a:b", "password": "c\n"}),
    Case(name="token and token file", user={"token": "static", "tokenFile": "token"}, files={"token": "from-the-file"}),
    Case(name="token and an empty token file", user={"token": "static", "tokenFile": "token"}, files={"token": "\n"}),
    Case(name="token and a missing token file", user={"token": "static", "tokenFile": "none"}),
    Case(name="basic", user=BASIC),
    Case(name="basic without a password", user={"username": "jane"}),
    Case(name="basic and a token file", user={**BASIC, "tokenFile": "token"}, files={"token": "f"}, refused=True),
    Case(name="certificate data", user=CERT_DATA),
    Case(name="certificate files", user=CERT_FILES, files=PKI),
    Case(name="certificate data and a key file", user={"client-certificate-data": data(JANE.pem), "client-key": "pki/jane.key"}, files=PKI),
    Case(name="certificate and key in one file", user={"client-certificate": "both", "client-key": "both"}, files={"both": JANE.key + JANE.pem}),
    Case(name="certificate and token", user={**CERT_DATA, "token": "t"}),
    Case(name="certificate and token file", user={**CERT_FILES, "tokenFile": "token"}, files={**PKI, "token": "t"}),
    Case(name="certificate and basic", user={**CERT_DATA, **BASIC}),
    Case(name="certificate where one is demanded", user=CERT_DATA, place="demanding"),
    Case(name="no certificate where one is demanded", place="demanding", refused=True),
    Case(name="a certificate and another's key", user={**CERT_DATA, "client-key-data": data(OTHER.key)}, refused=True),
    Case(name="an encrypted key", user={**CERT_DATA, "client-key-data": data(JANE.encrypted_key(b"hunter2"))}, refused=True),
    Case(name="a key that is none", user={**CERT_DATA, "client-key-data": data(b"nonsense")}, refused=True),
    Case(name="token over http", place="plain", cluster={"certificate-authority-data": None}),
    Case(name="certificate over http", place="plain", cluster={"certificate-authority-data": None}, user=CERT_DATA),
    Case(name="OIDC", user={"auth-provider": {"name": "oidc", "config": OIDC}}),
    Case(name="OIDC and a certificate", user={**CERT_DATA, "auth-provider": {"name": "oidc", "config": OIDC}}),
    Case(name="OIDC and a token", user={"token": "t", "auth-provider": {"name": "oidc", "config": OIDC}}),
    Case(name="OIDC without a refresh token at its end", user={"auth-provider": {"name": "oidc", "config": {**OIDC, "id-token": jwt(exp=1)}}}, refused=True),
]  # fmt: skip

PLUGINS = [
    Case(name="v1 token", user=plugin(), files=gives(token="plugged")),
    Case(name="v1beta1 token", user=plugin(V1BETA1), files=gives(V1BETA1, token="plugged")),
    Case(name="v1beta1 without a mode", user=plugin(V1BETA1, interactiveMode=None), files=gives(V1BETA1, token="plugged")),
    Case(name="v1 that answers v1beta1", user=plugin(), files=gives(V1BETA1, token="plugged"), refused=True),
    Case(name="an expiry far away", user=plugin(), files=gives(token="t", expirationTimestamp="2100-01-01T00:00:00Z")),
    Case(name="an expiry with fractions and an offset", user=plugin(), files=gives(token="t", expirationTimestamp="2100-01-01T00:00:00.123456789+02:00")),
    Case(name="an expiry that is none", user=plugin(), files=gives(token="t", expirationTimestamp="tomorrow"), refused=True),
    Case(name="certificate", user=plugin(), files=gives(**PAIR)),
    Case(name="certificate and token", user=plugin(), files=gives(token="t", **PAIR)),
    Case(name="certificate where one is demanded", user=plugin(), files=gives(**PAIR), place="demanding"),
    Case(name="certificate without a key", user=plugin(), files=gives(clientCertificateData=JANE.pem.decode()), refused=True),
    Case(name="certificate that is none", user=plugin(), files=gives(clientCertificateData="x", clientKeyData="y"), refused=True),
    Case(name="cluster info", user=plugin(provideClusterInfo=True), files=gives(token="t"), cluster=INFO),
    Case(name="cluster info with an extension", user=plugin(provideClusterInfo=True), files=gives(token="t"), cluster={"extensions": EXTENSION}),
    Case(name="cluster info with another extension", user=plugin(provideClusterInfo=True), files=gives(token="t"), cluster={"extensions": [{"name": "x", "extension": {"a": 1}}]}),
    Case(name="cluster info, v1beta1", user=plugin(V1BETA1, provideClusterInfo=True), files=gives(V1BETA1, token="t"), cluster={"extensions": EXTENSION}),
    Case(name="cluster info with a CA file", user=plugin(provideClusterInfo=True), files={**gives(token="t"), "ca.crt": ordinary().pem}, cluster={"certificate-authority-data": None, "certificate-authority": "ca.crt"}),
    Case(name="cluster info, insecure", user=plugin(provideClusterInfo=True), files=gives(token="t"), cluster={"certificate-authority-data": None, "insecure-skip-tls-verify": True}),
    Case(name="cluster info with an odd extension", user=plugin(provideClusterInfo=True), files=gives(token="t"), cluster={"extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"a": "<&>\u2028é\n", "big": 12345678901234567890, "f": 1e30, "": []}}]}),
    Case(name="cluster info with an extension that is a text", user=plugin(provideClusterInfo=True), files=gives(token="t"), cluster={"extensions": [{"name": "client.authentication.k8s.io/exec", "extension": "x"}]}),
    Case(name="cluster info with an extension that is null", user=plugin(provideClusterInfo=True), files=gives(token="t"), cluster={"extensions": [{"name": "client.authentication.k8s.io/exec", "extension": None}]}),
    Case(name="cluster info with an extension twice", user=plugin(provideClusterInfo=True), files=gives(token="t"), cluster={"extensions": EXTENSION * 2}, refused=True),
    Case(name="no cluster info", user=plugin(provideClusterInfo=False), files=gives(token="t"), cluster={"extensions": EXTENSION}),
    Case(name="mode IfAvailable", user=plugin(interactiveMode="IfAvailable"), files=gives(token="t")),
    Case(name="mode Always without a terminal", user=plugin(interactiveMode="Always"), files=gives(token="t"), refused=True),
    Case(name="stdin is empty", user=plugin(interactiveMode="IfAvailable"), files={"plugin": script(answer(token="got-$LINE-$CODE"), "read LINE; CODE=$?")}),
    Case(name="arguments and variables", user=plugin(args=["a b", "$HOME", "*"], env=[{"name": "CLOUD", "value": "x"}, {"name": "EMPTY", "value": ""}]), files={"plugin": script(answer(token="$#-$1-$2-$3-$CLOUD-${EMPTY-unset}").replace(" ", ""), 'set -- "$1" "${2#$}" "$3"')}),
    Case(name="a variable twice", user=plugin(env=[{"name": "V", "value": "1"}, {"name": "V", "value": "2"}]), files={"plugin": script(answer(token="$V"))}),
    Case(name="a variable of the process", user=plugin(), environ={"FROM_OUTSIDE": "here"}, files={"plugin": script(answer(token="$FROM_OUTSIDE"))}),
    Case(name="a variable over one of the process", user=plugin(env=[{"name": "V", "value": "config"}]), environ={"V": "process"}, files={"plugin": script(answer(token="$V"))}),
    Case(name="KUBERNETES_EXEC_INFO cannot be set", user=plugin(env=[{"name": "KUBERNETES_EXEC_INFO", "value": "{}"}]), files=gives(token="t")),
    Case(name="env and args null", user=plugin(env=None, args=None), files=gives(token="t")),
    Case(name="a command below the kubeconfig", user=plugin(command="bin/helper"), files={"bin/helper": script(answer(token="t"))}),
    Case(name="a command with dots", user=plugin(command="bin/../plugin"), files={**gives(token="t"), "bin/x": ""}),
    Case(name="a command on PATH", user=plugin(command="kubemetrics-test-helper", args=["<dir>"]), files={"bin/kubemetrics-test-helper": script(answer(token="t"))}, environ={"PATH": f"<dir>/bin:{PATH}"}),
    Case(name="a bare command is not looked for beside the kubeconfig", user=plugin(command="plugin"), files=gives(token="t"), refused=True),
    Case(name="a command on the plugin's own PATH", user=plugin(command="kubemetrics-test-helper", env=[{"name": "PATH", "value": "<dir>/bin"}]), files={"bin/kubemetrics-test-helper": script(answer(token="t"))}, refused=True),
    Case(name="a variable with an equals sign in its name", user=plugin(env=[{"name": "A=B", "value": "c"}]), files={"plugin": script(answer(token="$A"))}),
    Case(name="an argument with a line break", user=plugin(args=["a\nb", ""]), files={"plugin": script(answer(token="$#"))}),
    Case(name="an argument with a null", user=plugin(args=["a\0b"]), files=gives(token="t"), refused=True),
    Case(name="a variable with a null", user=plugin(env=[{"name": "A", "value": "a\0b"}]), files=gives(token="t"), refused=True),
    Case(name="a command with a blank", user=plugin(command="./my plugin"), files={"my plugin": script(answer(token="t"))}),
    Case(name="a command with a tilde", user=plugin(command="~/plugin"), files=gives(token="t"), refused=True),
    Case(name="a child that goes on", user=plugin(), files={"plugin": script(answer(token="t"), "sleep 0.3 &")}),
    Case(name="killed", user=plugin(), files={"plugin": "#!/bin/sh\nkill -9 $$\n"}, refused=True),
    Case(name="text before it", user=plugin(), files={"plugin": script("warning: old\n" + answer(token="t"))}, refused=True),
    Case(name="text behind it", user=plugin(), files={"plugin": script(answer(token="t") + "\ngarbage")}, refused=True),
    Case(name="two answers", user=plugin(), files={"plugin": script(answer(token="t") + "\n" + answer(token="u"))}, refused=True),
    Case(name="a token twice", user=plugin(), files={"plugin": script(answer(token="t").replace('"token"', '"token": "x", "token"'))}),
    Case(name="unknown fields", user=plugin(), files=gives(token="t", other={"a": [1]})),
    Case(name="a null for an expiry", user=plugin(), files=gives(token="t", expirationTimestamp=None)),
    Case(name="an expiry that is empty", user=plugin(), files=gives(token="t", expirationTimestamp=""), refused=True),
    Case(name="an expiry with a blank", user=plugin(), files=gives(token="t", expirationTimestamp="2100-01-01 00:00:00Z"), refused=True),
    Case(name="an expiry in small letters", user=plugin(), files=gives(token="t", expirationTimestamp="2100-01-01t00:00:00z"), refused=True),
    Case(name="YAML on stdout", user=plugin(), files={"plugin": script(f"kind: ExecCredential\napiVersion: {V1}\nstatus: {{token: yaml}}")}),
    Case(name="nothing on stdout", user=plugin(), files={"plugin": script("")}, refused=True),
    Case(name="text on stdout", user=plugin(), files={"plugin": script("please log in")}, refused=True),
    Case(name="another kind", user=plugin(), files={"plugin": script(answer(token="t").replace("ExecCredential", "Other"))}, refused=True),
    Case(name="no status", user=plugin(), files={"plugin": script(f'{{"kind":"ExecCredential","apiVersion":"{V1}"}}')}, refused=True),
    Case(name="an empty status", user=plugin(), files=gives(), refused=True),
    Case(name="a number for a token", user=plugin(), files=gives(token=1), refused=True),
    Case(name="an exit code", user=plugin(), files={"plugin": "#!/bin/sh\nexit 3\n"}, refused=True),
    Case(name="not executable", user=plugin(command="config"), refused=True),
    Case(name="a token that the server refuses", user=plugin(), files=gives(token="refused"), refused=True),
    Case(name="beside a token", user={**plugin(), "token": "written-down"}, files=gives(token="plugged")),
    Case(name="beside a token file", user={**plugin(), "tokenFile": "token"}, files={**gives(token="plugged"), "token": "written-down"}),
    Case(name="beside a certificate", user={**plugin(), **CERT_DATA}, files=gives(token="plugged")),
    Case(name="beside a password", user={**plugin(), **BASIC}, files=gives(token="plugged")),
    Case(name="over http", user=plugin(), files=gives(token="plugged"), place="plain", cluster={"certificate-authority-data": None}),
]  # fmt: skip

IMPERSONATION = [
    Case(name="user", user={"token": "t", "as": "jane"}),
    Case(name="user, uid", user={"token": "t", "as": "jane", "as-uid": "1-2-3"}),
    Case(name="user, groups", user={"token": "t", "as": "jane", "as-groups": ["g", "system:masters"]}),
    Case(name="user, extra", user={"token": "t", "as": "jane", "as-user-extra": EXTRA}),
    Case(name="all four", user={"token": "t", "as": "jane", "as-uid": "1", "as-groups": ["g"], "as-user-extra": {"k": ["v"]}}),
    Case(name="blanks around", user={"token": "t", "as": " jane ", "as-groups": ["a,b", " ", "c "]}),
    Case(name="a line break", user={"token": "t", "as": "ja\nne"}, refused=True),
    Case(name="other letters", user={"token": "t", "as": "jörg", "as-groups": ["日本"]}),
    Case(name="odd keys", user={"token": "t", "as": "j", "as-user-extra": {"a/b": ["x"], "": ["e"], "none": [], "%41": ["y"]}}),
    Case(name="nobody", user={"token": "t", "as": ""}),
    Case(name="with a certificate", user={**CERT_DATA, "as": "jane"}),
    Case(name="with a plugin", user={**plugin(), "as": "jane"}, files=gives(token="t")),
    Case(name="over http", user={"token": "t", "as": "jane"}, place="plain", cluster={"certificate-authority-data": None}),
    Case(name="groups alone", user={"token": "t", "as-groups": ["g"]}, refused=True),
    Case(name="uid alone", user={"token": "t", "as-uid": "1"}, refused=True),
]  # fmt: skip


def pair(
    name: str,
    certificate: bytes,
    key: bytes,
    *,
    refused: bool = False,
    place: str = "demanding",
) -> Case:
    user = {"client-certificate-data": data(certificate), "client-key-data": data(key)}
    return Case(name=name, user=user, refused=refused, place=place)


def shown(name: str, private: Key, *, refused: bool = False) -> Case:
    client = leaf(ordinary(), name="jane", private=private)
    # Where none is demanded, a certificate that is not shown is no failure by itself.
    place = "ordinary" if refused else "demanding"
    return pair(name, client.pem, client.key, refused=refused, place=place)


def form(key: Key) -> bytes:
    """Write a key as OpenSSL did before PKCS #8."""
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )


OLD = leaf(ordinary(), name="jane", bits=1024)
BEGIN = b"CERTIFICATE-----\n"

CERTIFICATES = [
    shown("RSA 1024", OLD.private),
    shown("P-521", ec.generate_private_key(ec.SECP521R1())),
    shown("Ed25519", ed25519.Ed25519PrivateKey.generate()),
    shown("P-224", ec.generate_private_key(ec.SECP224R1()), refused=True),
    shown("brainpool", ec.generate_private_key(ec.BrainpoolP256R1()), refused=True),
    shown("secp256k1", ec.generate_private_key(ec.SECP256K1()), refused=True),
    shown("Ed448", ed448.Ed448PrivateKey.generate(), refused=True),
    pair("PKCS #1", OLD.pem, form(OLD.private)),
    pair("PKCS #1 called PKCS #8", OLD.pem, form(OLD.private).replace(b"RSA ", b"")),
    pair("SEC 1 called PKCS #8", JANE.pem, form(JANE.private).replace(b"EC ", b"")),
    pair("PKCS #8 called PKCS #1", OLD.pem, OLD.key.replace(b"PRIV", b"RSA PRIV")),
    pair(
        "a key with a name of its own", JANE.pem, JANE.key.replace(b"PRIV", b"MY PRIV")
    ),
    pair(
        "headers within", JANE.pem.replace(BEGIN, BEGIN + b"From: me\n\n", 1), JANE.key
    ),
    pair(
        "lines that end as on Windows",
        JANE.pem.replace(b"\n", b"\r\n"),
        JANE.key.replace(b"\n", b"\r\n"),
    ),
    pair(
        "blank lines within",
        JANE.pem.replace(b"\n", b"\n\n"),
        JANE.key.replace(b"\n", b"\n\n"),
    ),
    pair("a key in small letters", JANE.pem, JANE.key.replace(b"PRIV", b"my-x PRIV")),
    pair(
        "another's, trusted, first",
        OTHER.pem.replace(b"CERT", b"TRUSTED CERT") + JANE.pem,
        JANE.key,
    ),
    pair("a mark before", b"\xef\xbb\xbf" + JANE.pem, JANE.key, refused=True),
    pair("a mark before the key", JANE.pem, b"\xef\xbb\xbf" + JANE.key, refused=True),
    pair(
        "X509 certificate",
        JANE.pem.replace(b"CERT", b"X509 CERT"),
        JANE.key,
        refused=True,
    ),
    pair("more in its last line", JANE.pem.rstrip() + b"x", JANE.key, refused=True),
    pair("both in both", JANE.key + JANE.pem, JANE.pem + JANE.key),
    pair("another's first", OTHER.pem + JANE.pem, JANE.key, refused=True),
    pair("a key of another kind", JANE.pem, OLD.key, refused=True),
    pair("a certificate cut short", JANE.pem[:200], JANE.key, refused=True),
    pair(
        "a key that is no base64",
        JANE.pem,
        JANE.key.replace(b"\nM", b"\n=", 1),
        refused=True,
    ),
    pair("indented", JANE.pem.replace(b"\n", b"\n  "), JANE.key, refused=True),
]


@pytest.mark.parametrize("case", CERTIFICATES, ids=str)
def test_a_client_certificate_is_shown_as_by_kubectl(
    case: Case, benches: Benches
) -> None:
    same(benches(case.place), case)


@pytest.mark.parametrize("case", WRITTEN_DOWN, ids=str)
def test_what_is_written_down_arrives_as_from_kubectl(
    case: Case, benches: Benches
) -> None:
    """Item 7: kubernetes-client/python#2582, #2584, #2585, #2591, #2592, #2595."""
    same(benches(case.place), case)


@pytest.mark.parametrize("case", PLUGINS, ids=str)
def test_a_plugin_is_told_and_heard_as_by_kubectl(case: Case, benches: Benches) -> None:
    """Item 9: kubernetes-client/python#637, #1807, #2303; kr8s#206; kube-rs#1328."""
    same(benches(case.place), case)


@pytest.mark.parametrize("case", IMPERSONATION, ids=str)
def test_impersonation_arrives_as_from_kubectl(case: Case, benches: Benches) -> None:
    """Item 11: kubernetes-client/python#362; kubernetes/kubectl#935."""
    same(benches(case.place), case)
