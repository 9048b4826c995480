"""No token, key, password or plugin output is ever seen.

Not in a repr, a log record, or an error's text, nor in a traceback that shows the local
variables of every frame.
"""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import httpcore
import pytest

from kubemetrics import Client
from kubemetrics.auth.sources import credential_source
from kubemetrics.config.model import AuthInfo, Config, ExecConfig, OidcConfig
from kubemetrics.errors import KubeMetricsError
from kubemetrics.transport.connections import exchange
from kubemetrics.transport.endpoint import choose
from kubemetrics.transport.failures import translate
from kubemetrics.transport.tls import build_context
from tests.transport.certs import leaf, ordinary

from .clock import START, Clock, jwt
from .plugins import V1, answer, says, script
from .provider import Provider

SECRET = "h1dden"  # everything that must not be seen holds it
CLIENT = leaf(ordinary())

Case: TypeAlias = Callable[[Path], None]


def fetch(auth: AuthInfo) -> None:
    config = Config(server="https://x", user="jane", auth=auth)
    assert SECRET not in repr(config)
    source = credential_source(config, clock=Clock(), exchange=exchange)
    found = source.fetch()
    assert SECRET not in repr(found)
    build_context(config, found.certificate)
    raise KubeMetricsError(repr(source) + repr(vars(source)))


def plugin(folder: Path, body: str) -> None:
    command = script(folder / "plugin", body)
    fetch(
        AuthInfo(
            exec=ExecConfig(
                api_version=V1,
                command=str(command),
                args=("--client-secret", SECRET, f"--password={SECRET}"),
                env=(("CLOUD_TOKEN", f"{SECRET}-env"),),
                interactive_mode="Never",
            )
        )
    )


def oidc(folder: Path, refresh_token: str) -> None:
    with Provider(secret=f"{SECRET}-client") as provider:
        config = OidcConfig(
            issuer_url=provider.url,
            client_id="client",
            client_secret=f"{SECRET}-client",
            id_token=jwt(exp=START - 1, name=SECRET),
            refresh_token=refresh_token,
            certificate_authority_data=ordinary().pem,
            file=str(folder / "config"),
            user="jane",
        )
        (folder / "config").write_text(
            "users: [{name: jane, user: {auth-provider: {name: oidc, config:"
            f" {{id-token: {config.id_token}, refresh-token: {refresh_token}}}}}}}]"
        )
        provider.refresh_token = f"{SECRET}-refresh"
        fetch(AuthInfo(oidc=config))


def token_file(folder: Path, content: str) -> None:
    (folder / "token").write_text(content)
    fetch(AuthInfo(token_file=str(folder / "token")))


def refused_header(_: Path) -> None:
    url = f"http://jane:{SECRET}@127.0.0.1:1/"
    headers = [("authorization", f"Bearer {SECRET}\n")]
    with pytest.raises(httpcore.ConnectError) as caught:
        httpcore.request("GET", url, headers=headers)
    raise translate(caught.value, url=url)


def failed_request(_: Path) -> None:
    config = Config(server="https://127.0.0.1:1", auth=AuthInfo(token=SECRET))
    with Client(config) as client:
        client.get_raw("/version")


PAIR = answer(
    token=SECRET,
    clientCertificateData=CLIENT.pem.decode(),
    clientKeyData=f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
)
KEY = b64encode(SECRET.encode() * 9)

CASES: dict[str, Case] = {
    "a token": lambda _: fetch(AuthInfo(token=SECRET)),
    "a token with a line break": lambda _: fetch(AuthInfo(token=f"{SECRET}\n{SECRET}")),
    "a password": lambda _: fetch(AuthInfo(username="u", password=SECRET)),
    "a token file": lambda folder: token_file(folder, SECRET),
    "a bad token file": lambda folder: token_file(folder, f"{SECRET}\n{SECRET}"),
    "a bad key": lambda _: fetch(
        AuthInfo(
            client_certificate_data=CLIENT.pem,
            client_key_data=b"-----BEGIN PRIVATE KEY-----\n" + KEY + SECRET.encode(),
        )
    ),
    "a plugin": lambda folder: plugin(folder, says(answer(token=SECRET))),
    "a plugin that fails": lambda folder: plugin(
        folder,
        f"echo {SECRET}; echo password: {SECRET} >&2; echo $CLOUD_TOKEN $2 >&2; exit 1",
    ),
    "a plugin that talks": lambda folder: plugin(folder, f"echo hello {SECRET}"),
    "a plugin with a bad token": lambda folder: plugin(
        folder, says(answer(token=f"{SECRET}\n{SECRET}"))
    ),
    "a plugin with a bad time": lambda folder: plugin(
        folder, says(answer(token=SECRET, expirationTimestamp="soon"))
    ),
    "a plugin with a bad key": lambda folder: plugin(folder, says(PAIR)),
    "a plugin without a kind": lambda folder: plugin(
        folder, f'echo \'{{"a":"{SECRET}"}}\''
    ),
    "a plugin that is missing": lambda _: fetch(
        AuthInfo(exec=ExecConfig(api_version=V1, command="none", args=(SECRET,)))
    ),
    "a refresh": lambda folder: oidc(folder, f"{SECRET}-refresh"),
    "a refused refresh": lambda folder: oidc(folder, f"{SECRET}-other"),
    "a proxy": lambda _: (
        choose(Config(server="https://x", proxy_url=f"ftp://u:{SECRET}@p"), {}),
        None,
    )[1],
    "a header": refused_header,
    "a request that fails": failed_request,
}


def locals_of(error: BaseException) -> Iterator[str]:
    """Show the variables of all frames outside the tests, as a crash reporter does."""
    seen: BaseException | None = error
    while seen is not None:
        yield repr(seen)
        yield from _frames(seen.__traceback__)
        hidden = seen.__suppress_context__
        seen = seen.__cause__ or (None if hidden else seen.__context__)


def _frames(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        frame = traceback.tb_frame
        if "/tests/" not in frame.f_code.co_filename:
            yield f"{frame.f_code.co_qualname}: {frame.f_locals!r}"
        traceback = traceback.tb_next


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_never_seen(
    case: Case, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Item 23: kubernetes-client/python#656, #2258; CVE-2019-11250 (k/k#81114)."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(KubeMetricsError) as caught:
        case(tmp_path)
    assert SECRET not in str(caught.value)
    for shown in locals_of(caught.value):
        assert SECRET not in shown
    for record in caplog.records:
        assert SECRET not in record.getMessage() + repr(record.__dict__)
