"""How we say who we are: until when, and whether it is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..errors import CredentialError, Unauthorized
from .finding import Finding
from .setup import Contact, Setup
from .times import ends, moment

SOON: Final = 7 * 86400
"""Seconds before its end at which a certificate is worth a warning."""


def credential(setup: Setup, contact: Contact) -> Iterator[Finding]:
    """Say how we say who we are, and until when."""
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
    """Say that the credentials were refused."""
    return Finding(
        check="identity",
        severity="problem",
        what="The server does not accept the credentials.",
        evidence=str(error),
        advice="Log in again, or renew the token or certificate in the configuration.",
    )


def _expiry(setup: Setup, expires_at: float, now: float) -> Finding:
    left = expires_at - now
    what = f"{setup.credential}; it {ends(left)} {moment(expires_at)}."
    if left <= 0:
        return Finding(
            check="credential",
            severity="problem",
            what=what,
            evidence=f"now {moment(now)}",
            advice="Log in again, or renew it in the configuration.",
        )
    # Tokens live for an hour and are renewed; only what is renewed by hand is news.
    soon = "certificate" in setup.credential and left <= SOON
    return Finding(
        check="credential",
        severity="warning" if soon else "ok",
        what=what,
        advice="Have it renewed in time." if soon else "",
    )
