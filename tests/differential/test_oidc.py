"""An id-token that has ended: renewed, sent and written back as kubectl does."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.auth.clock import jwt
from tests.auth.provider import Provider
from tests.transport.certs import ordinary

from .bench import OURS, Bench, Case, kubectl, needs_kubectl
from .conftest import Benches
from .sites import other_authority

pytestmark = needs_kubectl

ENDED = jwt(exp=1)


class Complete(Provider):
    """Gives an access token as well, without which kubectl refuses the answer."""

    def _give(self) -> dict[str, object]:
        return {**super()._give(), "access_token": "unused", "token_type": "Bearer"}


def case(provider: Provider, **changes: str) -> Case:
    usual = {
        "client-id": "client",
        "client-secret": "secret",
        "id-token": ENDED,
        "refresh-token": "refresh-0",
        "idp-issuer-url": provider.url,
        "idp-certificate-authority-data": base64.b64encode(ordinary().pem).decode(),
    }
    user = {"auth-provider": {"name": "oidc", "config": {**usual, **changes}}}
    return Case(name="oidc", user=user)


def renewed(bench: Bench, name: str, **changes: str) -> dict[str, Any]:
    """Run one of them against a provider of its own; tell what came of it."""
    driver = {"kubectl": kubectl, **OURS}[name]
    with Complete(secret="secret") as provider:
        asked = case(provider, **changes)
        outcome = bench.run(asked, name, driver)
    written = yaml.safe_load(Path(bench.root, name, "config").read_text())
    config = written["users"][0]["user"]["auth-provider"]["config"]
    return {
        "accepted": outcome.accepted,
        "sent": [arrival.authorization for arrival in outcome.arrivals],
        "id-token": config["id-token"],
        "refresh-token": config["refresh-token"],
        "grants": provider.grants,
        "asked with": {form["refresh_token"] for form in provider.forms},
    }


@pytest.mark.parametrize("name", OURS)
def test_rotated_tokens_are_sent_and_written_back(name: str, benches: Benches) -> None:
    """Item 22: kubernetes-client/python#2341, #1900; python-base#142."""
    bench = benches("ordinary")
    theirs = renewed(bench, "kubectl")
    assert theirs["accepted"]
    assert theirs["refresh-token"] == "refresh-1"
    assert theirs["sent"] == [f"Bearer {theirs['id-token']}"]
    assert renewed(bench, name) == theirs


OTHER = base64.b64encode(other_authority().pem).decode()
REFUSED = {
    "another authority": {"idp-certificate-authority-data": OTHER},
    "the system's authorities": {"idp-certificate-authority-data": ""},
    "a refresh token that was used": {"refresh-token": "used"},
    "an issuer that is not there": {"idp-issuer-url": "https://127.0.0.1:1"},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_what_kubectl_cannot_renew_we_cannot(
    changes: dict[str, str], benches: Benches
) -> None:
    """Item 22: kubernetes-client/python#2034, the provider is always verified."""
    bench = benches("ordinary")
    theirs = renewed(bench, "kubectl", **changes)
    assert not theirs["accepted"]
    assert theirs["sent"] == []
    for name in OURS:
        assert renewed(bench, name, **changes) == theirs
