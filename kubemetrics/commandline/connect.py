"""From the shared flags to a configuration and a client."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..config.model import Config
from ..config.resolve import load_config
from . import console
from .parser import UsageError

if TYPE_CHECKING:
    from ..client.sync import Client


def config_of(args: Namespace, *, context: str | None = None) -> Config:
    """Resolve the kubeconfig and the shared flags; *context* replaces ``--context``.

    Raises:
        ConfigError: nothing usable found, or what was found is wrong.
        UsageError: a flag's value is malformed.
    """
    return load_config(
        args.kubeconfig,
        context=context or last(args.contexts),
        cluster=args.cluster,
        user=args.user,
        namespace=last(args.namespaces),
        server=args.server,
        token=args.token,
        as_user=args.as_user,
        as_groups=tuple(args.as_groups or ()),
        as_uid=args.as_uid,
        as_user_extra=_extra(args.as_user_extra or ()),
        certificate_authority=args.certificate_authority,
        client_certificate=args.client_certificate,
        client_key=args.client_key,
        insecure_skip_tls_verify=args.insecure_skip_tls_verify or None,
        tls_server_name=args.tls_server_name,
        proxy_url=args.proxy_url,
        disable_compression=args.disable_compression or None,
        request_timeout=args.request_timeout,
    )


def client_of(args: Namespace) -> Client:
    """Return a client for what the flags say; close it, or use it in a ``with``."""
    from ..client.sync import Client  # noqa: PLC0415 - httpx, not for --help

    return Client(config_of(args), on_warning=console.warn)


def last(values: Sequence[str] | None) -> str | None:
    """Return the last of a repeated flag's values: with kubectl the last one wins."""
    return values[-1] if values else None


def _extra(pairs: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Group ``KEY=VALUE`` by key, in order."""
    extra: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--as-user-extra takes KEY=VALUE, not {pair!r}")
        extra[key] = (*extra.get(key, ()), value)
    return extra
