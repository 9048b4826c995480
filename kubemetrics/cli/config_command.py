"""``kubemetrics config`` and ``config contexts``: what was resolved, from where."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator
from typing import Final, NamedTuple

from .. import console
from ..auth import certificate_expiry, token_expiry
from ..auth.sources import CredentialKind, credential_kinds
from ..commandline import CommandSpec, Parser, config_of, last
from ..config.kubeconfig import ContextEntry, list_contexts
from ..config.model import AuthInfo, Config, Impersonation
from ..files import is_regular, read_file
from ..table.render import plain_table
from ..text import without_codes, without_credentials
from ..times import rfc3339_of


class CredentialFact(NamedTuple):
    """A credential: its *kind*, a *detail* such as its path, its end, and its origin.

    *expires_at* is in seconds since the epoch. *key* is the attribute of `Config` whose
    origin is the credential's.
    """

    kind: str
    detail: str
    expires_at: float | None
    key: str

    @property
    def expires(self) -> str:
        """The expiry as RFC 3339; empty where it is not known."""
        return "" if self.expires_at is None else rfc3339_of(self.expires_at)


def credentials_of(config: Config) -> tuple[CredentialFact, ...]:
    """Return the credentials of a request, in the order of `credential_kinds`.

    No plugin is run and no token is renewed.
    """
    return tuple(_fact(kind, config.auth) for kind in credential_kinds(config))


def _fact(kind: CredentialKind, auth: AuthInfo) -> CredentialFact:
    detail, ends, key = "", None, "auth.username"
    if kind == "client certificate":
        detail, ends, key = _certificate(auth)
    elif kind == "token file":
        ends = token_expiry(_read(auth.token_file).decode("ascii", "replace"))
        detail, key = auth.token_file, "auth.token_file"
    elif kind == "token":
        ends, key = token_expiry(auth.token), "auth.token"
    elif kind == "basic":
        detail = auth.username
    elif auth.exec and kind == "exec plugin":
        version = auth.exec.api_version.rpartition("/")[2]
        detail, key = f"{auth.exec.command} ({version})", "auth.exec"
    elif auth.oidc:
        ends = token_expiry(auth.oidc.id_token)
        issuer = without_codes(without_credentials(auth.oidc.issuer_url))
        detail, key = issuer, "auth.oidc"
    return CredentialFact(kind, detail, ends, key)


def _certificate(auth: AuthInfo) -> tuple[str, float | None, str]:
    key = "auth.client_certificate"
    if auth.client_certificate_data:
        ends = certificate_expiry(auth.client_certificate_data)
        return "embedded", ends, f"{key}_data"
    path = auth.client_certificate
    return path, certificate_expiry(_read(path)), key


def _read(path: str) -> bytes:
    """Read a file; a missing one is empty here, and an error where it is used.

    So is a pipe: what is read of it here is lost to whoever uses it.
    """
    try:
        return read_file(path) if is_regular(path) else b""
    except OSError:
        return b""


_DESCRIPTION: Final = """\
Show how the cluster would be reached: what was resolved from the kubeconfig
files, the flags, the environment or the pod, and where each value is from.
Nothing is contacted, no plugin is run, and no secret is shown."""
_EXAMPLES: Final = """\
  kubemetrics config
  kubemetrics config --context staging -n team-a
  kubemetrics config -o json
  kubemetrics config contexts"""


class Fact(NamedTuple):
    """A resolved value, and the *origin* that it is from."""

    name: str
    value: str
    origin: str = ""


def _add_arguments(parser: Parser) -> None:
    """Declare the output format."""
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json"),
        default="table",
        help="table (the default) or json",
    )


def _run(args: Namespace) -> int:
    """Print the resolved configuration.

    Raises:
        ConfigError: nothing usable was found, or what was found is wrong.
    """
    config = config_of(args)
    return console.write_stdout(
        (_json(config) if args.output == "json" else _table(config),)
    )


def facts_of(config: Config) -> Iterator[Fact]:
    """Return the values of a configuration and their origins, without any secret."""
    origins = dict(config.origins)
    yield Fact("source", config.source)
    for path in config.files:
        yield Fact("file", path)
    for path in config.missing:
        yield Fact("missing file", path)
    for name in ("context", "cluster", "user", "namespace"):
        yield Fact(name, getattr(config, name), origins.get(name, ""))
    server = without_credentials(config.server)
    yield Fact("server", server, origins.get("server", ""))
    yield from _trust(config, origins)
    yield from _credentials(config, origins)
    if config.impersonate:
        who = _impersonated(config.impersonate)
        yield Fact("impersonate", who, origins.get("impersonate", ""))
    yield from _transport(config, origins)


def _trust(config: Config, origins: dict[str, str]) -> Iterator[Fact]:
    name = "certificate authority"
    if config.insecure_skip_tls_verify:
        why = origins.get("insecure_skip_tls_verify", "")
        yield Fact(name, "not checked: any server is trusted", why)
    elif config.certificate_authority_data is not None:
        yield Fact(name, "embedded", origins.get("certificate_authority_data", ""))
    elif config.certificate_authority:
        path = config.certificate_authority
        yield Fact(name, path, origins.get("certificate_authority", ""))
    elif config.secure:
        yield Fact(name, "the system's")
    if config.tls_server_name:
        why = origins.get("tls_server_name", "")
        yield Fact("TLS server name", config.tls_server_name, why)


def _credentials(config: Config, origins: dict[str, str]) -> Iterator[Fact]:
    found = credentials_of(config)
    if not found:
        none = "none" if config.secure else "none are sent without https"
        yield Fact("credentials", none)
    for fact in found:
        yield Fact("credentials", _described(fact), origins.get(fact.key, ""))


def _described(fact: CredentialFact) -> str:
    detail = f" {fact.detail}" if fact.detail else ""
    return f"{fact.kind}{detail}{f', expires {fact.expires}' if fact.expires else ''}"


def _impersonated(who: Impersonation) -> str:
    parts = [who.user, f"UID {who.uid}" if who.uid else ""]
    parts += [f"group {group}" for group in who.groups]
    parts += [f"{key}={value}" for key, values in who.extra for value in values]
    return ", ".join(part for part in parts if part)


def _transport(config: Config, origins: dict[str, str]) -> Iterator[Fact]:
    from ..transport.endpoint import choose  # noqa: PLC0415 - httpx, not for --help

    proxy = choose(config, os.environ)
    if proxy:
        why = origins.get("proxy_url") or f"${proxy.origin}"
        yield Fact("proxy", proxy.address, why)
    if config.disable_compression:
        yield Fact("compression", "off", origins.get("disable_compression", ""))
    if config.timeout is not None:
        said = f"{config.timeout:g} s" if config.timeout else "none"
        yield Fact("timeout", said, origins.get("timeout", ""))


def _table(config: Config) -> str:
    """Write a table; the name of a single file is not repeated in each row."""
    only = f"{config.files[0]}: " if len(config.files) == 1 else ""
    rows = ((n, v, origin.removeprefix(only)) for n, v, origin in facts_of(config))
    return plain_table([("NAME", "VALUE", "FROM"), *rows])


def _json(config: Config) -> str:
    """Write ``{name: {value, from}}``, and lists of files and credentials."""
    import json  # noqa: PLC0415 - only for this format

    origins = dict(config.origins)
    credentials = [
        {
            "kind": fact.kind,
            "detail": fact.detail,
            "expires": fact.expires or None,
            "from": origins.get(fact.key, ""),
        }
        for fact in credentials_of(config)
    ]
    single = {
        _camel(fact.name): {"value": fact.value, "from": fact.origin}
        for fact in facts_of(config)
        if fact.name not in {"file", "missing file", "credentials"}
    }
    lists = {
        "files": config.files,
        "missingFiles": config.missing,
        "credentials": credentials,
    }
    return json.dumps({**single, **lists}, indent=2) + "\n"


def _camel(name: str) -> str:
    first, *others = name.split()
    return first.lower() + "".join(word.capitalize() for word in others)


_CONTEXTS_DESCRIPTION: Final = """\
List the contexts of the kubeconfig files; an asterisk marks the current one."""
_CONTEXTS_EXAMPLES: Final = """\
  kubemetrics config contexts
  kubemetrics config contexts --kubeconfig staging.yaml -o json
  kubemetrics config contexts -o name"""


def _add_contexts_arguments(parser: Parser) -> None:
    """Declare the output format."""
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json", "name"),
        default="table",
        help="table (the default), json or name",
    )


def _run_contexts(args: Namespace) -> int:
    """Print the contexts of the kubeconfig.

    Raises:
        ConfigError: a kubeconfig cannot be read at all.
    """
    entries = list_contexts(args.kubeconfig, context=last(args.contexts))
    return console.write_stdout((_CONTEXT_FORMATS[args.output](entries),))


def _contexts_table(entries: tuple[ContextEntry, ...]) -> str:
    head = ("CURRENT", "NAME", "CLUSTER", "USER", "NAMESPACE")
    rows = [
        ("*" if e.current else "", e.name, e.cluster, e.user, e.namespace)
        for e in entries
    ]
    return plain_table([head, *rows])


def _context_names(entries: tuple[ContextEntry, ...]) -> str:
    return "".join(plain_table([[entry.name]]) for entry in entries)


def _contexts_json(entries: tuple[ContextEntry, ...]) -> str:
    import json  # noqa: PLC0415 - only for this format
    from dataclasses import asdict  # noqa: PLC0415

    return json.dumps([asdict(entry) for entry in entries], indent=2) + "\n"


_CONTEXT_FORMATS: Final = {
    "table": _contexts_table,
    "json": _contexts_json,
    "name": _context_names,
}


COMMAND: Final = CommandSpec(_DESCRIPTION, _EXAMPLES, _add_arguments, _run)
CONTEXTS: Final = CommandSpec(
    _CONTEXTS_DESCRIPTION,
    _CONTEXTS_EXAMPLES,
    _add_contexts_arguments,
    _run_contexts,
)
