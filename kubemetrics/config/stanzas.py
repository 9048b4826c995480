"""A kubeconfig's clusters, users and contexts, typed; paths made absolute.

Source: client-go tools/clientcmd/api/v1/types.go, and loader.go for the paths.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Final, TypeAlias

from ..frozen import dataclass

# Plain values, as JSON has them, and typed reading of one mapping of them.


Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_KINDS: Final[dict[type, str]] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "a mapping",
}
_UNQUOTED: Final = (bool, int, float)


class DocumentError(ValueError):
    """Not a document to read; the text says where, and never quotes the content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """One mapping of a kubeconfig; what is wrong is added to *problems* with its key.

    A null counts as absent, and a wrong type is a problem and then counts as absent
    too, as encoding/json would have it. *path* is where in *file* the mapping is.
    """

    values: dict[str, Json] = field(repr=False)
    file: str
    path: str = ""
    problems: list[str]

    def at(self, key: str) -> str:
        """Say where *key* is, for a message: ``FILE: users[0].user.token``."""
        return f"{self.file}: {self._path(key)}"

    def problem(self, key: str, what: str) -> None:
        """Add a problem with *key*."""
        self.problems.append(f"{self.at(key)}: {what}")

    def text(self, key: str) -> str:
        """Read a string; absent is empty."""
        value = self.values.get(key)
        if isinstance(value, str):
            return value
        self._expect("a string", key, value)
        return ""

    def flag(self, key: str) -> bool:
        """Read a boolean; absent is false."""
        value = self.values.get(key)
        if isinstance(value, bool):
            return value
        self._expect("true or false", key, value)
        return False

    def data(self, key: str) -> bytes | None:
        """Read base64; absent is ``None``."""
        text = self.text(key)
        data = base64_data(text)
        if text and data is None:
            self.problem(key, "must be base64")
        return data

    def texts(self, key: str) -> tuple[str, ...]:
        """Read a list of strings; a null in it is an empty string."""
        return tuple(self._string(path, value) for path, value in self._items(key))

    def section(self, key: str) -> Fields | None:
        """Read a mapping."""
        value = self.values.get(key)
        if isinstance(value, dict):
            return self._inner(value, key)
        self._expect("a mapping", key, value)
        return None

    def sections(self, key: str) -> Iterator[Fields]:
        """Read a list of mappings; a null in it is an empty one."""
        for path, value in self._items(key):
            if value is None or isinstance(value, dict):
                yield self._inner(value or {}, path)
            else:
                self._expect("a mapping", path, value)

    def text_map(self) -> dict[str, str]:
        """Read the mapping itself as one of strings to strings."""
        return {key: self.text(key) for key in self.values}

    def texts_map(self) -> dict[str, tuple[str, ...]]:
        """Read the mapping itself as one of strings to lists of strings."""
        return {key: self.texts(key) for key in self.values}

    def _items(self, key: str) -> Iterator[tuple[str, Json]]:
        value = self.values.get(key)
        if isinstance(value, list):
            yield from ((f"{key}[{i}]", item) for i, item in enumerate(value))
        else:
            self._expect("a list", key, value)

    def _string(self, path: str, value: Json) -> str:
        if isinstance(value, str):
            return value
        self._expect("a string", path, value)
        return ""

    def _inner(self, values: dict[str, Json], key: str) -> Fields:
        return Fields(
            values=values, file=self.file, path=self._path(key), problems=self.problems
        )

    def _path(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _expect(self, wanted: str, key: str, value: Json) -> None:
        if value is None:
            return
        unquoted = wanted == "a string" and isinstance(value, _UNQUOTED)
        hint = " (quote it)" if unquoted else ""
        self.problem(key, f"must be {wanted}, not {_KINDS[type(value)]}{hint}")


def base64_data(text: str) -> bytes | None:
    """Decode base64, line breaks allowed as in Go; wrong or empty is ``None``."""
    try:
        joined = text.replace("\r", "").replace("\n", "")
        return base64.b64decode(joined, validate=True) or None
    except ValueError:
        return None


EXEC_EXTENSION: Final = "client.authentication.k8s.io/exec"
AUTHORITY_DATA: Final = "idp-certificate-authority-data"
# These do not have to say it (client-go tools/clientcmd/api/v1/defaults.go).
_MODE_DEFAULTS: Final = {
    "client.authentication.k8s.io/v1beta1": "IfAvailable",
    "client.authentication.k8s.io/v1alpha1": "IfAvailable",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a stanza is, for messages.

    *flags* are the keys that a flag has set instead; *sources* names what the others
    are from where there is no kubeconfig.
    """

    where: str = ""
    file: str = ""
    flags: frozenset[str] = frozenset()
    sources: Mapping[str, str] = field(default_factory=dict[str, str])

    def at(self, key: str) -> str:
        """Say where the value of *key* is from: ``FILE: users[0].user.token``."""
        if key in self.flags:
            return flag_of(key)
        if self.where:
            return f"{self.where}.{key}"
        return self.sources.get(key) or flag_of(key)


def flag_of(key: str) -> str:
    """Name kubectl's flag for a kubeconfig's *key*."""
    return "--" + {"as-groups": "as-group"}.get(key, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStanza:
    """How to reach a server, as written."""

    origin: Origin = Origin()
    server: str = field(default="", repr=False)
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: bytes | None = field(default=None, repr=False)
    proxy_url: str = field(default="", repr=False)
    disable_compression: bool = False
    exec_config: Json = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A user's ``exec``, as written."""

    command: str = ""
    args: tuple[str, ...] = field(default=(), repr=False)
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    api_version: str = ""
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthProvider:
    """A user's ``auth-provider``, as written."""

    name: str = ""
    config: dict[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserStanza:
    """Who we are, as written. The ``as…`` are for impersonation."""

    origin: Origin = Origin()
    token: str = field(default="", repr=False)
    token_file: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    client_certificate: str = ""
    client_certificate_data: bytes | None = field(default=None, repr=False)
    client_key: str = ""
    client_key_data: bytes | None = field(default=None, repr=False)
    plugin: Plugin | None = None
    auth_provider: AuthProvider | None = None
    as_user: str = ""
    as_uid: str = ""
    as_groups: tuple[str, ...] = ()
    as_user_extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextStanza:
    """Which cluster, as which user, in which namespace."""

    origin: Origin = Origin()
    cluster: str = ""
    user: str = ""
    namespace: str = ""


def read_cluster(fields: Fields, base: str) -> ClusterStanza:
    """Read ``clusters[].cluster``; relative paths are against *base*."""
    return ClusterStanza(
        origin=_origin(fields),
        server=fields.text("server"),
        tls_server_name=fields.text("tls-server-name"),
        insecure_skip_tls_verify=fields.flag("insecure-skip-tls-verify"),
        certificate_authority=_path(fields, "certificate-authority", base),
        certificate_authority_data=fields.data("certificate-authority-data"),
        proxy_url=fields.text("proxy-url"),
        disable_compression=fields.flag("disable-compression"),
        exec_config=read_extensions(fields).get(EXEC_EXTENSION),
    )


def read_user(fields: Fields, base: str) -> UserStanza:
    """Read ``users[].user``; relative paths are against *base*."""
    plugin = fields.section("exec")
    provider = fields.section("auth-provider")
    extra = fields.section("as-user-extra")
    read_extensions(fields)
    return UserStanza(
        origin=_origin(fields),
        token=fields.text("token").strip(),
        token_file=_path(fields, "tokenFile", base),
        username=fields.text("username"),
        password=fields.text("password"),
        client_certificate=_path(fields, "client-certificate", base),
        client_certificate_data=fields.data("client-certificate-data"),
        client_key=_path(fields, "client-key", base),
        client_key_data=fields.data("client-key-data"),
        plugin=_read_plugin(plugin, base) if plugin else None,
        auth_provider=_read_auth_provider(provider) if provider else None,
        as_user=fields.text("as"),
        as_uid=fields.text("as-uid"),
        as_groups=fields.texts("as-groups"),
        as_user_extra=tuple(extra.texts_map().items()) if extra else (),
    )


def read_context(fields: Fields, _base: str) -> ContextStanza:
    """Read ``contexts[].context``."""
    read_extensions(fields)
    return ContextStanza(
        origin=_origin(fields),
        cluster=fields.text("cluster"),
        user=fields.text("user"),
        namespace=fields.text("namespace"),
    )


def read_extensions(fields: Fields) -> dict[str, Json]:
    """Read ``extensions``: named values of others; two of one name are a problem."""
    found: dict[str, Json] = {}
    for item in fields.sections("extensions"):
        name = item.text("name")
        if name in found:
            item.problem("name", f"duplicate name {name!r}")
        found[name] = item.values.get("extension")
    return found


def _read_plugin(fields: Fields, base: str) -> Plugin:
    command = fields.text("command")
    # Only a command with a separator in it is a path; a bare one is for PATH
    # (loader.go, GetAuthInfoFileReferences).
    if os.sep in command:
        command = os.path.normpath(Path(base, command))
    version = fields.text("apiVersion")
    mode = fields.text("interactiveMode") or _MODE_DEFAULTS.get(version, "")
    pairs = ((item.text("name"), item.text("value")) for item in fields.sections("env"))
    return Plugin(
        command=command,
        args=fields.texts("args"),
        env=tuple(pairs),
        api_version=version,
        install_hint=fields.text("installHint"),
        provide_cluster_info=fields.flag("provideClusterInfo"),
        interactive_mode=mode,
    )


def _read_auth_provider(fields: Fields) -> AuthProvider:
    config = fields.section("config")
    return AuthProvider(
        name=fields.text("name"), config=config.text_map() if config else {}
    )


def _origin(fields: Fields) -> Origin:
    return Origin(where=f"{fields.file}: {fields.path}", file=fields.file)


def _path(fields: Fields, key: str, base: str) -> str:
    path = fields.text(key)
    return os.path.normpath(Path(base, path)) if path else ""
