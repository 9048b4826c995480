"""A simulated cluster: kube-apiserver and metrics-server on a loopback port.

It stands in for a real cluster in tests, in the demo and in benchmarks, and is itself
checked against recordings of one. It is written on the standard library alone
(trustme and cryptography make its certificates): a server from the shelf could
neither reset a connection in the middle of a header nor say what the TLS handshake
saw, and would be one more thing between a test and the bytes it is about.

    with Cluster.recorded() as cluster:
        cluster.state = "down"
        ... cluster.url, cluster.ca_pem, cluster.token("viewer") ...
        assert [seen.path for seen in cluster.requests] == [...]
"""

from __future__ import annotations

from .certs import KeyPair, ServerCert, stranger_authority
from .clock import Clock
from .cluster import Cluster
from .exchange import Answer, Seen
from .generator import Generated
from .ledger import Amount, Ledger
from .options import Options

__all__ = [
    "Amount",
    "Answer",
    "Clock",
    "Cluster",
    "Generated",
    "KeyPair",
    "Ledger",
    "Options",
    "Seen",
    "ServerCert",
    "stranger_authority",
]
