"""The cluster as a process of its own."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys
from base64 import b64decode
from collections.abc import Sequence
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.cluster.__main__ import main

ROOT = Path(__file__).parents[2]
RUNS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "recorded": ((), 100, "v1beta1"),
    "generated": (("--pods=40", "--nodes=3", "--seed=2", "--warm=10"), 40, "v1beta1"),
    "lazy": (("--pods=40", "--nodes=3", "--lazy", "--warm=10"), 40, "v1beta1"),
    "far": (("--pods=5", "--nodes=3", "--round-trip=20"), 5, "v1beta1"),
    "paced": (("--pods=40", "--nodes=3", "--pace=1ms"), 40, "v1beta1"),
    "past": (("--past=hour", "--scrape=2"), 4, "v1beta1"),
    "absent": (("--state=absent",), 100, ""),
}


@pytest.mark.parametrize(("arguments", "pods", "version"), RUNS.values(), ids=RUNS)
def test_a_process_serves_until_it_is_told_to_stop(
    tmp_path: Path, arguments: Sequence[str], pods: int, version: str
) -> None:
    config = tmp_path / "config"
    command = [sys.executable, "-m", "tests.cluster", f"--kubeconfig={config}"]
    with subprocess.Popen(
        [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ready = process.stdout.readline().split()
        content = yaml.safe_load(config.read_text())
        cluster = content["clusters"][0]["cluster"]
        assert ready == ["ready", cluster["server"]]
        tokens = {u["name"]: u["user"].get("token") for u in content["users"]}
        connection = HTTPSConnection(
            urlsplit(cluster["server"]).netloc,
            context=ssl.create_default_context(
                cadata=b64decode(cluster["certificate-authority-data"]).decode()
            ),
            timeout=60,
        )
        headers = {"Authorization": f"Bearer {tokens['viewer']}"}
        connection.request("GET", "/api/v1/pods", headers=headers)
        assert connection.getresponse().read().count(b'"hostIP"') <= pods
        connection.request("GET", "/apis/metrics.k8s.io", headers=headers)
        assert version in connection.getresponse().read().decode()
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    for option in (
        "--pods",
        "--nodes",
        "--seed",
        "--kubeconfig",
        "--round-trip",
        "--pace",
        "--past",
    ):
        assert option in shown
