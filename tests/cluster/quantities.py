"""Just enough of Kubernetes quantities to keep a ledger: exact integers of nano."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

NANO = 10**9
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15}
_SHAPE = re.compile(r"([+-]?[0-9.]+)(?:([KMGTPE]i)|[eE]([+-]?[0-9]+)|([numkMGTPE]?))")


def nano(text: str) -> int:
    """Return *text* in billionths of its unit, exactly."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise ValueError(f"not a quantity: {text!r}")
    digits, binary, exponent, suffix = found.groups()
    if binary:
        scaled = Decimal(digits) * (1 << _BINARY[binary])
    elif exponent:
        scaled = Decimal(digits).scaleb(int(exponent))
    else:
        scaled = Decimal(digits).scaleb(18 if suffix == "E" else _DECIMAL[suffix])
    return int(scaled * NANO)


def nanocores(text: str) -> int:
    return nano(text)


def whole_bytes(text: str) -> int:
    """Return *text* in bytes, a fraction rounded up as the API does."""
    return -(-nano(text) // NANO)


def add_texts(texts: Iterable[str]) -> str:
    """Sum quantities into the shortest text of the first one's format."""
    listed = list(texts)
    total = sum(map(nano, listed))
    if listed and listed[0].endswith("i"):
        return binary_text(total // NANO)
    return decimal_text(total)


def decimal_text(value: int) -> str:
    """Write billionths with the largest of n, u, m and none that stays whole."""
    for suffix, scale in (("", NANO), ("m", 10**6), ("u", 10**3)):
        if value % scale == 0:
            return f"{value // scale}{suffix}"
    return f"{value}n"


def binary_text(value: int) -> str:
    """Write bytes with the largest binary suffix that stays whole."""
    if value == 0:
        return "0"
    for suffix, power in reversed(_BINARY.items()):
        if value % (1 << power) == 0:
            return f"{value >> power}{suffix}"
    return str(value)
