"""Kubeconfigs as the clouds' own tools write them, and plugins shaped as theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubemetrics.auth.sources import credential_source
from kubemetrics.config.resolve import load_config
from kubemetrics.errors import CredentialError

from .clock import START, Clock, jwt
from .plugins import says, script

_CLUSTER = """\
apiVersion: v1
kind: Config
current-context: c
clusters:
- name: c
  cluster: {server: "https://10.0.0.1"}
contexts:
- name: c
  context: {cluster: c, user: u}
users:
- name: u
  user:
    exec:
"""

# As `gcloud container clusters get-credentials` writes it.
GKE = """\
      apiVersion: client.authentication.k8s.io/v1beta1
      command: gke-gcloud-auth-plugin
      installHint: Install gke-gcloud-auth-plugin for use with kubectl by following
        https://cloud.google.com/kubernetes-engine/docs/how-to/cluster-access-for-kubectl#install_plugin
      provideClusterInfo: true
"""
GKE_SAYS = """\
{
    "kind": "ExecCredential",
    "apiVersion": "client.authentication.k8s.io/v1beta1",
    "spec": {
        "interactive": false
    },
    "status": {
        "expirationTimestamp": "2027-01-15T09:00:00Z",
        "token": "ya29.a0Ad52N39"
    }
}"""

# As `aws eks update-kubeconfig` writes it.
EKS = """\
      apiVersion: client.authentication.k8s.io/v1beta1
      args:
      - --region
      - eu-central-1
      - eks
      - get-token
      - --cluster-name
      - prod
      - --output
      - json
      command: aws
      env:
      - name: AWS_PROFILE
        value: production
"""
EKS_SAYS = (
    '{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1beta1",'
    ' "spec": {}, "status": {"expirationTimestamp": "2027-01-15T08:14:00Z",'
    ' "token": "k8s-aws-v1.aHR0cHM6Ly9zdHM"}}'
)

# As `kubelogin convert-kubeconfig` (Azure) writes it.
AKS = """\
      apiVersion: client.authentication.k8s.io/v1beta1
      args:
      - get-token
      - --environment
      - AzurePublicCloud
      - --server-id
      - 6dae42f8-4368-4678-94ff-3960e28e3630
      - --client-id
      - 80faf920-1908-4b52-b5ef-a8e7bedfc67a
      - --tenant-id
      - 72f988bf-86f1-41af-91ab-2d7cd011db47
      - --login
      - devicecode
      command: kubelogin
      env: null
      provideClusterInfo: false
"""
AKS_TOKEN = jwt(exp=START + 4000, aud="6dae42f8")
AKS_SAYS = (
    '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1",'
    '"spec":{"interactive":false},"status":{"expirationTimestamp":'
    f'"2027-01-15T09:06:40Z","token":"{AKS_TOKEN}"}}}}'
)

# As int128/kubelogin's `kubectl oidc-login setup` writes it.
OIDC_LOGIN = """\
      apiVersion: client.authentication.k8s.io/v1
      command: kubectl
      args:
      - oidc-login
      - get-token
      - --oidc-issuer-url=https://issuer
      - --oidc-client-id=id
      interactiveMode: Never
      provideClusterInfo: false
"""
OIDC_TOKEN = jwt(exp=START + 600)
OIDC_SAYS = (
    '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",'
    '"spec":{"interactive":false},"status":{"expirationTimestamp":'
    f'"2027-01-15T08:10:00Z","token":"{OIDC_TOKEN}"}}}}\n'
)


@pytest.mark.parametrize(
    ("stanza", "command", "output", "token", "lasts", "args"),
    [
        (GKE, "gke-gcloud-auth-plugin", GKE_SAYS, "ya29.a0Ad52N39", 3600, ""),
        (
            EKS,
            "aws",
            EKS_SAYS,
            "k8s-aws-v1.aHR0cHM6Ly9zdHM",
            840,
            "--region eu-central-1 eks get-token --cluster-name prod --output json",
        ),
        (AKS, "kubelogin", AKS_SAYS, AKS_TOKEN, 4000, None),
        (OIDC_LOGIN, "kubectl", OIDC_SAYS, OIDC_TOKEN, 600, None),
    ],
    ids=["gke", "eks", "aks", "oidc-login"],
)
def test_a_clouds_kubeconfig_works_as_its_tool_writes_it(
    stanza: str,
    command: str,
    output: str,
    token: str,
    lasts: float,
    args: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Items 6 and 9: lightkube and pykube reject v1; `env: null` is python#637."""
    (tmp_path / "config").write_text(_CLUSTER + stanza)
    body = (
        f'echo "$*" > "{tmp_path}/args"\n'
        f'printf "%s" "$KUBERNETES_EXEC_INFO" > "{tmp_path}/info"\n'
        f'echo "$AWS_PROFILE" > "{tmp_path}/profile"\n{says(output)}'
    )
    script(tmp_path / command, body)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    source = credential_source(load_config(str(tmp_path / "config")), clock=Clock())
    found = source.fetch()
    assert found.authorization == f"Bearer {token}"
    assert found.expires_at == START + lasts
    if args is not None:
        assert (tmp_path / "args").read_text().strip() == args
    info = json.loads((tmp_path / "info").read_text())
    assert ("cluster" in info["spec"]) == ("provideClusterInfo: true" in stanza)
    assert (tmp_path / "profile").read_text().strip() == (
        "production" if command == "aws" else ""
    )


def test_a_relative_command_is_found_beside_its_kubeconfig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Item 9: kubernetes-client/python#1774."""
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin" / "kubelogin", says(AKS_SAYS))
    config = (_CLUSTER + AKS).replace("command: kubelogin", "command: ./bin/kubelogin")
    (tmp_path / "config").write_text(config)
    monkeypatch.chdir("/")
    source = credential_source(load_config(str(tmp_path / "config")), clock=Clock())
    assert source.fetch().authorization == f"Bearer {AKS_TOKEN}"


def test_gkes_install_hint_is_given_where_its_plugin_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(_CLUSTER + GKE)
    monkeypatch.setenv("PATH", str(tmp_path))
    source = credential_source(load_config(str(tmp_path / "config")), clock=Clock())
    with pytest.raises(CredentialError, match="how-to/cluster-access-for-kubectl"):
        source.fetch()
