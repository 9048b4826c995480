"""Read kubeconfigs: find the files, parse them, type their stanzas, merge them.

Sources: client-go tools/clientcmd/loader.go (``ClientConfigLoadingRules``, ``Load``,
``ResolveLocalPaths``) and tools/clientcmd/api/v1/types.go.
"""

from __future__ import annotations

import base64
import codecs
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from functools import reduce
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, cast

from ..errors import check_type
from ..files import absolute, expand_home, read_file, utf8
from ..frozen import dataclass
from ..text import quoted
from .model import (
    AuthInfo,
    AuthProvider,
    ClusterStanza,
    ContextStanza,
    DocumentError,
    ExecConfig,
    Impersonation,
    InteractiveMode,
    Json,
    Origin,
    UserStanza,
    config_error,
)

_T = TypeVar("_T")

MAX_BYTES: Final = 10 * 1024 * 1024
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),  # what PowerShell's `>` writes
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def parse(data: bytes) -> dict[str, Json]:
    """Parse the bytes of one kubeconfig, YAML or JSON; without any it is empty.

    Raises:
        DocumentError: not text, not YAML or JSON, out of bounds, not a mapping.
    """
    value = _value(_decode(data))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DocumentError("not a kubeconfig: it must be a mapping at the top")
    return value


def plain(mapping: Mapping[str, object]) -> dict[str, Json]:
    """Return the plain values of a kubeconfig that is parsed already.

    Raises:
        DocumentError: it holds what JSON has no place for.
    """
    try:
        return cast("dict[str, Json]", json.loads(json.dumps(dict(mapping))))
    except (TypeError, ValueError, RecursionError):
        reason = "not a kubeconfig: it holds what JSON does not have (a date, a cycle?)"
    raise DocumentError(reason)


def _decode(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise DocumentError(f"not a kubeconfig: larger than {MAX_BYTES >> 20} MiB")
    marked = (name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark))
    encoding = next(marked, "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        reason = "not a kubeconfig: neither UTF-8 nor UTF-16 text"
    raise DocumentError(reason)


def _value(text: str) -> Json:
    if text.lstrip()[:1] == "{":
        try:
            return cast("Json", json.loads(text))
        except (ValueError, RecursionError):
            pass  # YAML's flow style looks like JSON, and its errors name a line
    # PyYAML takes longer to import than everything else here together, and a process
    # in a pod never needs it.
    from .yaml_document import parse_yaml  # noqa: PLC0415

    return parse_yaml(text)


EXEC_EXTENSION: Final = "client.authentication.k8s.io/exec"
AUTHORITY_DATA: Final = "idp-certificate-authority-data"
# These do not have to say it (client-go tools/clientcmd/api/v1/defaults.go).
_MODE_DEFAULTS: Final = {
    "client.authentication.k8s.io/v1beta1": "IfAvailable",
    "client.authentication.k8s.io/v1alpha1": "IfAvailable",
}


_KINDS: Final[dict[type, str]] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "a mapping",
}
_UNQUOTED: Final = (bool, int, float)


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
        exec_extension=read_extensions(fields).get(EXEC_EXTENSION),
    )


def read_user(fields: Fields, base: str) -> UserStanza:
    """Read ``users[].user``; relative paths are against *base*."""
    exec_fields = fields.section("exec")
    provider = fields.section("auth-provider")
    extra = fields.section("as-user-extra")
    read_extensions(fields)
    return UserStanza(
        origin=_origin(fields),
        auth=AuthInfo(
            token=fields.text("token").strip(),
            token_file=_path(fields, "tokenFile", base),
            username=fields.text("username"),
            password=fields.text("password"),
            client_certificate=_path(fields, "client-certificate", base),
            client_certificate_data=fields.data("client-certificate-data"),
            client_key=_path(fields, "client-key", base),
            client_key_data=fields.data("client-key-data"),
            exec=_read_exec(exec_fields, base) if exec_fields else None,
        ),
        auth_provider=_read_auth_provider(provider) if provider else None,
        impersonate=Impersonation(
            user=fields.text("as"),
            uid=fields.text("as-uid"),
            groups=fields.texts("as-groups"),
            extra=tuple(extra.texts_map().items()) if extra else (),
        ),
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
            item.problem("name", f"duplicate name {quoted(name)}")
        found[name] = item.values.get("extension")
    return found


def _read_exec(fields: Fields, base: str) -> ExecConfig:
    command = fields.text("command")
    # Only a command with a separator in it is a path; a bare one is for PATH
    # (loader.go, GetAuthInfoFileReferences).
    if os.sep in command:
        command = os.path.normpath(absolute(command, base))
    version = fields.text("apiVersion")
    mode = fields.text("interactiveMode") or _MODE_DEFAULTS.get(version, "")
    pairs = ((item.text("name"), item.text("value")) for item in fields.sections("env"))
    return ExecConfig(
        command=command,
        args=fields.texts("args"),
        env=tuple(pairs),
        api_version=version,
        install_hint=fields.text("installHint"),
        provide_cluster_info=fields.flag("provideClusterInfo"),
        # Another one is refused when the user is chosen.
        interactive_mode=cast("InteractiveMode", mode),
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
    return os.path.normpath(absolute(path, base)) if path else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubeconfig:
    """The stanzas by name; *current_origin* is where *current_context* is written."""

    clusters: Mapping[str, ClusterStanza] = field(
        default_factory=dict[str, ClusterStanza]
    )
    users: Mapping[str, UserStanza] = field(default_factory=dict[str, UserStanza])
    contexts: Mapping[str, ContextStanza] = field(
        default_factory=dict[str, ContextStanza]
    )
    current_context: str = ""
    current_origin: str = ""


def read_kubeconfig(
    values: dict[str, Json], *, file: str, base: str, problems: list[str]
) -> Kubeconfig:
    """Type the stanzas of a parsed kubeconfig; *file* is its name in messages.

    Relative paths in it are against *base*. All that is wrong is added to *problems*;
    what is returned is the rest.
    """
    fields = Fields(values=values, file=file, problems=problems)
    _check_kind(fields)
    read_extensions(fields)
    return Kubeconfig(
        clusters=_named(fields, "clusters", "cluster", base, read_cluster),
        users=_named(fields, "users", "user", base, read_user),
        contexts=_named(fields, "contexts", "context", base, read_context),
        current_context=fields.text("current-context"),
        current_origin=fields.at("current-context"),
    )


def merge(kubeconfigs: Iterable[Kubeconfig]) -> Kubeconfig:
    """Merge in order: the first whole stanza of a name wins, nothing is mixed."""
    return reduce(_merged, kubeconfigs, Kubeconfig())


def _merged(first: Kubeconfig, second: Kubeconfig) -> Kubeconfig:
    chosen = first if first.current_context else second
    return Kubeconfig(
        clusters={**second.clusters, **first.clusters},
        users={**second.users, **first.users},
        contexts={**second.contexts, **first.contexts},
        current_context=chosen.current_context,
        current_origin=chosen.current_origin,
    )


def _check_kind(fields: Fields) -> None:
    for key, wanted in (("kind", "Config"), ("apiVersion", "v1")):
        if fields.text(key) not in {"", wanted}:
            fields.problem(key, f"must be {wanted}: this is not a kubeconfig")
    if preferences := fields.section("preferences"):
        preferences.flag("colors")
        read_extensions(preferences)


def _named(
    fields: Fields,
    plural: str,
    singular: str,
    base: str,
    read: Callable[[Fields, str], _T],
) -> dict[str, _T]:
    found: dict[str, _T] = {}
    for item in fields.sections(plural):
        name = item.text("name")
        if name in found:
            item.problem("name", f"duplicate name {quoted(name)}")
        body = item.section(singular) or _empty(item, singular)
        found.setdefault(name, read(body, base))
    return found


def _empty(item: Fields, key: str) -> Fields:
    path = f"{item.path}.{key}"
    return Fields(values={}, file=item.file, path=path, problems=item.problems)


KubeconfigSource: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any] | Loaded"
GIVEN: Final = "kubeconfig"  # the name in messages of one that came as a mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The merged kubeconfig, its files, and every problem found in them."""

    kubeconfig: Kubeconfig = field(default_factory=Kubeconfig)
    files: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def load(source: KubeconfigSource | None, environ: Mapping[str, str]) -> Loaded:
    """Load *source*, else the files ``KUBECONFIG`` names, else ``~/.kube/config``.

    What is loaded already is returned: a file of 200 contexts is parsed once for all.

    Every problem of a stanza is in the result, for the caller to raise or to bear.

    Raises:
        ConfigError: a file cannot be read or parsed at all, or *source* is not there.
    """
    if isinstance(source, Loaded):
        return source
    check_type("kubeconfig", source, "FilePath | Mapping | None")
    check_type("environ", environ, "Mapping")
    if isinstance(source, Mapping):
        return _from_mapping(source)
    if source is None or not os.fspath(source):
        return _from_files(_default_paths(environ))
    path = expand_home(utf8(os.fspath(source)))
    loaded = _from_files((path,))
    if loaded.missing:
        raise config_error(f"{path}: no such kubeconfig file")
    return loaded


def _default_paths(environ: Mapping[str, str]) -> tuple[str, ...]:
    listed = utf8(environ.get("KUBECONFIG", ""))
    if listed:
        paths = dict.fromkeys(listed.split(os.pathsep))
        return tuple(path for path in paths if path)
    given = utf8(environ.get("HOME") or environ.get("USERPROFILE") or "")
    home = given or expand_home("~")
    # No HOME and no entry in passwd, as under a random user id in a container.
    return () if home == "~" else (str(Path(home, ".kube", "config")),)


def _from_mapping(source: Mapping[str, Any]) -> Loaded:
    try:
        values = plain(source)
    except DocumentError as error:
        reason = str(error)
    else:
        problems: list[str] = []
        read = read_kubeconfig(values, file=GIVEN, base=absolute(""), problems=problems)
        return Loaded(kubeconfig=read, problems=tuple(problems))
    raise config_error(f"{GIVEN}: {reason}")


def _from_files(paths: tuple[str, ...]) -> Loaded:
    fatal: list[str] = []
    problems: list[str] = []
    contents = {path: _content(path, fatal) for path in paths}
    found = {path: data for path, data in contents.items() if data is not None}
    read = [_read(path, data, fatal, problems) for path, data in found.items()]
    if fatal:
        raise config_error(*fatal, *problems)
    return Loaded(
        kubeconfig=merge(read),
        files=tuple(found),
        missing=tuple(path for path in paths if path not in found),
        problems=tuple(problems),
    )


def _content(path: str, fatal: list[str]) -> bytes | None:
    try:
        return read_file(path, MAX_BYTES)
    except FileNotFoundError:
        pass
    except OSError as error:
        fatal.append(f"{path}: cannot be read: {error.strerror}")
    return None


def _read(path: str, data: bytes, fatal: list[str], problems: list[str]) -> Kubeconfig:
    try:
        values = parse(data)
    except DocumentError as error:
        fatal.append(f"{path}: {error}")
        return Kubeconfig()
    base = os.path.dirname(absolute(path))  # noqa: PTH120 - as text in UTF-8
    return read_kubeconfig(values, file=path, base=base, problems=problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextEntry:
    """One context of a kubeconfig; the cluster and user it names need not exist."""

    name: str
    cluster: str
    user: str
    namespace: str
    current: bool


def list_contexts(
    kubeconfig: KubeconfigSource | None = None,
    *,
    context: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[ContextEntry, ...]:
    """List the contexts by name; *context* takes the place of the current one.

    Files are found as by `load_config`. Stanzas that are wrong do no harm.

    Raises:
        ConfigError: a file cannot be read or parsed at all.
    """
    check_type("context", context, "str | None")
    found = load(kubeconfig, os.environ if environ is None else environ).kubeconfig
    current = context or found.current_context
    return tuple(
        ContextEntry(
            name=name,
            cluster=stanza.cluster,
            user=stanza.user,
            namespace=stanza.namespace,
            current=name == current,
        )
        for name, stanza in sorted(found.contexts.items())
    )
