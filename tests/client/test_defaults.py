"""What a client does unless it is told otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubemetrics import (
    Client,
    Config,
    ConfigError,
    Forbidden,
    NotFound,
    __version__,
    load_config,
)
from kubemetrics.config.model import Impersonation
from kubemetrics.flow import Open
from kubemetrics.transport.network import Call
from tests.cluster import Cluster
from tests.config.kubeconfigs import kubeconfig


@pytest.mark.parametrize(
    ("given", "sent"), [("", f"kubemetrics/{__version__}"), ("report/2", "report/2")]
)
def test_a_client_says_who_it_is(
    cluster: Cluster, config: Config, given: str, sent: str
) -> None:
    with Client(config, user_agent=given) as client:
        client.list_pods()
        client.get_raw("/version")
    assert {seen.headers["user-agent"] for seen in cluster.requests} == {sent}


@pytest.mark.parametrize(
    ("timeout", "silence"),
    [(None, 65.0), (110.0, None)],  # the API server's own limit is 60
)
def test_the_time_out_of_a_call_is_the_only_limit_between_two_bytes(
    config: Config, timeout: float | None, silence: float | None
) -> None:
    with Client(config) as client:
        exchange = client._session.exchange(Call(timeout), Call())
        step = next(exchange.perform(client.api.get("/version")))
        assert isinstance(step, Open)
        assert step.silence == silence


@pytest.mark.parametrize(
    ("given", "silence"), [({}, None), ({"read_timeout": 7.0}, 7.0)], ids=["", "given"]
)
def test_no_limit_in_so_many_words_is_none_between_two_bytes_either(
    config: Config, given: dict[str, Any], silence: float | None
) -> None:
    """W3: ``--request-timeout 0`` ended after 65 s in which nothing came."""
    with Client(replace(config, timeout=0.0), **given) as client:
        assert client._limit(None) is None
        assert client._limit(3.0) == 3.0
        exchange = client._session.exchange(Call(client._limit(None)), Call())
        step = next(exchange.perform(client.api.get("/version")))
        assert isinstance(step, Open)
        assert step.silence == silence


@pytest.mark.parametrize("text", ["\udcff", "é"])
def test_what_is_no_unicode_is_for_the_server_to_refuse(
    cluster: Cluster, config: Config, text: str
) -> None:
    """A byte of the command line that is no UTF-8 comes as half a surrogate pair."""
    with Client(config) as client:
        assert not client.list_pods(namespace=text)
        assert not client.list_pods(label_selector=f"app={text}")
        with pytest.raises(NotFound):
            client.get_pod(text)
    someone = Impersonation(user=text)
    with (
        Client(replace(config, impersonate=someone)) as client,
        pytest.raises(Forbidden),
    ):
        client.list_pods()
    assert len(cluster.requests) == 4


@pytest.mark.parametrize(
    "server",
    ["", "127.0.0.1:6443", "ftp://a", "https://", "https://[::1", "https://a:99999"],
)
def test_a_server_that_is_no_url_is_told_before_anything_is_asked(server: str) -> None:
    with pytest.raises(ConfigError, match="the server's URL"):
        Client(Config(server=server))


def test_without_a_configuration_it_is_found_as_kubectl_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps(kubeconfig(user={"token": "t"})), "utf-8")
    monkeypatch.setenv("KUBECONFIG", str(path))
    with Client() as client:
        assert client.config == load_config(path)
