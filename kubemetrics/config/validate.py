"""Check a selection's URLs, files and credentials; find every problem, not the first.

Sources: client-go tools/clientcmd/validation.go and helpers.go, rest/url_utils.go, and
what rest and transport refuse later (rest/plugin.go, transport/transport.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from posixpath import normpath
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from ..files import is_regular, open_problem, read_file
from ..frozen import dataclass
from ..text import quoted
from .kubeconfig import AUTHORITY_DATA, base64_data
from .model import (
    CONTROL_CHARACTERS,
    AuthInfo,
    AuthProvider,
    ClusterStanza,
    ExecConfig,
    Origin,
    UserStanza,
    exec_version_problem,
    header_problem,
    is_https,
)
from .selection import Selection

_PROXY_SCHEMES: Final = ("http", "https", "socks5")
_BROKEN_ESCAPE: Final = re.compile("%(?![0-9a-fA-F]{2})")
_LEGAL_IN_PATHS: Final = "/$&+,:;=@~"


@dataclass(frozen=True, slots=True)
class ServerURL:
    """A server's address; *scheme* is empty where none was written."""

    scheme: str
    address: str

    def __str__(self) -> str:
        """Write the URL; without a scheme it is http, as for client-go."""
        return f"{self.scheme or 'http'}://{self.address}"


_ZONE: Final = re.compile(r"\[[0-9A-Fa-f:.]+%25[^%\[\]]+\](:[0-9]*)?")
"""What Go takes of percent signs in a host: an address, ``%25`` and its zone."""


def parse_server(text: str) -> ServerURL:
    """Read a URL or a ``host:port``; query, fragment and a last slash are dropped.

    The path is written as Go does it: dots and double slashes resolved, escapes only
    where there must be some.

    Source: client-go rest/url_utils.go, ``DefaultServerURL``.

    Raises:
        ValueError: it is neither, or it carries a password. *text* is not quoted.
    """
    bare = "://" not in text
    parts = _split("//" + text if bare else text)
    if "@" in parts.netloc:
        raise ValueError("must not carry a user or a password: use a user stanza")
    if parts.scheme not in {"", "http", "https"}:
        raise ValueError("must be an https or http URL")
    if _BROKEN_ESCAPE.search(parts.path):
        raise ValueError("must not have a % in its path that is no escape")
    if "%" in parts.netloc and not _ZONE.fullmatch(parts.netloc):
        raise ValueError("must have a zone as in [fe80::1%25eth0] (RFC 6874)")
    if bare and parts.path not in {"", "/"}:
        raise ValueError("must be a URL (https://host:port/path) or host:port")
    return ServerURL(parts.scheme, parts.netloc + _clean(parts.path))


def check_proxy(text: str) -> None:
    """Check a ``proxy-url``.

    Source: client-go tools/clientcmd/helpers.go, ``parseProxyURL``.

    Raises:
        ValueError: it is not one. *text* is not quoted: it may hold a password.
    """
    if _split(text).scheme not in _PROXY_SCHEMES:
        raise ValueError(f"must be a URL of scheme {', '.join(_PROXY_SCHEMES)}")


def _clean(path: str) -> str:
    decoded = unquote(path)
    if not decoded.strip("/"):
        return ""
    return quote(normpath(f"/{decoded.lstrip('/')}"), safe=_LEGAL_IN_PATHS)


def _split(text: str) -> SplitResult:
    # urlsplit drops tabs and line breaks in silence, and blanks around; Go refuses.
    if CONTROL_CHARACTERS.isdisjoint(text) and text == text.strip():
        with suppress(ValueError):
            text.encode()  # half a surrogate pair is of no host and of no path
            parts = urlsplit(text)
            if parts.hostname and parts.port != 0 and " " not in parts.netloc:
                return parts
    raise ValueError("is not a URL with a host")


_MODES: Final = frozenset(("Never", "IfAvailable", "Always"))
_REMOVED: Final = {
    "gcp": "gke-gcloud-auth-plugin (gcloud components install gke-gcloud-auth-plugin)",
    "azure": "kubelogin (https://github.com/Azure/kubelogin)",
}


def _user_problems(user: UserStanza) -> Iterator[str]:
    """Yield what is wrong with the user, whatever the server is."""
    at, auth, impersonate = user.origin.at, user.auth, user.impersonate
    if auth.token and (auth.username or auth.password):
        yield f"{at('token')}: a token and a username or password: choose one"
    if auth.client_certificate or auth.client_certificate_data:
        yield from _certificate_problems(user.origin, auth)
    if auth.exec:
        yield from _exec_problems(user, auth.exec)
    further = impersonate.uid or impersonate.groups or impersonate.extra
    if further and not impersonate.user:
        yield f"{at('as')}: needed to impersonate a uid, groups or extra"
    yield from _header_problems(user)


def _credential_problems(user: UserStanza) -> Iterator[str]:
    """Yield what is wrong over https only, where credentials are sent."""
    if user.auth.token_file:
        yield from _token_file_problems(user.origin, user.auth)
    version = user.auth.exec.api_version if user.auth.exec else ""
    if version and (problem := exec_version_problem(version)):
        yield f"{user.origin.at('exec.apiVersion')}: {problem}"
    if user.auth_provider:
        yield from _auth_provider_problems(user, user.auth_provider)


def _has_credentials(user: UserStanza) -> bool:
    """Return whether the user has any credentials.

    Source: clientcmd/client_config.go, ``canIdentifyUser``.
    """
    auth = user.auth
    certificate = auth.client_certificate or auth.client_certificate_data
    token = auth.token or auth.token_file
    return bool(
        token or auth.username or certificate or auth.exec or user.auth_provider
    )


def _certificate_problems(origin: Origin, auth: AuthInfo) -> Iterator[str]:
    at = origin.at
    if auth.client_certificate and auth.client_certificate_data:
        yield f"{at('client-certificate')}: given as a file and as data: choose one"
    if auth.client_key and auth.client_key_data:
        yield f"{at('client-key')}: given as a file and as data: choose one"
    if not auth.client_key and not auth.client_key_data:
        yield f"{at('client-key')}: needed beside the client certificate"
    yield from _unreadable(auth.client_certificate, at("client-certificate"))
    yield from _unreadable(auth.client_key, at("client-key"))


def _exec_problems(user: UserStanza, plugin: ExecConfig) -> Iterator[str]:
    at = user.origin.at
    if user.auth_provider:
        yield f"{at('auth-provider')}: contradicts exec: choose one"
    if not plugin.command:
        yield f"{at('exec.command')}: needed"
    if not plugin.api_version:
        yield f"{at('exec.apiVersion')}: {exec_version_problem('')}"
    for i, (name, _) in enumerate(plugin.env):
        if not name:
            yield f"{at(f'exec.env[{i}].name')}: needed"
    if plugin.interactive_mode not in _MODES:
        yield f"{at('exec.interactiveMode')}: must be Never, IfAvailable or Always"


def _auth_provider_problems(user: UserStanza, provider: AuthProvider) -> Iterator[str]:
    where = user.origin.at("auth-provider")
    name = provider.name
    if name in _REMOVED:
        yield (
            f"{where}.name: the {name} provider has been removed from Kubernetes: "
            f"use {_REMOVED[name]} and let it write this user again"
        )
    elif name != "oidc":
        shown = quoted(name)
        yield f"{where}.name: {shown} is not supported: use oidc or an exec plugin"
    else:
        yield from _oidc_problems(f"{where}.config", provider.config)


def _oidc_problems(where: str, config: dict[str, str]) -> Iterator[str]:
    for key in ("idp-issuer-url", "client-id"):
        if not config.get(key):
            yield f"{where}.{key}: needed for oidc"
    authority = config.get(AUTHORITY_DATA)
    if authority and base64_data(authority) is None:
        yield f"{where}.{AUTHORITY_DATA}: must be base64"


def _token_file_problems(origin: Origin, auth: AuthInfo) -> Iterator[str]:
    where = origin.at("tokenFile")
    if auth.username:
        yield f"{where}: a token and a username: choose one"
    if auth.token:
        return  # it is used until the file can be read
    try:
        # What is read of a pipe is lost to whoever uses it.
        empty = is_regular(auth.token_file) and not read_file(auth.token_file).strip()
    except OSError as error:
        yield f"{where}: {auth.token_file} cannot be read: {error.strerror}"
    else:
        if empty:
            yield f"{where}: {auth.token_file} is empty"


def _unreadable(path: str, where: str) -> Iterator[str]:
    """Yield that the file at *path* cannot be opened; none is no problem."""
    if not path or not is_regular(path):  # a pipe waits for its one reader
        return
    if problem := open_problem(path):
        yield f"{where}: {path} cannot be read: {problem}"


def _header_problems(user: UserStanza) -> Iterator[str]:
    impersonate = user.impersonate
    texts = {
        "token": (user.auth.token,),
        "as": (impersonate.user,),
        "as-uid": (impersonate.uid,),
        "as-groups": impersonate.groups,
        "as-user-extra": tuple(v for _, values in impersonate.extra for v in values),
    }
    for key, values in texts.items():
        if problem := header_problem("".join(values)):
            yield f"{user.origin.at(key)}: {problem}"


def selection_problems(
    selection: Selection, *, credentials_needed: bool
) -> Iterator[str]:
    """Yield what is wrong with *selection*.

    With *credentials_needed* an https server without any credentials is a problem.
    """
    cluster, user = selection.cluster, selection.user
    yield from _cluster_problems(cluster)
    yield from _user_problems(user)
    if is_https(cluster.server):
        yield from _tls_problems(cluster)
        yield from _credential_problems(user)
        if credentials_needed and not _has_credentials(user):
            yield _no_credentials(selection)
    elif _schemeless(cluster) and (_has_credentials(user) or _has_trust(cluster)):
        yield (
            f"{cluster.origin.at('server')}: needs a scheme (https://HOST:PORT): "
            "without one it would be http, where credentials and CAs are not used"
        )


def _no_credentials(selection: Selection) -> str:
    if selection.user_missing:
        return selection.user_missing
    where = selection.user.origin.where or selection.context.origin.where or "flags"
    return f"{where}: no credentials for an https server (token, certificate, exec, …)"


def _schemeless(cluster: ClusterStanza) -> bool:
    return bool(cluster.server) and "://" not in cluster.server


def _has_trust(cluster: ClusterStanza) -> bool:
    authority = cluster.certificate_authority or cluster.certificate_authority_data
    return bool(authority or cluster.insecure_skip_tls_verify)


def _cluster_problems(cluster: ClusterStanza) -> Iterator[str]:
    at = cluster.origin.at
    if not cluster.server:
        if cluster.origin.where:  # else there is no cluster: another problem
            yield f"{at('server')}: no server is given for this cluster"
    else:
        try:
            parse_server(cluster.server)
        except ValueError as error:
            yield f"{at('server')}: {error}"
    if cluster.proxy_url:
        try:
            check_proxy(cluster.proxy_url)
        except ValueError as error:
            yield f"{at('proxy-url')}: {error}"
    if cluster.certificate_authority and cluster.certificate_authority_data:
        yield f"{at('certificate-authority')}: given as a file and as data: choose one"
    yield from _unreadable(cluster.certificate_authority, at("certificate-authority"))


def _tls_problems(cluster: ClusterStanza) -> Iterator[str]:
    authority = cluster.certificate_authority or cluster.certificate_authority_data
    if cluster.insecure_skip_tls_verify and authority:
        yield (
            f"{cluster.origin.at('insecure-skip-tls-verify')}: contradicts the "
            "certificate authority that is given too: remove one"
        )
