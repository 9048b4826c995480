"""`kubemetrics top` and real kubectl 1.37, side by side on the same clusters."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import tomllib
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kubemetrics.cli import main
from tests.cluster import Cluster
from tests.cluster_tests.kubectl import KUBECTL, Run, kubectl, needs_kubectl

from .pairwise import Row, rows
from .scenes import SCENES, STATES, open_scene
from .ties import settled

pytestmark = needs_kubectl

DIFFERENCES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[1] / "data" / "kubectl_differences.toml").read_text()
)["difference"]
USERS = (
    "viewer", "admin", "nslimited", "nometrics", "noperm", "bad", "cert-viewer",
)  # fmt: skip
_KLOG = re.compile(r"[IWEF]\d{4}")
_AGE = re.compile(r"age: [0-9hms.]+")

PODS = {
    "name": ("", "", "", "auth-gateway-29000010-2sz8w", "nope", "a b"),
    "namespace": ("", "-n team-a", "-n nope", "-A", "-An team-b"),
    "containers": ("", "--containers"),
    "headers": ("", "--no-headers"),
    "sum": ("", "--sum"),
    "sort": ("", "--sort-by=cpu", "--sort-by memory", "--sort-by=x"),
    "swap": ("", "--show-swap"),
    "protobuf": ("", "--use-protocol-buffers=false"),
    "labels": ("", "", "-l tier=web", "-l nope", "-l a==="),
    "fields": (
        "",
        "",
        "--field-selector=status.phase=Running",
        "--field-selector metadata.namespace=team-a",
        "--field-selector=nope",
        "--field-selector=spec.nope=x",
    ),
}
NODES = {
    "name": ("", "", "worker-004", "worker-005", "worker-008", "nope", "a b"),
    "headers": ("", "--no-headers"),
    "sort": ("", "--sort-by=cpu", "--sort-by=memory", "--sort-by x"),
    "capacity": ("", "--show-capacity"),
    "swap": ("", "--show-swap"),
    "labels": ("", "", "-l kubernetes.io/os=linux", "-l nope", "-l ,"),
}


@pytest.fixture(scope="module", params=[*STATES, *SCENES])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with open_scene(request.param) as running:
        yield running


@pytest.fixture(scope="module")
def healthy() -> Iterator[Cluster]:
    with open_scene("healthy") as running:
        yield running


def ours(cluster: Cluster, args: Sequence[str], user: str) -> Run:
    out, err = io.StringIO(), io.StringIO()
    config = str(config_of(cluster, user))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["--kubeconfig", config, "top", *args])
    return Run(code, out.getvalue(), err.getvalue())


def theirs(cluster: Cluster, args: Sequence[str], user: str) -> Run:
    done = subprocess.run(
        [KUBECTL, "top", *args],
        env={"HOME": str(cluster.folder), "KUBECONFIG": str(config_of(cluster, user))},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    lines = done.stderr.splitlines(keepends=True)
    stderr = "".join(line for line in lines if not _KLOG.match(line))
    return Run(done.returncode, done.stdout, stderr)


def config_of(cluster: Cluster, user: str) -> Path:
    """Return the user's kubeconfig; written once, since many runs read it at a time."""
    path = cluster.folder / f"{user}.kubeconfig"
    return path if path.exists() else cluster.kubeconfig(user)


def compare(
    cluster: Cluster, lines: Sequence[Sequence[str]], user: str
) -> Iterator[str]:
    """Run each command line with both; yield what differs and should not."""
    config_of(cluster, user)
    with ThreadPoolExecutor(2) as pool:
        expected = list(pool.map(lambda args: theirs(cluster, args, user), lines))
    for args, run in zip(lines, expected, strict=True):
        excused = excuses(cluster, args, user)
        for what, mine, other in differing(cluster, args, user, run):
            if what not in excused:
                said = f"ours: {mine!r}\n kubectl: {other!r}"
                yield f"{user}: top {args}: {what}\n {said}"


def differing(
    cluster: Cluster, args: Sequence[str], user: str, run: Run
) -> Iterator[tuple[str, str, str]]:
    mine = ours(cluster, args, user)
    ledger = cluster.ledger

    def settle(stdout: str) -> str:
        return settled(stdout, ledger, args)

    seen = {
        "stdout": (settle(mine.stdout), settle(run.stdout)),
        "stderr": (_AGE.sub("age: X", mine.stderr), _AGE.sub("age: X", run.stderr)),
        "code": (str(mine.code), str(run.code)),
    }
    yield from ((what, a, b) for what, (a, b) in seen.items() if a != b)


def excuses(cluster: Cluster, args: Sequence[str], user: str) -> set[str]:
    line = " ".join(args)
    return {
        what
        for known in DIFFERENCES
        if known.get("user", user) == user
        and known.get("state", cluster.state) == cluster.state
        and re.fullmatch(known["args"], line)
        for what in known["what"]
    }


def words(kind: str, row: Row) -> list[str]:
    return [kind, *" ".join(row).split()]


def seed(*parts: str) -> int:
    return zlib.crc32(" ".join(parts).encode())


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("kind", "flags"), [("pods", PODS), ("nodes", NODES)])
def test_every_pair_of_flags_gives_what_kubectl_gives(
    cluster: Cluster, kind: str, flags: dict[str, tuple[str, ...]], user: str
) -> None:
    lines = [words(kind, row) for row in rows(flags, seed(kind, user, cluster.state))]
    assert not "\n".join(compare(cluster, lines, user))


QUIRKS = [
    "pod",
    "po --no-headers=true",
    "pods --no-headers=false -A",
    "pods --no-headers=maybe",
    "pods -A=maybe",
    "pods -A=false",
    "pods --sum=1 -A",
    "pods -nteam-a",
    "pods -n=team-a",
    "pods -Anteam-a",
    "pods -n",
    "pods --namespace",
    "pods --namespace=",
    "pods --sort-by",
    "pods --sort-by=",
    "pods --sort",
    "pods --contain",
    "pods -z",
    "pods -Az",
    "pods --=x",
    "pods ---x",
    "pods -- a b",
    "pods -- -x",
    "pods --sum -- nope",
    "pods -l -A",
    "pods -l= -A",
    "pods -l=nope",
    "nodes --sum",
    "nodes -A",
    "no --containers",
    "node --show-capacity=0",
    "nodes worker-004 -l x",
    "pods a -l b --sort-by=x",
    "pods --field-selector",
    "no a b",
    "pods a/b",
    "pods a%b",
    "pods a/b%c",
    "pods ..",
    "nodes a/b",
    "pods -n A_B",
    "pods A_B",
    "pods --namespace team-a --namespace team-b --sum --no-headers",
    "-n team-a pods --sum",
    "--no-headers pods",
    "",
    "nope",
    "nope --x",
]  # fmt: skip


CONNECTIONS = [
    "pods --context nope",
    "pods --context admin -A --no-headers --sum",
    "pods --context=admin --context=viewer -n team-a",
    "pods --cluster nope",
    "pods --user nope",
    "pods --user admin --as nslimited -n team-a --sum",
    "pods --as noperm",
    "pods --as-group x",
    "pods --as-uid 5",
    "pods --as viewer --as-group rig:viewers --as-user-extra a=b",
    "pods --token bad",
    "pods --token=",
    "pods -s https://127.0.0.1:1",
    "pods -s 127.0.0.1:1",
    "pods --server=",
    "pods --request-timeout=x",
    "pods --request-timeout=5s -n team-a --sum",
    "pods --request-timeout=1ns",
    "pods --request-timeout=-1s",
    "pods --insecure-skip-tls-verify=false -n team-a",
    "pods --insecure-skip-tls-verify -n team-a --sum",
    "pods --certificate-authority=/nope",
    "pods --client-certificate=/nope",
    "pods --client-key=/nope",
    "pods --tls-server-name=localhost -n team-a --sum",
    "pods --tls-server-name=evil.example",
    "pods --proxy-url=http://127.0.0.1:1",
    "pods --proxy-url=nope",
    "pods --disable-compression -n team-a --sum",
    "pods --kubeconfig=/nope",
    "pods -n team-a/x",
    "pods -n ..",
]


def test_connection_flags_do_what_they_do_for_kubectl(healthy: Cluster) -> None:
    lines = [line.split() for line in CONNECTIONS]
    assert not "\n".join(compare(healthy, lines, "viewer"))


def test_words_are_read_as_kubectl_reads_them(healthy: Cluster) -> None:
    lines = [line.split() for line in QUIRKS]
    assert not "\n".join(compare(healthy, lines, "viewer"))


SELECTORS = [
    "a", "!a", "!", "a b", "a=b=c", "a!=b", "a==b,c", "a=,b", "=a", "a in", "a in (",
    "a in ()", "a in (b", "a in (b,c)", "a in (b c)", "a in b", "a notin (,)",
    "a in (=)", "a,,b", "a,", ",a", "a>1", "a>x", "a<", "a>1.5", "in", "in in (in)",
    "a in (b))", "a in (b,=)", "a/b/c", "/a", "A/b", "a/", "-a", "a=-b",
    "a in (-b,-c)", "a_b.c=d",
    "é=1", "a=é", "x" * 64, "a=" + "x" * 64, "x" * 254 + "/a", "(a)", "a()", "a!b",
    "!!a", "! a", "a=!b", "a =b", "a= b ", " ", 'a="b"', "a\\=b",
]  # fmt: skip
FIELDS = [
    "a", "a=b", "a==b", "a!=b", "=b", "a=b,", ",", "a=b,c", r"a=b\,c", r"a=b\c",
    "a=b\\", "a=b=c", "a===b", "metadata.name=x", "b,a",
]  # fmt: skip


def test_selectors_are_judged_as_kubectl_judges_them(healthy: Cluster) -> None:
    lines = [["pods", "-A", "-l", text] for text in SELECTORS]
    lines += [["pods", "-A", "--field-selector", text] for text in FIELDS]
    assert not "\n".join(compare(healthy, lines, "viewer"))


@pytest.mark.parametrize(
    "path", ["/version", "/api/v1/namespaces?limit=1", "/apis", "/apis/metrics.k8s.io"]
)
def test_raw_prints_what_kubectl_get_raw_prints(
    healthy: Cluster, path: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["raw", path, "--kubeconfig", str(config_of(healthy, "viewer"))]) == 0
    mine = capfdbinary.readouterr().out
    assert mine.decode() == kubectl(healthy, "get", "--raw", path).stdout


@pytest.mark.parametrize("known", DIFFERENCES, ids=lambda known: str(known["reason"]))
def test_every_known_difference_is_still_one(known: dict[str, Any]) -> None:
    user, args = known.get("user", "viewer"), known["example"]
    with open_scene(known.get("state", "healthy")) as cluster:
        run = theirs(cluster, args, user)
        differ = {what for what, _, _ in differing(cluster, args, user, run)}
        assert differ == set(known["what"]) <= excuses(cluster, args, user)
