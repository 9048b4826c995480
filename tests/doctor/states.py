"""Simulated clusters in the states that the doctor tells apart."""

from __future__ import annotations

from dataclasses import replace

from kubemetrics.api import Api
from kubemetrics.client.sync import Client
from kubemetrics.config.model import Config
from kubemetrics.config.resolve import load_config
from kubemetrics.doctor import Diagnosis, Setup, diagnose
from tests.cluster import Cluster

MISSING = {
    ("kube-system", "kube-proxy-d875m"),
    ("monitoring", "node-exporter-m6xsn"),
    ("team-b", "debug-tzpns"),
    ("team-d", "frontend-web-486wnf72mv-rkb7n"),
    ("team-c", "postgres-0"),
    ("team-e", "checkout-api-9lttqlsq28-8s8pd"),
    ("team-e", "kafka-3"),
    ("team-f", "debug-pn8hw"),
}
PARTIAL = ("monitoring", "debug-lhhjd")
SILENT = "ip-10-0-9-19.ec2.internal"


def heal(cluster: Cluster) -> Cluster:
    """Take away what is not measured, so that nothing is the matter."""
    for namespace, name in (*MISSING, PARTIAL):
        cluster.delete(namespace, name)
    cluster.pod_samples.remove(*PARTIAL)
    cluster.nodes.delete("", SILENT)
    return cluster


def config_of(cluster: Cluster, user: str) -> Config:
    """Return the configuration that kubectl would use for *user*."""
    return load_config(str(cluster.kubeconfig(user)))


def examine(
    cluster: Cluster,
    user: str = "viewer",
    *,
    config: Config | None = None,
    ahead: float = 0,
    credential: str = "token",
    expires_at: float | None = None,
) -> Diagnosis:
    """Let the doctor look at *cluster*; our clock is *ahead* of its."""
    config = config or config_of(cluster, user)

    def clock() -> float:
        return cluster.clock.now().timestamp() + ahead

    setup = Setup(
        config=config, clock=clock, credential=credential, expires_at=expires_at
    )
    with Client(config) as client:
        return client.run(diagnose(Api(), setup))


def shape(diagnosis: Diagnosis) -> list[str]:
    """Return the set of findings: each as ``check: severity``, in their order."""
    return [f"{f.check}: {f.severity}" for f in diagnosis.findings]


def trusting(config: Config, authority: bytes) -> Config:
    """Return *config* with another certificate authority."""
    return replace(config, certificate_authority_data=authority)


def with_certificate(config: Config, certificate: bytes, key: bytes) -> Config:
    """Return *config* with a client certificate in place of its token."""
    auth = replace(
        config.auth, token="", client_certificate_data=certificate, client_key_data=key
    )
    return replace(config, auth=auth)
