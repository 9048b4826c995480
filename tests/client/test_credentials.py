"""One client, credentials that change: a replay after a 401, pools by identity."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from kubemetrics import AsyncClient, Client, Config, load_config
from kubemetrics.config.model import AuthInfo
from kubemetrics.errors import Unauthorized
from tests.cluster import Cluster, stream_faults
from tests.cluster.rbac import VIEWERS

from .waiting import WATCHDOG, settled

PODS = "/api/v1/pods"


@pytest.fixture
def token_file(cluster: Cluster, tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(cluster.token("viewer"))
    return path


@pytest.fixture
def filed(config: Config, token_file: Path) -> Config:
    return replace(config, auth=AuthInfo(token_file=str(token_file)))


def latest(cluster: Cluster) -> str | None:
    """Return who sent the latest request, by its certificate."""
    requests = cluster.requests
    return requests[-1].peer_common_name if requests else None


def statuses(cluster: Cluster) -> list[int | None]:
    return [seen.status for seen in cluster.requests]


def test_a_401_is_replayed_once_with_what_the_file_holds_now(
    cluster: Cluster, filed: Config, token_file: Path
) -> None:
    token_file.write_text("out of date")
    with Client(filed) as client:
        with pytest.raises(Unauthorized):
            client.list_pods()
        assert statuses(cluster) == [401]
        token_file.write_text(cluster.token("viewer"))
        assert len(client.list_pods()) == 100
    assert statuses(cluster) == [401, 401, 200]


def test_so_it_is_by_the_asynchronous_client(
    cluster: Cluster, filed: Config, token_file: Path
) -> None:
    token_file.write_text("out of date")

    async def main() -> None:
        async with AsyncClient(filed) as client:
            with pytest.raises(Unauthorized):
                await client.list_pods()
            token_file.write_text(cluster.token("viewer"))  # noqa: ASYNC240
            assert len(await client.list_pods()) == 100

    anyio.run(main)
    assert statuses(cluster) == [401, 401, 200]


def test_a_watch_asks_for_credentials_each_time(
    cluster: Cluster, filed: Config, token_file: Path
) -> None:
    cluster.faults.add(
        stream_faults.end_stream(1), when=lambda seen: "watch" in seen.query
    )
    with Client(filed) as client, client.watch_pods(timeout=WATCHDOG) as events:
        for _ in range(len(cluster.pods)):
            next(events)
        token_file.write_text(cluster.token("admin"))
        client._session.source.rejected(client._session.source.fetch())
        name = cluster.pods.current()[0]
        cluster.delete(name.namespace, name.name)
        assert next(events).type == "DELETED"
        name = cluster.pods.current()[0]
        cluster.delete(name.namespace, name.name)
        assert next(events).type == "DELETED"
    assert cluster.requests[-1].user == "admin"


def test_three_identities_by_turns_and_many_threads(cluster: Cluster) -> None:
    """A new certificate means new connections; those in use end in their own time."""
    pairs = [cluster.client_certificate(f"user-{n}", (VIEWERS,)) for n in range(3)]
    folder = cluster.folder
    certificate, key = folder / "client.pem", folder / "client.key"

    def write(number: int) -> None:
        certificate.write_bytes(pairs[number].cert_pem)
        key.write_bytes(pairs[number].key_pem)

    write(0)
    config = load_config(str(cluster.kubeconfig()))
    auth = AuthInfo(client_certificate=str(certificate), client_key=str(key))
    failures: list[Exception] = []
    done = threading.Event()

    def work(client: Client) -> None:
        try:
            while not done.wait(0.05):
                assert len(client.list_pods(chunk_size=50)) == 100
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    with Client(replace(config, auth=auth)) as client:
        threads = [threading.Thread(target=work, args=(client,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        seen = [settled(lambda: latest(cluster) == "user-0")]
        for number in (1, 2, 0):  # files are looked at once a second
            write(number)
            seen.append(settled(lambda n=number: latest(cluster) == f"user-{n}"))  # type: ignore[misc]
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert all(seen)
