"""How a client certificate gets into OpenSSL, where memory files are and are not."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from kubemetrics.auth import ClientCertificate
from kubemetrics.errors import CredentialError
from kubemetrics.transport.tls import load_certificate

from .certs import leaf, ordinary


def load(pair: ClientCertificate) -> None:
    load_certificate(
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), pair, "client certificate"
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_memory_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")


def test_no_descriptor_is_left() -> None:
    pair = leaf(ordinary()).pair()
    load(pair)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        load(pair)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.usefixtures("no_memory_files")
def test_elsewhere_a_short_lived_file_serves_and_is_removed(folder: Path) -> None:
    load(leaf(ordinary()).pair())
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("no_memory_files")
def test_the_short_lived_file_is_removed_after_a_failure(folder: Path) -> None:
    client = leaf(ordinary())
    with pytest.raises(CredentialError, match="encrypted"):
        load(ClientCertificate(client.pem, client.encrypted_key(b"hunter2")))
    assert list(folder.iterdir()) == []


def test_a_sandbox_without_memory_files_is_survived(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(name: str, flags: int) -> int:
        raise PermissionError(name, flags)

    monkeypatch.setattr(os, "memfd_create", forbidden)
    load(leaf(ordinary()).pair())
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("no_memory_files")
def test_a_file_system_nobody_may_write_to_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(folder / "none"))
    with pytest.raises(CredentialError, match="cannot hand it to OpenSSL"):
        load(leaf(ordinary()).pair())


def test_an_elliptic_key_behind_its_parameters_is_read() -> None:
    client = leaf(ordinary())
    name = b"EC PARAMETERS-----"
    block = b"-----BEGIN %b\nBggqhkjOPQMBBw==\n-----END %b\n" % (name, name)
    load(ClientCertificate(client.pem, block + client.key))


def test_one_file_may_hold_both() -> None:
    client = leaf(ordinary())
    both = client.key + client.pem
    load(ClientCertificate(both, both))
