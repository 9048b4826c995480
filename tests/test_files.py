"""Small files of others: bounded in size, and a pipe's in time."""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kubemetrics import Client, files
from kubemetrics.auth.sources import credential_source
from kubemetrics.cli import main
from kubemetrics.config.model import AuthInfo, Config, ExecConfig
from kubemetrics.errors import ConfigError, CredentialError, TransportError
from kubemetrics.files import BUNDLE, SMALL, native, read_file, real_path, utf8
from kubemetrics.transport.tls import read_authorities
from tests.config.kubeconfigs import kubeconfig


def read(auth: AuthInfo) -> object:
    return credential_source(Config(server="https://x", auth=auth)).fetch()


PEM = b"-----BEGIN CERTIFICATE-----"
EACH: dict[str, Callable[[str], object]] = {
    "tokenFile": lambda path: read(AuthInfo(token_file=path)),
    "client-certificate": lambda path: read(
        AuthInfo(client_certificate=path, client_key_data=b"k")
    ),
    "client-key": lambda path: read(
        AuthInfo(client_certificate_data=PEM, client_key=path)
    ),
    "certificate-authority": lambda path: read_authorities(
        Config(server="https://x", certificate_authority=path)
    ),
    "of a plugin": lambda path: credential_source(
        Config(
            server="https://x",
            certificate_authority=path,
            auth=AuthInfo(
                exec=ExecConfig(
                    command="x",
                    api_version="client.authentication.k8s.io/v1",
                    provide_cluster_info=True,
                )
            ),
        )
    ),
}


@pytest.mark.parametrize("each", EACH.values(), ids=EACH)
def test_a_file_without_end_is_an_error(each: Callable[[str], object]) -> None:
    with pytest.raises((CredentialError, ConfigError), match="it is larger than 1"):
        each("/dev/zero")


@pytest.mark.parametrize("each", EACH.values(), ids=EACH)
def test_a_pipe_that_nobody_writes_to_is_an_error(
    each: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    seconds = itertools.count(0, 31)
    monkeypatch.setattr(files, "monotonic", lambda: next(seconds))
    with pytest.raises((CredentialError, ConfigError), match="nothing came for 30 s"):
        each(str(tmp_path / "pipe"))


@pytest.mark.parametrize("most", [SMALL, BUNDLE])
def test_what_is_as_large_as_allowed_is_read(most: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * most)
    assert len(read_file(path, most)) == most
    path.write_bytes(b"x" * (most + 1))
    with pytest.raises(OSError, match=f"larger than {most >> 20} MiB"):
        read_file(path, most)


def test_a_process_substitution_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    first_read = threading.Event()

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            pipe.write(b"to")
            first_read.wait(0.05)
            pipe.write(b"ken")

    writer = threading.Thread(target=write)
    writer.start()
    assert read_file(f"/dev/fd/{reading}") == b"token"
    writer.join(30)
    os.close(reading)


def test_the_configuration_of_a_pipe_is_shown_and_leaves_it_to_the_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:

    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / "config"
    user = {"tokenFile": str(tmp_path / "pipe")}
    path.write_text(json.dumps(kubeconfig(user=user)))
    assert main(["config", "--kubeconfig", str(path)]) == 0
    assert str(tmp_path / "pipe") in capsys.readouterr().out


def test_a_name_with_a_null_character_is_an_error() -> None:
    with pytest.raises(
        CredentialError, match="no file has a null character in its name"
    ):
        read(AuthInfo(token_file="a\0b"))


def test_a_call_waits_for_a_pipe_no_longer_than_it_has(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    auth = AuthInfo(token_file=str(tmp_path / "pipe"))
    with (
        Client(Config(server="https://x", auth=auth)) as client,
        pytest.raises(TransportError, match=r"within 0\.3 s"),
    ):
        client.list_pods(timeout=0.3)
    with (tmp_path / "pipe").open("w"):  # the thread that still reads comes to its end
        pass


@pytest.mark.parametrize(
    ("given", "read"),
    [("caf\udcc3\udca9", "café"), ("ascii", "ascii"), ("\ud800", "\ud800")],
)
def test_what_the_system_gives_is_read_as_utf8_in_any_locale(
    given: str, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    assert utf8(given) == read


def test_a_path_whose_links_cannot_be_followed_stays() -> None:
    assert real_path("a\0b") == "a\0b"


@pytest.mark.parametrize(
    ("given", "handed"),
    [("café", "caf\udcc3\udca9"), ("ascii", "ascii"), ("\ud800", "\ud800")],
)
def test_a_command_is_handed_to_the_system_as_utf8_in_any_locale(
    given: str, handed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    monkeypatch.setattr(os, "fsdecode", lambda b: b.decode("ascii", "surrogateescape"))
    assert native(given) == handed
