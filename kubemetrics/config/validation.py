"""What makes the chosen stanzas unusable; every problem, not the first.

Source: client-go tools/clientcmd/validation.go, and what rest and transport refuse
later (rest/transport.go, transport/transport.go).
"""

from __future__ import annotations

from collections.abc import Iterator

from .choice import Choice
from .stanzas import Cluster
from .urls import check_proxy, parse_server
from .user_validation import credential_problems, identifies, unreadable, user_problems


def choice_problems(choice: Choice, *, credentials_needed: bool) -> Iterator[str]:
    """Check what was chosen; *credentials_needed* refuses to go on anonymously."""
    cluster, user = choice.cluster, choice.user
    yield from _cluster_problems(cluster)
    yield from user_problems(user)
    if cluster.server.lower().startswith("https://"):
        yield from _contradiction(cluster)
        yield from credential_problems(user)
        if credentials_needed and not identifies(user):
            yield _anonymous(choice)
    elif _schemeless(cluster) and (identifies(user) or _trust(cluster)):
        yield (
            f"{cluster.origin.at('server')}: needs a scheme (https://HOST:PORT): "
            "without one it would be http, where credentials and CAs are not used"
        )


def _anonymous(choice: Choice) -> str:
    if choice.user_missing:
        return choice.user_missing
    where = choice.user.origin.where or choice.context.origin.where or "flags"
    return f"{where}: no credentials for an https server (token, certificate, exec, …)"


def _schemeless(cluster: Cluster) -> bool:
    return bool(cluster.server) and "://" not in cluster.server


def _trust(cluster: Cluster) -> bool:
    authority = cluster.certificate_authority or cluster.certificate_authority_data
    return bool(authority or cluster.insecure_skip_tls_verify)


def _cluster_problems(cluster: Cluster) -> Iterator[str]:
    at = cluster.origin.at
    if not cluster.server:
        if cluster.origin.where:  # else there is no cluster, which has been said
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
    yield from unreadable(cluster.certificate_authority, at("certificate-authority"))


def _contradiction(cluster: Cluster) -> Iterator[str]:
    authority = cluster.certificate_authority or cluster.certificate_authority_data
    if cluster.insecure_skip_tls_verify and authority:
        yield (
            f"{cluster.origin.at('insecure-skip-tls-verify')}: contradicts the "
            "certificate authority that is given too: remove one"
        )
