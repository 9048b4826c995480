"""Whatever a secret is, wherever it stands and whoever repeats it: nobody reads it.

Not at ``-vv``, not in a message, a repr, a traceback or an attribute of an error.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kubemetrics import Client, load_config
from kubemetrics.auth.oidc import oidc_source
from kubemetrics.auth.redact import known_secrets, named_secrets, quote_stderr
from kubemetrics.cli import main
from kubemetrics.config.model import OidcConfig
from kubemetrics.errors import KubeMetricsError
from tests.transport.certs import leaf, ordinary
from tests.transport.servers import EchoServer, PlainServer

from .clock import Clock, jwt
from .plugins import V1, answer, says, script

CORE: Final = "h1ddEn"
"""In every secret, and in nothing that may be seen."""
_SIGNS: Final = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=6
)
SECRETS: Final = st.builds("x{}{}{}Y7".format, _SIGNS, st.just(CORE), _SIGNS)


def data(content: bytes) -> str:
    return base64.b64encode(content).decode()


def escaped(text: str) -> str:
    return json.dumps(text)[1:-1]


def in_numbers(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in text)


def as_go(text: str) -> str:
    signs = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
    return "".join(signs.get(c, c) for c in escaped(text))


FORMS: Final[dict[str, Callable[[str], str]]] = {
    "as it is": str,
    "as JSON": escaped,
    "as JSON of Go": as_go,
    "as JSON in numbers": in_numbers,
    "quoted": quote,
    "as HTML": html.escape,
}

JSON: Final = b"\r\ncontent-type: application/json\r\n\r\n"
TEXT: Final = b"\r\ncontent-type: text/plain\r\n\r\n"
STATUS: Final = (
    b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"@REASON",'
    b'"message":"@SENT is refused","code":@CODE,'
    b'"details":{"name":"@SECRET","causes":[{"reason":"@SECRET","message":"@SENT"}]}}'
)


def status(code: int, reason: str, http: int = 0) -> bytes:
    body = STATUS.replace(b"@CODE", b"%d" % code).replace(b"@REASON", reason.encode())
    return b"HTTP/1.1 %d x" % (http or code) + JSON + body


ANSWERS: Final[dict[str, dict[str, bytes]]] = {
    "401": {"/": status(401, "Unauthorized")},
    "401 and its realm": {
        "/": b'HTTP/1.1 401 x\r\nwww-authenticate: Bearer realm="@SENT"'
        + TEXT
        + b"@SENT"
    },
    "403": {"/": status(403, "Forbidden")},
    "404": {"/": status(404, "NotFound")},
    "500": {"/": status(500, "InternalError")},
    "in the place of an object": {"/": status(403, "Forbidden", 200)},
    "text": {"/": b"HTTP/1.1 400 Bad" + TEXT + b"Authorization: @SENT (@SECRET)"},
    "a web page": {
        "/": b"HTTP/1.1 500 x\r\ncontent-type: text/html\r\n\r\n<title>@SENT</title>"
    },
    "a phrase": {"/": b"HTTP/1.1 500 @SENT" + TEXT},
    "no status line": {"/": b"@SENT" + TEXT},
    "no header": {"/": b"HTTP/1.1 200 OK\r\n@SENT" + TEXT},
    "a header of that name": {"/": b"HTTP/1.1 200 OK\r\n@SENT: x" + TEXT},
    "a header with a null": {"/": b"HTTP/1.1 200 OK\r\nx: @SENT\0" + TEXT},
    "a type": {"/": b"HTTP/1.1 200 OK\r\ncontent-type: @SENT\r\n\r\n<>"},
    "an encoding": {"/": b"HTTP/1.1 200 OK\r\ncontent-encoding: @SECRET" + TEXT},
    "a warning": {"/": b'HTTP/1.1 200 OK\r\nwarning: 299 - "@SENT"' + JSON + b"{}"},
    "a time": {"/": b"HTTP/1.1 409 x\r\nretry-after: @SECRET" + TEXT + b"@SENT"},
    "a redirect away": {
        "/": b"HTTP/1.1 302 x\r\nlocation: https://@SECRET@else.invalid/@SECRET?code=@SECRET"
        + TEXT
    },
    "a redirect to here": {
        "/next": status(403, "Forbidden"),
        "/": b"HTTP/1.1 307 x\r\nlocation: @HERE/next?code=@SECRET&state=1" + TEXT,
    },
    "a redirect to what breaks": {
        "/next": b"HTTP/1.1 200 OK\r\n@SENT" + TEXT,
        "/": b"HTTP/1.1 307 x\r\nlocation: /next?access_token=@SECRET" + TEXT,
    },
    "no JSON": {"/": b"HTTP/1.1 200 OK" + JSON + b"@SENT"},
    "another kind": {
        "/": b"HTTP/1.1 200 OK" + JSON + b'{"kind":"@SECRET","apiVersion":"@SENT"}'
    },
    "another type": {
        "/": b"HTTP/1.1 200 OK" + JSON + b'{"kind":"PodMetricsList","items":"@SENT"}'
    },
}  # fmt: skip


def token(secret: str, _: Path) -> dict[str, Any]:
    return {"user": {"token": secret}}


def basic(secret: str, _: Path) -> dict[str, Any]:
    return {"user": {"username": "me", "password": secret}}


def token_file(secret: str, folder: Path) -> dict[str, Any]:
    (folder / "token").write_text(secret)
    return {"user": {"tokenFile": str(folder / "token")}}


def plugin(secret: str, folder: Path) -> dict[str, Any]:
    script(folder / "plugin", says(answer(token=secret)))
    stanza: dict[str, Any] = {
        "apiVersion": V1,
        "command": "./plugin",
        "interactiveMode": "Never",
    }
    stanza["args"] = [secret]  # what it gave with others is kept
    return {"user": {"exec": stanza}}


def query(secret: str, _: Path) -> dict[str, Any]:
    code = f"/?code={quote(secret, safe='')}"
    return {"user": {"token": secret}, "more": code}


USERS: Final = [token, basic, token_file, plugin, query]


def listing(path: str) -> str:
    """List, and show the error as everybody may who catches it."""
    try:
        with Client(load_config(path)) as client:
            client.list_pod_metrics()
            return ""
    except KubeMetricsError as error:
        return f"{shown(error)}{traceback_of(error)}"


def shown(error: BaseException) -> str:
    return f"{error} {error!r} {error.args!r} {vars(error)!r} {error.__reduce__()!r}"


def traceback_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def command(*words: str) -> Callable[[str], str]:
    def run(path: str) -> str:
        main([*words, "-vv", "--kubeconfig", path])
        return ""

    return run


WAYS: Final = {
    "Client": listing,
    "raw": command("raw", "/version"),
    "top": command("top", "pods", "-A"),
    "pods": command("pods", "-A"),
    "doctor": command("doctor"),
    "config": command("config"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[EchoServer]:
    with EchoServer(leaf(ordinary(), "127.0.0.1", "localhost")) as running:
        yield running


@pytest.fixture
def everything(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Callable[[bool], str]:
    """Return what was logged, at any level, or written since the last time.

    But for what was asked for, unless *data* says so: that is shown as it came.
    """
    # Not httpcore's log, which shows each answer: ``-vv`` does not have it.
    caplog.set_level(logging.DEBUG, logger="kubemetrics")

    def read(data: bool) -> str:  # noqa: FBT001
        records = [f"{r.getMessage()} {r.__dict__!r}" for r in caplog.records]
        caplog.clear()
        out, err = capfd.readouterr()
        return "\n".join([*records, err, out if data else ""])

    return read


def kubeconfig(folder: Path, server: str, stanza: Mapping[str, Any]) -> str:
    cluster = {
        "server": server + stanza.get("more", ""),
        "certificate-authority-data": data(ordinary().pem),
        **stanza.get("cluster", {}),
    }
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": stanza["user"]}],
    }
    path = folder / "config"
    path.write_text(json.dumps(document))
    return str(path)


@given(
    user=st.sampled_from(USERS),
    kind=st.sampled_from(sorted(ANSWERS)),
    form=st.sampled_from(sorted(FORMS)),
    way=st.sampled_from(sorted(WAYS)),
    secret=SECRETS,
)
@example(
    user=token,
    kind="a header of that name",
    form="as it is",
    way="Client",
    secret=f"x{CORE}:Y7",
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_answer_makes_a_secret_seen(
    user: Callable[[str, Path], dict[str, Any]],
    kind: str,
    form: str,
    way: str,
    secret: str,
    server: EchoServer,
    everything: Callable[[bool], str],
    tmp_path: Path,
) -> None:
    server.answers, server.form = ANSWERS[kind], FORMS[form]
    server.secret = secret
    path = kubeconfig(tmp_path, server.url, user(secret, tmp_path))
    error = WAYS[way](path)
    seen = error + everything(way != "raw")
    assert CORE not in seen, around(seen)


def around(text: str) -> str:
    at = text.find(CORE)
    return text[max(0, at - 300) : at + 100]


ERROR: Final = b'{"type":"ERROR","object":%b}\n' % STATUS.replace(
    b"@CODE", b"403"
).replace(b"@REASON", b"Forbidden")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_no_event_of_a_watch_makes_one_seen(
    form: Callable[[str], str], server: EchoServer, tmp_path: Path
) -> None:
    listed = b'{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[]}'
    server.form, server.secret = form, f"a/b{CORE}<c&"
    server.answers = {
        "/api/v1/pods?watch": b"HTTP/1.1 200 OK" + JSON + ERROR,
        "/api/v1/pods?allow": b"HTTP/1.1 200 OK" + JSON + ERROR,
        "/": b"HTTP/1.1 200 OK" + JSON + listed,
    }
    config = load_config(
        kubeconfig(tmp_path, server.url, token(server.secret, tmp_path))
    )
    with (
        Client(config) as client,
        pytest.raises(KubeMetricsError, match="is refused") as caught,
        client.watch_pods() as events,
    ):
        list(events)
    assert CORE not in shown(caught.value) + traceback_of(caught.value)


ECHOES: Final = (
    b"HTTP/1.1 407 @SENT\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n@SENT\r\n\r\n",
    b"@SENT\r\n\r\n",
)


@pytest.mark.parametrize("said", ECHOES)
def test_no_answer_of_a_proxy_makes_its_password_seen(
    said: bytes, tmp_path: Path
) -> None:
    sent = data(f"me:x{CORE}".encode())
    answer = said.replace(b"@SENT", f"Basic {sent} x{CORE}".encode())
    with PlainServer(answer) as proxy:
        url = f"http://me:x{CORE}@127.0.0.1:{proxy.port}"
        stanza = {"user": {"token": "a-token"}, "cluster": {"proxy-url": url}}
        error = listing(kubeconfig(tmp_path, "https://127.0.0.1:1", stanza))
    assert error
    assert CORE not in error, around(error)
    assert sent not in error


@given(secret=SECRETS, form=st.sampled_from(sorted(FORMS)), place=st.integers(0, 5))
def test_no_plugin_makes_one_seen(secret: str, form: str, place: int) -> None:
    places: tuple[tuple[dict[str, str], tuple[str, ...], tuple[Any, ...]], ...] = (
        ({"DB_PASSWORD": secret}, (), ()),
        ({}, (f"--password={secret}",), ()),
        ({}, ("--client-secret", secret), ()),
        ({}, (secret,), ()),
        ({}, (), (("ANY", secret),)),
        ({}, (), ()),
    )
    environ, args, given_ = places[place]
    known = known_secrets(environ, args, given_)
    told = named_secrets({"a": [{"apiKey": secret}, {"other": "x"}]})
    said = f"failed: {FORMS[form](secret)} is wrong; {secret!r}"
    assert CORE not in quote_stderr(said, known.union(told))


DOCUMENTS: Final = (
    {"token_endpoint": "http://@@SECRET@h/t?code=@SECRET"},
    {"token_endpoint": "https://me:@SECRET@h/t?a=1&client_secret=@SECRET"},
    {"token_endpoint": "@SECRET"},
    {"error": "@SECRET", "error_description": "@SECRET and @SECRET"},
    {"token_endpoint": "https://h/t", "id_token": "@SECRET\n@SECRET"},
    {"token_endpoint": "https://h/t", "id_token": ["@SECRET"]},
)


@given(
    secret=SECRETS,
    form=st.sampled_from(sorted(FORMS)),
    first=st.sampled_from(DOCUMENTS),
    then=st.sampled_from(DOCUMENTS),
    raised=st.booleans(),
    place=st.sampled_from(["client_secret", "id_token", "refresh_token"]),
)
def test_no_provider_makes_one_seen(
    secret: str,
    form: str,
    first: Mapping[str, Any],
    then: Mapping[str, Any],
    raised: bool,  # noqa: FBT001
    place: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    def exchange(method: str, *_: object) -> tuple[int, bytes]:
        text = json.dumps(first if method == "GET" else then)
        said = text.replace("@SECRET", escaped(FORMS[form](secret)))
        if raised and method == "POST":
            raise KubeMetricsError(said)
        return 200 if method == "GET" else 400, said.encode()

    found: dict[str, Any] = {
        "id_token": jwt(exp=1),
        "refresh_token": "other",
        place: secret,
    }
    file = tmp_path_factory.getbasetemp() / "of-a-provider"
    names = {f"{n.replace('_', '-')}": v for n, v in found.items()}
    user = {"name": "u", "user": {"auth-provider": {"name": "oidc", "config": names}}}
    file.write_text(json.dumps({"users": [user]}))
    oidc = OidcConfig(
        issuer_url=f"https://me:{CORE}@h?code={CORE}" if raised else "https://h",
        client_id="c", user="u", file=str(file), **found,
    )  # fmt: skip
    source = oidc_source(oidc, exchange, Clock(), persist=True)
    with pytest.raises(KubeMetricsError) as caught:
        source.fetch()
    assert CORE not in shown(caught.value) + traceback_of(caught.value)
