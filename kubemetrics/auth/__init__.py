"""Where a credential comes from, and when it is fetched anew."""

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
