"""Build what is given away: ``python -m tests.tools.dist``, or ``make dist``.

A wheel and an sdist; ``kubemetrics.pyz``, one file that runs wherever a Python is, with
httpx and PyYAML inside; the same as a plugin of kubectl, with its krew manifest; man
pages. Two builds of one tree are equal, byte for byte, for one ``SOURCE_DATE_EPOCH``
(reproducible-builds.org/specs/source-date-epoch).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import textwrap
import time
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any, Final

import yaml
from argparse_manpage.manpage import Manpage
from packaging.requirements import Requirement

from kubemetrics import __version__
from kubemetrics.cli import COMMANDS, build

ROOT: Final = Path(__file__).parents[2]
OLDEST: Final = {"python_version": "3.11", "python_full_version": "3.11.0", "extra": ""}
"""The Python for which a requirement has to be there."""

INTERPRETER: Final = b"#!/usr/bin/env python3\n"
START: Final = b"from kubemetrics.__main__ import run\n\nrun()\n"
_NOT_CARRIED: Final = re.compile(
    r"(^|/)\.\./|__pycache__/|\.(so|pyd|pyc)$"  # bound to one machine or one Python
    r"|\.dist-info/(?!METADATA|licenses/|LICENSE)"  # of how it was installed
)


def epoch() -> int:
    """Return the second that stands as the date of everything."""
    return int(os.environ.get("SOURCE_DATE_EPOCH", "1577836800"))  # 2020


def build_packages(out: Path) -> Path:
    """Build the sdist, and from that the wheel; return the wheel."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir"]
    environ = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch())}
    done = subprocess.run(
        [*command, out, ROOT], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the wheel could not be built:\n{done.stdout}{done.stderr}")
    return next(out.glob(f"kubemetrics-{__version__}-*.whl"))


def required(name: str) -> dict[str, Distribution]:
    """Return what *name* needs at run time, and what that needs, by name."""
    found: dict[str, Distribution] = {}
    names = [name]
    while names:
        for text in distribution(names.pop()).requires or ():
            need = Requirement(text)
            wanted = need.marker is None or need.marker.evaluate(OLDEST)
            if wanted and need.name not in found:
                found[need.name] = distribution(need.name)
                names.append(need.name)
    return found


def carried(found: Distribution) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an installed package that run on any machine."""
    for file in found.files or ():
        if not _NOT_CARRIED.search(str(file)):
            yield str(file), file.read_binary()


def content(wheel: Path) -> dict[str, bytes]:
    """Return the files of the one file, by name."""
    with zipfile.ZipFile(wheel) as ours:
        files = {
            name: ours.read(name)
            for name in ours.namelist()
            if not _NOT_CARRIED.search(name)
        }
    for found in required("kubemetrics").values():
        files |= carried(found)
    return {**files, "__main__.py": START}


def build_one_file(wheel: Path, out: Path) -> Path:
    """Build ``kubemetrics.pyz``, as docs.python.org/3/library/zipapp.html has it.

    Not by zipapp itself: it takes order, dates and modes from the file system.
    """
    target = out / "kubemetrics.pyz"
    date = time.gmtime(epoch())[:6]
    with target.open("wb") as file:
        file.write(INTERPRETER)
        with zipfile.ZipFile(file, "w", compresslevel=9) as archive:
            for name, data in sorted(content(wheel).items()):
                entry = zipfile.ZipInfo(name, date)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, data)
    target.chmod(0o755)
    return target


def build_plugin(one_file: Path, out: Path) -> Path:
    """Pack the one file as krew wants a plugin: in an archive, by kubectl's name."""
    target = out / f"kubectl-metrics-{__version__}.tar.gz"
    entry = tarfile.TarInfo("kubectl-metrics")
    entry.mode, entry.mtime, entry.size = 0o755, epoch(), one_file.stat().st_size
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=epoch()) as packed,
        tarfile.TarFile(fileobj=packed, mode="w") as archive,
        one_file.open("rb") as source,
    ):
        archive.addfile(entry, source)
    return target


def manifest(plugin: Path, releases: str) -> dict[str, Any]:
    """Return krew's manifest of *plugin*, which is found below the URL *releases*.

    Source: krew.sigs.k8s.io/docs/developer-guide/plugin-manifest.
    """
    systems = {"key": "os", "operator": "In", "values": ["linux", "darwin"]}
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "metrics"},
        "spec": {
            "version": f"v{__version__}",
            "shortDescription": "Every pod's usage, requests and limits, explained",
            "description": "Shows every pod with its usage beside its requests and"
            " limits, or the one reason why there is no usage.\n",
            "caveats": "Needs Python 3.11 or later as python3.\n",
            "platforms": [
                {
                    "selector": {"matchExpressions": [systems]},
                    "uri": f"{releases.rstrip('/')}/{plugin.name}",
                    "sha256": hashlib.sha256(plugin.read_bytes()).hexdigest(),
                    "files": [{"from": "kubectl-metrics", "to": "."}],
                    "bin": "kubectl-metrics",
                }
            ],
        },
    }


def write_manifest(plugin: Path, releases: str) -> None:
    text = yaml.safe_dump(manifest(plugin, releases), sort_keys=False, width=88)
    plugin.with_name("metrics.yaml").write_text(text, encoding="utf-8")


def verbatim(text: str) -> str:
    """Write *text* as troff shows it, line by line."""
    escaped = textwrap.dedent(text).strip().replace("\\", "\\\\").replace("-", "\\-")
    guarded = re.sub("^(?=[.])", r"\\&", escaped, flags=re.MULTILINE)
    return f".nf\n{guarded}\n.fi"


def source(made: Manpage) -> str:
    """Return a page as any troff reads it; the library leaves words to be macros."""
    text = re.sub("^(?=')", r"\\&", str(made), flags=re.MULTILINE)
    return re.sub("[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", text)


def page(name: str) -> Manpage:
    """Return the man page of a command, from its parser; of all if *name* is empty."""
    summary = COMMANDS[name].summary if name else "every pod and its metrics"
    parser: argparse.ArgumentParser
    if name:
        _, parser = build(name)
        parser.format_help()  # gives it the short usage
        synopsis = " ".join(parser.format_usage().split()[1:])
        examples = (parser.epilog or "").partition("\n")[2]
    else:
        parser = argparse.ArgumentParser("kubemetrics", add_help=False)
        synopsis, examples = "kubemetrics COMMAND [NAME ...] [flags]", ""
    parser.epilog = None
    made = Manpage(parser)
    made.prog = "-".join(["kubemetrics", *name.split()])
    made.source, made.manual = f"kubemetrics {__version__}", "kubemetrics"
    made.date = time.strftime("%Y-%m-%d", time.gmtime(epoch()))
    made.description, made.synopsis = summary, [synopsis]
    if examples:
        made.add_section("examples", "=", verbatim(examples))
    return made


def overview() -> str:
    """Return what ``kubemetrics --help`` prints, from the line after its title on."""
    command = [sys.executable, "-m", "kubemetrics", "--help"]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return text.partition("\n")[2]


def write_pages(out: Path) -> None:
    """Write a man page for each command, and one that names them all."""
    out.mkdir(parents=True, exist_ok=True)
    first = page("")
    first.add_section("description", "=", verbatim(overview()))
    others = [page(name) for name in COMMANDS]
    names = ",\n".join(f".BR {made.prog} (1)" for made in others)
    first.add_section("see also", "=", names)
    for made in (first, *others):
        (out / f"{made.prog}.1").write_text(source(made), encoding="ascii")


def parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder")
    parser.add_argument(
        "--releases",
        default="https://localhost/releases",
        metavar="URL",
        help="where krew finds the plugin's archive",
    )
    return parser.parse_args(words)


def build_all(out: Path, releases: str) -> None:
    """Build everything into the folder *out*."""
    out.mkdir(parents=True, exist_ok=True)
    one_file = build_one_file(build_packages(out), out)
    write_manifest(build_plugin(one_file, out), releases)
    write_pages(out / "man" / "man1")


if __name__ == "__main__":
    given = parsed(None)
    build_all(given.out, given.releases)
    for path in sorted(given.out.iterdir()):
        if path.is_file():
            print(f"{path.stat().st_size:>9,}  {path}")
