"""What is said to an exec plugin and what it answers: the ``ExecCredential`` objects.

Source: client-go plugin/pkg/client/auth/exec/exec.go and the published API
client.authentication.k8s.io (KEP-541).
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, cast

from ..config.document import parse
from ..config.model import Config, ExecConfig
from ..config.values import DocumentError
from ..errors import CredentialError
from .credential import ClientCertificate, Credential
from .expiry import certificate_expiry, earliest, parse_time, token_expiry
from .headers import bearer, token_problem

_GROUP: Final = "client.authentication.k8s.io"
_VERSIONS: Final = (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")


def check_version(exec_config: ExecConfig) -> None:
    """Refuse an API version that is not spoken.

    Raises:
        CredentialError: it is neither v1 nor v1beta1.
    """
    version = exec_config.api_version
    if version in _VERSIONS:
        return
    hint = ""
    if version == f"{_GROUP}/v1alpha1":
        hint = (
            "; v1alpha1 was removed in Kubernetes 1.24: write the kubeconfig anew with"
            " the cloud's tool (aws eks update-kubeconfig, …)"
        )
    raise CredentialError(
        f'exec plugin: invalid apiVersion "{version}", must be one of'
        f" {', '.join(_VERSIONS)}{hint}"
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
            return cast("dict[str, Any]", json.loads(stdout))
        return parse(stdout)
    except (ValueError, RecursionError, DocumentError):
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
    expires = parse_time(timestamp)
    if stamped and expires is None:
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
    return "".join(char for char in str(value) if char.isprintable())[:60]
