# ruff: noqa: E501 - a case a line
"""kubectl and we, given the same files and flags: the same answer, or both refuse.

Both resolve; kubectl then lists pods, and the server sees which address, namespace,
credentials and impersonation it arrived at. Where we differ on purpose, a test of its own says so.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import pytest

from kubemetrics.config.model import Config
from kubemetrics.config.resolve import load_config
from kubemetrics.config.selection import Overrides
from kubemetrics.errors import ConfigError
from tests.config.recorder import Seen, Site, running_site
from tests.tools.kubectl import LEAN


def _find_kubectl() -> str | None:
    fetched = Path(__file__).parents[2] / ".tools/kubectl"
    return str(fetched) if fetched.is_file() else shutil.which("kubectl")


KUBECTL = _find_kubectl()
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="no kubectl on this machine")


@dataclass(frozen=True, kw_only=True)
class Case:
    """Files, where HTTPS, HTTP, CADATA and DIR stand for what the test knows."""

    name: str
    files: tuple[str, ...]
    flags: Overrides = field(default_factory=Overrides)

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def stanzas(name: str, *, user: str = "", cluster: str = "", context: str = "") -> str:
    return f"""
clusters: [{{name: {name}, cluster: {{{cluster or f"server: HTTPS/{name}, certificate-authority-data: CADATA"}}}}}]
users: [{{name: {name}, user: {{{user or f"token: {name}-token"}}}}}]
contexts: [{{name: {name}, context: {{cluster: {name}, user: {name}{context}}}}}]
"""


RED = stanzas("red", context=", namespace: red-ns") + "current-context: red\n"
BLUE = stanzas("blue", context=", namespace: blue-ns") + "current-context: blue\n"
TOKEN_FILE = "tokenFile: ../token"
INSECURE = "server: HTTPS, insecure-skip-tls-verify: true"


def red(user: str = "", cluster: str = "", context: str = "") -> tuple[str, ...]:
    text = stanzas("red", user=user, cluster=cluster, context=context)
    return (text + "current-context: red\n",)


MERGES = [
    Case(name="one file", files=(RED,)),
    Case(name="two files, the first current-context", files=(RED, BLUE)),
    Case(name="two files, the other order", files=(BLUE, RED)),
    Case(name="only the second has a current-context", files=(stanzas("red"), BLUE)),
    Case(name="an empty file first", files=("", RED)),
    Case(name="a missing file first", files=("MISSING", RED)),
    Case(name="the same names twice", files=(RED, RED.replace("red-token", "x").replace("red-ns", "other"))),
    Case(name="a user in another file", files=(RED.replace("users:", "unknown:"), "users: [{name: red, user: {tokenFile: ../token}}]")),
    Case(name="a cluster with a relative CA in another file", files=(RED.replace("clusters:", "unknown:"), "clusters: [{name: red, cluster: {server: HTTPS/far, certificate-authority: ../ca.crt}}]")),
    Case(name="JSON", files=('{"clusters": [{"name": "a", "cluster": {"server": "HTTPS", "certificate-authority-data": "CADATA"}}], "users": [{"name": "a", "user": {"token": "t"}}], "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}], "current-context": "a"}',)),
    Case(name="anchors", files=("x: &n red\n" + RED.replace("current-context: red", "current-context: *n"),)),
    Case(name="a second document", files=(RED + "---\ncurrent-context: blue\n",)),
    Case(name="a byte order mark", files=("\ufeff" + RED,)),
    Case(name="names that look like times", files=(RED.replace("red", "1:30"),)),
    Case(name="names that look like dates", files=(RED.replace("red", "2020-01-01").replace("HTTPS/2020-01-01", "HTTPS/d"),)),
]  # fmt: skip

OVERRIDES = [
    Case(name="context", files=(RED, BLUE), flags=Overrides(context="blue")),
    Case(name="cluster", files=(RED, BLUE), flags=Overrides(cluster="blue")),
    Case(name="user", files=(RED, BLUE), flags=Overrides(user="blue")),
    Case(name="cluster and user without a context", files=(stanzas("red"),), flags=Overrides(cluster="red", user="red")),
    Case(name="server", files=(RED,), flags=Overrides(server="HTTPS/other")),
    Case(name="server over http", files=(RED,), flags=Overrides(server="HTTP/other")),
    Case(name="server clears tls-server-name", files=red(cluster="server: HTTPS, certificate-authority-data: CADATA, tls-server-name: wrong.example"), flags=Overrides(server="HTTPS")),
    Case(name="server alone", files=(), flags=Overrides(server="HTTP")),
    Case(name="server, token and CA alone", files=(), flags=Overrides(server="HTTPS", token="t", certificate_authority="DIR/ca.crt")),
    Case(name="token", files=(RED,), flags=Overrides(token="other")),
    Case(name="token beside a plugin", files=red(user="exec: {command: /bin/false, apiVersion: client.authentication.k8s.io/v1beta1}"), flags=Overrides(token="t")),
    Case(name="username and password", files=red(user="username: u, password: p"), flags=Overrides(password="q")),
    Case(name="CA file for CA data", files=red(cluster="server: HTTPS, certificate-authority-data: d3Jvbmc="), flags=Overrides(certificate_authority="DIR/ca.crt")),
    Case(name="insecure for CA data", files=red(cluster="server: HTTPS, certificate-authority-data: d3Jvbmc="), flags=Overrides(insecure_skip_tls_verify=True)),
    Case(name="tls-server-name", files=red(cluster="server: HTTPS, certificate-authority-data: CADATA, tls-server-name: wrong.example"), flags=Overrides(tls_server_name="127.0.0.1")),
    Case(name="impersonation by flags", files=(RED,), flags=Overrides(as_user="u", as_uid="1", as_groups=["g", "h"], as_user_extra={"k": ["v", "w"]})),
    Case(name="impersonation by the file", files=red(user="token: t, as: u, as-uid: '1', as-groups: [g], as-user-extra: {k: [v]}")),
    Case(name="impersonation by both", files=red(user="token: t, as: u, as-uid: '1', as-groups: [g], as-user-extra: {k: [v], l: [m]}"), flags=Overrides(as_user="x", as_user_extra={"k": ["z"]})),
    Case(name="timeout", files=(RED,), flags=Overrides(request_timeout="1m30s")),
    Case(name="timeout in seconds", files=(RED,), flags=Overrides(request_timeout="30")),
]  # fmt: skip

NAMESPACES = [
    Case(name="none", files=red()),
    Case(name="of the context", files=(RED,)),
    Case(name="by flag", files=(RED,), flags=Overrides(namespace="asked")),
    Case(name="by flag over none", files=red(), flags=Overrides(namespace="asked")),
    Case(name="of the context asked for", files=(RED, BLUE), flags=Overrides(context="blue")),
    Case(name="of the context when the cluster is another", files=(RED, BLUE), flags=Overrides(cluster="blue")),
    Case(name="none in the context asked for", files=(RED, stanzas("blue")), flags=Overrides(context="blue")),
    Case(name="default said", files=red(context=", namespace: default")),
    Case(name="null", files=red(context=", namespace: ~")),
    Case(name="without a context", files=(stanzas("red", context=", namespace: nn"),), flags=Overrides(cluster="red", user="red")),
    Case(name="a number in quotes", files=red(context=", namespace: '123'")),
]  # fmt: skip

ACCEPTED = [
    Case(name="token file", files=red(user=TOKEN_FILE)),
    Case(name="token beside its file", files=red(user=TOKEN_FILE + ", token: t")),
    Case(name="basic", files=red(user="username: u, password: p")),
    Case(name="insecure", files=red(cluster=INSECURE)),
    Case(name="a path with a query", files=red(cluster="server: 'HTTPS/p/?q=1#f', certificate-authority-data: CADATA")),
    Case(name="http drops credentials", files=red(cluster="server: HTTP")),
    Case(name="http and a plugin that is gone", files=red(cluster="server: HTTP", user="exec: {command: x, apiVersion: client.authentication.k8s.io/v1alpha1}")),
    Case(name="http and no user", files=red(cluster="server: HTTP", context=", user: nobody")),
    Case(name="unknown keys", files=(RED + "more: [1]\npreferences: {colors: true}\n",)),
    Case(name="a bad stanza that is not chosen", files=(RED, stanzas("bad", user="token: t, username: u", cluster="certificate-authority: gone"))),
    Case(name="a key without a certificate", files=red(user="token: t, client-key: gone")),
]  # fmt: skip

GCP = "auth-provider: {name: gcp}"
V1 = "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never"
REFUSED = [
    Case(name=name, files=files, flags=given)
    for name, files, given in (
        ("no such context", (RED,), Overrides(context="x")),
        ("no such cluster", (RED,), Overrides(cluster="x")),
        ("no such user", (RED,), Overrides(user="x")),
        ("a current-context that is not there", (RED.replace("current-context: red", "current-context: x"),), Overrides()),
        ("a missing cluster", (RED.replace("clusters:", "unknown:"),), Overrides()),
        ("a missing user over https", (RED.replace("users:", "unknown:"),), Overrides()),
        ("no credentials over https", red(user="username: ''"), Overrides()),
        ("no server", red(cluster="tls-server-name: x"), Overrides()),
        ("nothing at all", (), Overrides()),
        ("no current-context", (stanzas("red"),), Overrides()),
        ("token and username", red(user="token: t, username: u"), Overrides()),
        ("token by flag and username", red(user="username: u, password: p"), Overrides(token="t")),
        ("token file and username", red(user=TOKEN_FILE + ", username: u"), Overrides()),
        ("token file that is not there", red(user="tokenFile: gone"), Overrides()),
        ("CA twice", red(cluster="server: HTTPS, certificate-authority-data: CADATA, certificate-authority: ../ca.crt"), Overrides()),
        ("CA that is not there", red(cluster="server: HTTPS, certificate-authority: gone"), Overrides()),
        ("CA and insecure", red(cluster=INSECURE + ", certificate-authority-data: CADATA"), Overrides()),
        ("CA and insecure by flags", (RED,), Overrides(insecure_skip_tls_verify=True, certificate_authority="DIR/ca.crt")),
        ("certificate without a key", red(user="client-certificate: ../ca.crt"), Overrides()),
        ("certificate that is not there", red(user="client-certificate: gone, client-key: ../ca.crt"), Overrides()),
        ("proxy of another scheme", red(cluster="server: HTTPS, proxy-url: 'ftp://p'"), Overrides()),
        ("exec and auth-provider", red(user=f"exec: {{command: x, {V1}}}, {GCP}"), Overrides()),
        ("exec without a command", red(user=f"exec: {{{V1}}}"), Overrides()),
        ("exec without a version", red(user="exec: {command: x, interactiveMode: Never}"), Overrides()),
        ("exec without a mode", red(user="exec: {command: x, apiVersion: client.authentication.k8s.io/v1}"), Overrides()),
        ("exec with another mode", red(user="exec: {command: x, apiVersion: client.authentication.k8s.io/v1, interactiveMode: maybe}"), Overrides()),
        ("exec v1alpha1", red(user="exec: {command: x, apiVersion: client.authentication.k8s.io/v1alpha1}"), Overrides()),
        ("exec v1alpha1 beside a token", red(user="token: t, exec: {command: x, apiVersion: client.authentication.k8s.io/v1alpha1}"), Overrides()),
        ("exec with a nameless variable", red(user=f"exec: {{command: x, {V1}, env: [{{value: v}}]}}"), Overrides()),
        ("gcp", red(user=GCP), Overrides()),
        ("azure", red(user="auth-provider: {name: azure}"), Overrides()),
        ("another auth-provider", red(user="auth-provider: {name: x}"), Overrides()),
        ("oidc without an issuer", red(user="auth-provider: {name: oidc, config: {client-id: c}}"), Overrides()),
        ("groups without a user", red(user="token: t, as-groups: [g]"), Overrides()),
        ("a namespace with a slash", (RED,), Overrides(namespace="a/b")),
        ("a timeout that is none", (RED,), Overrides(request_timeout="soon")),
        ("duplicate names", (RED.replace("users: [", "users: [{name: red}, "),), Overrides()),
        ("a namespace that is a number", red(context=", namespace: 123"), Overrides()),
        ("a namespace that is a boolean", red(context=", namespace: n"), Overrides()),
        ("a name that is a float", (RED.replace("red", "433e40"),), Overrides()),
        ("a token that is a number", red(user="token: 123"), Overrides()),
        ("a flag that is a text", red(cluster="server: HTTPS, insecure-skip-tls-verify: 'true'"), Overrides()),
        ("data that is no base64", red(user="token: t, client-key-data: '!'"), Overrides()),
        ("another kind", (RED + "kind: Pod\n",), Overrides()),
        ("another version", (RED + "apiVersion: v2\n",), Overrides()),
        ("text", ("bogus value",), Overrides()),
        ("a broken file among good ones", (RED, "["), Overrides()),
        ("a list for a mapping", (RED + "preferences: []\n",), Overrides()),
    )
]  # fmt: skip

# Where client-go fails in silence or takes another way than was asked for.
ONLY_KUBECTL = [
    Case(name="a server without a scheme drops the token", files=red(cluster="server: BARE")),
    Case(name="a password in the server's URL is sent", files=red(cluster="server: WITHUSER, certificate-authority-data: CADATA")),
    Case(name="a password in the server's URL is sent over http", files=red(cluster="server: HTTPUSER")),
]  # fmt: skip
ONLY_US = [
    Case(
        name="a token that ends in a line break is stripped",
        files=red(user='token: "t\\n"'),
    ),
]
DIFFERENT = [
    Case(name="a token goes before a token file", files=red(user=TOKEN_FILE), flags=Overrides(token="t")),
]  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Generator[Site]:
    with running_site() as site:
        yield site


@dataclass
class Bench:
    site: Site
    root: Path

    def fill(self, text: str) -> str:
        known = {
            "HTTPUSER": self.site.http.replace("//", "//me:pass@"),
            "WITHUSER": self.site.https.replace("//", "//me:pass@"),
            "BARE": self.site.http.removeprefix("http://"),
            "HTTPS": self.site.https,
            "HTTP": self.site.http,
            "CADATA": base64.b64encode(self.site.ca).decode(),
            "DIR": str(self.root),
        }
        for word, value in known.items():
            text = text.replace(word, value)
        return text

    def environ(self, files: tuple[str, ...]) -> dict[str, str]:
        (self.root / "token").write_text("file-token\n")
        (self.root / "ca.crt").write_bytes(self.site.ca)
        paths = [self.root / str(i) / "config" for i, _ in enumerate(files)]
        for path, text in zip(paths, files, strict=True):
            path.parent.mkdir()
            if text != "MISSING":
                path.write_text(self.fill(text))
        listed = ":".join(map(str, paths)) or "/no/such/file"
        return {"HOME": str(self.root), "KUBECONFIG": listed, "NO_PROXY": "*"}

    def filled(self, given: Overrides) -> Overrides:
        texts = {k: self.fill(v) for k, v in dict(given).items() if isinstance(v, str)}
        return cast("Overrides", dict(given) | texts)

    def kubectl(
        self, environ: dict[str, str], given: Overrides, within: tuple[str, ...] = ()
    ) -> Seen | None:
        self.site.seen.clear()
        assert KUBECTL
        command = [*within, KUBECTL, "get", "pods", *arguments(given)]
        done = subprocess.run(
            command,
            env=environ | LEAN,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )
        if b"unknown flag" in done.stderr:
            pytest.skip("this kubectl is too old for the flag")
        return self.site.seen[-1] if done.returncode == 0 else None


@pytest.fixture
def bench(site: Site, tmp_path: Path) -> Bench:
    return Bench(site, tmp_path)


def arguments(given: Overrides) -> list[str]:
    """Spell the overrides as kubectl's flags."""
    spelled: list[str] = []
    for keyword, value in dict(given).items():
        flag = "--" + {"as_user": "as", "as_groups": "as_group"}.get(keyword, keyword)
        flag = flag.replace("_", "-")
        if isinstance(value, Mapping):
            pairs = [f"{k}={v}" for k, values in value.items() for v in values]
            spelled += [f"{flag}={pair}" for pair in pairs]
        elif isinstance(value, list):
            spelled += [f"{flag}={item}" for item in value]
        else:
            spelled.append(f"{flag}={'true' if value is True else value}")
    return spelled


def sent(config: Config, site: Site) -> Seen:
    """What the server should see of *config*, by the rules for headers."""
    base = site.https if config.secure else site.http
    assert config.server.startswith(base)
    return Seen(
        secure=config.secure,
        prefix=config.server.removeprefix(base),
        namespace=config.namespace,
        authorization=_authorization(config) if config.secure else None,
        impersonate=_impersonate(config),
    )


def _authorization(config: Config) -> str | None:
    auth = config.auth
    if auth.token_file:
        return f"Bearer {Path(auth.token_file).read_text().strip()}"
    if auth.token:
        return f"Bearer {auth.token}"
    if auth.username:
        pair = f"{auth.username}:{auth.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"
    return None


def _impersonate(config: Config) -> dict[str, tuple[str, ...]]:
    if config.impersonate is None:
        return {}
    whom = config.impersonate
    headers: dict[str, tuple[str, ...]] = {
        "impersonate-user": (whom.user,),
        "impersonate-uid": (whom.uid,),
    }
    headers["impersonate-group"] = whom.groups
    headers |= {f"impersonate-extra-{key}": values for key, values in whom.extra}
    return {name: values for name, values in headers.items() if any(values)}


def ours(environ: dict[str, str], given: Overrides) -> Config | None:
    try:
        return load_config(environ=environ, service_account=("/no/such",), **given)
    except ConfigError:
        return None


SAME = (*MERGES, *OVERRIDES, *NAMESPACES, *ACCEPTED)


@pytest.mark.parametrize("case", SAME, ids=str)
def test_the_server_sees_what_we_resolved(case: Case, bench: Bench) -> None:
    environ, given = bench.environ(case.files), bench.filled(case.flags)
    config = ours(environ, given)
    assert config
    assert bench.kubectl(environ, given) == sent(config, bench.site)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_kubectl_refuses_we_refuse(case: Case, bench: Bench) -> None:
    environ, given = bench.environ(case.files), bench.filled(case.flags)
    assert bench.kubectl(environ, given) is None
    assert ours(environ, given) is None


@pytest.mark.parametrize("files", [(), (stanzas("red"),)], ids=["none", "unset"])
def test_kubernetes_master_is_used_alike(files: tuple[str, ...], bench: Bench) -> None:
    master = {"KUBERNETES_MASTER": f"{bench.site.http}/master"}
    environ = bench.environ(files) | master
    config = ours(environ, {})
    assert config
    assert bench.kubectl(environ, {}) == sent(config, bench.site)


@pytest.mark.parametrize("case", ONLY_KUBECTL, ids=str)
def test_exception_we_refuse_what_kubectl_does_in_silence(
    case: Case, bench: Bench
) -> None:
    environ, given = bench.environ(case.files), bench.filled(case.flags)
    seen = bench.kubectl(environ, given)
    assert seen
    assert seen.authorization != "Bearer red-token"
    assert ours(environ, given) is None


@pytest.mark.parametrize("case", ONLY_US, ids=str)
def test_exception_we_mend_what_kubectl_refuses(case: Case, bench: Bench) -> None:
    environ, given = bench.environ(case.files), bench.filled(case.flags)
    assert bench.kubectl(environ, given) is None
    assert ours(environ, given)


@pytest.mark.parametrize("case", DIFFERENT, ids=str)
def test_exception_we_do_what_was_asked_for(case: Case, bench: Bench) -> None:
    environ, given = bench.environ(case.files), bench.filled(case.flags)
    config = ours(environ, given)
    assert config
    assert bench.kubectl(environ, given) != sent(config, bench.site)


# kubectl knows one place for a service account: it gets a /run of its own for this.
_POD = """
mount -t tmpfs none "$(readlink -f /var/run)" || exit 77
mkdir -p /var/run/secrets/kubernetes.io
cp -r "$0" /var/run/secrets/kubernetes.io/serviceaccount
exec "$@"
"""


def _namespaces_work() -> bool:
    tried = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"]
    try:
        return subprocess.run(tried, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


BAR = "contexts: [{name: foo, context: {namespace: bar}}]\n"
FOO = BAR + "current-context: foo\n"
IN_PODS = [
    Case(name="no kubeconfig", files=("MISSING",)),
    Case(name="only a namespace", files=(FOO,)),
    Case(name="only a namespace, over several files", files=("current-context: foo\n", BAR)),
    Case(name="only a namespace, and another by flag", files=(FOO,), flags=Overrides(namespace="asked")),
    Case(name="only a namespace, by the context asked for", files=(BAR,), flags=Overrides(context="foo")),
    Case(name="only a namespace, and a token by flag", files=(FOO,), flags=Overrides(token="flag")),
    Case(name="only a namespace, default", files=(FOO.replace("bar", "default"),)),
    Case(name="a context of nothing", files=("contexts: [{name: foo}]\ncurrent-context: foo\n",)),
    Case(name="only a namespace, and a cluster that is not used", files=(FOO + "clusters: [{name: c, cluster: {server: HTTP}}]\n",)),
    Case(name="only a namespace, and the server by flag", files=(FOO,), flags=Overrides(server="HTTP")),
]  # fmt: skip


NAMES: list[tuple[str | None, str | None]] = [
    ("by-variable", "by-file"), ("", " by-file\r\n"), (None, ""), (None, None), (None, "\n"),
]  # fmt: skip


def _in_pod(case: Case, bench: Bench, name: str | None, **variables: str) -> None:
    """Compare within a pod whose file of a namespace holds *name*, if it is there."""
    host, _, port = bench.site.https.removeprefix("https://").rpartition(":")
    account = bench.root / "serviceaccount"
    account.mkdir()
    (account / "token").write_text("pod-token")
    if name is not None:
        (account / "namespace").write_text(name)
    (account / "ca.crt").write_bytes(bench.site.ca)
    environ = bench.environ(case.files) | {
        "KUBERNETES_SERVICE_HOST": host.strip("[]"),
        "KUBERNETES_SERVICE_PORT": port,
        "PATH": os.environ["PATH"],
        **variables,
    }
    given = bench.filled(case.flags)
    config = load_config(environ=environ, service_account=(str(account),), **given)
    within = ("unshare", "-m", "sh", "-c", _POD, str(account))
    assert bench.kubectl(environ, given, within) == sent(config, bench.site)


in_pods: Final = pytest.mark.skipif(
    not _namespaces_work(), reason="no mounts of its own for kubectl"
)


@in_pods
@pytest.mark.parametrize("case", IN_PODS, ids=str)
def test_in_a_pod_the_server_sees_what_we_resolved(case: Case, bench: Bench) -> None:
    _in_pod(case, bench, "in-pod")


@in_pods
@pytest.mark.parametrize(("variable", "file"), NAMES)
def test_in_a_pod_the_namespace_is_read_as_by_kubectl(
    variable: str | None, file: str | None, bench: Bench
) -> None:
    case = Case(name="no kubeconfig", files=("MISSING",))
    _in_pod(
        case,
        bench,
        file,
        **({"POD_NAMESPACE": variable} if variable is not None else {}),
    )
