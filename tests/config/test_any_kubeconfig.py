"""Any kubeconfig is read, or is a ConfigError of one line that holds no secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kubemetrics.auth.sources import credential_source
from kubemetrics.cli.config_command import facts_of
from kubemetrics.config.kubeconfig import list_contexts
from kubemetrics.config.model import Config
from kubemetrics.config.resolve import load_config
from kubemetrics.config.write_back import write_auth_provider
from kubemetrics.errors import ConfigError, KubeMetricsError

pytestmark = pytest.mark.no_cover

SECRET: Final = "hunter2-hunter2"
_ODD_TEXTS: Final = (
    "", " ", "\0", "a\nb", "\x1b[31m", "\ud800", "\udcff", "größe", "🎉", "~", "null",
    "-", "..", "/", "a/b", "%", "%zz", "*", "c", "u", "https://h", "http://h/p",
    "HTTPS://H", "h:1", "h:99999", "https://h:port", "https://[", "https://[::1%25e]",
    "1e999", "x" * 70_000, "eA==", "!", "client.authentication.k8s.io/v1", "Never",
    "oidc", "gcp", "a\u2028b", "a\x85b", "-----BEGIN CERTIFICATE-----",
)  # fmt: skip
_TEXTS: Final = st.sampled_from(_ODD_TEXTS) | st.text(max_size=8)
_URLS: Final = _TEXTS | st.sampled_from(
    (
        f"https://me:{SECRET}@h",
        f"http://me:{SECRET}@p:1",
        f" http://me:{SECRET}@p",
        f"http://me:{SECRET}://@p",
        f"http://me%40{SECRET}:1",
        f"socks5://me:{SECRET}\ud800@p",
        f"ht\ttp://me:{SECRET}@p",
    )
)
_NUMBERS: Final = st.sampled_from((0, -1, 1e308, -0.0, 10**30, 10**400, 1.5))
_PLAIN: Final = st.none() | st.booleans() | _NUMBERS | _TEXTS
_ANY: Final = st.recursive(
    _PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)
_HIDDEN: Final = st.sampled_from((SECRET, f"{SECRET}\n", f"{SECRET}\0", f"{SECRET}é"))


def _stanza(keys: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {}, optional={key: usual | _ANY for key, usual in keys.items()}
    )


def _named(kind: str, name: str, stanza: st.SearchStrategy[Any]) -> Any:  # noqa: ANN401
    item = st.fixed_dictionaries(
        {"name": st.sampled_from((name, "")) | _ANY, kind: stanza | _ANY}
    )
    return st.lists(item | _ANY, max_size=3)


_EXEC: Final = _stanza(
    {
        "command": _TEXTS,
        "apiVersion": st.just("client.authentication.k8s.io/v1"),
        "interactiveMode": st.just("Never"),
        "args": st.lists(_HIDDEN, max_size=2),
        "env": st.lists(
            st.fixed_dictionaries({"name": _TEXTS, "value": _HIDDEN}), max_size=2
        ),
        "installHint": _TEXTS,
        "provideClusterInfo": st.booleans(),
    }
)
_OIDC: Final = st.fixed_dictionaries(
    {
        "name": st.just("oidc"),
        "config": _stanza(
            {
                "idp-issuer-url": st.just("https://issuer"),
                "client-id": st.just("c"),
                "client-secret": _HIDDEN,
                "id-token": _HIDDEN,
                "refresh-token": _HIDDEN,
                "idp-certificate-authority": _TEXTS,
                "idp-certificate-authority-data": _TEXTS,
            }
        ),
    }
)
_USER: Final = _stanza(
    {
        "token": _HIDDEN,
        "tokenFile": _TEXTS,
        "username": _TEXTS,
        "password": _HIDDEN,
        "client-certificate": _TEXTS,
        "client-certificate-data": _TEXTS,
        "client-key": _TEXTS,
        "client-key-data": _TEXTS | _HIDDEN,
        "exec": _EXEC,
        "auth-provider": _OIDC,
        "as": _TEXTS,
        "as-uid": _TEXTS,
        "as-groups": st.lists(_TEXTS, max_size=2),
        "as-user-extra": st.dictionaries(_TEXTS, st.lists(_TEXTS, max_size=2)),
    }
)
_CLUSTER: Final = _stanza(
    {
        "server": _URLS | st.just("https://h"),
        "tls-server-name": _TEXTS,
        "insecure-skip-tls-verify": st.booleans(),
        "certificate-authority": _TEXTS,
        "certificate-authority-data": _TEXTS,
        "proxy-url": _URLS,
        "disable-compression": st.booleans(),
        "extensions": st.lists(_ANY, max_size=2),
    }
)
_CONTEXT: Final = _stanza(
    {"cluster": st.just("c"), "user": st.just("u"), "namespace": _TEXTS}
)
KUBECONFIGS: Final = st.fixed_dictionaries(
    {
        "clusters": _named("cluster", "c", _CLUSTER) | _ANY,
        "users": _named("user", "u", _USER) | _ANY,
        "contexts": _named("context", "c", _CONTEXT) | _ANY,
        "current-context": st.just("c") | _ANY,
    },
    optional={"kind": _ANY, "apiVersion": _ANY, "preferences": _ANY},
)


def reads(path: Path) -> Config | None:
    """Read it every way there is; return what was resolved, if anything."""
    found = tried(path)
    for name in {entry.name for entry in contexts(path)}:
        tried(path, name)
    if found is not None:
        uses(found)
    return found


def tried(path: Path, context: str = "") -> Config | None:
    try:
        return load_config(str(path), environ={}, context=context)
    except ConfigError as error:
        is_one_plain_line(error)
        return None


def contexts(path: Path) -> Any:  # noqa: ANN401
    try:
        return list_contexts(str(path), environ={})
    except ConfigError as error:
        is_one_plain_line(error)
        return ()


def uses(config: Config) -> None:
    assert SECRET not in repr(config)
    try:
        facts = list(facts_of(config))
        credential_source(config, environ={})
    except KubeMetricsError as error:
        is_one_plain_line(error)
    else:
        assert SECRET not in repr(facts)


def is_one_plain_line(error: KubeMetricsError) -> None:
    text = str(error)
    assert len(text.splitlines()) == 1, text
    assert SECRET not in text + repr(vars(error)) + repr(error.args)
    assert error.__context__ is None or SECRET not in repr(error.__context__)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "config"


@given(KUBECONFIGS)
@settings(max_examples=300)
def test_any_values_under_the_known_keys(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document))
    reads(path)


@given(KUBECONFIGS)
@settings(max_examples=100)
def test_any_values_in_yaml(path: Path, document: dict[str, Any]) -> None:
    text = yaml.safe_dump(document, allow_unicode=True)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    reads(path)


@given(KUBECONFIGS)
@settings(max_examples=100)
def test_any_values_in_a_mapping(document: dict[str, Any]) -> None:
    try:
        uses(load_config(document, environ={}))
    except ConfigError as error:
        is_one_plain_line(error)


_VALID: Final = json.dumps(
    {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://h"}}],
        "users": [{"name": "u", "user": {"token": SECRET}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    },
    indent=1,
).encode()
_PIECES: Final = st.sampled_from(
    (b"\0", b"\xff", b"\xfe\xff", b"\xed\xa0\x80", b"\t", b"\n", b"- ", b"{", b"[",
     b": ", b"&a ", b"*a", b"<<: ", b"!!python/object:os.system ", b"!!binary ", b'"',
     b"'", b"|", b"#", b"---\n", b"...\n", b"%YAML 9.9\n", b"1e999", b"9" * 5000,
     b"0x" + b"f" * 5000, b"0o9", b"0b", b"_", b"1_", b".", b".inf", b"1:30",
     b'"\\ud800"', b'"\\x', b"? ", b"\xe2\x80\xa8", b"\x85", b"\xef\xbb\xbf")
)  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, len(_VALID)), _PIECES), max_size=4))
@settings(max_examples=400)
def test_any_bytes_anywhere(path: Path, pieces: list[tuple[int, bytes]]) -> None:
    data = _VALID
    for at, piece in pieces:
        data = data[:at] + piece + data[at:]
    path.write_bytes(data)
    reads(path)
    try:
        write_auth_provider(str(path), "u", {"id-token": SECRET})
    except ConfigError as error:
        is_one_plain_line(error)


@given(st.binary(max_size=60))
@example(b"")
@example(b"\xff\xfe")
@example(b"\xfe\xff\0")
@example(b"[" * 100_000)
@example(b"{" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"- " * 100_000)
@example(b"a: " * 1000)
@example(b'{"users": ' + b"9" * 100_000 + b"}")
@example(b"users: " + b"9" * 100_000)
@example(b"users: 0x" + b"9" * 100_000)
@example(b"users: 1e" + b"9" * 100_000)
@example(b'{"users": 1e' + b"9" * 100_000 + b"}")
@example(b'{"users": NaN, "current-context": -Infinity}')
@example(b"users: !!int '1:x'")
@example(b"users: !!timestamp 2001-99-99")
@example(b"a: &a [*a, *a]")
def test_any_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    reads(path)
