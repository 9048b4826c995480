"""Where a credential comes from, and when it is fetched anew."""

from __future__ import annotations

from .credential import ClientCertificate, Credential, CredentialSource
from .headers import impersonation_headers
from .source import credential_source

__all__ = [
    "ClientCertificate",
    "Credential",
    "CredentialSource",
    "credential_source",
    "impersonation_headers",
]
