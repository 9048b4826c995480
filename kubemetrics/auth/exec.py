"""Run an exec plugin: bounded in time and output, never through a shell."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import IO, Any, Final, cast

from ..config.kubeconfig import parse
from ..config.model import (
    EXEC_VERSIONS,
    REMOVED_EXEC_VERSION,
    Config,
    DocumentError,
    ExecConfig,
)
from ..errors import ConfigError, CredentialError, DecodeError
from ..frozen import dataclass
from ..jsonread import read_object
from ..text import one_line, without_sequences
from ..times import parse_rfc3339
from .credential import (
    ClientCertificate,
    Credential,
    bearer,
    certificate_expiry,
    earliest,
    token_expiry,
    token_problem,
)
from .redact import known_secrets, quote_stderr
from .sources import Refreshing

_QUOTED: Final = 60
"""Characters of a field of a plugin's answer that an error quotes."""

_STDOUT_LIMIT: Final = 4 * 2**20
_STDERR_KEPT: Final = 16 * 2**10
_CHUNK: Final = 2**16
_GRACE: Final = 1.0
"""Seconds for the pipes to end after the plugin did; its children may hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginCommand:
    """What to run: *program* is looked up on ``PATH``, *timeout* is in seconds.

    With *interactive* it has the terminal: stdin, and stderr as it comes.
    """

    program: str
    args: tuple[str, ...] = field(default=(), repr=False)
    environ: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    interactive: bool = False
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginResult:
    """What came of it; *problem* says why there is no exit code to speak of."""

    code: int = 0
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)
    problem: str = ""
    missing: bool = False


def run(command: PluginCommand) -> PluginResult:
    """Run *command* to its end, or to its time limit. It does not raise."""
    # Found as Go does: by this process's PATH, not by the one of the plugin's `env`.
    path = shutil.which(command.program)
    if path is None:
        return PluginResult(
            missing=True, problem=f"executable {command.program} not found"
        )
    try:
        process = _start(path, command)
    except (OSError, ValueError) as error:
        why = (
            getattr(error, "strerror", None)
            or "an argument or a variable holds a null character"
        )
        return PluginResult(
            problem=f"executable {command.program} cannot be run: {why}"
        )
    return _Watch(process, command).outcome()


def _start(path: str, command: PluginCommand) -> subprocess.Popen[bytes]:
    # Without the terminal the plugin has a session of its own, so that whatever it
    # started can be ended with it.
    return subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
        [path, *command.args],
        env=dict(command.environ),
        stdin=None if command.interactive else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=not command.interactive,
        # No console window flashes up on Windows (client-go#1214).
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


class _Watch:
    """Reads both pipes of a running plugin and ends it when a bound is reached."""

    def __init__(
        self, process: subprocess.Popen[bytes], command: PluginCommand
    ) -> None:
        self._process = process
        self._command = command
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._too_much = False

    def outcome(self) -> PluginResult:
        readers = (
            _reader(self._process.stdout or io.BytesIO(), self._take_stdout),
            _reader(self._process.stderr or io.BytesIO(), self._take_stderr),
        )
        problem = self._wait()
        until = time.monotonic() + _GRACE
        for reader in readers:
            reader.join(max(0.0, until - time.monotonic()))
        if self._too_much:
            problem = f"wrote more than {_STDOUT_LIMIT >> 20} MiB to stdout"
        return PluginResult(
            code=self._process.returncode,
            stdout=bytes(self._stdout),
            stderr=bytes(self._stderr),
            problem=problem and f"executable {self._command.program} {problem}",
        )

    def _wait(self) -> str:
        try:
            self._process.wait(self._command.timeout)
        except subprocess.TimeoutExpired:
            self._kill()
            return f"did not finish within {self._command.timeout:g} s"
        except BaseException:
            self._kill()
            raise
        return ""

    def _kill(self) -> None:
        with contextlib.suppress(OSError):
            if self._command.interactive or not hasattr(os, "killpg"):
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _take_stdout(self, chunk: bytes) -> None:
        if self._too_much:
            return
        self._stdout += chunk
        if len(self._stdout) > _STDOUT_LIMIT:
            self._too_much = True
            self._kill()

    def _take_stderr(self, chunk: bytes) -> None:
        self._stderr += chunk
        del self._stderr[:-_STDERR_KEPT]
        if self._command.interactive and sys.stderr.isatty():
            # "To sign in, open the page …": a person has to see it now.
            sys.stderr.write(chunk.decode(errors="replace"))
            sys.stderr.flush()


def _reader(stream: IO[bytes], take: Callable[[bytes], None]) -> threading.Thread:
    # The thread closes its pipe itself: a child of the plugin may hold the other end
    # for long, and a descriptor closed under a reader may come back as another file.
    def drain() -> None:
        with stream:
            while chunk := stream.read(_CHUNK):
                take(chunk)

    thread = threading.Thread(target=drain, daemon=True)
    thread.start()
    return thread


# What is said to an exec plugin and what it answers: the ``ExecCredential`` objects.
#
# Source: client-go plugin/pkg/client/auth/exec/exec.go and the published API
# client.authentication.k8s.io (KEP-541).


def check_version(exec_config: ExecConfig) -> None:
    """Refuse an API version that is not spoken.

    Raises:
        CredentialError: it is neither v1 nor v1beta1.
    """
    version = exec_config.api_version
    if version in EXEC_VERSIONS:
        return
    hint = ""
    if version == REMOVED_EXEC_VERSION:
        hint = (
            "; v1alpha1 was removed in Kubernetes 1.24: write the kubeconfig anew with"
            " the cloud's tool (aws eks update-kubeconfig, …)"
        )
    raise CredentialError(
        f'exec plugin: invalid apiVersion "{version}", must be one of'
        f" {', '.join(EXEC_VERSIONS)}{hint}"
    )


def exec_info(
    config: Config,
    exec_config: ExecConfig,
    authority: bytes | None,
    *,
    interactive: bool,
) -> str:
    """Return what goes into ``KUBERNETES_EXEC_INFO``: one line of JSON.

    *authority* is the content of the cluster's certificate-authority, which the plugin
    is given instead of a path.
    """
    spec: dict[str, Any] = {"interactive": interactive}
    if exec_config.provide_cluster_info:
        cluster = _cluster(config, exec_config, authority)
        spec = {"cluster": cluster, **spec}
    info = {
        "kind": "ExecCredential",
        "apiVersion": exec_config.api_version,
        "spec": spec,
    }
    return json.dumps(info, separators=(",", ":"), ensure_ascii=False)


def _cluster(
    config: Config, exec_config: ExecConfig, authority: bytes | None
) -> dict[str, Any]:
    fields = {
        "server": config.server,
        "tls-server-name": config.tls_server_name,
        "insecure-skip-tls-verify": config.insecure_skip_tls_verify,
        "certificate-authority-data": b64encode(authority or b"").decode(),
        "proxy-url": config.proxy_url,
        "disable-compression": config.disable_compression,
        "config": exec_config.cluster_config,
    }
    # Go's `omitempty`: whatever is empty is left out, except for an extension, which
    # is null where there is none.
    return {name: value for name, value in fields.items() if value or name == "config"}


def read_answer(stdout: bytes, api_version: str) -> Credential | str:
    """Read the ``ExecCredential`` in *stdout*; a text says what is wrong with it.

    It does not raise, so that no frame in a traceback holds the secret.
    """
    answer = _document(stdout)
    if answer is None:
        return f"decoding stdout: {len(stdout)} bytes that are no ExecCredential"
    if not answer:
        return "decoding stdout: there is no ExecCredential in it"
    if answer.get("kind") != "ExecCredential":
        return (
            f'its stdout is of kind "{_short(answer.get("kind"))}", no ExecCredential'
        )
    if answer.get("apiVersion") != api_version:
        return (
            f"exec plugin is configured to use API version {api_version}, plugin"
            f" returned version {_short(answer.get('apiVersion'))}"
        )
    status = answer.get("status")
    if not isinstance(status, dict):
        return "exec plugin didn't return a status field"
    return _read_status(cast("dict[str, Any]", status))


def _document(stdout: bytes) -> Mapping[str, Any] | None:
    try:
        if stdout.lstrip().startswith(b"{"):  # to kubectl it is JSON then, or nothing
            return read_object(stdout)
        return parse(stdout)
    except (DecodeError, DocumentError):
        return None


def _read_status(status: dict[str, Any]) -> Credential | str:
    token, certificate, key, timestamp = (
        _text(status, name)
        for name in (
            "token",
            "clientCertificateData",
            "clientKeyData",
            "expirationTimestamp",
        )
    )
    if token is None or certificate is None or key is None or timestamp is None:
        return "exec plugin returned a status field that is no string"
    if not token and not certificate and not key:
        return "exec plugin didn't return a token or cert/key pair"
    if bool(certificate) != bool(key):
        return "exec plugin returned only certificate or key, not both"
    if token and token_problem(token):
        return f"the token the exec plugin returned {token_problem(token)}"
    stamped = status.get("expirationTimestamp") is not None
    try:
        expires = parse_rfc3339(timestamp).timestamp() if stamped else None
    except ValueError:
        return (
            f'exec plugin returned expirationTimestamp "{_short(timestamp)}", no time'
        )
    return _credential(token, certificate, key, expires)


def _credential(
    token: str, certificate: str, key: str, expires: float | None
) -> Credential:
    pem = certificate.encode()
    if expires is None:
        # client-go would go on until a 401; what is in the credential says it sooner.
        expires = earliest(token_expiry(token), certificate_expiry(pem))
    return Credential(
        authorization=bearer(token) if token else "",
        certificate=ClientCertificate(pem, key.encode()) if certificate else None,
        kind="exec",
        expires_at=expires,
    )


def _text(status: dict[str, Any], name: str) -> str | None:
    """Return a string, empty for null or nothing; ``None`` for another type."""
    value = status.get(name)
    if value is None:
        return ""
    return value if isinstance(value, str) else None


def _short(value: object) -> str:
    return one_line(without_sequences(str(value)), _QUOTED)


# An exec plugin as a source of credentials, shared by all who configure it alike.


_TIMEOUT: Final = 60.0
_TIMEOUT_INTERACTIVE: Final = 300.0
"""Seconds; with a terminal a person may have to sign in first."""

_EARLY: Final = 60.0
_EARLY_SHARE: Final = 10

_lock: Final = threading.Lock()
_shared: Final[dict[_Plugin, Refreshing]] = {}
"""Process-wide, as in client-go: two clients do not sign in twice."""
_MOST_SHARED: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plugin:
    """Everything a run depends on; equal ones share a credential."""

    command: str
    api_version: str
    args: tuple[str, ...] = field(repr=False)
    env: tuple[tuple[str, str], ...] = field(repr=False)
    info: str = field(repr=False)
    interactive: bool
    install_hint: str
    timeout: float | None
    environ: Mapping[str, str] = field(repr=False, compare=False)
    environ_id: int = field(repr=False)
    clock: Callable[[], float] = field(repr=False)

    def obtain(self, _rejected: Credential | None) -> Credential:
        """Run the plugin once.

        Raises:
            CredentialError: it cannot be run, fails, or answers what cannot be used.
        """
        outcome = run(
            PluginCommand(
                program=self.command,
                args=self.args,
                environ=self._environment(),
                interactive=self.interactive,
                timeout=self.timeout,
            )
        )
        problem = self._failure(outcome)
        if problem:
            raise CredentialError(f"getting credentials: exec: {problem}")
        answer = read_answer(outcome.stdout, self.api_version)
        if isinstance(answer, str):
            raise CredentialError(
                f"getting credentials: exec: executable {self.command}: {answer}"
                f"{self._said(outcome)}"
            )
        return answer

    def _environment(self) -> dict[str, str]:
        # The last one wins, and nothing in a kubeconfig overrides the request itself.
        given = (f"{name}={value}".partition("=") for name, value in self.env)
        return {
            **self.environ,
            **{name: value for name, _, value in given},
            "KUBERNETES_EXEC_INFO": self.info,
        }

    def _failure(self, outcome: PluginResult) -> str:
        if outcome.missing:
            return f"{outcome.problem}{self._help()}"
        problem = outcome.problem
        if not problem and outcome.code:
            problem = f"executable {self.command} failed with exit code {outcome.code}"
        return problem and f"{problem}{self._said(outcome)}"

    def _help(self) -> str:
        hint = one_line(without_sequences(self.install_hint))
        return (
            "; the kubeconfig wants this credential plugin, which must be installed and"
            f" on PATH{': ' if hint else ''}{hint}"
        )

    def _said(self, outcome: PluginResult) -> str:
        secrets = known_secrets(self._environment(), self.args)
        quoted = quote_stderr(outcome.stderr.decode(errors="replace"), secrets)
        return f"; it said: {quoted}" if quoted else ""


def exec_source(
    config: Config,
    exec_config: ExecConfig,
    environ: Mapping[str, str],
    clock: Callable[[], float],
    timeout: float | None,
) -> Refreshing:
    """Return the source that runs the plugin of *exec_config*.

    Raises:
        ConfigError: the cluster's authority, which it is to be told, cannot be read.
        CredentialError: its API version is not spoken, or there is no terminal for it.
    """
    check_version(exec_config)
    plugin = _plugin(config, exec_config, environ, clock, timeout)
    with _lock:
        found = _shared.get(plugin)
        if found is None:
            if len(_shared) >= _MOST_SHARED:
                del _shared[next(iter(_shared))]
            found = _shared[plugin] = Refreshing(plugin.obtain, _renew_at, clock)
        return found


def _plugin(
    config: Config,
    exec_config: ExecConfig,
    environ: Mapping[str, str],
    clock: Callable[[], float],
    timeout: float | None,
) -> _Plugin:
    interactive = _interactive(exec_config)
    return _Plugin(
        command=exec_config.command,
        api_version=exec_config.api_version,
        args=exec_config.args,
        env=exec_config.env,
        info=exec_info(
            config,
            exec_config,
            _authority(config, exec_config),
            interactive=interactive,
        ),
        interactive=interactive,
        install_hint=exec_config.install_hint,
        timeout=_time_limit(timeout, environ, interactive=interactive),
        environ=environ,
        environ_id=id(environ),
        clock=clock,
    )


def _interactive(exec_config: ExecConfig) -> bool:
    mode = exec_config.interactive_mode
    stdin = sys.stdin
    terminal = stdin is not None and not stdin.closed and stdin.isatty()
    if mode == "Always" and not terminal:
        raise CredentialError(
            f"exec plugin {exec_config.command} cannot support interactive mode:"
            " standard input is not a terminal"
        )
    return terminal and mode != "Never"


def _authority(config: Config, exec_config: ExecConfig) -> bytes | None:
    if not exec_config.provide_cluster_info or config.certificate_authority_data:
        return config.certificate_authority_data
    if not config.certificate_authority:
        return None
    try:
        return Path(config.certificate_authority).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"failed to load CA bundle for execProvider:"
            f" {config.certificate_authority}: {error.strerror}"
        ) from None


def _time_limit(
    given: float | None, environ: Mapping[str, str], *, interactive: bool
) -> float | None:
    """Return the bound of a run in seconds; 0 stands for none."""
    default = _TIMEOUT_INTERACTIVE if interactive else _TIMEOUT
    limit = given
    if limit is None:
        limit = _seconds(environ.get("KUBEMETRICS_EXEC_TIMEOUT", ""), default)
    return limit or None


def _seconds(text: str, default: float) -> float:
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < math.inf:
        raise ConfigError(f'KUBEMETRICS_EXEC_TIMEOUT "{text}" is no number of seconds')
    return seconds


def _renew_at(credential: Credential, now: float) -> float:
    """Renew early, so that no request meets the end: kube-rs has 60 s, too."""
    if credential.expires_at is None:
        return math.inf
    left = max(credential.expires_at - now, 0.0)
    return credential.expires_at - min(_EARLY, left / _EARLY_SHARE)
