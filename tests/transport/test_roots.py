"""A certificate authority file is read anew when it changes."""

from __future__ import annotations

import logging
import os
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kubemetrics.config.model import Config
from kubemetrics.errors import ConfigError, TransportError
from kubemetrics.transport.tls import Roots, build_proxy_context, trust

from .certs import authority, leaf, ordinary
from .sending import get, get_async
from .servers import TlsServer


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def roots(path: Path, clock: Clock) -> Roots:
    return Roots(
        Config(server="https://x", certificate_authority=str(path)), clock=clock
    )


def test_no_authority_means_the_systems_roots() -> None:
    assert Roots(Config(server="https://x")).current() is None


def test_data_never_changes() -> None:
    config = Config(
        server="https://x",
        certificate_authority="/none",
        certificate_authority_data=ordinary().pem,
    )
    assert Roots(config).current() == ordinary().pem


def test_a_changed_file_is_read_after_a_second(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(ordinary().pem)
    watched = roots(path, clock)
    assert watched.current() == ordinary().pem
    other = authority("another one").pem
    path.write_bytes(other)
    clock.now += 0.5
    assert watched.current() == ordinary().pem
    clock.now += 0.6
    assert watched.current() == other


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(ordinary().pem)
    watched = roots(path, clock)
    first = watched.current()
    clock.now += 2
    assert watched.current() is first


def test_the_same_size_and_time_in_another_inode_is_a_change(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(ordinary().pem)
    watched = roots(path, clock)
    watched.current()
    stat = path.stat()
    new = tmp_path / "new"
    new.write_bytes(ordinary().pem[:-1] + b" ")
    os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    new.replace(path)
    clock.now += 2
    assert watched.current() == path.read_bytes()


@pytest.mark.parametrize("content", [b"", b"garbage", None])
def test_the_old_authority_stays_when_the_new_one_is_bad(
    content: bytes | None,
    tmp_path: Path,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(ordinary().pem)
    watched = roots(path, clock)
    watched.current()
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    clock.now += 2
    with caplog.at_level(logging.WARNING, "kubemetrics"):
        assert watched.current() == ordinary().pem
        assert watched.current() == ordinary().pem
    assert len(caplog.records) == 1


@pytest.mark.parametrize("content", [b"garbage", None])
def test_a_file_that_never_was_good_is_an_error(
    content: bytes | None, tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ca\.crt"):
        roots(path, clock).current()


def test_the_systems_roots_are_found_where_go_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(ordinary().pem)
    nowhere = ssl.get_default_verify_paths()._replace(cafile=None, capath=None)  # type: ignore[arg-type]
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
    monkeypatch.setattr(
        "kubemetrics.transport.tls._USUAL_PLACES", ("/none", str(bundle))
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr(context, "load_default_certs", lambda: None, raising=False)
    trust(context, Config(server="https://x"), None)
    assert len(context.get_ca_certs()) == 1
    bundle.unlink()
    trust(context, Config(server="https://x"), None)
    assert len(context.get_ca_certs()) == 1


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory of the system's certificates, to put files of any name in."""
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    monkeypatch.setenv("SSL_CERT_DIR", f"/nowhere:{tmp_path}")
    return tmp_path


@pytest.mark.parametrize("ask", [get, get_async])
def test_an_authority_of_any_name_in_the_systems_directory_is_trusted(
    ask: Callable[[Config], bytes], mounted: Path
) -> None:
    """zitadel#12029, distroless#155: Go reads every file there."""
    (mounted / "corp.crt").write_bytes(b"# ours\n" + ordinary().pem)
    (mounted / "README").write_bytes(b"\xff\0nothing")
    with TlsServer(leaf(ordinary(), "127.0.0.1")) as server:
        assert ask(Config(server=f"https://127.0.0.1:{server.port}")) == b"ok"


@pytest.mark.parametrize("ask", [get, get_async])
def test_where_it_is_not_there_either_it_is_asked_for(
    ask: Callable[[Config], bytes], mounted: Path
) -> None:
    (mounted / "other.crt").write_bytes(authority("another one").pem)
    with TlsServer(leaf(ordinary(), "127.0.0.1")) as server:
        config = Config(server=f"https://127.0.0.1:{server.port}")
        with pytest.raises(TransportError, match="authority that is not trusted"):
            ask(config)
    assert len(server.names) == 2  # once with what there is, once with all


def test_a_configured_authority_stands_alone(mounted: Path) -> None:
    (mounted / "corp.crt").write_bytes(ordinary().pem)
    with TlsServer(leaf(ordinary(), "127.0.0.1")) as server:
        config = Config(
            server=f"https://127.0.0.1:{server.port}",
            certificate_authority_data=authority("another one").pem,
        )
        with pytest.raises(TransportError, match="authority that is not trusted"):
            get(config)


def test_authorities_from_a_pipe_are_read_once(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    config = Config(server="https://x", certificate_authority=str(path))
    found = Roots(config, clock=clock)
    writer = threading.Thread(target=path.write_bytes, args=(ordinary().pem,))
    writer.start()
    assert found.current() == ordinary().pem
    writer.join(30)
    os.utime(path, (1, 1))
    clock.now += 3600
    assert found.cached() == ordinary().pem
    assert found.current() == ordinary().pem
    assert build_proxy_context(config, found.current()).get_ca_certs()
