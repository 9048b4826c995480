"""Credentials: where they come from, when they are renewed, which headers they make."""

from __future__ import annotations

from .credential import (
    ClientCertificate,
    Credential,
    CredentialSource,
    impersonation_headers,
)
from .sources import credential_source

__all__ = [
    "ClientCertificate",
    "Credential",
    "CredentialSource",
    "credential_source",
    "impersonation_headers",
]
