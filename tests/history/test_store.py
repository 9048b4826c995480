"""The file: its tables, one writer, any reader, and what is refused in one line."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from kubemetrics import HistoryError
from kubemetrics.history import store
from kubemetrics.history.store import (
    APPLICATION_ID,
    STEPS,
    VERSION,
    Writing,
    default_path,
    failures_of,
    filesystem,
    meta,
    open_reading,
    pragma,
    refuse_network,
    transaction,
)

TABLES = {
    "meta", "owner", "object", "version", "series", "spec", "event", "recent",
    "settled", "hour", "round",
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of a cluster, with one round."""
    path = tmp_path / "state" / "a.db"
    with closing(Writing(path)) as writing:
        writing.belongs_to("uid-1", "https://a", writer="0.1")
        with transaction(writing.connection):
            writing.connection.execute(
                "INSERT INTO round(at, fresh, repeated, missed, took_ms)"
                " VALUES (1, 2, 3, 4, 5)"
            )
    return path


def test_a_new_file_has_the_tables_of_this_version(file: Path) -> None:
    with closing(open_reading(file)) as reading:
        found = {
            name
            for (name,) in reading.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            )
        }
        assert found == TABLES
        assert pragma(reading, "application_id") == APPLICATION_ID
        assert pragma(reading, "user_version") == VERSION
        assert meta(reading) == {
            "cluster_uid": "uid-1", "server": "https://a", "writer": "0.1",
        }  # fmt: skip
        assert reading.execute("SELECT * FROM usage").fetchall() == []


def test_only_its_owner_can_read_it(file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_closing_leaves_one_file_that_is_the_whole(file: Path) -> None:
    assert sorted(p.name for p in file.parent.iterdir()) == ["a.db", "a.db.lock"]


def test_a_reader_sees_what_is_committed_while_the_writer_goes_on(file: Path) -> None:
    with closing(Writing(file)) as writing, closing(open_reading(file)) as reading:
        with transaction(writing.connection):
            writing.connection.execute("DELETE FROM round")
            assert reading.execute("SELECT count(*) FROM round").fetchone() == (1,)
        assert reading.execute("SELECT count(*) FROM round").fetchone() == (0,)


def test_a_reader_cannot_write(file: Path) -> None:
    with (
        closing(open_reading(file)) as reading,
        pytest.raises(HistoryError, match="readonly database"),
        failures_of(file),
    ):
        reading.execute("DELETE FROM round")


def test_what_fails_halfway_is_not_done(file: Path) -> None:
    with closing(Writing(file)) as writing:
        with suppress(KeyError), transaction(writing.connection):
            writing.connection.execute("DELETE FROM round")
            raise KeyError
        assert writing.connection.execute("SELECT at FROM round").fetchall() == [(1,)]


def test_a_file_on_read_only_media_is_read(file: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may write everywhere")
    file.parent.chmod(0o500)
    try:
        with closing(open_reading(file)) as reading:
            assert reading.execute("SELECT at FROM round").fetchall() == [(1,)]
    finally:
        file.parent.chmod(0o700)


def test_a_file_where_nothing_may_be_written_is_taken_as_it_is(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with closing(open_reading(file)) as reading:
        assert reading.execute("SELECT at FROM round").fetchall() == [(1,)]


def test_a_second_writer_hears_who_is_the_first(file: Path) -> None:
    first = Writing(file)
    try:
        with pytest.raises(HistoryError) as caught:
            Writing(file)
    finally:
        first.close()
    told = f"{re.escape(str(file))}: process {os.getpid()} on .+ records into it: .+"
    assert re.fullmatch(told, str(caught.value))
    Writing(file).close()


def test_the_lock_ends_with_its_process(file: Path) -> None:
    code = (
        "import os, sys; from kubemetrics.history.store import Writing;"
        "kept = Writing(sys.argv[1]); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], check=False, timeout=60)
    Writing(file).close()


def test_the_file_of_another_cluster_is_refused(file: Path) -> None:
    with closing(Writing(file)) as writing:
        writing.belongs_to("uid-1", "https://b", level="pod")
        with pytest.raises(HistoryError, match=r"another cluster .uid-1, this one is"):
            writing.belongs_to("uid-2", "https://b")
        assert meta(writing.connection)["level"] == "pod"


def test_where_no_uid_may_be_read_the_server_tells_clusters_apart(
    tmp_path: Path,
) -> None:
    with closing(Writing(tmp_path / "a.db")) as writing:
        writing.belongs_to(None, "https://a")
        writing.belongs_to(None, "https://a")
        assert meta(writing.connection)["cluster_uid"] == "server:https://a"
        with pytest.raises(HistoryError, match="this one is server:https://b"):
            writing.belongs_to(None, "https://b")
        writing.belongs_to("uid-1", "https://a")
        writing.belongs_to(None, "https://a")
        assert meta(writing.connection)["cluster_uid"] == "uid-1"
        with pytest.raises(HistoryError, match="this one is server:https://b"):
            writing.belongs_to(None, "https://b")


@pytest.mark.parametrize(
    ("context", "environ", "path"),
    [
        ("kind", {"XDG_STATE_HOME": "/s"}, Path("/s/kubemetrics/kind.db")),
        ("a/b:c", {"XDG_STATE_HOME": "/s"}, Path("/s/kubemetrics/a_b_c.db")),
        ("", {}, Path.home() / ".local/state/kubemetrics/in-cluster.db"),
        ("k", {"XDG_STATE_HOME": "s"}, Path.home() / ".local/state/kubemetrics/k.db"),
    ],
)
def test_each_context_has_a_file_of_its_own(
    context: str, environ: dict[str, str], path: Path
) -> None:
    assert default_path(context, environ) == path


def test_a_newer_file_is_refused_by_reader_and_writer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    for opening in (open_reading, Writing):
        with pytest.raises(HistoryError, match=r"a newer kubemetrics .version 99 of"):
            opening(file)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"x" * 4096, "file is not a database: it is no file of kubemetrics record"),
        (b"", "it is no file of kubemetrics record"),
    ],
)
def test_another_kind_of_file_is_named(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "b.db"
    path.write_bytes(content)
    with pytest.raises(HistoryError, match=re.escape(f"{path}: {says}")):
        open_reading(path)


def test_another_program_s_database_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t(a)")
    before = path.read_bytes()
    with pytest.raises(HistoryError, match="it is no file of kubemetrics record"):
        Writing(path)
    assert path.read_bytes() == before


def test_a_file_that_is_not_there_is_named_with_what_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(HistoryError, match=f"kubemetrics record {path} makes one"):
        open_reading(path)
    assert not path.exists()


def test_a_place_where_no_file_can_be_is_named(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(HistoryError, match="file/below: Not a directory"):
        Writing(blocker / "below" / "a.db")
    with pytest.raises(HistoryError, match="Is a directory"):
        Writing(tmp_path)


def test_what_a_full_disk_has_rolled_back_already_fails_with_its_own_error(
    file: Path,
) -> None:
    with closing(Writing(file)) as writing:
        connection = writing.connection
        connection.execute("CREATE TEMP TABLE t(a UNIQUE ON CONFLICT ROLLBACK)")
        with (
            pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint"),
            transaction(connection),
        ):
            connection.executemany("INSERT INTO t VALUES (?)", [(1,), (1,)])
        assert connection.execute("SELECT * FROM t").fetchall() == []


def test_a_disk_that_has_no_locks_is_named_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(store, "_lock", refuse)
    with pytest.raises(HistoryError, match="lock cannot be taken: No locks available"):
        Writing(tmp_path / "a.db")


def test_a_full_disk_is_told_with_the_way_out(tmp_path: Path) -> None:
    with closing(Writing(tmp_path / "a.db")) as writing:
        writing.connection.execute("PRAGMA max_page_count = 1").fetchone()
        with (
            pytest.raises(
                HistoryError, match=r"full: free some space, or .*--max-size"
            ),
            failures_of(writing.path),
        ):
            writing.connection.execute("CREATE TABLE t AS SELECT zeroblob(99999) AS b")


MOUNTS = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:40 / /home rw - nfs4 server:/home rw,vers=4.2
31 30 0:41 / /home/me/my\\040disk rw - ext4 /dev/sdb1 rw
32 21 0:42 / /srv rw - ext4 /dev/sdc1 rw
33 32 0:43 / /srv rw - cifs //server/srv rw
odd line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/a.db", "ext4"),
        ("/home/a.db", "nfs4"),
        ("/homes/a.db", "ext4"),
        ("/home/me/my disk/a.db", "ext4"),
        ("/srv/a.db", "cifs"),
    ],
)
def test_the_filesystem_is_that_of_the_innermost_mount(path: str, kind: str) -> None:
    assert filesystem(path, MOUNTS) == kind


def test_another_machine_s_disk_is_refused_with_the_ways_out(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    refuse_network(Path("/var/a.db"), mounts)
    with pytest.raises(HistoryError, match=r"lies on nfs4, .*--journal=truncate"):
        refuse_network(Path("/home/a.db"), mounts)


def test_a_system_without_mountinfo_is_trusted(tmp_path: Path) -> None:
    refuse_network(Path("/home/a.db"), tmp_path / "none")


def test_a_file_without_a_log_beside_it_is_written(tmp_path: Path) -> None:
    with closing(Writing(tmp_path / "a.db", "truncate")) as writing:
        found = writing.connection.execute("PRAGMA journal_mode").fetchone()
        assert found == ("truncate",)


def test_a_python_without_sqlite_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    with pytest.raises(HistoryError, match="this Python was built without sqlite3"):
        Writing(tmp_path / "a.db")


def test_an_old_sqlite_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "OLDEST_SQLITE", (99, 0))
    with pytest.raises(HistoryError, match=r"a recorded file needs 3\.25 or newer"):
        store.sqlite()


def test_an_older_file_is_brought_to_this_version_by_its_writer_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (*STEPS, "CREATE TABLE more(a); CREATE INDEX more_a ON more(a)")
    monkeypatch.setattr(store, "STEPS", steps)
    monkeypatch.setattr(store, "VERSION", VERSION + 1)
    with closing(open_reading(file)) as reading:
        assert pragma(reading, "user_version") == VERSION
        assert reading.execute("SELECT at FROM round").fetchall() == [(1,)]
    with closing(Writing(file)) as writing:
        assert pragma(writing.connection, "user_version") == VERSION + 1
        assert writing.connection.execute("SELECT * FROM more").fetchall() == []
        assert writing.connection.execute("SELECT at FROM round").fetchall() == [(1,)]


def test_a_step_that_fails_leaves_the_version_before(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (
        *STEPS,
        "CREATE TABLE more(a)",
        "CREATE TABLE last(a); CREATE TABLE round(a)",
    )
    monkeypatch.setattr(store, "STEPS", steps)
    monkeypatch.setattr(store, "VERSION", VERSION + 2)
    with pytest.raises(HistoryError, match="table round already exists"):
        Writing(file)
    with closing(open_reading(file)) as reading:
        assert pragma(reading, "user_version") == VERSION + 1
        tables = {name for (name,) in reading.execute("SELECT name FROM sqlite_master")}
    assert "more" in tables
    assert "last" not in tables


@pytest.mark.parametrize(
    "name", ["a\0b", "a\ud800b", "a" * 252, "a" * 10**5, "lock/it", "file/it"]
)
def test_a_file_that_cannot_be_made_is_refused_in_one_line(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "lock" / "it.lock").mkdir(parents=True)
    (tmp_path / "file" / "it").mkdir(parents=True)
    with pytest.raises(HistoryError) as caught:
        Writing(tmp_path / name)
    assert str(caught.value).isprintable()


def test_a_file_that_is_not_there_is_named_on_one_line(tmp_path: Path) -> None:
    with pytest.raises(HistoryError) as caught:
        open_reading(tmp_path / "a\n\x1b[31mb")
    assert str(caught.value).isprintable()
