"""`kubemetrics top` and real kubectl 1.37, side by side on the same clusters."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias
from zlib import crc32

import pytest

from kubemetrics.cli import main
from tests.cluster import Cluster
from tests.cluster_tests.kubectl import KUBECTL, Run, kubectl, needs_kubectl
from tests.tools.kubectl import LEAN

from .pairwise import Row, rows
from .scenes import SCENES, STATES, open_scene
from .ties import settled

pytestmark = [needs_kubectl, pytest.mark.no_cover]

DIFFERENCES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[1] / "data" / "kubectl_differences.toml").read_text()
)["difference"]
USERS = (
    "viewer", "admin", "nslimited", "nometrics", "noperm", "bad", "cert-viewer",
)  # fmt: skip
_KLOG = re.compile(r"[IWEF]\d{4}")
_AGE = re.compile(r"age: [0-9hms.]+")

POD = "auth-gateway-29000010-2sz8w"
PODS = {
    "user": USERS,
    "state": (*STATES, *SCENES),
    "name": ("", POD, "nope", "a b"),
    "namespace": ("", "-n team-a", "-n nope", "-A", "-An team-b"),
    "containers": ("", "--containers"),
    "headers": ("", "--no-headers"),
    "sum": ("", "--sum"),
    "sort": ("", "--sort-by=cpu", "--sort-by memory", "--sort-by=x"),
    "swap": ("", "--show-swap"),
    "protobuf": ("", "--use-protocol-buffers=false"),
    "labels": ("", "-l environment=prod", "-l nope", "-l a==="),
    "fields": (
        "",
        "--field-selector=status.phase=Running",
        "--field-selector metadata.namespace=team-a",
        "--field-selector=nope",
        "--field-selector=spec.nope=x",
    ),
}
NODES = {
    "user": USERS,
    "state": (*STATES, *SCENES),
    "name": ("", "worker-004", "worker-005", "worker-008", "nope", "a b"),
    "headers": ("", "--no-headers"),
    "sort": ("", "--sort-by=cpu", "--sort-by=memory", "--sort-by x"),
    "capacity": ("", "--show-capacity"),
    "swap": ("", "--show-swap"),
    "labels": ("", "-l pool=batch", "-l nope", "-l ,"),
}
KINDS = {"pods": PODS, "nodes": NODES}
_DOWN = {("state", "absent"), ("state", "down"), ("state", "down-just-now")}
_POD_ENDS = _DOWN | {
    ("user", "nometrics"), ("user", "noperm"), ("user", "bad"), ("state", "warming"),
    ("state", "empty"), ("state", "young"), ("name", "nope"), ("name", "a b"),
    ("namespace", "-n nope"), ("sort", "--sort-by=x"), ("labels", "-l nope"),
    ("labels", "-l a==="), ("fields", "--field-selector=nope"),
    ("fields", "--field-selector=spec.nope=x"),
}  # fmt: skip
_NODE_ENDS = _DOWN | {
    ("user", "nometrics"), ("user", "nslimited"), ("user", "noperm"), ("user", "bad"),
    ("name", "worker-005"), ("name", "nope"), ("name", "a b"), ("sort", "--sort-by x"),
    ("labels", "-l nope"), ("labels", "-l ,"), ("state", "warming"), ("state", "empty"),
}  # fmt: skip


def why_no_pods(row: Row) -> set[frozenset[str]]:
    """Say what of *row* keeps `top pods` from showing any, whatever else is asked."""
    found = {
        frozenset({name}) for name, value in row.items() if (name, value) in _POD_ENDS
    }
    named, scope = row["name"] == POD, row["namespace"]
    limited = row["user"] == "nslimited"  # and team-a is where this user is at home
    if row["name"]:
        found |= {frozenset({"name", w}) for w in ("labels", "fields") if row[w]}
    if named and scope != "-n team-a" and not (limited and not scope):
        found.add(frozenset({"name", "namespace"}))
    if named and row["state"] == "wide":
        found.add(frozenset({"name", "state"}))
    if limited and scope not in {"", "-n team-a"}:
        found.add(frozenset({"user", "namespace"}))
    if not limited and not scope and row["labels"]:
        found.add(frozenset({"namespace", "labels"}))
    if not limited and not scope and "team-a" in row["fields"]:
        found.add(frozenset({"namespace", "fields"}))
    return found


def why_no_nodes(row: Row) -> set[frozenset[str]]:
    """Say what of *row* keeps `top nodes` from showing any, whatever else is asked."""
    found = {
        frozenset({name}) for name, value in row.items() if (name, value) in _NODE_ENDS
    }
    if row["name"] and row["labels"]:
        found.add(frozenset({"name", "labels"}))
    if row["name"] == "worker-008" and row["state"] == "odd":
        found.add(frozenset({"name", "state"}))
    return found


CLEAR = ("user", "state")
WHY_NONE = {"pods": why_no_pods, "nodes": why_no_nodes}


@pytest.fixture(scope="module", params=[*STATES, *SCENES])
def scene(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def cluster(scene: str) -> Iterator[Cluster]:
    """Start each scene once: pytest groups the tests by a module's parameters."""
    with open_scene(scene) as running:
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
        env={
            "HOME": str(cluster.folder),
            "KUBECONFIG": str(config_of(cluster, user)),
            **LEAN,
        },
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


Asked: TypeAlias = tuple[str, tuple[str, ...]]
"""A user and what is asked behind `top`."""


def compare(cluster: Cluster, asked: Sequence[Asked]) -> Iterator[str]:
    """Run each command line with both; yield what differs and should not."""
    return judge(cluster, asked, said_to(cluster, asked))


def said_to(cluster: Cluster, asked: Sequence[Asked]) -> list[Run]:
    """Run each command line with kubectl, two at a time."""
    for user in {user for user, _ in asked}:
        config_of(cluster, user)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda one: theirs(cluster, one[1], one[0]), asked))


def judge(
    cluster: Cluster, asked: Sequence[Asked], expected: Sequence[Run]
) -> Iterator[str]:
    for (user, args), run in zip(asked, expected, strict=True):
        excused = excuses(cluster, args, user)
        for what, mine, other in differing(cluster, args, user, run):
            if what not in excused:
                line = shlex.join(["top", *args])
                said = f"  ours:    {mine!r}\n  kubectl: {other!r}"
                yield f"{line}\n  as {user}: {what} differs\n{said}"


def by_viewer(*lines: str) -> list[Asked]:
    return [("viewer", tuple(line.split())) for line in lines]


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


def asked(kind: str, row: Row) -> Asked:
    flags = (value for name, value in row.items() if name not in {"user", "state"})
    return row["user"], (kind, *" ".join(flags).split())


@cache
def array(kind: str) -> Sequence[Row]:
    return rows(KINDS[kind], 1, WHY_NONE[kind], CLEAR)


@pytest.mark.parametrize("kind", KINDS)
def test_every_pair_of_flags_users_and_states_gives_what_kubectl_gives(
    kind: str, cluster: Cluster, scene: str
) -> None:
    chosen = [row for row in array(kind) if row["state"] == scene]
    here = [asked(kind, row) for row in chosen]
    said = said_to(cluster, here)
    found = list(judge(cluster, here, said))
    assert not found, f"{scene}:\n" + "\n".join(found)
    # The array is worth what is known of why a run shows nothing.
    for row, line, run in zip(chosen, here, said, strict=True):
        assert bool(run.stdout) is not bool(WHY_NONE[kind](row)), line


@pytest.mark.full
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_pair_of_flags_for_a_user_in_a_state_gives_what_kubectl_gives(
    kind: str, user: str, cluster: Cluster, scene: str, daily_seed: int
) -> None:
    """The full cross; other rows each day."""
    here = {**KINDS[kind], "user": (user,), "state": (scene,)}
    chosen = rows(here, daily_seed + crc32(f"{kind} {user} {scene}".encode()))
    found = list(compare(cluster, [asked(kind, row) for row in chosen]))
    assert not found, f"{scene} (--full --seed {daily_seed}):\n" + "\n".join(found)


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
    assert not "\n".join(compare(healthy, by_viewer(*CONNECTIONS)))


def test_words_are_read_as_kubectl_reads_them(healthy: Cluster) -> None:
    assert not "\n".join(compare(healthy, by_viewer(*QUIRKS)))


SELECTORS: list[dict[str, str]] = json.loads(
    (Path(__file__).parents[1] / "data" / "kubectl_selectors.json").read_text()
)
"""What kubectl said to each: refused here, before anything is asked, or accepted."""


def selecting(case: dict[str, str]) -> Asked:
    flag = "--field-selector" if case["flag"] == "--field-selector" else "-l"
    return "viewer", ("pods", "-A", flag, case["selector"])


def test_selectors_that_kubectl_accepts_select_as_with_kubectl(
    healthy: Cluster,
) -> None:
    accepted = [selecting(case) for case in SELECTORS if not case["error"]]
    assert not "\n".join(compare(healthy, accepted))


def test_selectors_that_kubectl_refused_are_refused_in_its_words(
    healthy: Cluster,
) -> None:
    """What it said to each is recorded; that it says so still, the next test sees."""
    for case in SELECTORS:
        if case["error"]:
            user, args = selecting(case)
            said = Run(1, "", f"error: {case['error']}\n")
            assert ours(healthy, args, user) == said, args


@pytest.mark.full
def test_selectors_that_kubectl_refused_are_refused_by_it_still(
    healthy: Cluster,
) -> None:
    refused = [selecting(case) for case in SELECTORS if case["error"]]
    assert not "\n".join(compare(healthy, refused))


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
def test_every_known_difference_is_still_one(
    known: dict[str, Any], healthy: Cluster
) -> None:
    user, args = known.get("user", "viewer"), known["example"]
    assert known.get("state", "healthy") == healthy.state
    run = theirs(healthy, args, user)
    differ = {what for what, _, _ in differing(healthy, args, user, run)}
    assert differ == set(known["what"]) <= excuses(healthy, args, user)
