"""A simulated cluster: kube-apiserver and metrics-server on a loopback port.

It stands in for a real cluster in tests, in the demo and in benchmarks, and is itself
checked against recordings of one. It is written on the standard library alone
(trustme and cryptography make its certificates): a server from the shelf could
neither reset a connection in the middle of a header nor say what the TLS handshake
saw, and would be one more thing between a test and the bytes it is about.

    with Cluster.recorded() as cluster:
        cluster.state = "down"
        ... cluster.url, cluster.ca_pem, cluster.token("viewer"), cluster.kubeconfig()
        assert [seen.path for seen in cluster.requests] == [...]

Clusters: `Cluster.recorded()` (its clock stands still at the recording's time),
`Cluster.generated(Generated(nodes=10, pods=200, seed=1))` and, with the makers in
`objects`, `Cluster.holding(pods=[...])`. `Options` says how it is served: host, TLS,
certificate, path prefix, versions of the metrics API, roles.

Users: admin, viewer, nometrics, nslimited (team-a only), noperm, bad (an unknown
token), anonymous; certificates for anybody by `client_certificate`.

What goes wrong: `state` (see `metrics.STATES`), `faults.add(fault, path=..., first=2)`
with the makers in `faults` and `stream_faults`, `refusing()`, `drop_connections()`,
`compact()`, `clock.shift(seconds)`.

What is true: `ledger`. What changes: `apply(pod)`, `delete(namespace, name)`,
`scrape()`, and the stores `pods`, `nodes`, `pod_samples`, `node_samples`.

What was: `past.Past` lets a cluster live by a script, and keeps the books of what was
used and served; scripts by name are in `pasts`.

How fast it is: `Options(pace=Pace())` delivers lists as slowly as a real server.

Around it: `proxy.HttpProxy`, `proxy.HttpsProxy`, `socks.SocksProxy`,
`distance.Distance`. As a process: `python -m tests.cluster --help`.
"""

from __future__ import annotations

from .certs import KeyPair, ServerCert, stranger_authority
from .clock import Clock
from .cluster import Cluster
from .exchange import Answer, Seen
from .generator import Generated
from .ledger import Amount, Ledger
from .options import Options
from .pace import Pace

__all__ = [
    "Amount",
    "Answer",
    "Clock",
    "Cluster",
    "Generated",
    "KeyPair",
    "Ledger",
    "Options",
    "Pace",
    "Seen",
    "ServerCert",
    "stranger_authority",
]
