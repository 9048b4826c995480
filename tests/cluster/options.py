"""How a cluster is served."""

from __future__ import annotations

from dataclasses import dataclass, field

from .certs import Authority, ServerCert
from .pace import Pace
from .rbac import DEFAULT_ROLES, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a cluster is served; all of it has a default.

    *authority* issues the certificates (the process has one by default),
    *certificate* describes the server's; *tls* False serves plain HTTP; *prefix* is a
    path before every other, as Rancher has it; *metrics_versions* are listed in
    discovery in this order; *self_reviews* False is a server before 1.28; without a
    *pace* lists are there at once.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = True
    authority: Authority | None = None
    certificate: ServerCert = field(default_factory=ServerCert)
    prefix: str = ""
    state: str = "healthy"
    metrics_versions: tuple[str, ...] = ("v1beta1",)
    self_reviews: bool = True
    roles: tuple[Role, ...] = DEFAULT_ROLES
    bookmark_seconds: float = 60.0
    pace: Pace | None = None
