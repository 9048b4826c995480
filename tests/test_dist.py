"""What `make dist` builds: equal each time, whole, and run by nothing but Python."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from kubemetrics import __version__
from kubemetrics.cli import COMMANDS, build
from tests.cluster import Cluster
from tests.tools import dist
from tests.tools.interpreters import interpreters

RELEASES: Final = "https://example.org/releases/"
PACKAGE: Final = Path(dist.ROOT, "kubemetrics")
KEY: Final = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")
PODS: Final = ("/run/kubectl-metrics", "pods", "-A", "-o", "ndjson")
MEASURED: Final = "81 of 89 running pods measured"
SYSTEM: Final = "/usr/local/bin:/usr/bin:/bin"
PYTHON: Final = shutil.which("python3", path=SYSTEM)

pytestmark = pytest.mark.no_cover


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        dist.build_all(out, RELEASES)
    return out


@pytest.fixture(scope="module")
def one_file(built: Path) -> Path:
    return built / "kubemetrics.pyz"


def digests(folder: Path) -> dict[Path, str]:
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_built_again_elsewhere_by_others_it_is_the_same(
    built: Path, tmp_path: Path
) -> None:
    """In another folder and time zone, by someone with another mask."""
    options = (f"--releases={RELEASES}", f"--out={tmp_path / 'again'}")
    subprocess.run(
        [sys.executable, "-m", "tests.tools.dist", *options],
        cwd=dist.ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "TZ": "Asia/Kathmandu"},
        umask=0o077,
        check=True,
        capture_output=True,
    )
    assert digests(tmp_path / "again") == digests(built)


def names(path: Path) -> set[str]:
    if path.name.endswith(".gz"):
        with tarfile.open(path) as archive:
            return set(archive.getnames())
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def contents(path: Path) -> Iterable[bytes]:
    if path.name.endswith(".gz"):
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member)
                yield file.read() if file else b""
        return
    with zipfile.ZipFile(path) as archive:
        yield from map(archive.read, archive.namelist())


def ours() -> set[str]:
    """Return the files of the package."""
    return {
        str(path.relative_to(dist.ROOT))
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_each_has_the_whole_package_and_nothing_of_the_tests(
    built: Path, one_file: Path
) -> None:
    (wheel,) = built.glob("*.whl")
    sdist = built / f"kubemetrics-{__version__}.tar.gz"
    unpacked = {name.partition("/")[2] for name in names(sdist)}
    for found in (names(wheel), names(one_file), unpacked):
        assert ours() <= found
        assert not [name for name in found if name.startswith("tests/")]
    assert unpacked - ours() == {
        ".gitignore",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
    }


def test_none_has_a_private_key(built: Path) -> None:
    for path in built.glob("kube*"):
        assert not any(map(KEY.search, contents(path)))


def test_the_one_file_is_of_no_machine_and_of_no_python(one_file: Path) -> None:
    found = names(one_file)
    assert not [name for name in found if re.search(r"\.(so|pyd|pyc)$|msgspec", name)]
    assert {"httpx/__init__.py", "yaml/__init__.py", "typing_extensions.py"} <= found
    assert one_file.stat().st_mode & 0o777 == 0o755


def alone(
    one_file: Path, *words: str, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run the one file without an environment and without installed packages."""
    return subprocess.run(
        [python, "-I", "-S", one_file, *words],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )


def test_with_nothing_but_python_the_one_file_says_who_it_is(one_file: Path) -> None:
    assert alone(one_file, "--version").stdout == f"kubemetrics {__version__}\n"


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_with_nothing_but_python_the_one_file_shows_the_pods(
    version: str, one_file: Path, tmp_path: Path
) -> None:
    python = interpreters().get(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    with Cluster.recorded() as cluster:
        path = tmp_path / "config"
        shutil.copy(cluster.kubeconfig(), path)
        words = ("pods", "-A", "-o", "json", "--kubeconfig", str(path))
        done = alone(one_file, *words, python=python)
    assert done.stderr.startswith(MEASURED)
    assert len(json.loads(done.stdout)["items"]) == 100


# --- in a container -------------------------------------------------------------------

# A root of its own that nothing can be written to, and a user who has no home there.
_CONTAINER = """
mount -t tmpfs none "$(readlink -f /run)" || exit 77
mkdir -p /run/secrets/kubernetes.io
cp -r "$0/serviceaccount" /run/secrets/kubernetes.io/
cp "$0/kubectl-metrics" /run
chmod -R a+rX /run
mount -o remount,ro,bind / && mount -o remount,ro /run || exit 77
exec setpriv --reuid 65534 --regid 65534 --clear-groups env -i "$@"
"""


def _containers_work() -> bool:
    tried = "mount -t tmpfs none /mnt && setpriv --reuid 65534 --clear-groups true"
    try:
        within = ["unshare", "-m", "sh", "-c", tried]
        return subprocess.run(within, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(
    PYTHON is None or not _containers_work(),
    reason="no mounts of its own, or no Python",
)
def test_in_a_container_of_nobody_it_shows_the_pods_by_its_service_account(
    one_file: Path, tmp_path: Path
) -> None:
    account = tmp_path / "serviceaccount"
    account.mkdir()
    shutil.copy(one_file, tmp_path / "kubectl-metrics")
    with Cluster.recorded() as cluster:
        (account / "token").write_text(cluster.token("viewer"))
        (account / "namespace").write_text("team-a")
        (account / "ca.crt").write_bytes(cluster.ca_pem)
        environ = [
            f"PATH={SYSTEM}",
            f"KUBERNETES_SERVICE_HOST={cluster.options.host}",
            f"KUBERNETES_SERVICE_PORT={cluster.port}",
        ]
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", _CONTAINER, tmp_path, *environ, *PODS],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 77:
            pytest.skip("no file system may be mounted read-only here")
        sent = {seen.headers.get("authorization") for seen in cluster.requests}
    assert (done.returncode, done.stderr.partition(" (")[0]) == (0, MEASURED)
    assert len(done.stdout.splitlines()) == 100
    assert sent == {f"Bearer {(account / 'token').read_text()}"}


# --- the plugin of kubectl ------------------------------------------------------------


@pytest.fixture(scope="module")
def manifest(built: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((built / "metrics.yaml").read_text())
    return found


def test_the_manifest_is_one_that_krew_takes(manifest: dict[str, Any]) -> None:
    """krew: internal/index/validation/validate.go."""
    spec = manifest["spec"]
    assert manifest["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    assert manifest["kind"] == "Plugin"
    assert re.fullmatch(r"[\w-]+", manifest["metadata"]["name"])
    assert re.fullmatch(r"v\d+\.\d+\.\d+", spec["version"])
    assert spec["shortDescription"]
    assert "\n" not in spec["shortDescription"]
    for platform in spec["platforms"]:
        assert {*platform} == {"selector", "uri", "sha256", "files", "bin"}
        assert all(file["from"] and file["to"] for file in platform["files"])
        for rule in platform["selector"]["matchExpressions"]:
            assert rule["key"] in {"os", "arch"}


def test_the_manifest_has_the_digest_of_the_archive_that_it_names(
    built: Path, manifest: dict[str, Any]
) -> None:
    (platform,) = manifest["spec"]["platforms"]
    assert platform["uri"].startswith(RELEASES + "kubectl-metrics-")
    archive = built / platform["uri"].removeprefix(RELEASES)
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == platform["sha256"]


def test_unpacked_as_krew_does_it_is_a_plugin_of_kubectl(
    built: Path, manifest: dict[str, Any], tmp_path: Path
) -> None:
    (platform,) = manifest["spec"]["platforms"]
    with tarfile.open(next(built.glob("kubectl-metrics-*"))) as archive:
        archive.extractall(tmp_path, filter="data")
    plugin = tmp_path / platform["bin"]
    assert os.access(plugin, os.X_OK)
    assert alone(plugin, "pods", "--help").stdout.startswith(
        "usage: kubectl metrics pods"
    )


# --- man pages ------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_of_a_command_names_each_of_its_flags(
    command: str, built: Path
) -> None:
    path = built / "man" / "man1" / f"kubemetrics-{command.replace(' ', '-')}.1"
    text = re.sub(r"\\f.|\\&", "", path.read_text()).replace("\\-", "-")
    _, parser = build(command)
    for flag in (name for o in parser.options() for name in o.option_strings):
        assert flag in text or flag in {"-h", "--help"}


def test_the_page_of_all_names_the_others(built: Path) -> None:
    pages = {path.stem for path in (built / "man" / "man1").iterdir()}
    text = (built / "man" / "man1" / "kubemetrics.1").read_text()
    assert pages - {"kubemetrics"} == set(
        re.findall(r"^\.BR (\S+) ", text, re.MULTILINE)
    )


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff")
def test_troff_understands_every_line_of_the_pages(built: Path) -> None:
    pages = sorted((built / "man" / "man1").iterdir())
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", *pages],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
