"""Exec plugins as real scripts: what they are told, what they answer, how they fail."""

from __future__ import annotations

import json
import os
import signal
import sys
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubemetrics.auth import CredentialSource, process
from kubemetrics.auth.process import run
from kubemetrics.auth.sources import credential_source
from kubemetrics.config.model import Config, ExecConfig
from kubemetrics.errors import ConfigError, CredentialError
from tests.transport.certs import NOT_AFTER, leaf, ordinary

from .clock import START, Clock, jwt
from .plugins import (
    HANG,
    V1,
    V1BETA1,
    answer,
    counting,
    ended,
    plugged,
    runs,
    says,
    script,
    until_written,
)

HOUR = "2027-01-15T09:00:00Z"  # an hour after START


def source(
    config: Config, clock: Clock | None = None, timeout: float | None = 60
) -> CredentialSource:
    return credential_source(config, clock=clock or Clock(), exec_timeout=timeout)


def failure(config: Config, timeout: float = 20) -> str:
    with pytest.raises(CredentialError) as caught:
        source(config, timeout=timeout).fetch()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("version", [V1, V1BETA1])
def test_a_token_is_taken_with_its_end(version: str, tmp_path: Path) -> None:
    text = answer(version, token="t0ken", expirationTimestamp=HOUR)
    plugin = script(tmp_path / "plugin", says(text))
    found = source(plugged(plugin, api_version=version)).fetch()
    assert found.authorization == "Bearer t0ken"
    assert found.expires_at == START + 3600
    assert found.kind == "exec"


def test_yaml_is_tolerated(tmp_path: Path) -> None:
    text = f"apiVersion: {V1}\nkind: ExecCredential\nstatus:\n  token: t0ken"
    plugin = script(tmp_path / "plugin", says(text))
    assert source(plugged(plugin)).fetch().authorization == "Bearer t0ken"


def test_a_client_certificate_is_taken_and_a_token_with_it(tmp_path: Path) -> None:
    client = leaf(ordinary())
    text = answer(
        token="t0ken",
        clientCertificateData=client.pem.decode(),
        clientKeyData=client.key.decode(),
    )
    found = source(plugged(script(tmp_path / "plugin", says(text)))).fetch()
    assert found.certificate == client.pair()
    assert found.authorization == "Bearer t0ken"
    assert found.expires_at == NOT_AFTER.timestamp()


def told(tmp_path: Path, config: Config) -> dict[str, Any]:
    """Return what a plugin finds in ``KUBERNETES_EXEC_INFO``."""
    body = f'printf %s "$KUBERNETES_EXEC_INFO" > "{tmp_path}/info"\n'
    plugin = script(tmp_path / "plugin", body + says(answer(token="t")))
    assert config.auth.exec is not None
    auth = replace(config.auth, exec=replace(config.auth.exec, command=str(plugin)))
    source(replace(config, auth=auth)).fetch()
    text = (tmp_path / "info").read_text()
    assert "\n" not in text
    info: dict[str, Any] = json.loads(text)
    return info


def test_it_is_always_told_the_version_it_shall_speak(tmp_path: Path) -> None:
    assert told(tmp_path, plugged("")) == {
        "kind": "ExecCredential",
        "apiVersion": V1,
        "spec": {"interactive": False},
    }


def test_it_is_told_of_the_cluster_with_the_authority_inlined(tmp_path: Path) -> None:
    """Item 9: kubernetes-client/python#2303 gave the path of the CA file."""
    authority = tmp_path / "ca.crt"
    authority.write_bytes(ordinary().pem)
    config = replace(
        plugged("", provide_cluster_info=True, cluster_config={"audience": "x"}),
        server="https://cluster:6443/prefix",
        certificate_authority=str(authority),
        tls_server_name="foo.example",
        proxy_url="http://proxy:3128",
        disable_compression=True,
    )
    assert told(tmp_path, config)["spec"]["cluster"] == {
        "server": "https://cluster:6443/prefix",
        "tls-server-name": "foo.example",
        "certificate-authority-data": b64encode(ordinary().pem).decode(),
        "proxy-url": "http://proxy:3128",
        "disable-compression": True,
        "config": {"audience": "x"},
    }


def test_it_is_told_of_an_insecure_cluster_and_hardly_more(tmp_path: Path) -> None:
    config = replace(
        plugged("", provide_cluster_info=True), insecure_skip_tls_verify=True
    )
    assert told(tmp_path, config)["spec"]["cluster"] == {
        "server": "https://cluster:6443",
        "insecure-skip-tls-verify": True,
        "config": None,  # kubectl writes it so
    }


def test_authority_data_is_inlined_as_it_is(tmp_path: Path) -> None:
    config = replace(
        plugged("", provide_cluster_info=True), certificate_authority_data=b"PEM"
    )
    cluster = told(tmp_path, config)["spec"]["cluster"]
    assert cluster["certificate-authority-data"] == "UEVN"


def test_an_authority_that_cannot_be_read_is_told() -> None:
    config = replace(
        plugged("x", provide_cluster_info=True), certificate_authority="/none/ca"
    )
    with pytest.raises(ConfigError, match="failed to load CA bundle for execProvider"):
        source(config)


def test_env_is_added_and_cannot_replace_the_request(tmp_path: Path) -> None:
    """Item 9: kubernetes-client/python#1807."""
    body = f'echo "$A $B ${{KUBERNETES_EXEC_INFO%%:*}}" > "{tmp_path}/env"\n'
    plugin = script(tmp_path / "plugin", body + says(answer(token="t")))
    env = (("A", "1"), ("B", "1"), ("B", "2"), ("KUBERNETES_EXEC_INFO", "mine"))
    source(plugged(plugin, env=env)).fetch()
    assert (tmp_path / "env").read_text() == '1 2 {"kind"\n'


def test_the_programs_own_environment_is_passed_on(tmp_path: Path) -> None:
    body = f'echo "$HOME" > "{tmp_path}/env"\n'
    plugin = script(tmp_path / "plugin", body + says(answer(token="t")))
    source(plugged(plugin)).fetch()
    assert (tmp_path / "env").read_text().strip() == os.environ["HOME"]


def test_arguments_never_meet_a_shell(tmp_path: Path) -> None:
    body = f'printf "%s|" "$@" > "{tmp_path}/args"\n'
    plugin = script(tmp_path / "plugin", body + says(answer(token="t")))
    args = ("a b", "$HOME", "; rm -rf /", "")
    source(plugged(plugin, args=args)).fetch()
    assert (tmp_path / "args").read_text() == "a b|$HOME|; rm -rf /||"


def test_a_bare_name_is_looked_up_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "my-plugin", says(answer(token="t0ken")))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert source(plugged("my-plugin")).fetch().authorization == "Bearer t0ken"


def test_stdin_is_empty_where_there_is_no_terminal(tmp_path: Path) -> None:
    plugin = script(tmp_path / "plugin", "cat; " + says(answer(token="t")))
    found = source(plugged(plugin, interactive_mode="IfAvailable")).fetch()
    assert found.authorization == "Bearer t"


def test_a_plugin_that_always_wants_a_terminal_is_refused_without_one() -> None:
    with pytest.raises(CredentialError, match="standard input is not a terminal"):
        source(plugged("x", interactive_mode="Always"))


@pytest.mark.parametrize(
    ("mode", "terminal", "interactive"),
    [("Always", True, True), ("IfAvailable", True, True), ("Never", True, False)],
)
def test_at_a_terminal_it_is_told_whether_it_may_ask(
    mode: str,
    terminal: bool,  # noqa: FBT001
    interactive: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", _Terminal(answer=terminal))
    spec = told(tmp_path, plugged("", interactive_mode=mode))["spec"]
    assert spec == {"interactive": interactive}


def test_at_a_terminal_a_person_sees_what_it_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", _Terminal(answer=True))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    text = "echo 'open the page https://login' >&2\n" + says(answer(token="t"))
    plugin = script(tmp_path / "plugin", text)
    source(plugged(plugin, interactive_mode="IfAvailable")).fetch()
    assert capsys.readouterr().err == "open the page https://login\n"


class _Terminal:
    closed = False

    def __init__(self, *, answer: bool) -> None:
        self._answer = answer

    def isatty(self) -> bool:
        return self._answer


# --- how it fails ---------------------------------------------------------------------


def test_a_failing_plugin_is_quoted_with_its_exit_code(tmp_path: Path) -> None:
    """Item 8: kubernetes-client/python#2219; kubernetes/kubernetes#139150."""
    body = (
        "echo 'Reauthentication failed.' >&2; echo 'Run gcloud auth login' >&2; exit 3"
    )
    plugin = script(tmp_path / "plugin", body)
    assert failure(plugged(plugin)) == (
        f"getting credentials: exec: executable {plugin} failed with exit code 3;"
        " its stderr: Reauthentication failed. | Run gcloud auth login"
    )


def test_a_missing_plugin_gives_its_install_hint_without_colours() -> None:
    """Item 9: kr8s#206."""
    hint = "\x1b[31mInstall it:\x1b[0m\n  gcloud components install\x07"
    assert failure(plugged("no-such-plugin", install_hint=hint)) == (
        "getting credentials: exec: executable no-such-plugin not found; the kubeconfig"
        " wants this credential plugin, which must be installed and on PATH: Install"
        " it: gcloud components install"
    )


def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    (tmp_path / "plugin").write_text("text")
    assert "not found" in failure(plugged(tmp_path / "plugin"))
    (tmp_path / "plugin").chmod(0o700)
    assert "cannot be run: Exec format error" in failure(plugged(tmp_path / "plugin"))


def test_a_null_character_in_an_argument_is_told(tmp_path: Path) -> None:
    plugin = script(tmp_path / "plugin", says(answer(token="t")))
    assert "null character" in failure(plugged(plugin, args=("a\0b",)))


def test_a_plugin_that_hangs_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time is up once both are there: a busy machine may be long in starting."""
    held, said = tmp_path / "held", tmp_path / "said"
    os.mkfifo(held)
    asks = f"exec 3> '{held}'; echo 'asking SECRETSERVER' >&2"
    plugin = script(tmp_path / "plugin", f"{asks}; sleep 600 & echo x > '{said}'; wait")
    holders = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    monkeypatch.setattr(process, "monotonic", until_written(said))
    monkeypatch.setattr(process, "_GRACE", HANG)
    text = failure(plugged(plugin), timeout=0.4)
    assert "did not finish within 0.4 s; its stderr: asking" in text
    assert ended(holders)
    os.close(holders)


def test_a_child_that_keeps_the_pipes_does_not_hold_up_the_answer(
    tmp_path: Path,
) -> None:
    line = f"sleep 600 & echo $! > '{tmp_path}/pid'\n"
    plugin = script(tmp_path / "plugin", line + says(answer(token="t")))
    found = source(plugged(plugin)).fetch()
    assert found.authorization == "Bearer t"
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)  # it is still there


def test_endless_output_is_ended(tmp_path: Path) -> None:
    plugin = script(tmp_path / "plugin", "yes SECRET")
    assert "wrote more than 4 MiB to stdout" in failure(plugged(plugin))


def test_endless_stderr_is_bounded(tmp_path: Path) -> None:
    body = "yes abcdef ghijk | head -c 3000000 >&2; echo last >&2; exit 1"
    text = failure(plugged(script(tmp_path / "plugin", body)))
    assert len(text) < 1000
    assert text.endswith("last")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("SECRET garbage", "not an ExecCredential"),
        ("{SECRET", "not an ExecCredential"),
        ("[1]", "not an ExecCredential"),
        ("", "it is empty, where an ExecCredential should be"),
        ('{"kind": "Token"}', 'of kind "Token", not ExecCredential'),
        (answer(V1BETA1, token="SECRET"), f"API version {V1}, plugin returned version"),
        (f'{{"kind":"ExecCredential","apiVersion":"{V1}"}}', "return a status field"),
        (answer(), "didn't return a token or cert/key pair"),
        (answer(token=""), "didn't return a token or cert/key pair"),
        (answer(token=None), "didn't return a token or cert/key pair"),
        (answer(clientKeyData="SECRET"), "only certificate or key, not both"),
        (answer(token=["SECRET"]), "is not a string"),
        (answer(token="SEC\nRET"), "control character"),
        (
            answer(token="SECRET", expirationTimestamp="soon"),
            '"soon", which is not',
        ),
    ],
)
def test_an_answer_that_cannot_be_used_is_told_without_its_content(
    output: str, said: str, tmp_path: Path
) -> None:
    text = failure(plugged(script(tmp_path / "plugin", says(output))))
    assert said in text
    assert "SEC" not in text


def test_v1alpha1_is_refused_with_the_way_out() -> None:
    version = "client.authentication.k8s.io/v1alpha1"
    with pytest.raises(CredentialError, match="aws eks update-kubeconfig"):
        source(plugged("aws", api_version=version))


def test_another_group_is_refused() -> None:
    with pytest.raises(CredentialError, match='plugin x: "foo/v1" is not supported'):
        source(plugged("x", api_version="foo/v1"))


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan"])
def test_a_time_limit_that_is_none_is_told(text: str) -> None:
    environ = {"KUBEMETRICS_EXEC_TIMEOUT": text}
    with pytest.raises(ConfigError, match="KUBEMETRICS_EXEC_TIMEOUT"):
        credential_source(plugged("x"), environ=environ)


def test_the_environment_sets_the_time_limit(tmp_path: Path) -> None:
    plugin = script(tmp_path / "plugin", "sleep 30")
    environ = {**os.environ, "KUBEMETRICS_EXEC_TIMEOUT": "0.3"}
    with pytest.raises(CredentialError, match=r"within 0\.3 s"):
        credential_source(plugged(plugin), environ=environ).fetch()


# --- how often it runs ----------------------------------------------------------------


def test_it_runs_once_until_shortly_before_the_end(tmp_path: Path) -> None:
    """Item 6: asyncio#258; kr8s#27: METR/inspect-action#108."""
    text = answer(token="t", expirationTimestamp=HOUR)
    clock = Clock()
    plugin = source(plugged(counting(tmp_path, text)), clock)
    plugin.fetch()
    clock.now = START + 3539
    assert plugin.cached() is not None
    clock.now = START + 3541
    assert plugin.cached() is None
    plugin.fetch()
    assert runs(tmp_path) == 2


def test_a_short_life_is_renewed_at_nine_tenths(tmp_path: Path) -> None:
    clock = Clock(START + 3600 - 100)
    text = answer(token="t", expirationTimestamp=HOUR)
    plugin = source(plugged(counting(tmp_path, text)), clock)
    plugin.fetch()
    clock.now += 89
    assert plugin.cached() is not None
    clock.now += 2
    assert plugin.cached() is None


def test_what_it_gives_is_used_even_if_it_is_over_already(tmp_path: Path) -> None:
    clock = Clock(START + 7200)
    text = answer(token="t", expirationTimestamp=HOUR)
    plugin = source(plugged(counting(tmp_path, text)), clock)
    assert plugin.fetch().authorization == "Bearer t"
    assert plugin.cached() is None


def test_without_a_timestamp_the_token_itself_may_say_its_end(tmp_path: Path) -> None:
    text = answer(token=jwt(exp=START + 3600))
    found = source(plugged(script(tmp_path / "plugin", says(text)))).fetch()
    assert found.expires_at == START + 3600


def test_without_any_end_it_lasts_until_a_401(tmp_path: Path) -> None:
    clock = Clock()
    plugin = source(plugged(counting(tmp_path, answer(token="t"))), clock)
    found = plugin.fetch()
    clock.now += 10**8
    assert plugin.cached() is found
    assert plugin.rejected(found)
    plugin.fetch()
    assert runs(tmp_path) == 2


def test_a_burst_of_fifty_401s_runs_it_once(tmp_path: Path) -> None:
    """Item 6: kr8s#536; headlamp#7482."""
    plugin = source(plugged(counting(tmp_path, answer(token="t"))))
    old = plugin.fetch()

    def refused(_: int) -> None:
        plugin.rejected(old)
        plugin.fetch()

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(refused, range(50)))
    assert runs(tmp_path) == 2


def test_two_clients_of_one_configuration_share_a_run(tmp_path: Path) -> None:
    config = plugged(counting(tmp_path, answer(token="t")))
    clock = Clock()
    source(config, clock).fetch()
    source(replace(config, namespace="other"), clock).fetch()
    assert runs(tmp_path) == 1


def test_another_cluster_is_another_run_where_the_plugin_is_told_of_it(
    tmp_path: Path,
) -> None:
    plugin = counting(tmp_path, answer(token="t"))
    config = plugged(plugin, provide_cluster_info=True)
    clock = Clock()
    source(config, clock).fetch()
    source(replace(config, server="https://other"), clock).fetch()
    assert runs(tmp_path) == 2


def test_a_plugin_that_asks_for_too_long_is_ended_at_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", _Terminal(answer=True))
    plugin = script(tmp_path / "plugin", "exec sleep 60")
    config = plugged(plugin, interactive_mode="IfAvailable")
    assert "did not finish within 0.3 s" in failure(config, timeout=0.3)


def test_few_configurations_are_remembered() -> None:
    clock = Clock()
    first = source(plugged("plugin-0"), clock)
    assert source(plugged("plugin-0"), clock) is first
    for number in range(1, 70):
        source(plugged(f"plugin-{number}"), clock)
    assert source(plugged("plugin-0"), clock) is not first


def test_only_the_end_of_stderr_is_kept_in_memory(tmp_path: Path) -> None:
    plugin = script(tmp_path / "plugin", "yes | head -c 3000000 >&2; echo last >&2")
    outcome = run(ExecConfig(command=str(plugin), api_version=V1), os.environ)
    assert len(outcome.stderr) == 16384
    assert outcome.stderr.endswith(b"last\n")


def test_python_2276_it_is_run_by_the_path_it_was_found_at(tmp_path: Path) -> None:
    """On Windows ``aws`` is ``aws.CMD``: nothing but the search knows, and no shell."""
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin" / "found-plugin", says(answer(token="$0")).replace("'", ""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
        found = source(plugged("found-plugin")).fetch()
    assert found.authorization == f"Bearer {tmp_path}/bin/found-plugin"


def test_gos_zero_time_is_no_expiry(tmp_path: Path) -> None:
    """A plugin in Go writes year 1 for a time that is not set."""
    text = answer(token="t", expirationTimestamp="0001-01-01T00:00:00Z")
    tokens = source(plugged(counting(tmp_path, text)))
    assert tokens.fetch().expires_at is None
    tokens.fetch()
    assert runs(tmp_path) == 1


def test_the_environment_of_a_client_decides_whose_credential_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that changes AWS_PROFILE between two clients has two identities.

    kubernetes-client/python#2440; kubernetes-client/javascript#429, #592.
    """
    body = says(answer(token="$AWS_PROFILE")).replace("'END'", "END")
    config = plugged(script(tmp_path / "plugin", body))
    monkeypatch.setenv("AWS_PROFILE", "one")
    first = credential_source(config)
    monkeypatch.setenv("AWS_PROFILE", "two")
    second = credential_source(config)
    found = [source.fetch().authorization for source in (first, second)]
    assert found == ["Bearer one", "Bearer two"]
    monkeypatch.setenv("AWS_PROFILE", "one")
    assert credential_source(config).fetch() == first.fetch()


@pytest.mark.parametrize("entry", ["", ".", "bin"])
def test_a_plugin_in_the_working_directory_is_not_run(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Go's exec.ErrDot."""
    (tmp_path / "bin").mkdir()
    script(tmp_path / entry / "aws-x", says(answer(token="t")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{entry}:{os.environ['PATH']}")
    with pytest.raises(CredentialError, match="aws-x is not run: PATH has it in"):
        source(plugged("aws-x")).fetch()
    monkeypatch.setenv("PATH", f"{tmp_path / entry}:{os.environ['PATH']}")
    assert source(plugged("aws-x")).fetch().authorization == "Bearer t"
