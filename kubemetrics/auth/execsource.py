"""An exec plugin as a source of credentials, shared by all who configure it alike."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from ..config.model import Config, ExecConfig
from ..errors import ConfigError, CredentialError
from ..frozen import dataclass
from .credential import Credential
from .exec import Command, Outcome, run
from .execinfo import check_version, exec_info, read_answer
from .redact import known_secrets, quote_stderr, strip_ansi
from .refresh import Refreshing

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
            Command(
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

    def _failure(self, outcome: Outcome) -> str:
        if outcome.missing:
            return f"{outcome.problem}{self._help()}"
        problem = outcome.problem
        if not problem and outcome.code:
            problem = f"executable {self.command} failed with exit code {outcome.code}"
        return problem and f"{problem}{self._said(outcome)}"

    def _help(self) -> str:
        hint = " ".join(strip_ansi(self.install_hint).split())
        return (
            "; the kubeconfig wants this credential plugin, which must be installed and"
            f" on PATH{': ' if hint else ''}{hint}"
        )

    def _said(self, outcome: Outcome) -> str:
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
