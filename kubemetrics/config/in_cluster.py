"""Inside a pod: the service account's directory and two variables.

Source: client-go rest/config.go, ``InClusterConfig``; clientcmd/client_config.go,
``inClusterClientConfig``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..frozen import dataclass
from .stanzas import ClusterStanza, Origin, UserStanza

DIRECTORIES: Final = (
    "/var/run/secrets/kubernetes.io/serviceaccount",
    # Images whose /var/run is not a link to /run.
    "/run/secrets/kubernetes.io/serviceaccount",
)
_log = logging.getLogger("kubemetrics")


@dataclass(frozen=True, slots=True)
class PodEnvironment:
    """What there is outside of a kubeconfig: variables and the service account."""

    environ: Mapping[str, str]
    service_account: Path

    @property
    def host_and_port(self) -> tuple[str, str] | None:
        """The API server's address in the cluster, if the variables name it."""
        host = self.environ.get("KUBERNETES_SERVICE_HOST", "")
        port = self.environ.get("KUBERNETES_SERVICE_PORT", "")
        return (host, port) if host and port else None

    @property
    def in_cluster(self) -> bool:
        """Whether this looks like a pod with a service account."""
        return self.host_and_port is not None and _is_file(self._token)

    @property
    def why_not_in_cluster(self) -> str:
        """Say what is missing to be in a pod."""
        if self.host_and_port is None:
            names = "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT"
            return f"this is not a pod: {names} are not both set"
        return f"this is not a pod with a service account: no file {self._token}"

    @property
    def namespace(self) -> tuple[str, str] | None:
        """The pod's own namespace, and what says so."""
        if named := self.environ.get("POD_NAMESPACE"):
            return named, "POD_NAMESPACE"
        path = self.service_account / "namespace"
        try:
            named = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return (named, str(path)) if named else None

    def stanzas(self) -> tuple[ClusterStanza, UserStanza]:
        """Say what the pod has as a kubeconfig would; the token stays in its file."""
        host, port = self.host_and_port or ("", "")
        # An IPv6 address needs brackets (Go's net.JoinHostPort).
        address = f"[{host}]" if {":", "%"} & set(host) else host
        authority = self._certificate_authority()
        names = {
            "server": "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT",
            "certificate-authority": authority,
            "tokenFile": str(self._token),
        }
        origin = Origin(sources=names)
        return (
            ClusterStanza(
                origin=origin,
                server=f"https://{address}:{port}",
                certificate_authority=authority,
            ),
            UserStanza(origin=origin, token_file=str(self._token)),
        )

    @property
    def _token(self) -> Path:
        return self.service_account / "token"

    def _certificate_authority(self) -> str:
        path = self.service_account / "ca.crt"
        try:
            if b"-----BEGIN CERTIFICATE-----" in path.read_bytes():
                return str(path)
        except OSError:
            pass
        _log.warning("%s holds no certificate: the system's CAs are used", path)
        return ""


def surroundings(
    environ: Mapping[str, str], directories: tuple[str, ...] = DIRECTORIES
) -> PodEnvironment:
    """Find the service account: the first of *directories* that has a token."""
    found = (path for path in map(Path, directories) if _is_file(path / "token"))
    return PodEnvironment(environ, next(found, Path(directories[0])))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
