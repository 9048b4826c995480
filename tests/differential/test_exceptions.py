# ruff: noqa: E501 - a case a line
"""Where we differ from kubectl on purpose: each case with its reason.

More of them, which are about flags and files alone: tests/config/test_against_kubectl.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, TypedDict

import pytest

from tests.auth.plugins import answer
from tests.transport.certs import leaf, ordinary, signed_with_sha1

from .bench import OURS, Case, Outcome, kubectl, needs_kubectl
from .conftest import Benches
from .plugins import gives, plugin, script
from .sites import old_authority

pytestmark = needs_kubectl


class Facts(TypedDict, total=False):
    """What counts of an outcome; what is not named does not."""

    accepted: bool
    hosts: list[str]
    sent: list[str | None]
    runs: int
    told: list[str]


@dataclass(frozen=True, kw_only=True)
class Difference(Case):
    """What kubectl does, what we do, and why."""

    theirs: Facts
    ours: Facts
    reason: str


SHA_1 = signed_with_sha1(leaf(old_authority(), name="jane"), old_authority())
TWO_TOKENS = script(
    answer(token="$TOKEN"),
    "[ $(grep -c . '<dir>/told') = 1 ] && TOKEN=refused || TOKEN=good",
)
NOT_HTTPS = {"certificate-authority-data": None}
REFUSED: Facts = {"accepted": False, "sent": []}

DIFFERENCES = [
    Difference(
        name="a server without a scheme",
        place="plain",
        cluster={"server": "127.0.0.1:<port>", **NOT_HTTPS},
        theirs={"accepted": True, "sent": [None]},
        ours=REFUSED,
        reason="the token is dropped in silence, and the request is anonymous",
    ),
    Difference(
        name="a password in the server's URL",
        cluster={"server": "https://me:pw@127.0.0.1:<port>"},
        theirs={"accepted": True, "sent": ["Basic bWU6cHc="]},
        ours=REFUSED,
        reason="it would go before the user's own token, and into every message",
    ),
    Difference(
        name="a password in the server's URL over http",
        place="plain",
        cluster={"server": "http://me:pw@127.0.0.1:<port>", **NOT_HTTPS},
        theirs={"accepted": True, "sent": ["Basic bWU6cHc="]},
        ours=REFUSED,
        reason="credentials are for https alone",
    ),
    Difference(
        name="a token that ends in a line break",
        user={"token": "a-token\n"},
        theirs=REFUSED,
        ours={"accepted": True, "sent": ["Bearer a-token"]},
        reason="kubernetes-client/python#656: white space around a token is never meant",
    ),
    Difference(
        name="a plugin's token that ends in a line break",
        user=plugin(),
        files=gives(token="a-token\n"),
        theirs=REFUSED,
        ours={"accepted": True, "sent": ["Bearer a-token"]},
        reason="the same",
    ),
    Difference(
        name="a plugin whose first token is refused",
        user=plugin(),
        files={"plugin": TWO_TOKENS},
        theirs={"accepted": False, "sent": ["Bearer refused"], "runs": 2},
        ours={"accepted": True, "sent": ["Bearer refused", "Bearer good"], "runs": 2},
        reason="kubernetes/kubernetes#87369: what a 401 renews is tried, once",
    ),
    Difference(
        name="a plugin's credential that has ended already",
        user=plugin(),
        files=gives(token="a-token", expirationTimestamp="2001-01-01T00:00:00Z"),
        theirs={"accepted": True, "runs": 2},
        ours={"accepted": True, "runs": 1},
        reason="one attempt is made with one credential, header and certificate alike",
    ),
    Difference(
        name="a token that is not ASCII",
        user={"tokenFile": "token"},
        files={"token": "\ufefftoken"},
        theirs={"accepted": True, "sent": ["Bearer ï»¿token"]},
        ours=REFUSED,
        reason="no token has such letters (RFC 6750); it is a wrong file, or a mark",
    ),
    Difference(
        name="a token with a tab in it",
        user={"token": "a\tb"},
        theirs={"accepted": True, "sent": ["Bearer a\tb"]},
        ours=REFUSED,
        reason="the same",
    ),
    Difference(
        name="a wildcard right below the top",
        place="wildcard",
        cluster={"tls-server-name": "a.example"},
        theirs={"accepted": True},
        ours=REFUSED,
        reason="OpenSSL lets no wildcard stand right below a top-level name",
    ),
    Difference(
        name="a wildcard for a name with an underscore",
        place="wildcard",
        cluster={"tls-server-name": "a_b.zone.example"},
        theirs={"accepted": True},
        ours=REFUSED,
        reason="OpenSSL lets a wildcard stand for letters, digits and hyphens alone",
    ),
    Difference(
        name="a plugin is told of a server with a slash too many",
        user=plugin(provideClusterInfo=True),
        files=gives(token="a-token"),
        cluster={"server": "<url>//k8s/"},
        theirs={"accepted": True, "told": ["https://127.0.0.1://k8s/"]},
        ours={"accepted": True, "told": ["https://127.0.0.1:/k8s"]},
        reason="one address for one server, whoever is told of it",
    ),
    *(
        Difference(
            name=f"a server's certificate for {place}",
            place=place,
            theirs={"accepted": True},
            ours=REFUSED,
            reason="OpenSSL looks at more of what a certificate says it is for",
        )
        for place in ("certificate signing", "data encipherment", "any purpose")
    ),
    *(
        Difference(
            name=f"a key exchange of {place}",
            place=place,
            theirs=REFUSED,
            ours={"accepted": True},
            reason="Python before 3.15 cannot forbid it, and it is not weaker",
        )
        for place in ("X448", "ffdhe2048")
    ),
    Difference(
        name="an address of IPv4 that is written as one of IPv6",
        place="IPv4 as IPv6",
        theirs={"accepted": True},
        ours=REFUSED,
        reason="OpenSSL compares bytes; --tls-server-name takes it as it is written",
    ),
    Difference(
        name="a system's bundle that begins with a mark",
        cluster=NOT_HTTPS,
        files={"ca.crt": b"\xef\xbb\xbf" + ordinary().pem},
        environ={"SSL_CERT_FILE": "<dir>/ca.crt", "SSL_CERT_DIR": "/nowhere"},
        theirs=REFUSED,
        ours={"accepted": True},
        reason="the system's bundle is OpenSSL's to read",
    ),
    Difference(
        name="a client certificate that is signed with SHA-1",
        user={
            "client-certificate-data": base64.b64encode(SHA_1.pem).decode(),
            "client-key-data": base64.b64encode(SHA_1.key).decode(),
        },
        theirs={"accepted": True},
        ours=REFUSED,
        reason="below OpenSSL's level 1 a server's chain of SHA-1 would count too",
    ),
    Difference(
        name="a file where SSL_CERT_DIR should name a directory",
        cluster=NOT_HTTPS,
        files={"ca.crt": ordinary().pem},
        environ={"SSL_CERT_FILE": "/dev/null", "SSL_CERT_DIR": "<dir>/ca.crt"},
        theirs=REFUSED,
        ours={"accepted": True},
        reason="OpenSSL 3 loads what the variable names, whatever it is",
    ),
    Difference(
        name="an IPv6 address with a zone, and no other name",
        place="IPv6",
        cluster={"server": "https://[::1%251]:<port>"},
        theirs=REFUSED,
        ours={"accepted": True, "hosts": ["[::1]:<port>"]},
        reason="a zone is of this machine: no certificate can name it (RFC 6874)",
    ),
    Difference(
        name="a host name in capitals",
        cluster={"server": "https://LOCALHOST:<port>"},
        theirs={"accepted": True, "hosts": ["LOCALHOST:<port>"]},
        ours={"accepted": True, "hosts": ["localhost:<port>"]},
        reason="the same name: RFC 3986, 6.2.2.1",
    ),
]  # fmt: skip


def facts(outcome: Outcome, port: int) -> dict[str, Any]:
    arrivals = outcome.arrivals
    return {
        "accepted": outcome.accepted,
        "hosts": [a.host.replace(str(port), "<port>") for a in arrivals],
        "sent": [a.authorization for a in arrivals],
        "runs": len(outcome.told),
        "told": [
            told["spec"].get("cluster", {}).get("server", "").replace(str(port), "")
            for told in outcome.told
        ],
    }


@pytest.mark.parametrize("case", DIFFERENCES, ids=str)
def test_exception_we_differ_and_say_why(case: Difference, benches: Benches) -> None:
    here = benches(case.place)
    port = here.place.server.port
    expected = {"kubectl": case.theirs, **dict.fromkeys(OURS, case.ours)}
    for name, driver in {"kubectl": kubectl, **OURS}.items():
        outcome = here.run(case, name, driver)
        found = facts(outcome, port)
        assert {key: found[key] for key in expected[name]} == expected[name], name
