"""The first checks: configuration, server, certificate, credential and clock."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from ..config.model import Config
from ..errors import (
    ApiError,
    CredentialError,
    KubeMetricsError,
    TransportError,
    Unauthorized,
)
from ..flow import PeerCertificate, Response
from ..frozen import dataclass
from ..times import rfc3339_of, server_date, two_units
from .finding import Finding

SOON: Final = 7 * 86400
"""Seconds before its end at which a certificate is worth a warning."""
_SKEW: Final = 2
"""Seconds that clocks may differ by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The configuration and the credential, as known before the first request.

    *explanation* has a line for each resolved value and its origin. *credential* is the
    kind of credential that is sent, *expires_at* its end in seconds since the epoch
    where that is known. *clock* gives the local time in seconds since the epoch.
    """

    config: Config
    clock: Callable[[], float]
    explanation: Sequence[str] = ()
    credential: str = "none"
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """The first request: its result, and the local times before and after it."""

    result: Response | KubeMetricsError
    sent: float
    received: float

    @property
    def reached(self) -> bool:
        """Whether the API server answered, with a refusal too."""
        return isinstance(self.result, Response | ApiError)

    @property
    def date(self) -> float | None:
        """The server's clock, in seconds since the epoch."""
        found = (
            server_date(self.result.headers)
            if isinstance(self.result, Response)
            else None
        )
        return None if found is None else found.timestamp()


def configuration(setup: Setup) -> Finding:
    """Report which configuration is used, and where its values are from."""
    config = setup.config
    context = f", context {config.context}" if config.context else ""
    what = f"{config.source}{context}: {config.server}, namespace {config.namespace}."
    evidence = "\n".join(setup.explanation) or ", ".join(config.files)
    if config.insecure_skip_tls_verify:
        return Finding(
            check="configuration",
            severity="warning",
            what=f"{what} The server's certificate is not verified.",
            evidence="insecure-skip-tls-verify: true",
            advice="Give certificate-authority instead.",
        )
    return Finding(check="configuration", severity="ok", what=what, evidence=evidence)


def misconfigured(error: KubeMetricsError) -> Finding:
    """Report that there is no usable configuration, so that no request can be sent."""
    return Finding(
        check="configuration",
        severity="problem",
        what="There is no usable configuration.",
        evidence=str(error),
        advice="Name a kubeconfig with --kubeconfig or KUBECONFIG; see what there is:",
        commands=("kubemetrics config contexts",),
    )


def credential(setup: Setup, contact: Contact) -> Iterator[Finding]:
    """Report which credential is sent, and until when it is valid."""
    if isinstance(contact.result, CredentialError):
        return
    if setup.expires_at is None:
        known = setup.credential != "none"
        yield Finding(
            check="credential",
            severity="ok" if known else "info",
            what=f"{setup.credential}; it does not say when it expires."
            if known
            else "No credential is sent.",
            advice="" if known else "Name a user in the kubeconfig, or pass --token.",
        )
        return
    yield _expiry(setup, setup.expires_at, contact.date or contact.received)


def unauthorized(error: Unauthorized) -> Finding:
    """Report that the server refused the credentials with 401."""
    return Finding(
        check="identity",
        severity="problem",
        what="The server does not accept the credentials.",
        evidence=str(error),
        advice="Log in again, or renew the token or certificate; see which is used:",
        commands=("kubemetrics config",),
    )


def _ends(left: float) -> str:
    """Return *expires*, or *expired* where no seconds are *left*."""
    return "expired" if left <= 0 else "expires"


def _expiry(setup: Setup, expires_at: float, now: float) -> Finding:
    left = expires_at - now
    what = f"{setup.credential}; it {_ends(left)} {rfc3339_of(expires_at)}."
    if left <= 0:
        return Finding(
            check="credential",
            severity="problem",
            what=what,
            evidence=f"now {rfc3339_of(now)}",
            advice="Log in again, or renew it; see where it is from:",
            commands=("kubemetrics config",),
        )
    # Tokens live for an hour and are renewed; only what is renewed by hand is news.
    soon = "certificate" in setup.credential and left <= SOON
    return Finding(
        check="credential",
        severity="warning" if soon else "ok",
        what=what,
        advice="Renew it before then." if soon else "",
    )


def connection(setup: Setup, contact: Contact) -> Iterator[Finding]:
    """Report whether the server can be reached, and its certificate."""
    result = contact.result
    if isinstance(result, Response):
        yield _reached(result)
        if result.certificate is not None:
            now = contact.date or contact.received
            yield _certificate(result.certificate, now)
    elif isinstance(result, ApiError):
        yield Finding(
            check="server",
            severity="ok",
            what=f"{setup.config.server} answers.",
            evidence=f"GET /version: {result.status}",
        )
    else:
        yield _unreached(result, setup.config)


def clock(contact: Contact) -> Iterator[Finding]:
    """Report by how much the local clock and the server's differ at least.

    The answer was dated after the request was sent and before it arrived itself; a
    ``Date`` has whole seconds.
    """
    date = contact.date
    if date is None:
        return
    ahead = contact.sent - (date + 1)
    behind = date - contact.received
    off = max(ahead, behind)
    if off <= _SKEW:
        yield Finding(
            check="clock", severity="ok", what="Our clock agrees with the server's."
        )
        return
    way = "ahead of" if ahead > 0 else "behind"
    ours, theirs = rfc3339_of(contact.received), rfc3339_of(date)
    yield Finding(
        check="clock",
        severity="warning",
        what=f"Our clock is {two_units(timedelta(seconds=off))} {way} the server's.",
        evidence=f"ours {ours}, server's Date {theirs}",
        advice="Set the clock (NTP): tokens and certificates are judged by it. Ages "
        "here go by the server's.",
    )


def _reached(response: Response) -> Finding:
    return Finding(
        check="server",
        severity="ok",
        what=f"The server answers in {response.elapsed * 1000:.0f} ms.",
        evidence=response.url,
    )


def _certificate(peer: PeerCertificate, now: float) -> Finding:
    names = ", ".join(peer.names) or peer.subject
    end = rfc3339_of(peer.not_after)
    left = peer.not_after - now
    evidence = f"subject {peer.subject}, issuer {peer.issuer}, for {names}"
    if left > SOON:
        return Finding(
            check="server certificate",
            severity="ok",
            what=f"The server's certificate is verified; it expires {end}.",
            evidence=evidence,
        )
    return Finding(
        check="server certificate",
        severity="warning",
        what=f"The server's certificate {_ends(left)} {end}.",
        evidence=evidence,
        advice="Ask whoever runs the cluster to renew it, on its control plane:",
        commands=("kubeadm certs renew apiserver",),
    )


def _unreached(error: KubeMetricsError, config: Config) -> Finding:
    if isinstance(error, CredentialError):
        return Finding(
            check="credential",
            severity="problem",
            what="The credential could not be obtained.",
            evidence=str(error),
            advice="Run the plugin or read the file that the kubeconfig's user names:",
            commands=("kubemetrics config",),
        )
    if isinstance(error, TransportError) and error.reason == "tls":
        return Finding(
            check="server certificate",
            severity="problem",
            what=f"No TLS connection to {config.server} can be made.",
            evidence=str(error),
            advice="Compare certificate-authority and tls-server-name with what the "
            "server shows:",
            commands=(_shown_certificate(config),),
        )
    return Finding(
        check="server",
        severity="problem",
        what=f"{config.server} cannot be reached.",
        evidence=str(error),
        advice="Check the address, the proxy, a VPN, and whether the cluster runs:",
        commands=(f"curl -vk {shlex.quote(f'{config.server}/version')}",),
    )


def _shown_certificate(config: Config) -> str:
    """Return the command that shows the names and dates of the server's certificate."""
    url = urlsplit(config.server)
    name = config.tls_server_name or url.hostname or ""
    where = shlex.quote(url.netloc if url.port else f"{url.netloc}:443")
    return (
        f"openssl s_client -connect {where} -servername {shlex.quote(name)} </dev/null"
        " | openssl x509 -noout -subject -issuer -dates -ext subjectAltName"
    )
