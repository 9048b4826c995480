"""``NO_PROXY`` as Go reads it: suffixes, addresses, CIDR blocks, ports.

Source: golang.org/x/net/http/httpproxy/proxy.go. httpx's own reading knows no CIDR.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias

_Address: TypeAlias = IPv4Address | IPv6Address


def bypasses(no_proxy: str, host: str, port: int) -> bool:
    """Say whether *host* is reached without a proxy; the local machine always is."""
    name = host.strip().lower()
    address = _address(name)
    if name == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = (entry.strip().lower() for entry in no_proxy.split(","))
    return any(_matches(entry, name, address, port) for entry in entries if entry)


def _matches(entry: str, name: str, address: _Address | None, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return address is not None and _in_block(entry, address)
    host, wanted = _split_port(entry)
    if wanted not in {"", str(port)}:
        return False
    literal = _address(host)
    if literal is not None:
        return literal == address
    return _is_below(name, host)


def _in_block(entry: str, address: _Address) -> bool:
    try:
        return address in ip_network(entry, strict=False)
    except ValueError:
        return False


def _is_below(name: str, domain: str) -> bool:
    """``.foo`` and ``*.foo`` are the names below foo; ``foo`` is foo itself as well."""
    suffix = domain.removeprefix("*")
    if suffix.startswith("."):
        return name.endswith(suffix)
    return bool(suffix) and (name == suffix or name.endswith(f".{suffix}"))


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, rest.removeprefix(":")
    host, colon, port = entry.rpartition(":")
    if not colon or ":" in host:  # no port, or a bare IPv6 address
        return entry, ""
    return host, port


def _address(text: str) -> _Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
