"""Each state of a cluster has its own set of findings, and no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kubemetrics.client.sync import Client
from kubemetrics.doctor import Diagnosis, Finding
from kubemetrics.views.findings import text_lines
from tests.cluster import Cluster, Generated, Options, ServerCert, stranger_authority
from tests.cluster.clock import rfc3339
from tests.cluster.rbac import DEFAULT_ROLES, Role, Rule

from .states import config_of, examine, heal, shape, trusting, with_certificate

START = [
    "configuration: ok",
    "server: ok",
    "server certificate: ok",
    "credential: ok",
    "clock: ok",
]
KNOWN = [*START, "identity: ok"]
SERVED = [*KNOWN, "permissions: ok", "metrics API: ok"]
HEALTHY = [*SERVED, "samples: ok", "pods: ok", "nodes: ok"]


def the(diagnosis: Diagnosis, check: str) -> Finding:
    (found,) = [f for f in diagnosis.findings if f.check == check]
    return found


def test_a_healthy_cluster_has_nothing_but_good_findings() -> None:
    with Cluster.recorded() as cluster:
        found = examine(heal(cluster))
    assert shape(found) == HEALTHY
    assert found.healthy
    assert found.manifest == ""
    assert not any(f.advice for f in found.findings)


def test_every_finding_that_is_not_good_says_what_to_do() -> None:
    with Cluster.recorded() as cluster:
        for user in ("viewer", "noperm", "nometrics", "bad"):
            for finding in examine(cluster, user).findings:
                assert finding.what.endswith(".")
                if finding.severity in {"warning", "problem"}:
                    assert finding.evidence
                    assert finding.advice or finding.commands


def test_a_silent_node_and_missing_pods_are_warnings_with_their_reasons() -> None:
    with Cluster.recorded() as cluster:
        found = examine(cluster)
    assert shape(found) == [*SERVED, "samples: ok", "pods: warning", "nodes: warning"]
    assert found.healthy
    pods = the(found, "pods").evidence
    assert "Unreported: team-c/postgres-0" in pods
    assert "in part: monitoring/debug-lhhjd (lacks envoy-proxy)" in pods
    assert the(found, "pods").what == (
        "8 of 89 running pods have no value: 2 NodeSilent, 2 ContainerNotRunning, "
        "4 Unreported; 1 is measured in part."
    )
    assert "ip-10-0-9-19.ec2.internal, whose Ready" in the(found, "nodes").evidence


def test_who_may_read_one_namespace_has_no_problem() -> None:
    with Cluster.recorded() as cluster:
        config = replace(config_of(cluster, "nslimited"), namespace="team-a")
        found = examine(cluster, config=config)
    assert shape(found) == [
        *KNOWN, "permissions: info", "metrics API: ok", "samples: ok", "pods: ok"
    ]  # fmt: skip
    assert found.healthy
    assert found.manifest == ""


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("down", "Available=False: FailedDiscoveryCheck: failing or missing response"),
        ("down-just-now", "dial tcp 127.0.0.1:4443: connect: connection refused"),
        ("warming-1", "service unavailable"),
    ],
)
def test_an_api_that_is_down_is_told_in_the_servers_words(
    state: str, said: str
) -> None:
    with Cluster.recorded(Options(state=state)) as cluster:
        found = examine(cluster, "admin")
        blind = examine(cluster, "viewer")
    expected = [*KNOWN, "permissions: ok", "metrics API: problem"]
    assert shape(found) == shape(blind) == expected
    assert said in the(found, "metrics API").evidence
    assert "is down" in the(blind, "metrics API").what
    assert not found.healthy


@pytest.mark.parametrize("user", ["viewer", "noperm"])
def test_an_absent_api_is_told_whatever_one_may(user: str) -> None:
    with Cluster.recorded(Options(state="absent")) as cluster:
        found = examine(cluster, user)
    assert "absent" in the(found, "metrics API").what
    assert the(found, "metrics API").severity == "problem"
    if user == "viewer":
        assert shape(found) == [*KNOWN, "permissions: ok", "metrics API: problem"]


def test_an_api_that_warms_up_is_not_called_down() -> None:
    with Cluster.recorded(Options(state="warming-2")) as cluster:
        found = examine(cluster)
    assert shape(found) == [*KNOWN, "permissions: ok", "metrics API: warning"]
    assert "0 of 10 nodes" in the(found, "metrics API").evidence


@pytest.mark.parametrize("state", ["front-proxy-forbidden", "front-proxy-unauthorized"])
def test_a_refusal_that_permissions_do_not_explain_is_a_problem(state: str) -> None:
    with Cluster.recorded(Options(state=state)) as cluster:
        found = examine(cluster)
    assert "metrics API: problem" in shape(found)
    assert "permissions: ok" in shape(found)
    assert "aggregation layer" in the(found, "metrics API").evidence


RULES = {
    "pods": Rule(resources=("pods",)),
    "pods.metrics.k8s.io": Rule(groups=("metrics.k8s.io",), resources=("pods",)),
    "nodes": Rule(resources=("nodes",)),
    "nodes.metrics.k8s.io": Rule(groups=("metrics.k8s.io",), resources=("nodes",)),
}


@pytest.mark.parametrize(
    ("forbidden", "severity", "after"),
    [
        ("pods", "warning", ["samples: ok", "nodes: ok"]),
        ("pods.metrics.k8s.io", "problem", ["samples: ok", "nodes: ok"]),
        ("nodes", "warning", ["samples: ok", "pods: ok"]),
        ("nodes.metrics.k8s.io", "warning", ["samples: ok", "pods: ok"]),
    ],
)
def test_each_missing_permission_is_told_with_the_role_that_grants_it(
    forbidden: str, severity: str, after: list[str]
) -> None:
    rules = tuple(rule for name, rule in RULES.items() if name != forbidden)
    roles = (Role(name="most", subject="most", rules=rules), *DEFAULT_ROLES)
    with Cluster.recorded(Options(roles=roles)) as cluster:
        heal(cluster)
        token = cluster.users.add("somebody", ("most",))
        config = config_of(cluster, "viewer")
        config = replace(config, auth=replace(config.auth, token=token))
        found = examine(cluster, config=config)
    assert shape(found) == [
        *KNOWN, f"permissions: {severity}", "metrics API: ok", *after
    ]  # fmt: skip
    assert the(found, "permissions").what.startswith(f"{forbidden} may not be listed")
    resource, _, group = forbidden.partition(".")
    assert f'apiGroups: ["{group}"]\n  resources: ["{resource}"]' in found.manifest
    assert "kind: ClusterRole\n" in found.manifest
    assert 'name: "somebody"' in found.manifest


def test_who_may_nothing_hears_all_that_is_missing() -> None:
    with Cluster.recorded() as cluster:
        found = examine(cluster, "noperm")
    assert shape(found) == [
        *KNOWN,
        "permissions: warning",
        "permissions: problem",
        "permissions: warning",
        "permissions: warning",
        "metrics API: ok",
    ]
    assert not found.healthy


def test_a_namespaced_reader_without_metrics_gets_a_role_of_the_namespace() -> None:
    rules = (Rule(resources=("pods",)),)
    role = Role(name="own", subject="own", rules=rules, namespace="team-a")
    with Cluster.recorded(Options(roles=(role, *DEFAULT_ROLES))) as cluster:
        token = cluster.users.add("somebody", ("own",))
        config = config_of(cluster, "viewer")
        config = replace(
            config, auth=replace(config.auth, token=token), namespace="team-a"
        )
        found = examine(cluster, config=config)
    assert shape(found) == [
        *KNOWN, "permissions: info", "permissions: problem", "metrics API: ok"
    ]  # fmt: skip
    assert "kind: Role\n" in found.manifest
    assert 'namespace: "team-a"' in found.manifest


def test_a_server_before_1_28_does_not_say_who_we_are() -> None:
    with Cluster.recorded(Options(self_reviews=False)) as cluster:
        found = examine(heal(cluster))
    assert shape(found) == [
        *START, "identity: info", "permissions: ok", "metrics API: ok",
        "samples: ok", "pods: ok", "nodes: ok",
    ]  # fmt: skip
    assert found.healthy


def test_a_token_that_is_unknown_ends_the_ladder() -> None:
    with Cluster.recorded() as cluster:
        found = examine(cluster, "bad")
    assert shape(found) == [
        "configuration: ok", "server: ok", "credential: ok", "identity: problem"
    ]  # fmt: skip
    assert not found.healthy


def test_an_expired_client_certificate_is_told_before_the_server_refuses_it() -> None:
    with Cluster.recorded() as cluster:
        pair = cluster.client_certificate("late", expired=True)
        config = with_certificate(
            config_of(cluster, "viewer"), pair.cert_pem, pair.key_pem
        )
        ended = cluster.clock.now().timestamp() - 3600
        found = examine(
            cluster, config=config, credential="client certificate", expires_at=ended
        )
    assert shape(found) == [
        "configuration: ok", "server: ok", "credential: problem", "identity: problem"
    ]  # fmt: skip
    assert "expired" in the(found, "credential").what


@pytest.mark.parametrize(
    ("credential", "left", "severity"),
    [
        ("client certificate", 86400, "warning"),
        ("client certificate", 30 * 86400, "ok"),
        ("exec", 600, "ok"),
        ("exec", -1, "problem"),
    ],
)
def test_the_end_of_a_credential_is_told_in_time(
    credential: str, left: int, severity: str
) -> None:
    with Cluster.recorded() as cluster:
        ends = cluster.clock.now().timestamp() + left
        found = examine(heal(cluster), credential=credential, expires_at=ends)
    assert the(found, "credential").severity == severity


def test_another_authority_is_a_problem_with_openssls_reason() -> None:
    with Cluster.recorded() as cluster:
        config = trusting(config_of(cluster, "viewer"), stranger_authority().pem)
        found = examine(cluster, config=config)
    assert shape(found) == [
        "configuration: ok", "server certificate: problem", "credential: ok"
    ]  # fmt: skip
    assert "certificate" in the(found, "server certificate").evidence
    assert not found.healthy


def test_an_expired_server_certificate_is_a_problem() -> None:
    options = Options(certificate=ServerCert(expired=True))
    with Cluster.recorded(options) as cluster:
        found = examine(cluster)
    assert shape(found) == [
        "configuration: ok", "server certificate: problem", "credential: ok"
    ]  # fmt: skip
    assert "expired" in the(found, "server certificate").evidence


def test_a_server_that_cannot_be_reached_is_a_problem() -> None:
    with Cluster.recorded() as cluster:
        config = config_of(cluster, "viewer")
        with cluster.refusing():
            found = examine(cluster, config=config)
    assert shape(found) == [
        "configuration: ok", "server: problem", "credential: ok"
    ]  # fmt: skip


def test_a_server_that_is_not_verified_is_a_warning() -> None:
    with Cluster.recorded() as cluster:
        config = replace(
            config_of(cluster, "viewer"),
            insecure_skip_tls_verify=True,
            certificate_authority_data=None,
        )
        found = examine(heal(cluster), config=config)
    assert the(found, "configuration").severity == "warning"
    assert found.healthy


@pytest.mark.parametrize(
    ("ahead", "said"), [(10, "9s ahead of"), (-10, "10s behind"), (1.5, "agrees")]
)
def test_our_clock_is_compared_with_the_servers(ahead: float, said: str) -> None:
    with Cluster.recorded() as cluster:
        found = examine(heal(cluster), ahead=ahead)
    wrong = abs(ahead) > 2
    assert the(found, "clock").severity == ("warning" if wrong else "ok")
    assert said in the(found, "clock").what
    assert [s for s in shape(found) if "clock" not in s] == [
        s for s in HEALTHY if "clock" not in s
    ]


def test_a_nodes_clock_is_told_from_ours() -> None:
    with Cluster.recorded() as cluster:
        heal(cluster)
        ahead = rfc3339(cluster.clock.now() + timedelta(seconds=40))
        sample = cluster.node_samples.get("", "worker-008")
        assert sample is not None
        cluster.node_samples.put(replace(sample, timestamp=ahead))
        found = examine(cluster)
    assert shape(found) == [*HEALTHY, "node clock: warning"]
    assert "Node worker-008's clock is 42s ahead of" in the(found, "node clock").what


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(300, "90 of 90 samples are old"), (-60, "dated in the future")],
)
def test_samples_that_are_all_old_or_of_the_future_are_told(
    seconds: int, said: str
) -> None:
    with Cluster.recorded() as cluster:
        cluster.clock.shift(seconds)
        found = examine(heal(cluster))
    assert "samples: warning" in shape(found)
    assert "node clock: warning" not in shape(found)
    what = the(found, "samples").what
    assert said.replace("90 of 90", "") in what


def test_the_window_of_samples_dated_now_is_no_pace_prometheus_adapter_555() -> None:
    with Cluster.recorded() as cluster:
        heal(cluster)
        now = rfc3339(cluster.clock.now())
        for store in (cluster.pod_samples, cluster.node_samples):
            for sample in store.samples():
                store.put(replace(sample, timestamp=now, window="5m0s"))
        finding = the(examine(cluster), "samples")
    assert (finding.severity, "every" in finding.what) == ("ok", False)
    assert finding.what.startswith("Samples are stamped when asked, each over 5m:")


def test_one_sample_is_not_counted_as_several() -> None:
    with Cluster.recorded() as cluster:
        heal(cluster)
        kept = cluster.node_samples.samples()[0].name
        for store in (cluster.pod_samples, cluster.node_samples):
            for sample in store.samples():
                if sample.name != kept:
                    store.remove(*sample.key)
        finding = the(examine(cluster), "samples")
    assert finding.evidence.startswith("1 sample, each over")


def test_an_anonymous_user_is_told_that_no_credential_arrived() -> None:
    with Cluster.recorded() as cluster:
        config = config_of(cluster, "viewer")
        config = replace(config, auth=replace(config.auth, token=""))
        found = examine(cluster, config=config, credential="none")
    assert "credential: info" in shape(found)
    assert not found.healthy


def test_a_node_above_100_percent_is_explained() -> None:
    with Cluster.recorded() as cluster:
        heal(cluster)
        sample = cluster.node_samples.get("", "worker-008")
        assert sample is not None
        usage = replace(sample.usages[0], cpu="7950m")
        cluster.node_samples.put(replace(sample, usages=(usage,)))
        found = examine(cluster)
    assert shape(found) == [*HEALTHY[:-1], "nodes: info"]
    evidence = the(found, "nodes").evidence
    assert the(found, "nodes").commands == (
        "kubemetrics nodes --where 'cpu.pct_node > 100'",
    )
    assert evidence.startswith("1 node uses more than is allocatable: worker-008: ")
    assert "cpu is at 100% of allocatable and 99% of capacity" in evidence


def test_pods_that_are_all_on_one_node_are_told_so_first_kubeedge_2834() -> None:
    with Cluster.recorded() as cluster:
        heal(cluster)
        lost = "worker-008"
        with Client(config_of(cluster, "viewer")) as client:
            pods = client.list_pods()
        for pod in pods:
            if pod.node_name == lost:
                cluster.pod_samples.remove(*pod.key)
        finding = the(examine(cluster), "pods")
    first, *_ = finding.evidence.splitlines()
    assert first.endswith(f"are on node {lost}, and no pod of it is measured")


def test_a_provider_without_nodes_is_named_as_such_prometheus_adapter_549() -> None:
    with Cluster.recorded() as cluster:
        heal(cluster)
        for sample in cluster.node_samples.samples():
            cluster.node_samples.remove(*sample.key)
        found = examine(cluster)
    finding = the(found, "metrics API")
    assert finding.what == "The provider measures pods and no node."
    assert "node query" in finding.advice
    assert "samples: ok" in shape(found)


def test_a_provider_without_pods_is_named_as_such_metrics_server_1558() -> None:
    with Cluster.recorded() as cluster:
        heal(cluster)
        for sample in cluster.pod_samples.samples():
            cluster.pod_samples.remove(*sample.key)
        finding = the(examine(cluster), "metrics API")
    assert finding.what == "The provider measures nodes and no pod."


def test_long_lists_are_summed_and_what_is_wrong_comes_first() -> None:
    with Cluster.recorded() as cluster:
        heal(cluster)
        for sample in cluster.pod_samples.samples():
            odd = replace(sample, usages=(replace(sample.usages[0], cpu="-1"),))
            cluster.pod_samples.put(odd)
        for sample in cluster.node_samples.samples():
            usage = replace(sample.usages[0], cpu="7950m")
            cluster.node_samples.put(replace(sample, usages=(usage,)))
        lines = list(text_lines(examine(cluster), width=160))
    assert lines[0].startswith("1 warning; ")
    assert lines[1].startswith("WARNING")
    assert "… and " in "\n".join(lines)
    assert len(lines) < 25


@pytest.mark.parametrize("seed", [1, 2])
def test_a_hundred_nodes_take_no_more_than_a_screen(seed: int) -> None:
    with Cluster.generated(Generated(nodes=100, pods=1500, seed=seed)) as cluster:
        found = examine(cluster)
    assert found.count("warning") >= 2
    assert len(list(text_lines(found, width=80))) <= 40


def test_problems_come_before_warnings_and_these_before_the_rest() -> None:
    with Cluster.recorded() as cluster:
        lines = list(text_lines(examine(cluster, "noperm"), verbose=True))
    said = [line.split()[0] for line in lines if line[:1].isalpha()]
    marks = [word for word in said if word in {"PROBLEM", "WARNING", "info", "ok"}]
    assert marks[:4] == ["PROBLEM", "WARNING", "WARNING", "WARNING"]
    assert {*marks[4:]} == {"ok"}


def test_what_is_right_is_one_line_unless_it_is_asked_for() -> None:
    with Cluster.recorded() as cluster:
        found = examine(heal(cluster))
    (line,) = text_lines(found, width=200)
    assert line == (
        "No problem; the connection, credentials, clocks, rights, the metrics API, "
        "pods and nodes are all right (-v shows the checks)."
    )
    every = list(text_lines(found, width=200, verbose=True))
    assert every[0].endswith("pods and nodes are all right.")
    assert sum(line.startswith("ok ") for line in every) == len(HEALTHY)


def test_checks_that_were_not_made_are_named() -> None:
    with Cluster.recorded() as cluster:
        cluster.state = "down"
        lines = list(text_lines(examine(cluster), width=200))
        cluster.state = "ok"
        healthy = list(text_lines(examine(heal(cluster))))
    assert lines[0].endswith("; not checked: samples, pods, nodes.")
    assert not [line for line in healthy if "not checked" in line]


def test_one_or_two_that_are_right_are_said_as_such() -> None:
    good = [
        Finding(check="server", severity="ok", what="x"),
        Finding(check="identity", severity="ok", what="x"),
    ]
    one, two = (
        next(text_lines(Diagnosis(tuple(good[:count])), width=200)) for count in (1, 2)
    )
    assert one.startswith("No problem; the connection is right (")
    assert two.startswith("No problem; the connection and credentials are both right (")
