"""Samples: exact amounts, written in the formats that providers write."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from ..ledger import Amount
from ..quantities import binary_text
from ..samples import Usage

_MEBIBYTE = 1 << 20


def cpu_text(nanocores: int, rng: Random) -> str:
    """Write CPU: metrics-server's n mostly, now and then another exact form."""
    way = rng.random()
    if nanocores == 0:
        return "0"
    if way < 0.02 and nanocores % 1_000 == 0:
        return f"{nanocores // 1000}u"
    if way < 0.04 and nanocores % 1_000_000 == 0:
        return f"{nanocores // 1_000_000}m"
    return f"{nanocores}n"


def memory_text(size: int, rng: Random) -> str:
    """Write memory: Ki mostly, else plain bytes, the largest unit, or thousandths."""
    way = rng.random()
    if way < 0.02:
        return str(size)
    if way < 0.03:
        return binary_text(size)
    if way < 0.035:
        return f"{size}000m"
    return f"{size >> 10}Ki"


def container_amount(rng: Random) -> Amount:
    """Draw an amount: many idle containers, few busy ones, some exactly round."""
    cpu = int(rng.lognormvariate(16.5, 1.8))
    if rng.random() < 0.05:
        cpu = cpu // 1_000_000 * 1_000_000
    return Amount(cpu, rng.randint(1 << 12, 1 << 20) << 10)


def usage(name: str, amount: Amount, rng: Random) -> Usage:
    return Usage(name, cpu_text(amount.cpu, rng), memory_text(amount.memory, rng))


def node_amount(pods: Iterable[Amount], rng: Random) -> Amount:
    """Add a system share to what the pods of a node use."""
    system = Amount(
        rng.randint(20_000_000, 900_000_000), rng.randint(200, 1500) * _MEBIBYTE
    )
    return sum(pods, system)
