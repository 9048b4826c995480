# ruff: noqa: E501, S104 - a case a line; nothing listens on 0.0.0.0
"""What surrounds a kubeconfig: directories, locale, user and paths, as kubectl has it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.cluster.proxy import HttpProxy
from tests.tools.kubectl import LEAN
from tests.transport.certs import ordinary

from .bench import (
    KUBECTL,
    OURS,
    VERSION,
    Bench,
    Case,
    Driver,
    kubectl,
    needs_kubectl,
    same,
)
from .conftest import Benches
from .sites import Place, other_authority

pytestmark = needs_kubectl

NO_CA = {"certificate-authority-data": None}
KNOWN, OTHER = ordinary().pem, other_authority().pem
NOTHING = {"SSL_CERT_FILE": "/dev/null"}


def rooted(
    name: str,
    files: Mapping[str, str | bytes],
    directories: str = "<dir>/certs",
    *,
    refused: bool = False,
    **environ: str,
) -> Case:
    """Trust what is in *directories* alone."""
    given = {**NOTHING, "SSL_CERT_DIR": directories, **environ}
    return Case(name=name, cluster=NO_CA, files=files, environ=given, refused=refused)


BROKEN = b"-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n"
DIRECTORIES = [
    rooted("one of several", {"certs/a.crt": OTHER, "certs/b": KNOWN, "certs/README": b"\xff\0"}),
    rooted("hashed names", {"certs/0123abcd.0": OTHER, "certs/89abcdef.1": KNOWN}),
    rooted("a hidden file", {"certs/.corp": KNOWN}),
    rooted("broken ones before it", {"certs/1.pem": BROKEN, "certs/2.pem": "-----BEGIN CERTIFICATE-----\n", "certs/3.pem": KNOWN}),
    rooted("a broken one before it in its file", {"certs/a.pem": BROKEN + b"\n" + KNOWN}),
    rooted("several in one file", {"certs/bundle": OTHER + b"# ours\r\n" + KNOWN}),
    rooted("another directory first", {"certs/a": OTHER, "more/b": KNOWN}, "/nowhere::<dir>/certs:<dir>/more"),
    rooted("a directory below", {"certs/a": OTHER, "certs/below": OTHER}, "<dir>", refused=True),
    rooted("others alone", {"certs/a": OTHER, "certs/b": BROKEN}, refused=True),
    rooted("blanks around are part of the name", {"certs/a": KNOWN}, " <dir>/certs ", refused=True),
    rooted("a bundle besides", {"certs/a": OTHER, "bundle": KNOWN}, SSL_CERT_FILE="<dir>/bundle"),
]  # fmt: skip


@pytest.mark.parametrize("case", DIRECTORIES, ids=str)
def test_directories_of_certificates_are_read_as_kubectl_reads_them(
    case: Case, benches: Benches
) -> None:
    """zitadel#12029, distroless#155."""
    same(benches("ordinary"), case)


def zoned(zone: str, *, refused: bool = False, called: str = "") -> Case:
    server = f"https://[::1{zone}]:<port>"
    return Case(name=f"{zone} {called}", cluster={"server": server, "tls-server-name": called}, place="IPv6", refused=refused)  # fmt: skip


ZONES = [
    zoned("%25lo", called="api.example"),
    zoned("%25nowhere", called="api.example"),
    zoned("%251", called="api.example"),
    zoned("%251", called="::1"),
    zoned("%251", called="wrong.example", refused=True),
    zoned("%25lo", called="wrong.example", refused=True),
    zoned("%lo", refused=True),
    zoned("%25", refused=True),
    zoned("%2", refused=True),
]


@pytest.mark.parametrize("case", ZONES, ids=str)
def test_a_zone_is_understood_as_by_kubectl(case: Case, benches: Benches) -> None:
    same(benches("IPv6"), case)


@dataclass(frozen=True, kw_only=True)
class Past(Case):
    """A case whose environment names a proxy, and what goes around it."""

    asked: bool


def past(server: str, listed: str, *, asked: bool, place: str = "ordinary", refused: bool = False) -> Past:  # fmt: skip
    environ = {"HTTPS_PROXY": "<proxy>", "NO_PROXY": listed}
    return Past(name=f"{server} but {listed}", cluster={"server": f"https://{server}:<port>"}, environ=environ, asked=asked, place=place, refused=refused)  # fmt: skip


UMLAUT = "bücher.invalid"
PUNY = "xn--bcher-kva.invalid"
AROUND = [
    past(UMLAUT, PUNY, asked=False, refused=True),
    past(UMLAUT, UMLAUT, asked=False, refused=True),
    past(PUNY, UMLAUT, asked=False, refused=True),
    past(UMLAUT, "BÜCHER.INVALID", asked=False, refused=True),
    past(UMLAUT, f"*.{UMLAUT}", asked=True, refused=True),
    past(f"api.{UMLAUT}", f".{PUNY}", asked=False, refused=True),
    past("[::%251]", "::", asked=False, place="IPv6", refused=True),
    past("[::%251]", "::%1", asked=True, place="IPv6", refused=True),
    past("[::%251]", "[::%251]", asked=True, place="IPv6", refused=True),
    past("[::%251]", "::/0", asked=False, place="IPv6", refused=True),
    past("[::%251]", "1", asked=True, place="IPv6", refused=True),
    past("0.0.0.0", "0.0.0.0%lo", asked=True),
]


@pytest.fixture
def proxied(benches: Benches) -> Iterator[Callable[[str], Bench]]:
    running: list[HttpProxy] = []

    def start(kind: str) -> Bench:
        bench = benches(kind)
        port = bench.place.server.port
        running.append(HttpProxy(routes={f"0.0.0.0:{port}": ("127.0.0.1", port)}))
        return replace(bench, proxy=running[-1])

    yield start
    for proxy in running:
        proxy.close()


@pytest.mark.parametrize("case", AROUND, ids=str)
def test_zones_and_international_names_go_past_a_proxy_as_with_kubectl(
    case: Past, proxied: Callable[[str], Bench]
) -> None:
    found = same(proxied(case.place), case)
    assert bool(found.asked) is case.asked


@dataclass(frozen=True, kw_only=True)
class Blank(Case):
    """A proxy's URL with blanks around it, and what kubectl makes of that."""

    theirs: bool


def blank(given: str, *, theirs: bool, ours: int = 1) -> tuple[Blank, int]:
    cluster = {"server": "https://0.0.0.0:<port>"}
    environ = {"HTTPS_PROXY": given}
    return Blank(name=repr(given), environ=environ, cluster=cluster, theirs=theirs), ours  # fmt: skip


BLANKS = [
    blank(" <proxy>", theirs=True),
    blank("\t<proxy>", theirs=True),
    blank(" http://me:pw@127.0.0.1:<proxyport>", theirs=True),
    blank("<proxy> ", theirs=False),
    blank(" ", theirs=False, ours=0),
]


@pytest.mark.parametrize(("case", "asked"), BLANKS, ids=[c.name for c, _ in BLANKS])
def test_exception_blanks_around_a_proxys_url_are_not_meant(
    case: Blank, asked: int, proxied: Callable[[str], Bench]
) -> None:
    """kubectl passes such a proxy by in silence, or takes it for a host "http"."""
    bench = proxied("ordinary")
    theirs = bench.run(case, "kubectl", kubectl)
    assert (theirs.accepted, theirs.asked) == (case.theirs, ())
    for way in bench.ways:
        found = bench.run(case, way, OURS[way])
        assert (found.accepted, len(found.asked)) == (True, asked), way


US = (sys.executable, "-m", "kubemetrics")
"""Started as people start it: what is meant here is a process's own."""


@dataclass(frozen=True, kw_only=True)
class Started(Case):
    """A case whose programs start *within* another, which sets their surroundings."""

    within: str = 'exec "$@"'


def start(case: Started, program: Sequence[str]) -> Driver:
    def run(environ: dict[str, str]) -> str:
        done = subprocess.run(
            ["sh", "-c", case.within, "sh", *program],
            env=environ | LEAN,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert b"Traceback" not in done.stderr
        return done.stderr.decode(errors="replace") or "?" if done.returncode else ""

    return run


LATIN = {"LC_ALL": "C", "LANG": "de_DE.ISO-8859-1", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "DIR": "<dir>"}  # fmt: skip
PLAIN = {"DIR": "<dir>"}
NOBODY = 'cd /; chmod -R a+rX "$DIR"; exec setpriv --reuid 12345 --regid 12345 --clear-groups --inh-caps +dac_read_search --ambient-caps +dac_read_search -- "$@"'
GROSS: dict[str, str | bytes] = {"größe ☃/tök": "file-token", "größe ☃/ca": KNOWN}
STARTED = [
    Started(name="a locale without umlauts, paths with", user={"tokenFile": "größe ☃/tök"}, cluster={**NO_CA, "certificate-authority": "größe ☃/ca"}, files=GROSS, environ=LATIN),
    Started(name="a locale without umlauts, a kubeconfig and names with", user={"token": "t", "as": "jörg"}, files={"größe": ""}, within='cp "$KUBECONFIG" "$DIR/größe"; export KUBECONFIG="$DIR/größe"; exec "$@"', environ=LATIN),
    Started(name="a kubeconfig's path of odd bytes", environ=PLAIN, within='odd=$(printf "$DIR/\\377 \\200x"); cp "$KUBECONFIG" "$odd"; export KUBECONFIG="$odd"; exec "$@"'),
    Started(name="a relative file below a folder of odd bytes", user={"tokenFile": "t"}, files={"t": "file-token"}, environ=PLAIN, within='odd=$(printf "$DIR/\\377"); mkdir "$odd"; cp "$KUBECONFIG" "$DIR/t" "$odd"; export KUBECONFIG="$odd/config"; exec "$@"'),
    Started(name="neither a home nor a user", environ=PLAIN, within="unset HOME; " + NOBODY),
    Started(name="a user whose home is not there", environ={**PLAIN, "HOME": "/nowhere/at/all"}),
    Started(name="neither a home nor a kubeconfig", environ=PLAIN, within="unset HOME KUBECONFIG; " + NOBODY, refused=True),
    Started(name="the home of nobody known", environ=PLAIN, within='export KUBECONFIG="~nosuchuser/config"; exec "$@"', refused=True),
    Started(name="the home of nobody known, and a file", environ=PLAIN, within='export KUBECONFIG="~nosuchuser/config:$KUBECONFIG"; exec "$@"'),
    Started(name="a deleted working directory", environ=PLAIN, within='mkdir "$DIR/w"; cd "$DIR/w"; rmdir "$DIR/w"; exec "$@"'),
    Started(name="a deleted working directory, a relative file", environ=PLAIN, within='mkdir "$DIR/w"; cd "$DIR/w"; rmdir "$DIR/w"; export KUBECONFIG=config; exec "$@"', refused=True),
]  # fmt: skip


def _gives_up_root() -> bool:
    tried = NOBODY.replace("$DIR", "/nowhere").replace('"$@"', "true")
    try:
        return subprocess.run(["sh", "-c", tried], capture_output=True, check=False).returncode == 0  # fmt: skip
    except OSError:
        return False


@pytest.mark.parametrize("case", STARTED, ids=str)
def test_a_process_in_odd_surroundings_connects_as_kubectl_does(
    case: Started, places: Callable[[str], Place], tmp_path: Path
) -> None:
    """eclipse-che/che#13454: no passwd entry; python/cpython#81233: other locales."""
    if NOBODY in case.within and not _gives_up_root():
        pytest.skip("nobody else's process can be started here")
    bench = Bench(places(case.place), tmp_path, ())
    ask = ("get", "--raw", VERSION)
    theirs = bench.run(case, "kubectl", start(case, (KUBECTL, *ask)))
    assert theirs.accepted is not case.refused, theirs.said
    found = bench.run(case, "ours", start(case, (*US, "raw", VERSION)))
    assert found == theirs, found.said
