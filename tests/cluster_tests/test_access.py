"""Who gets in, who may do what, and over which TLS."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubemetrics.history.rounds import Judge
from kubemetrics.models.metrics import NodeMetrics, PodMetrics
from tests.cluster import Cluster, KeyPair, Options, ServerCert, stranger_authority
from tests.cluster.rbac import VIEWERS

from .client import Got, client_context, connected, get, headers_of

PODS = "/api/v1/pods"
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster.recorded() as running:
        yield running


def post(
    cluster: Cluster, path: str, content: dict[str, Any], user: str | None = "viewer"
) -> Got:
    with connected(cluster) as connection:
        headers = headers_of(cluster, user)
        connection.request("POST", path, json.dumps(content), headers)
        response = connection.getresponse()
        return Got(response.status, response.headers, response.read())


def with_certificate(cluster: Cluster, pair: KeyPair, folder: Path) -> Got:
    file = folder / "client.pem"
    file.write_bytes(pair.cert_pem + pair.key_pem)
    context = client_context(cluster)
    context.load_cert_chain(file)
    with connected(cluster, context) as connection:
        connection.request("GET", PODS)
        response = connection.getresponse()
        return Got(response.status, response.headers, response.read())


def test_a_client_certificate_names_the_user_and_the_groups(
    cluster: Cluster, tmp_path: Path
) -> None:
    pair = cluster.client_certificate("carla", (VIEWERS, "others"))
    assert with_certificate(cluster, pair, tmp_path).status == 200
    (seen,) = cluster.requests
    assert (seen.user, seen.peer_common_name, seen.authorization) == (
        "carla",
        "carla",
        None,
    )
    pair = cluster.client_certificate("carla")
    refused = with_certificate(cluster, pair, tmp_path)
    assert refused.status == 403
    assert b'User \\"carla\\" cannot list' in refused.body


def test_an_expired_or_strange_client_certificate_is_unauthorized(
    cluster: Cluster, tmp_path: Path
) -> None:
    expired = cluster.client_certificate("carla", (VIEWERS,), expired=True)
    assert with_certificate(cluster, expired, tmp_path).status == 401
    strange = stranger_authority().client("carla", (VIEWERS,))
    assert with_certificate(cluster, strange, tmp_path).status == 401


def test_tokens_come_and_go(cluster: Cluster) -> None:
    old = cluster.token("viewer")
    cluster.users.revoke(old)
    cluster.users.add_token("fresh", "viewer")
    assert get(cluster, PODS, None, Authorization=f"Bearer {old}").status == 401
    assert get(cluster, PODS, None, Authorization="Bearer fresh").status == 200
    assert cluster.token("viewer") == "fresh"


def test_an_admin_may_act_as_another(cluster: Cluster) -> None:
    answer = get(cluster, PODS, "admin", Impersonate_User="viewer")
    assert answer.status == 403
    answer = get(
        cluster, PODS, "admin", Impersonate_User="x", Impersonate_Group=VIEWERS
    )
    assert answer.status == 200
    assert cluster.requests[-1].impersonation == {
        "impersonate-user": "x",
        "impersonate-group": VIEWERS,
    }


def test_a_viewer_may_not_act_as_another(cluster: Cluster) -> None:
    answer = get(cluster, PODS, "viewer", Impersonate_User="admin")
    assert (answer.status, answer.json()["message"]) == (
        403,
        (
            'users "admin" is forbidden: User "viewer" cannot impersonate resource '
            '"users" in API group "" at the cluster scope'
        ),
    )


def test_a_group_without_a_user_is_a_bad_request(cluster: Cluster) -> None:
    assert get(cluster, PODS, "admin", Impersonate_Group="x").status == 400


def test_who_am_i_says_who(cluster: Cluster) -> None:
    answer = post(cluster, SELF, {"kind": "SelfSubjectReview"})
    assert answer.status == 201
    info = answer.json()["status"]["userInfo"]
    assert info == {"username": "viewer", "groups": [VIEWERS, "system:authenticated"]}
    cluster.settings.self_reviews = False
    assert post(cluster, SELF, {}).status == 404
    assert post(cluster, SELF, {}, None).status == 403


@pytest.mark.parametrize(
    ("user", "attributes", "allowed"),
    [
        ("viewer", {"verb": "watch", "resource": "pods"}, True),
        ("viewer", {"verb": "get", "resource": "pods", "subresource": "log"}, False),
        ("viewer", {"verb": "list", "resource": "secrets"}, False),
        ("nslimited", {"verb": "list", "resource": "pods"}, False),
        (
            "nslimited",
            {"verb": "list", "resource": "pods", "namespace": "team-a"},
            True,
        ),
        (
            "nslimited",
            {"verb": "list", "resource": "pods", "namespace": "team-b"},
            False,
        ),
        ("admin", {"verb": "delete", "resource": "anything", "group": "x"}, True),
    ],
    ids=str,
)
def test_reviews_say_what_requests_would_meet(
    cluster: Cluster, user: str, attributes: dict[str, str], *, allowed: bool
) -> None:
    review = {"spec": {"resourceAttributes": attributes}}
    answer = post(cluster, ACCESS, review, user).json()
    assert answer["status"]["allowed"] is allowed


def test_anonymous_sees_only_what_is_public(cluster: Cluster) -> None:
    assert get(cluster, "/version", None).status == 200
    assert get(cluster, "/livez", None).body == b"ok"
    refused = get(cluster, "/apis", None)
    assert refused.json()["message"] == (
        'forbidden: User "system:anonymous" cannot get path "/apis"'
    )


def test_paths_nobody_serves_are_told_apart(cluster: Cluster) -> None:
    unknown = get(cluster, "/apis/nope.example/v1/things", "admin")
    assert (unknown.status, unknown.body) == (404, b"404 page not found\n")
    no_route = get(cluster, "/api/v1/pods/nope", "admin")
    assert no_route.status == 404
    assert no_route.json()["reason"] == "NotFound"
    assert get(cluster, "/api/v1/services", "admin").json()["items"] == []
    assert get(cluster, "/api/v1/namespaces/x/secrets/y", "admin").status == 404


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (ServerCert(expired=True), "certificate has expired"),
        (ServerCert(hosts=("elsewhere.example",)), "IP address mismatch"),
        (
            ServerCert(common_name_only=True, hosts=("127.0.0.1",)),
            "IP address mismatch",
        ),
    ],
    ids=["expired", "wrong host", "common name only"],
)
def test_a_bad_server_certificate_is_refused(wanted: ServerCert, reason: str) -> None:
    with (
        Cluster.recorded(Options(certificate=wanted)) as cluster,
        pytest.raises(ssl.SSLCertVerificationError, match=reason),
    ):
        get(cluster, "/version")


def test_a_certificate_without_key_identifier_fails_only_strict_clients() -> None:
    options = Options(certificate=ServerCert(key_identifier=False))
    with Cluster.recorded(options) as cluster:
        lenient = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        lenient.load_verify_locations(cadata=cluster.ca_pem.decode())
        with connected(cluster, lenient) as connection:
            connection.request("GET", "/version")
            assert connection.getresponse().status == 200
        lenient.verify_flags |= ssl.VERIFY_X509_STRICT
        with (
            connected(cluster, lenient) as connection,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            connection.request("GET", "/version")


def test_an_intermediate_is_sent_along() -> None:
    options = Options(certificate=ServerCert(intermediate=True))
    with Cluster.recorded(options) as cluster:
        assert get(cluster, "/version").status == 200


def test_an_intermediate_can_be_the_anchor() -> None:
    options = Options(certificate=ServerCert(intermediate=True))
    with Cluster.recorded(options) as cluster:
        anchored = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        chain = cluster.server_certificate.chain_pem
        anchored.load_verify_locations(cadata=chain.decode())
        anchored.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        with connected(cluster, anchored) as connection:
            connection.request("GET", "/version")
            assert connection.getresponse().status == 200


def test_the_certificate_can_change_while_serving(cluster: Cluster) -> None:
    assert get(cluster, "/version").status == 200
    cluster.replace_certificate(stranger_authority().server(ServerCert()))
    with pytest.raises(ssl.SSLCertVerificationError):
        get(cluster, "/version")


def test_a_key_can_be_encrypted(cluster: Cluster) -> None:
    pair = cluster.client_certificate("carla")
    assert pair.encrypted_key_pem(b"secret").startswith(b"-----BEGIN ENCRYPTED")


def test_the_name_asked_for_is_logged(cluster: Cluster) -> None:
    context = client_context(cluster)
    context.check_hostname = False
    with connected(cluster, context) as connection:
        connection.connect()
    with connected(cluster) as connection:
        connection.host = "localhost"
        connection.request("GET", "/version")
        connection.getresponse().read()
    assert [seen.sni for seen in cluster.requests] == ["localhost"]


def test_an_ipv6_cluster_answers() -> None:
    with Cluster.recorded(Options(host="::1")) as cluster:
        assert cluster.url == f"https://[::1]:{cluster.port}"
        assert get(cluster, "/version").status == 200


def test_a_prefix_stands_before_every_path() -> None:
    with Cluster.recorded(Options(prefix="/k8s/clusters/c-x")) as cluster:
        assert cluster.url.endswith("/k8s/clusters/c-x")
        assert get(cluster, PODS).status == 404
        assert get(cluster, f"/k8s/clusters/c-x{PODS}").status == 200


def test_the_metrics_server_may_distrust_the_aggregator(cluster: Cluster) -> None:
    cluster.state = "front-proxy-forbidden"
    refused = get(cluster, "/apis/metrics.k8s.io/v1beta1/pods")
    assert refused.status == 403
    assert b"system:anonymous" in refused.body
    cluster.state = "front-proxy-unauthorized"
    assert get(cluster, "/apis/metrics.k8s.io/v1beta1/pods").status == 401
    assert get(cluster, PODS).status == 200


def test_versions_of_the_metrics_api_are_listed_and_served() -> None:
    with Cluster.recorded(Options(metrics_versions=("v1", "v1beta1"))) as cluster:
        group = get(cluster, "/apis/metrics.k8s.io").json()
        assert group["preferredVersion"]["version"] == "v1"
        for version in ("v1", "v1beta1"):
            listed = get(cluster, f"/apis/metrics.k8s.io/{version}/pods").json()
            assert listed["apiVersion"] == f"metrics.k8s.io/{version}"
            assert len(listed["items"]) == 81
        cluster.settings.version_states["v1"] = "down"
        assert get(cluster, "/apis/metrics.k8s.io/v1/pods").status == 503
        assert get(cluster, "/apis/metrics.k8s.io/v1beta1/pods").status == 200


def test_the_clock_shows_in_the_date(cluster: Cluster) -> None:
    assert get(cluster, PODS).headers["Date"] == "Mon, 23 Nov 2026 02:59:48 GMT"
    cluster.clock.shift(-3600)
    assert get(cluster, PODS).headers["Date"] == "Mon, 23 Nov 2026 01:59:48 GMT"


def test_a_kubeconfig_has_every_user_and_the_wanted_context(cluster: Cluster) -> None:
    content = yaml.safe_load(cluster.kubeconfig("nslimited").read_text())
    assert content["current-context"] == "nslimited"
    contexts = {c["name"]: c["context"] for c in content["contexts"]}
    assert contexts["nslimited"]["namespace"] == "team-a"
    assert {"admin", "viewer", "bad", "anonymous", "cert-viewer"} <= contexts.keys()
    assert cluster.kubeconfig().stat().st_mode & 0o777 == 0o600


def test_requests_are_logged_with_what_was_seen_and_said(cluster: Cluster) -> None:
    with connected(cluster) as connection:
        for target in (f"{PODS}?limit=5", "/nope"):
            connection.request("GET", target, headers=headers_of(cluster, "viewer"))
            connection.getresponse().read()
    first, second = cluster.requests
    assert (first.method, first.path, first.query) == ("GET", PODS, {"limit": "5"})
    assert (first.user, first.status, second.status) == ("viewer", 200, 403)
    assert first.connection == second.connection
    assert cluster.accepted_connections == 1


def test_a_head_has_no_body(cluster: Cluster) -> None:
    with connected(cluster) as connection:
        connection.request("HEAD", PODS, headers=headers_of(cluster, "viewer"))
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"")


def test_scraping_gives_every_sample_the_time_of_now(cluster: Cluster) -> None:
    cluster.clock.shift(15)
    cluster.scrape()
    items = get(cluster, "/apis/metrics.k8s.io/v1beta1/pods").json()["items"]
    assert {item["timestamp"] for item in items} == {"2026-11-23T03:00:03Z"}


def test_scraped_in_real_time_windows_join_as_those_of_a_provider_do(
    cluster: Cluster,
) -> None:
    judge = Judge()
    found = [
        [(r.covered.kind, r.window) for r in judge.readings(None, None, *scraped)]
        for scraped in map(partial(scraped_after, cluster), (15, 15.75, 14.5, 15.0004))
    ]
    assert [{kind for kind, _ in each} for each in found] == [
        {"first"}, {"contiguous"}, {"contiguous"}, {"contiguous"},
    ]  # fmt: skip
    assert {window for _, window in found[1]} == {15_750}


def scraped_after(
    cluster: Cluster, seconds: float
) -> tuple[list[PodMetrics], list[NodeMetrics]]:
    cluster.clock.shift(seconds)
    cluster.scrape_on()
    pods: list[Any] = [entry.load() for entry in cluster.pod_samples.entries()]
    nodes: list[Any] = [entry.load() for entry in cluster.node_samples.entries()]
    return [*map(PodMetrics.from_json, pods)], [*map(NodeMetrics.from_json, nodes)]
