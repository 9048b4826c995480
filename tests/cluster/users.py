"""Who may knock: bearer tokens, client certificates, impersonation."""

from __future__ import annotations

import secrets
import ssl
from datetime import UTC, datetime
from typing import Any

from kubemetrics.testing.apiserver import (
    RequestInfo,
    bad_request,
    forbidden,
    unauthorized,
)

from .certs import Authority
from .exchange import Seen, common_name
from .rbac import (
    AUTHENTICATED,
    MASTERS,
    NAMESPACED,
    NO_METRICS,
    VIEWERS,
    Identity,
    Role,
    judge,
)

_BEARER = "bearer "
ANONYMOUS = Identity("system:anonymous", ("system:unauthenticated",))
DEFAULT_USERS: dict[str, tuple[str, ...]] = {
    "admin": (MASTERS,),
    "viewer": (VIEWERS,),
    "nometrics": (NO_METRICS,),
    "nslimited": (NAMESPACED,),
    "noperm": (),
}


class Users:
    """The cluster's accounts; *trusted* is the authority of client certificates."""

    def __init__(self, trusted: Authority) -> None:
        self._trusted = trusted
        self._groups = dict(DEFAULT_USERS)
        mark = secrets.token_hex(8)
        self._tokens = {f"sim-{name}-{mark}": name for name in self._groups}
        self._unknown = f"sim-bad-{mark}"

    def token(self, user: str) -> str:
        """Return a token of *user* that holds; "bad" has an unknown one."""
        if user == "bad":
            return self._unknown
        return next(token for token, name in self._tokens.items() if name == user)

    def add_token(self, token: str, user: str) -> None:
        self._tokens[token] = user

    def revoke(self, token: str) -> None:
        del self._tokens[token]

    def add(self, user: str, groups: tuple[str, ...]) -> str:
        """Make a new account and return its token."""
        self._groups[user] = groups
        token = f"sim-{user}-{secrets.token_hex(8)}"
        self._tokens[token] = user
        return token

    def identify(self, seen: Seen) -> Identity:
        """Authenticate as kube-apiserver does: certificate first, then token."""
        if seen.peer_certificate:
            return self._by_certificate(seen.peer_certificate)
        authorization = seen.authorization or ""
        if not authorization.lower().startswith(_BEARER):
            return ANONYMOUS
        token = authorization[len(_BEARER) :].strip()
        if token not in self._tokens:
            raise unauthorized()
        name = self._tokens[token]
        return Identity(name, (*self._groups.get(name, ()), AUTHENTICATED))

    def _by_certificate(self, certificate: dict[str, Any]) -> Identity:
        name = common_name(certificate)
        if name is None or self._is_bad(certificate):
            raise unauthorized()
        groups = _organisations(certificate) or self._groups.get(name, ())
        return Identity(name, (*groups, AUTHENTICATED))

    def _is_bad(self, certificate: dict[str, Any]) -> bool:
        end = ssl.cert_time_to_seconds(certificate["notAfter"])
        issuer = _values(certificate["issuer"])
        trusted = [attribute.value for attribute in self._trusted.subject]
        return end < datetime.now(UTC).timestamp() or issuer != trusted


def _values(name: tuple[tuple[tuple[str, str], ...], ...]) -> list[str]:
    return [value for part in name for _, value in part]


def _organisations(certificate: dict[str, Any]) -> tuple[str, ...]:
    pairs = [pair for part in certificate["subject"] for pair in part]
    return tuple(value for key, value in pairs if key == "organizationName")


def impersonated(seen: Seen, caller: Identity, roles: tuple[Role, ...]) -> Identity:
    """Return whom the request asks to act as, if it may (`impersonation.go`)."""
    if not seen.impersonation:
        return caller
    user = seen.headers.get("impersonate-user")
    if not user:
        raise bad_request(
            "requested impersonation without a user: impersonate-user is missing"
        )
    _must_be_allowed(seen, caller, user, roles)
    named = seen.headers.get("impersonate-group", "")
    groups = tuple(group.strip() for group in named.split(",") if group.strip())
    return Identity(user, (*groups, AUTHENTICATED))


def _must_be_allowed(
    seen: Seen, caller: Identity, user: str, roles: tuple[Role, ...]
) -> None:
    info = RequestInfo(path=seen.path, verb="impersonate", resource="users", name=user)
    if not judge(caller, info, roles).allowed:
        raise forbidden(caller.name, info)
