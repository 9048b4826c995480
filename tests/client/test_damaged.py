"""Answers damaged at random: a result or one of our errors, whatever comes."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace

import anyio
import pytest

from kubemetrics import AsyncClient, Client, Config, KubeMetricsError
from kubemetrics.api import RetryPolicy
from tests.cluster import Cluster
from tests.cluster.exchange import framing_of, head_bytes
from tests.cluster.scripts import Attempt

ONCE = RetryPolicy(attempts=1)
SEEDS = range(40)
SPICE = (
    b"\x00", b"\xff", b"\r\n", b"\r\n\r\n", b":", b"chunked", b"gzip", b"-1", b"9" * 30,
    b"{", b'"', b"null", b"\xed\xa0\x80", b"HTTP/1.1 100 Continue\r\n\r\n", b"NaN",
)  # fmt: skip


class Damage:
    """Writes the usual answer with a few bytes dropped, doubled or replaced."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeatable

    def __call__(self, attempt: Attempt) -> None:
        answer = attempt.answer
        if self._random.random() < 0.5:
            answer = replace(answer, body=answer.body[:4000])
        length = ("Content-Length", str(len(answer.body)))
        framing = framing_of(answer) if answer.stream else length
        raw = bytearray(head_bytes(answer, framing, attempt.date) + answer.body[:4000])
        head = raw.find(b"\r\n\r\n")
        for _ in range(self._random.randint(1, 4)):
            at = self._random.randrange(
                head if self._random.random() < 0.7 else len(raw)
            )
            raw[at : at + self._random.randint(0, 3)] = self._random.choice(SPICE)
        attempt.wire.write(bytes(raw))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_blocking_client(cluster: Cluster, config: Config, seed: int) -> None:
    cluster.faults.add(Damage(seed), times=None)
    with Client(config, retry=ONCE) as client:
        for call in (
            client.list_pods,
            client.list_pod_metrics,
            client.list_nodes,
            client.snapshot,
        ):
            with contextlib.suppress(KubeMetricsError):
                call(timeout=1)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_awaiting_client(cluster: Cluster, config: Config, seed: int) -> None:
    cluster.faults.add(Damage(seed), times=None)

    async def main() -> None:
        async with AsyncClient(config, retry=ONCE) as client:
            for call in (
                client.list_pods,
                client.list_pod_metrics,
                client.list_nodes,
                client.snapshot,
            ):
                with contextlib.suppress(KubeMetricsError):
                    await call(timeout=1)

    anyio.run(main, backend="trio" if seed % 2 else "asyncio")
