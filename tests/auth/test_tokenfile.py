"""A token file is read about every 50 seconds, and at once after a 401."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from kubemetrics.auth import CredentialSource
from kubemetrics.auth.sources import credential_source
from kubemetrics.config.model import AuthInfo, Config
from kubemetrics.errors import CredentialError

from .clock import START, Clock, jwt


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("one\n")
    return path


def source(path: Path, clock: Clock, token: str = "") -> CredentialSource:
    auth = AuthInfo(token_file=str(path), token=token)
    return credential_source(Config(server="https://x", auth=auth), clock=clock)


def test_a_rotated_token_is_read_within_a_minute(path: Path, clock: Clock) -> None:
    """Item 5: kubernetes-client/python#741, #1768; lightkube#141; airflow#17951."""
    tokens = source(path, clock)
    assert tokens.fetch().authorization == "Bearer one"
    path.write_text("two")
    clock.now = START + 49
    assert tokens.cached() is not None
    clock.now = START + 50
    assert tokens.cached() is None
    assert tokens.fetch().authorization == "Bearer two"


def test_a_401_reads_it_at_once(path: Path, clock: Clock) -> None:
    """Item 5: inspect_k8s_sandbox#179."""
    tokens = source(path, clock)
    old = tokens.fetch()
    path.write_text("two")
    assert tokens.rejected(old)
    assert tokens.fetch().authorization == "Bearer two"


def test_a_401_to_an_unchanged_file_gives_an_equal_credential(
    path: Path, clock: Clock
) -> None:
    tokens = source(path, clock)
    old = tokens.fetch()
    tokens.rejected(old)
    assert tokens.fetch() == old


@pytest.mark.parametrize("content", [None, "", " \n", "a\nb", "\xff"])
def test_the_last_good_token_is_kept_when_a_reading_fails(
    content: str | None, path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = source(path, clock)
    tokens.fetch()
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content.encode("latin-1"))
    clock.now += 60
    with caplog.at_level(logging.DEBUG, "kubemetrics"):
        assert tokens.fetch().authorization == "Bearer one"
    assert "using the last known token" in caplog.text
    path.write_text("two")
    clock.now += 60
    assert tokens.fetch().authorization == "Bearer two"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "failed to read token file .*: No such file"),
        (b" \n", "read empty token from file"),
        (b"SECRET\nSECRET", "the token in file .* holds a control character"),
        (b"\xff", "it is not UTF-8 text"),
    ],
)
def test_a_file_that_never_was_good_is_an_error(
    content: bytes | None, said: str, path: Path, clock: Clock
) -> None:
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CredentialError, match=said) as caught:
        source(path, clock).fetch()
    assert "SECRET" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_file_goes_before_the_token_once_it_can_be_read(
    path: Path, clock: Clock
) -> None:
    path.unlink()
    tokens = source(path, clock, token="static")
    assert tokens.fetch().authorization == "Bearer static"
    path.write_text("file")
    clock.now += 60
    assert tokens.fetch().authorization == "Bearer file"


def test_it_says_when_a_service_accounts_token_ends(path: Path, clock: Clock) -> None:
    path.write_text(jwt(exp=START + 3600))
    found = source(path, clock).fetch()
    assert (found.kind, found.expires_at) == ("token file", START + 3600)


def test_a_401_to_the_token_kept_names_the_file_and_what_is_wrong(
    path: Path, clock: Clock
) -> None:
    tokens = source(path, clock)
    old = tokens.fetch()
    path.unlink()
    clock.now += 60
    assert tokens.fetch() == old
    tokens.rejected(tokens.fetch())
    problem = (
        f'failed to read token file "{path}": No such file or directory; the token'
    )
    with pytest.raises(CredentialError, match=re.escape(problem)):
        tokens.fetch()
