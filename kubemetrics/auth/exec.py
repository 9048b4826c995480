"""Credentials from an exec plugin: what it is told, what it answers, when it runs.

Source: client-go plugin/pkg/client/auth/exec/exec.go and the published API
client.authentication.k8s.io (KEP-541).
"""

from __future__ import annotations

import json
import math
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any, Final, cast

from ..config.kubeconfig import parse
from ..config.model import (
    Config,
    DocumentError,
    ExecConfig,
    config_error,
    exec_version_problem,
)
from ..errors import CredentialError, DecodeError
from ..files import BUNDLE, native, read_file
from ..forks import forget_after_fork
from ..frozen import dataclass
from ..jsonread import read_object
from ..text import one_line, without_sequences
from ..times import parse_rfc3339
from . import (
    ClientCertificate,
    Credential,
    bearer,
    certificate_expiry,
    credential_error,
    earliest,
    octets,
    token_expiry,
    token_problem,
)
from .process import (
    PluginResult,
    has_controlling_terminal,
    is_terminal,
    run,
)
from .redact import known_secrets, named_secrets, quote_stderr
from .sources import AbandonedError, Refreshing

_QUOTED: Final = 60
"""Characters of a field of a plugin's answer that an error quotes."""

_TIMEOUT: Final = 60.0
_TIMEOUT_ATTENDED: Final = 300.0
"""Seconds; with a terminal a person may have to sign in first."""

_EARLY: Final = 60.0
_EARLY_SHARE: Final = 10


def _exec_info(
    config: Config,
    exec_config: ExecConfig,
    authority: bytes | None,
    *,
    interactive: bool,
) -> str:
    """Return the value of ``KUBERNETES_EXEC_INFO``: one line of JSON.

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


def _read_answer(stdout: bytes, api_version: str) -> Credential | str:
    """Return the credential in *stdout*, an ``ExecCredential``, or a problem as text.

    It does not raise, so that no frame in a traceback holds the secret.
    """
    answer = _document(stdout)
    if answer is None:
        return f"decoding stdout: {len(stdout)} bytes that are not an ExecCredential"
    if not answer:
        return "decoding stdout: it is empty, where an ExecCredential should be"
    if answer.get("kind") != "ExecCredential":
        return (
            f'its stdout is of kind "{_short(answer.get("kind"))}", not ExecCredential'
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
        return "exec plugin returned a status with a field that is not a string"
    if not token and not certificate and not key:
        return "exec plugin didn't return a token or cert/key pair"
    if bool(certificate) != bool(key):
        return "exec plugin returned only certificate or key, not both"
    if token and token_problem(token):
        return f"the token the exec plugin returned {token_problem(token)}"
    stamped = status.get("expirationTimestamp") is not None
    try:
        moment = parse_rfc3339(timestamp) if stamped else None
    except ValueError:
        return (
            f'exec plugin returned expirationTimestamp "{_short(timestamp)}", which is'
            " not a time (RFC 3339)"
        )
    # Year 1 is Go's zero time, what its programs write for one that is not set.
    unset = moment is None or moment.year == 1
    expires = None if moment is None or unset else moment.timestamp()
    return _credential(token, certificate, key, expires)


def _credential(
    token: str, certificate: str, key: str, expires: float | None
) -> Credential:
    pem = octets(certificate)
    if expires is None:
        # client-go would go on until a 401; what is in the credential says it sooner.
        expires = earliest(token_expiry(token), certificate_expiry(pem))
    return Credential(
        authorization=bearer(token) if token else "",
        certificate=ClientCertificate(pem, octets(key)) if certificate else None,
        kind="exec",
        expires_at=expires,
    )


def _text(status: dict[str, Any], name: str) -> str | None:
    """Return the string *name*, empty if null or absent; ``None`` for another type."""
    value = status.get(name)
    if value is None:
        return ""
    return value if isinstance(value, str) else None


def _short(value: object) -> str:
    return one_line(without_sequences(str(value)), _QUOTED)


_lock = threading.Lock()
_shared: Final[dict[_Plugin, Refreshing]] = {}
"""Process-wide, as in client-go: two clients do not sign in twice."""
_MOST_SHARED: Final = 64


class _Lock:
    """Makes the lock of this module anew in a forked child."""

    def forget(self) -> None:
        global _lock  # noqa: PLW0603 - the parent's may be held
        _lock = threading.Lock()


_locks: Final = _Lock()
forget_after_fork(_locks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plugin:
    """A plugin with all that a run depends on; equal ones share a credential."""

    config: ExecConfig
    info: str = field(repr=False)
    interactive: bool
    own_session: bool
    timeout: float | None
    environ: tuple[tuple[str, str], ...] = field(repr=False)
    clock: Callable[[], float] = field(repr=False)

    def obtain(self, wanted: Callable[[], bool]) -> Credential:
        """Run the plugin once, while *wanted* is true.

        Raises:
            CredentialError: it cannot be run, fails, or answers what cannot be used.
            AbandonedError: *wanted* has become false.
        """
        result = run(
            self.config,
            self._environment(),
            stdin=self.interactive,
            own_session=self.own_session,
            timeout=self.timeout,
            wanted=wanted,
        )
        problem = self._failure(result)
        if problem:
            kind = AbandonedError if result.abandoned else CredentialError
            raise credential_error(f"getting credentials: exec: {problem}", kind)
        answer = _read_answer(result.stdout, self.config.api_version)
        if isinstance(answer, str):
            raise credential_error(
                f"getting credentials: exec: executable {self.config.command}: {answer}"
                f"{self._without_code(result)}{self._quoted_stderr(result)}"
            )
        return answer

    def _environment(self) -> dict[str, str]:
        # The last one wins, and nothing in a kubeconfig overrides the request itself.
        given = (f"{name}={value}".partition("=") for name, value in self.config.env)
        return {
            **dict(self.environ),
            **{native(name): native(value) for name, _, value in given},
            "KUBERNETES_EXEC_INFO": self.info,
        }

    def _failure(self, result: PluginResult) -> str:
        if result.missing:
            return f"{result.problem}{self._hint()}"
        problem = result.problem
        if not problem and result.code:
            problem = (
                f"executable {self.config.command} failed with exit code {result.code}"
            )
        return problem and f"{problem}{self._quoted_stderr(result)}"

    def _hint(self) -> str:
        hint = one_line(without_sequences(self.config.install_hint))
        return (
            "; the kubeconfig wants this credential plugin, which must be installed and"
            f" on PATH{': ' if hint else ''}{hint}"
        )

    def _without_code(self, result: PluginResult) -> str:
        if result.code is not None:
            return ""
        first = result.stdout.strip().partition(b"\n")[0]
        quoted = "" if first.startswith((b"{", b"apiVersion")) else self._quote(first)
        return (
            "; whether it failed is not known, another part of this program took its"
            f" exit code{'; its stdout: ' if quoted else ''}{quoted}"
        )

    def _quoted_stderr(self, result: PluginResult) -> str:
        quoted = self._quote(result.stderr)
        return f"; its stderr: {quoted}" if quoted else ""

    def _quote(self, output: bytes) -> str:
        secrets = known_secrets(self._environment(), self.config.args, self.config.env)
        told = named_secrets(json.loads(self.info))  # the cluster's extension
        return quote_stderr(output.decode(errors="replace"), secrets.union(told))


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
    problem = exec_version_problem(exec_config.api_version)
    if problem:
        raise credential_error(
            f"apiVersion of exec plugin {exec_config.command}: {problem}"
        )
    plugin = _plugin(config, exec_config, environ, clock, timeout)
    with _lock:
        found = _shared.get(plugin)
        if found is None:
            if len(_shared) >= _MOST_SHARED:
                del _shared[next(iter(_shared))]
            found = _shared[plugin] = _source(plugin, clock)
        return found


def _source(plugin: _Plugin, clock: Callable[[], float]) -> Refreshing:
    def obtain(_rejected: Credential | None) -> Credential:
        return plugin.obtain(source.wanted)

    source = Refreshing(obtain, _renew_at, clock)
    return source


def _plugin(
    config: Config,
    exec_config: ExecConfig,
    environ: Mapping[str, str],
    clock: Callable[[], float],
    timeout: float | None,
) -> _Plugin:
    interactive, terminal = _interactive(exec_config), has_controlling_terminal()
    attended = interactive or terminal or is_terminal(sys.stderr)
    return _Plugin(
        # The extension counts where the plugin is told of it: in `info`.
        config=replace(exec_config, cluster_config=None),
        info=_exec_info(
            config,
            exec_config,
            _authority(config, exec_config),
            interactive=interactive,
        ),
        interactive=interactive,
        own_session=not (interactive or terminal),
        timeout=_time_limit(timeout, environ, attended=attended),
        # As it is now: who is signed in may depend on any variable (AWS_PROFILE).
        environ=tuple(sorted(environ.items())),
        clock=clock,
    )


def _interactive(exec_config: ExecConfig) -> bool:
    mode = exec_config.interactive_mode
    terminal = is_terminal(sys.stdin)
    if mode == "Always" and not terminal:
        raise credential_error(
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
        return read_file(config.certificate_authority, BUNDLE)
    except OSError as error:
        raise config_error(
            f"failed to load CA bundle for execProvider:"
            f" {config.certificate_authority}: {error.strerror}"
        ) from None


def _time_limit(
    given: float | None, environ: Mapping[str, str], *, attended: bool
) -> float | None:
    """Return the time limit of a run in seconds, ``None`` for none."""
    default = _TIMEOUT_ATTENDED if attended else _TIMEOUT
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
        raise config_error(
            f'KUBEMETRICS_EXEC_TIMEOUT "{text}" is not a number of seconds'
        )
    return seconds


def _renew_at(credential: Credential, now: float) -> float:
    """Return when to renew, in seconds since the epoch: 60 s early, as kube-rs does."""
    if credential.expires_at is None:
        return math.inf
    left = max(credential.expires_at - now, 0.0)
    return credential.expires_at - min(_EARLY, left / _EARLY_SHARE)
