"""API servers that answer /version to anybody, each with TLS of another kind."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from tests.cluster.clock import Clock
from tests.cluster.exchange import Answer, Seen, text_answer
from tests.cluster.scripts import Faults
from tests.cluster.server import Server, Site
from tests.transport.certs import Issued, authority, leaf, ordinary
from tests.transport.servers import server_context

HOSTS = ("127.0.0.1", "0.0.0.0", "::1", "localhost", "api.example")  # noqa: S104
_VERSION = b'{"major":"1","minor":"37"}'
_DAY = timedelta(days=1)
REFUSED = "Bearer refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a server shows itself: its *context* and the *ca* that a client is given."""

    ca: Issued
    context: ssl.SSLContext | None
    host: str = "127.0.0.1"


@cache
def other_authority() -> Issued:
    """An authority that has issued nothing."""
    return authority("another authority")


def _ordinary() -> Kind:
    context = server_context(leaf(ordinary(), *HOSTS, name="api"))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=ordinary().pem.decode())
    return Kind(ca=ordinary(), context=context)


def _ipv6() -> Kind:
    return Kind(ca=ordinary(), context=_ordinary().context, host="::1")


def _plain() -> Kind:
    return Kind(ca=ordinary(), context=None)


def _of(certificate: Issued, ca: Issued | None = None, *chain: Issued) -> Kind:
    return Kind(ca=ca or ordinary(), context=server_context(certificate, *chain))


def _expired() -> Kind:
    now = datetime.now(UTC)
    past = leaf(ordinary(), *HOSTS, start=now - 2 * _DAY, end=now - _DAY)
    return _of(past)


def _future() -> Kind:
    return _of(leaf(ordinary(), *HOSTS, start=datetime.now(UTC) + _DAY))


def _wrong_host() -> Kind:
    return _of(leaf(ordinary(), "other.example", "192.0.2.1"))


def _common_name_only() -> Kind:
    return _of(leaf(ordinary(), name="localhost", server=True))


def _intermediate() -> Kind:
    """Show no chain; the client is given the intermediate alone."""
    child = authority("intermediate", parent=ordinary())
    return _of(leaf(child, *HOSTS), child)


def _wildcard() -> Kind:
    return _of(leaf(ordinary(), "*.example", "*.zone.example", "xn--bcher-kva.example"))


def _chain() -> Kind:
    child = authority("intermediate", parent=ordinary())
    return _of(leaf(child, *HOSTS), ordinary(), child)


def _broken_chain() -> Kind:
    """Keep back the intermediate that the client would need."""
    child = authority("intermediate", parent=ordinary())
    return _of(leaf(child, *HOSTS))


def _old_authority() -> Kind:
    """As kubeadm once made them: no key identifiers, constraints not critical."""
    ca = authority("old authority", identifiers=False, critical=False)
    return _of(leaf(ca, *HOSTS, identifiers=False), ca)


def _old_tls() -> Kind:
    kind = _of(leaf(ordinary(), *HOSTS))
    assert kind.context
    kind.context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        kind.context.minimum_version = ssl.TLSVersion.TLSv1
        kind.context.maximum_version = ssl.TLSVersion.TLSv1_1
    return kind


def _tls_1_2() -> Kind:
    kind = _of(leaf(ordinary(), *HOSTS))
    assert kind.context
    kind.context.maximum_version = ssl.TLSVersion.TLSv1_2
    return kind


def _demanding() -> Kind:
    """Insist on a client certificate."""
    kind = _ordinary()
    assert kind.context
    kind.context.verify_mode = ssl.CERT_REQUIRED
    return kind


KINDS: dict[str, Callable[[], Kind]] = {
    "ordinary": _ordinary,
    "IPv6": _ipv6,
    "plain": _plain,
    "expired": _expired,
    "future": _future,
    "wrong host": _wrong_host,
    "common name only": _common_name_only,
    "intermediate": _intermediate,
    "wildcard": _wildcard,
    "chain": _chain,
    "broken chain": _broken_chain,
    "old authority": _old_authority,
    "TLS 1.1": _old_tls,
    "TLS 1.2": _tls_1_2,
    "demanding": _demanding,
}


class Place:
    """A running server of one kind."""

    def __init__(self, kind: str) -> None:
        made = KINDS[kind]()
        self.ca = made.ca
        self._scheme = "https" if made.context else "http"
        self._host = f"[{made.host}]" if ":" in made.host else made.host
        self.server = Server(
            Site(
                host=made.host,
                port=0,
                context=made.context,
                answer=_answer,
                faults=Faults(),
                clock=Clock(),
            )
        )

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self._host}:{self.server.port}"


def _answer(seen: Seen) -> Answer:
    if seen.authorization == REFUSED:
        return text_answer(401, "Unauthorized")
    return Answer(body=_VERSION, content_type="application/json")
