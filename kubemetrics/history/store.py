"""The file of a recorder: opened to write by one process, to read by any number.

It is one SQLite database in WAL mode: what was committed survives ``kill -9``, and a
reader never waits for the writer. ``sqlite3`` is imported when a file is opened.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ..errors import HistoryError
from ..files import system_path
from ..text import printable

if TYPE_CHECKING:
    import sqlite3

    Connection: TypeAlias = sqlite3.Connection

Journal: TypeAlias = Literal["wal", "truncate"]

OLDEST_SQLITE: Final = (3, 25)
"""The first one with window functions."""

_NETWORK: Final = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs",
    "fuse.glusterfs", "lustre",
})  # fmt: skip
"""Filesystems without the shared memory between processes that WAL needs."""

_PAGE: Final = 8192
"""Bytes; of a slice each series brings 1.5 KB, and where pages are smaller they are
less full: by a byte a sample at SQLite's 4096. Larger ones would have more written."""

_LOG: Final = 16 << 20
"""Bytes that the log keeps once what it held is in the file."""

_BUSY: Final = 10_000
"""Milliseconds that a reader waits for a lock."""


def sqlite() -> Any:  # noqa: ANN401 - a module
    """Import ``sqlite3``.

    Raises:
        HistoryError: this Python has none, or an old one.
    """
    try:
        import sqlite3  # noqa: PLC0415 - 5 ms that only a recorded file costs
    except ImportError:
        raise HistoryError(
            "this Python was built without sqlite3, which record and history need:"
            " use one that has it (python3 -c 'import sqlite3' says nothing)"
        ) from None
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise HistoryError(
            f"this Python has SQLite {sqlite3.sqlite_version}: a recorded file needs"
            " 3.25 or newer"
        )
    return sqlite3


def can_limit_analysis() -> bool:
    """Whether ANALYZE may look at a sample alone: all of a large file takes minutes."""
    version: tuple[int, ...] = sqlite().sqlite_version_info
    return version >= _LIMITED_ANALYSIS


_LIMITED_ANALYSIS: Final = (3, 32)


@contextmanager
def failures_of(path: Path) -> Generator[None, None, None]:
    """Turn SQLite's errors into ours, which name the file."""
    module = sqlite()
    try:
        yield
    except module.Error as error:
        raise HistoryError(f"{path}: {_problem(error)}") from error


@contextmanager
def damage_of(path: Path) -> Generator[None, None, None]:
    """Turn what no file of ours makes us raise into our error, which names the file.

    SQLite keeps any type in any column, and a flipped bit of a page is no error to it.
    """
    try:
        with failures_of(path):
            yield
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise damaged(path, str(error)) from error


def damaged(path: Path, what: str) -> HistoryError:
    """Return the error of a file that has *what* record does not write."""
    return HistoryError(
        f"{path}: {what[:_QUOTED]}: it is a damaged file of kubemetrics record"
    )


_QUOTED: Final = 100


def whole_numbers(path: Path, *numbers: object, most: int) -> None:
    """Check what a file has where 0 to *most* can be.

    Raises:
        HistoryError: one is of another type, or beyond.
    """
    for number in numbers:
        if type(number) is not int or not 0 <= number <= most:
            raise damaged(path, f"it has {str(number)[:_QUOTED]!r} as a number")


def texts(path: Path, *found: object) -> None:
    """Check what a file has where text is.

    Raises:
        HistoryError: one is of another type.
    """
    for text in found:
        if not isinstance(text, str):
            raise damaged(path, f"it has {str(text)[:_QUOTED]!r} as text")


LAST_SECOND: Final = 253_402_128_000
"""Of the year 9999, less the two days that zones may add."""
LONGEST_CADENCE: Final = 86_400_000


def cadence_of(path: Path, about: Mapping[str, str]) -> int:
    """Return the provider's cadence in whole seconds: it is measured, and not exact.

    Raises:
        HistoryError: it is none.
    """
    with damage_of(path):
        known = int(about.get("cadence_ms", _CADENCE))
    whole_numbers(path, known, most=LONGEST_CADENCE)
    return (known + 500) // 1000


_CADENCE: Final = 15_000


def _problem(error: sqlite3.Error) -> str:
    text = str(error)
    if "malformed" in text or "not a database" in text:
        return f"{text}: it is no file of kubemetrics record, or a damaged one"
    if "full" in text:
        return f"{text}: free some space, or record with --max-size"
    if "locked" in text:
        return f"{text}: another program writes to it"
    return text


def default_path(context: str, environ: Mapping[str, str]) -> Path:
    """Return the file of a context, where none is named.

    Source: the XDG Base Directory Specification: state that stays between runs, and is
    not important enough to go with the user's data.
    """
    name = _UNSAFE.sub("_", context) or "in-cluster"
    base = environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_STATE_HOME", "")
    folder = Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state"  # noqa: PTH117
    return folder / "kubemetrics" / f"{name}.db"


_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.@-]")
"""What a name of a context may have, and that of a file need not."""


def open_reading(path: str | os.PathLike[str]) -> Connection:
    """Open a file to read; a writer beside may go on.

    Raises:
        HistoryError: there is none, or it is none of ours, or a newer one.
    """
    file = Path(path)
    try:
        found = file.is_file()
    except (OSError, ValueError) as error:  # too long, or of what no path has
        raise HistoryError(f"{printable(str(file)):.100}: {error!s:.100}") from None
    if not found and str(file) == "-":
        raise HistoryError("a record cannot come from stdin: name a file that has it")
    if not found:
        shown = printable(str(file))
        raise HistoryError(
            f"{shown}: there is no such file: kubemetrics record {shown} makes one"
        )
    with failures_of(file):
        connection = _reader(file)
        try:
            _check(connection, file)
        except BaseException:
            connection.close()
            raise
    return connection


def _reader(file: Path) -> Connection:
    """Connect; where beside the file nothing can be written, it does not change.

    WAL needs its files beside the database, even to read.
    """
    uri = f"{file.absolute().as_uri()}?mode=ro"
    wal = file.with_name(f"{file.name}-wal")
    if not wal.exists() and not os.access(file.parent, os.W_OK):
        uri += "&immutable=1"
    connection: Connection = sqlite().connect(
        uri, uri=True, timeout=_BUSY / 1000, isolation_level=None
    )
    connection.execute(f"PRAGMA busy_timeout = {_BUSY}")
    return connection


def _check(connection: Connection, file: Path) -> int:
    """Return the version of the tables of a file.

    Raises:
        HistoryError: it is none of ours, or a newer one.
    """
    found = pragma(connection, "application_id")
    version = pragma(connection, "user_version")
    if found != APPLICATION_ID:
        raise HistoryError(f"{file}: it is no file of kubemetrics record")
    if version > VERSION:
        raise HistoryError(
            f"{file}: it was written by a newer kubemetrics (version {version} of the"
            f" file, this one knows {VERSION}): install that one to read it"
        )
    return version


def pragma(connection: Connection, name: str) -> int:
    """Return the number that a pragma has."""
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def meta(connection: Connection) -> dict[str, str]:
    """Return what the file says of itself."""
    return dict(connection.execute("SELECT key, value FROM meta"))


def set_meta(connection: Connection, **values: str) -> None:
    """Write what the file says of itself."""
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())


@contextmanager
def transaction(connection: Connection) -> Generator[None, None, None]:
    """Do all of it, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise


class Writing:
    """A file that is open to write, by this process alone.

    *connection* is its database. Leaving it writes all into the one file.
    """

    def __init__(self, path: str | os.PathLike[str], journal: Journal = "wal") -> None:
        """Open or make the file, with the tables of this version.

        Raises:
            HistoryError: another process writes to it, it is none of ours, or it lies
                where it cannot be kept safely.
        """
        self.path: Path = Path(path)
        sqlite()
        _check_name(self.path)
        _make_folder(self.path.parent)
        _check_place(self.path)
        if journal == "wal":
            refuse_network(self.path)
        self._lock = _Lock(self.path)
        try:
            with failures_of(self.path):
                self.connection: Connection = self._open(journal)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, journal: Journal) -> Connection:
        _make_private(self.path)
        connection: Connection = sqlite().connect(
            os.fspath(self.path), timeout=_BUSY / 1000, isolation_level=None
        )
        try:
            connection.execute(f"PRAGMA page_size = {_PAGE}")  # of a new file
            migrate(connection, self.path)
            connection.execute(f"PRAGMA journal_mode = {journal}").fetchone()
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {_LOG}").fetchone()
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def belongs_to(self, uid: str | None, server: str, **about: str) -> None:
        """Claim the file for a cluster, at the first time; and say what writes it.

        *uid* is that of the cluster, ``None`` where it may not be read: then the
        address of its *server* tells clusters apart.

        Raises:
            HistoryError: it is another cluster's.
        """
        with failures_of(self.path):
            before = meta(self.connection)
        address = f"server:{server}"
        known = before.get("cluster_uid", uid or address)
        same = before.get("server") == server if uid is None else known == uid
        if before and not same and known != address:
            raise HistoryError(
                f"{self.path}: it is the record of another cluster ({known}, this one"
                f" is {uid or address}): name another FILE"
            )
        kept = {"cluster_uid": uid or known, "server": server, **about}
        with failures_of(self.path), transaction(self.connection):
            set_meta(self.connection, **kept)

    def size(self) -> int:
        """Return the bytes that the file and its log take; free pages are reused."""
        log, waiting = self.path.with_name(f"{self.path.name}-wal"), 0
        with contextlib.suppress(OSError):
            waiting = log.stat().st_size
        with failures_of(self.path):
            pages = pragma(self.connection, "page_count")
            free = pragma(self.connection, "freelist_count")
            return (pages - free) * pragma(self.connection, "page_size") + waiting

    def close(self) -> None:
        """Write what the log holds into the file, and let others write."""
        try:
            with failures_of(self.path):
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                self.connection.close()
        finally:
            self._lock.release()


def migrate(connection: Connection, file: Path) -> None:
    """Bring the tables to this version, one step a transaction.

    Raises:
        HistoryError: it is none of ours, or a newer one.
    """
    empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    version = 0 if empty else _check(connection, file)
    for number, script in enumerate(STEPS[version:], version + 1):
        with transaction(connection):
            for statement in statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")


class _Lock:
    """An exclusive lock on a file, which ends with its process; it names the holder."""

    def __init__(self, path: Path) -> None:
        beside = path.with_name(f"{path.name}.lock")
        self._descriptor = _private(beside)
        try:
            _lock(self._descriptor)
        except OSError as error:
            holder = os.pread(self._descriptor, 200, 0) if _POSIX else b""
            os.close(self._descriptor)
            if error.errno in _TAKEN:
                problem = _held(holder.decode("utf-8", "replace"))
            else:
                problem = f"its lock cannot be taken: {error.strerror}"
            raise HistoryError(f"{path}: {problem}") from None
        with contextlib.suppress(OSError):  # a full disk: the lock holds without a name
            os.ftruncate(self._descriptor, 0)
            name = f"{socket.gethostname()} {os.getpid()}\n"
            os.write(self._descriptor, name.encode())

    def release(self) -> None:
        os.close(self._descriptor)


_TAKEN: Final = frozenset({errno.EAGAIN, errno.EACCES, errno.EDEADLK})
"""How systems say that another process has a lock (flock(2), ``_locking`` in C)."""


def _held(holder: str) -> str:
    host, _, process = holder.strip().partition(" ")
    who = f"process {process} on {host}" if process else "another process"
    return f"{who} records into it: end that, or name another FILE"


_POSIX: Final = os.name == "posix"


def _lock(descriptor: int) -> None:
    """Lock it without waiting.

    Raises:
        OSError: another process has it.
    """
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def _naming(path: Path) -> Generator[None, None, None]:
    """Turn a system's refusal into our error, which names the file or folder."""
    try:
        yield
    except FileExistsError:
        raise HistoryError(f"{path}: Not a directory") from None
    except OSError as error:
        raise HistoryError(f"{path}: {error.strerror}") from None


def _check_name(path: Path) -> None:
    try:
        system_path(os.fspath(path))
    except OSError as error:
        raise HistoryError(f"{printable(str(path))}: {error.strerror}") from None


def _make_folder(folder: Path) -> None:
    with _naming(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _check_place(path: Path) -> None:
    """Refuse what a database cannot be kept in: a folder, a pipe, a device."""
    with _naming(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and not path.is_file():
            raise HistoryError(f"{path}: it is no regular file")


def _make_private(path: Path) -> None:
    """Make the file for its owner alone: usage tells what runs where."""
    os.close(_private(path))


def _private(path: Path) -> int:
    with _naming(path):
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def refuse_network(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> None:
    """Refuse a file on another machine's disk.

    Raises:
        HistoryError: it lies there.
    """
    with contextlib.suppress(OSError):  # no Linux
        kind = filesystem(os.path.realpath(path), mounts.read_text("utf-8", "replace"))
        if kind in _NETWORK:
            raise HistoryError(
                f"{path}: it lies on {kind}, where a log beside the file is not safe:"
                " name a FILE on a local disk, or add --journal=truncate"
            )


def filesystem(path: str, mounts: str) -> str:
    """Return the kind of the filesystem that *path* lies on, by ``mountinfo``.

    Source: proc(5); of mounts at one place the last is seen.
    """
    best, kind = "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) > _MOUNT_POINT and after:
            point = fields[_MOUNT_POINT].encode().decode("unicode_escape")
            inside = path == point or path.startswith(f"{point.rstrip('/')}/")
            if inside and len(point) >= len(best):
                best, kind = point, after.split(" ")[0]
    return kind


_MOUNT_POINT: Final = 4


# The tables, and the steps from each version to the next.
#
# Integers alone: Unix seconds as the API said them, windows and covered time in
# milliseconds, nanocores, bytes. Python's SQLite may be that of RHEL 8 (3.26): there is
# neither STRICT nor RETURNING nor ``->>``.
#
# * Pods and nodes are one table. ``container`` is never NULL: to SQLite's UNIQUE two
#   NULLs differ.
# * ``version`` keeps what the API said of a pod or node whenever something that is
#   read of it changes, so that a moment of the past is joined by the same code as the
#   present.
# * ``recent`` is in the order in which rounds come, ``settled`` in that of a series:
#   what is appended to is small, and what is read of one series lies together.
# * ``version`` has rowids: without them a text of more than 1,000 bytes has its rest in
#   a page of its own. A pod's has 1,300, and two thirds of those pages were empty.
# * ``hour.covered`` is the time that samples cover; ``cpu_missing`` and
#   ``memory_missing`` are what of it had no value of that resource, so that means and
#   coverage are of each by itself.
# * References are enforced on the small tables alone; deleting a series would scan
#   ``recent``.

APPLICATION_ID: Final = 0x4B4D5452
"""``KMTR``: what ``file`` and ``PRAGMA application_id`` tell of the file."""

VERSION: Final = 1

_TABLES: Final = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE owner(
  id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, kind TEXT NOT NULL,
  name TEXT NOT NULL, UNIQUE(namespace, kind, name));
CREATE TABLE object(
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK(kind IN ('pod','node')),
  uid TEXT NOT NULL, namespace TEXT NOT NULL DEFAULT '', name TEXT NOT NULL,
  node TEXT NOT NULL DEFAULT '', owner INT REFERENCES owner(id),
  template TEXT NOT NULL DEFAULT '', seen INT NOT NULL, gone INT, UNIQUE(kind, uid));
CREATE INDEX object_name ON object(kind, namespace, name);
CREATE INDEX object_owner ON object(owner);
CREATE TABLE version(
  object INT NOT NULL REFERENCES object(id) ON DELETE CASCADE, since INT NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY(object, since));
CREATE TABLE series(
  id INTEGER PRIMARY KEY, object INT NOT NULL REFERENCES object(id) ON DELETE CASCADE,
  container TEXT NOT NULL DEFAULT '', role TEXT NOT NULL, UNIQUE(object, container));
CREATE TABLE spec(
  series INT NOT NULL REFERENCES series(id) ON DELETE CASCADE, since INT NOT NULL,
  cpu_request INT, cpu_limit INT, memory_request INT, memory_limit INT, image TEXT,
  PRIMARY KEY(series, since)) WITHOUT ROWID;
CREATE TABLE event(
  id INTEGER PRIMARY KEY, at INT NOT NULL, until INT, kind TEXT NOT NULL,
  object INT REFERENCES object(id) ON DELETE CASCADE,
  container TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '');
CREATE UNIQUE INDEX event_once ON event(ifnull(object, 0), container, kind, at);
CREATE INDEX event_at ON event(at);
CREATE TABLE recent(
  at INT NOT NULL, series INT NOT NULL, window INT NOT NULL, cpu INT, memory INT,
  PRIMARY KEY(at, series)) WITHOUT ROWID;
CREATE TABLE settled(
  series INT NOT NULL, at INT NOT NULL, window INT NOT NULL, cpu INT, memory INT,
  PRIMARY KEY(series, at)) WITHOUT ROWID;
CREATE TABLE hour(
  series INT NOT NULL, hour INT NOT NULL, samples INT NOT NULL, covered INT NOT NULL,
  start INT NOT NULL, cpu_ns INT, cpu_max INT, cpu_histogram BLOB,
  memory_bs INT, memory_max INT, memory_min INT, memory_last INT,
  cpu_missing INT NOT NULL DEFAULT 0, memory_missing INT NOT NULL DEFAULT 0,
  PRIMARY KEY(series, hour)) WITHOUT ROWID;
CREATE TABLE round(
  id INTEGER PRIMARY KEY, at INT NOT NULL, fresh INT NOT NULL, repeated INT NOT NULL,
  missed INT NOT NULL, took_ms INT NOT NULL, error TEXT);
CREATE INDEX round_at ON round(at);
"""

_COLUMNS: Final = """
SELECT a.at, datetime(a.at,'unixepoch') AS time, o.kind, o.namespace, o.name, o.node,
  w.kind AS owner_kind, w.name AS owner, s.container, a.window/1000.0 AS seconds,
  a.cpu/1e9 AS cores, a.cpu/1e9*a.window/1000 AS core_seconds, a.memory AS bytes
"""

_VIEWS: Final = f"""
CREATE VIEW usage AS {_COLUMNS}
FROM object o JOIN series s ON s.object=o.id JOIN settled a ON a.series=s.id
  LEFT JOIN owner w ON w.id=o.owner
UNION ALL {_COLUMNS}
FROM recent a JOIN series s ON s.id=a.series JOIN object o ON o.id=s.object
  LEFT JOIN owner w ON w.id=o.owner;
"""

STEPS: Final = (_TABLES + _VIEWS,)
"""What leads from each version to the next: the first one from an empty file."""


def statements(script: str) -> list[str]:
    """Return the statements of a script, to be run in one transaction."""
    return [text.strip() for text in script.split(";") if text.strip()]
