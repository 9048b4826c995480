"""``kubemetrics record``: what it keeps, what it says, and how it ends."""

from __future__ import annotations

import gc
import io
import os
import re
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from weakref import ReferenceType, ref

import pytest

from kubemetrics.api import Api
from kubemetrics.cli import main, record_command
from kubemetrics.cli.record_command import Stopping
from kubemetrics.errors import INTERRUPTION, Forbidden
from kubemetrics.history import store
from kubemetrics.history.store import Journal, Writing, meta, open_reading
from kubemetrics.testing import FakeCluster, pod
from tests.cli import harness
from tests.cli.harness import Result, Terminal
from tests.cluster import Cluster


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    held = [
        pod(
            "web-7c9d-1", "x", cpu="100m", memory="10Mi",
            owner=("ReplicaSet", "web-7c9d"), labels={"pod-template-hash": "7c9d"},
        ),
        pod("db", "y", cpu="200m", memory="20Mi"),
    ]  # fmt: skip
    with FakeCluster(held) as made:
        yield made


class Rounds:
    """Lets time pass between rounds, and ends the recording after *last* of them."""

    def __init__(self, cluster: FakeCluster, last: int, seconds: float = 15) -> None:
        self._cluster = cluster
        self._last = last
        self._seconds = seconds
        self.done = 0
        self.before: dict[int, Callable[[], object]] = {}

    def wait(self, seconds: float) -> bool:
        assert seconds >= 0
        if self.done:
            self._cluster.tick(self._seconds)
        self.before.get(self.done, int)()
        self.done += 1
        return self.done > self._last


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


def record(
    cluster: FakeCluster,
    *words: object,
    rounds: Rounds | None = None,
    terminal: bool = False,
    environ: dict[str, str] | None = None,
) -> Result:
    """Run the command for some rounds: one, unless more are given."""
    out, err = io.StringIO(), Terminal() if terminal else io.StringIO()
    rounds = rounds or Rounds(cluster, 1)
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        patch.dict(os.environ, environ or {}),
        patch.object(Stopping, "wait", lambda _, seconds: rounds.wait(seconds)),
        TemporaryDirectory() as folder,
    ):
        config = cluster.kubeconfig(Path(folder) / "config")
        code = main(["record", *map(str, words), f"--kubeconfig={config}"])
    return Result(code, out.getvalue(), err.getvalue())


def rows(file: Path, query: str) -> list[Any]:
    with closing(open_reading(file)) as reading:
        found = reading.execute(query).fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


def test_rounds_are_recorded_until_it_is_told_to_end(
    cluster: FakeCluster, file: Path
) -> None:
    result = record(cluster, file, rounds=Rounds(cluster, 3))
    assert (result.code, result.out, result.err) == (0, "", "")
    assert sorted(p.name for p in file.parent.iterdir()) == ["a.db", "a.db.lock"]
    assert rows(file, "SELECT fresh, error FROM round") == [(3, None)] * 3
    query = "SELECT name, owner_kind, owner, sum(core_seconds) FROM usage GROUP BY name"
    assert rows(file, query) == [
        ("db", "Pod", "db", 9.0),
        ("node-1", None, None, 13.5),
        ("web-7c9d-1", "Deployment", "web", 4.5),
    ]
    with closing(open_reading(file)) as reading:
        about = meta(reading)
    assert about["cluster_uid"] == f"server:{cluster.url}"
    assert (about["level"], about["cadence_ms"], about["names_only"]) == (
        "container", "15000", "0",
    )  # fmt: skip
    assert about["created"] == str(rows(file, "SELECT min(at) FROM round")[0])


class Loop:
    """Refers to itself, so that it is garbage when nothing else does."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize(("seconds", "alive"), [(600.0, True), (0.0, False)])
def test_garbage_is_collected_now_and_then_and_not_in_each_round(
    cluster: FakeCluster,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    *,
    alive: bool,
) -> None:
    left: list[ReferenceType[Loop]] = []
    found: list[bool] = []
    rounds = Rounds(cluster, 2)
    rounds.before = {
        0: lambda: left.append(ref(Loop())),
        2: lambda: found.extend([gc.isenabled(), left[0]() is not None]),
    }
    monkeypatch.setattr(record_command, "_TIDY", seconds)
    assert record(cluster, file, rounds=rounds).code == 0
    assert found == [False, alive]
    assert gc.isenabled()


def test_the_context_has_a_file_of_its_own(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    result = record(cluster, environ={"XDG_STATE_HOME": str(tmp_path)})
    assert result.code == 0
    assert rows(tmp_path / "kubemetrics" / "fake.db", "SELECT count(*) FROM round") == [
        1
    ]


def test_what_is_asked_for_is_recorded(cluster: FakeCluster, file: Path) -> None:
    record(cluster, file, "-n", "x", "--level", "pod", "-l", "pod-template-hash")
    query = "SELECT name, container, role FROM series JOIN object o ON o.id=object"
    assert rows(file, query) == [("web-7c9d-1", "", "pod"), ("node-1", "", "node")]


def test_once_is_one_round_without_a_watch(cluster: FakeCluster, file: Path) -> None:
    for _ in range(2):
        assert record(cluster, file, "--once") == Result(0, "", "")
    assert rows(file, "SELECT fresh, repeated FROM round") == [(3, 0), (0, 3)]


def test_once_without_samples_says_why_and_keeps_that(
    cluster: FakeCluster, file: Path
) -> None:
    cluster.state = "absent"
    result = record(cluster, file, "--once")
    assert result.code == 3
    assert result.err.startswith("error: ")
    assert len(rows(file, "SELECT error FROM round WHERE error IS NOT NULL")) == 1


def test_a_gap_is_told_when_it_begins_and_when_it_ends(
    cluster: FakeCluster, file: Path
) -> None:
    rounds = Rounds(cluster, 5)
    rounds.before = {
        1: lambda: setattr(cluster, "state", "absent"),
        3: lambda: setattr(cluster, "state", "healthy"),
    }
    result = record(cluster, file, rounds=rounds)
    first, last = result.err.splitlines()
    assert first.endswith("; trying on")
    assert last == "samples are there again"
    assert [bool(e) for e in rows(file, "SELECT error FROM round")] == [
        False, True, True, False, False,
    ]  # fmt: skip


def test_a_terminal_has_one_line_that_says_how_it_goes(
    cluster: FakeCluster, file: Path
) -> None:
    wide = {"COLUMNS": "100"}
    rounds = Rounds(cluster, 2)
    result = record(cluster, file, rounds=rounds, terminal=True, environ=wide)
    lines = [
        line for line in re.split("[\r\n]", result.err.replace("\x1b[K", "")) if line
    ]
    assert result.out == ""
    assert lines[0] == "reading pods, nodes and their samples"
    assert lines[1] == (f"recording 2 pods into {file}, 518.4 kB a day; Ctrl-C ends it")
    assert re.fullmatch(
        "00:00:15 UTC  2 pods, 3 new samples, 6 in all, 3 missed  .* kB", lines[3]
    )
    assert lines[-1] == f"recorded 6 samples in 2 rounds, 3 missed: {file}"


def test_the_line_of_a_narrow_terminal_is_cut(cluster: FakeCluster, file: Path) -> None:
    """One that is wrapped could not be drawn over."""
    result = record(cluster, file, terminal=True, environ={"COLUMNS": "24"})
    assert "\x1b[K00:00:00 UTC  2 pods, 3\r" in result.err
    assert "recorded 3 samples in 1 round, 0 missed" in result.err


def test_a_file_that_grows_fast_is_told_with_the_ways_out(
    cluster: FakeCluster, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert record_command.growth(3000, 15) == 518_400_000
    monkeypatch.setattr(record_command, "_LARGE", 100_000)
    result = record(cluster, file, "--every", "60s")
    assert result.err == (
        "with 2 pods, sampled each 60 s, this file grows by 129.6 kB a day; less do"
        " --every 60s, --level pod and kubemetrics serve\n"
    )
    assert [record_command._amount(n) for n in (7, 2_500_000, 2_500_000_000)] == [
        "7 bytes", "2.5 MB", "2.5 GB",
    ]  # fmt: skip


def test_a_clock_set_back_is_told(cluster: FakeCluster, file: Path) -> None:
    rounds = Rounds(cluster, 3)
    rounds.before = {1: lambda: cluster.tick(600), 2: lambda: cluster.tick(-900)}
    result = record(cluster, file, rounds=rounds)
    assert result.err == (
        "the clock of all nodes was set back: nothing is kept until it has caught up\n"
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["-A", "-n", "x"],
            "-A is all namespaces, and -n names some: give one of them",
        ),
        (["-n", "team-*"], "--namespace takes a name here, not the glob 'team-*'"),
        (["--context", "a", "--context", "b"], "a file is of one cluster: record each"),
        (["--once", "--for", "1h"], "--once is one round: --for and --every say when"),
        (
            ["--every", "soon"],
            "--every takes a length of time, as 60s, 1h30m or 3d, not",
        ),
        (["--for", "0"], "--for takes a length of time, as 60s, 1h30m or 3d, not '0'"),
        (["--keep", "never"], "--keep takes a length of time"),
        (["--keep", "9d", "--keep-hours", "1d"], "--keep-hours is no shorter than"),
        (["--max-size", "big"], "--max-size takes bytes, 10Mi at least, not 'big'"),
        (["--max-size", "9Mi"], "--max-size takes bytes, 10Mi at least, not '9Mi'"),
        (
            ["--for", "-5s"],
            "--for takes a length of time, as 60s, 1h30m or 3d, not '-5s'",
        ),
    ],
)
def test_what_contradicts_is_told(
    cluster: FakeCluster, file: Path, words: list[str], says: str
) -> None:
    result = record(cluster, file, *words)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"error: {says}")
    assert not file.exists()


def test_it_ends_when_the_time_is_over(
    cluster: FakeCluster, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter([3600.0, 3600.0, 0.0, 0.0])
    monkeypatch.setattr(record_command.Recording, "_left", lambda _: next(left))
    assert record(cluster, file, "--for", "1h", rounds=Rounds(cluster, 9)).code == 0
    assert rows(file, "SELECT count(*) FROM round") == [1]


def test_the_time_is_counted_from_the_beginning(
    cluster: FakeCluster, file: Path
) -> None:
    waits: list[float] = []
    rounds = Rounds(cluster, 1)
    real = rounds.wait

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return real(seconds)

    rounds.wait = wait  # type: ignore[method-assign]
    record(cluster, file, "--for", "1s", "--every", "1h", rounds=rounds)
    assert 0 <= waits[1] <= 1


def test_what_is_recorded_settles_is_summed_up_and_goes(
    cluster: FakeCluster, file: Path
) -> None:
    keep = ("--keep", "1h", "--keep-hours", "2h")
    assert record(cluster, file, *keep, rounds=Rounds(cluster, 30, 600)).err == ""
    until = rows(file, "SELECT max(at) FROM round")[0]
    hours = rows(file, "SELECT DISTINCT hour FROM hour")
    assert hours
    assert min(hours) >= until - 3 * 3600
    assert until - 3 * 3600 < rows(file, "SELECT min(at) FROM usage")[0] <= until - 3600


def test_a_file_that_is_full_is_told_once_and_goes_on(
    cluster: FakeCluster, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Writing, "size", lambda _: 1 << 40)
    rounds = Rounds(cluster, 30, 600)
    result = record(cluster, file, "--max-size", "10Mi", rounds=rounds, terminal=True)
    text = result.err.replace("\x1b[K", "")
    assert (
        text.count("\rthe file has reached --max-size: samples before 2026-01-0") == 1
    )
    assert rows(file, "SELECT count(*) FROM round WHERE fresh > 0")[0] >= 1
    assert rows(file, "SELECT max(at) - min(at) FROM usage")[0] <= 2 * 3600


def test_one_round_does_what_is_due(cluster: FakeCluster, file: Path) -> None:
    for _ in range(8):
        record(cluster, file, "--once")
        cluster.tick(900)
    assert rows(file, "SELECT count(*) > 0 FROM settled") == [1]
    assert rows(file, "SELECT count(*) > 0 FROM hour") == [1]


def test_a_second_recorder_hears_who_is_the_first(
    cluster: FakeCluster, file: Path
) -> None:
    with closing(Writing(file)):
        result = record(cluster, file)
    assert result.code == 2
    assert f"process {os.getpid()} on " in result.err
    assert len(result.err.splitlines()) == 1


def test_a_file_of_another_cluster_is_refused(cluster: FakeCluster, file: Path) -> None:
    with closing(Writing(file)) as writing:
        writing.belongs_to("other", "https://other")
    result = record(cluster, file)
    assert (result.code, result.out) == (2, "")
    assert (
        "it is the record of another cluster (other, this one is server:" in result.err
    )


def recorded(cluster: FakeCluster, file: Path) -> bytes:
    for _ in range(3):
        assert record(cluster, file, "--once").code == 0
        cluster.tick(15)
    return file.read_bytes()


def test_a_file_that_is_damaged_ends_in_a_line_or_is_gone_on_with(
    cluster: FakeCluster, file: Path
) -> None:
    page, whole = 8192, recorded(cluster, file)
    noise, codes = Random(3), Counter[int]()  # noqa: S311 - no secret
    for start in range(0, len(whole), 3 * page):
        bad = noise.randbytes(page) if start else bytes(100) + whole[100:page]
        file.write_bytes(whole[:start] + bad + whole[start + page :])
        result = record(cluster, file, "--once")
        codes[result.code] += 1
        assert result.code in {0, 2}
        if result.code:
            (line,) = result.err.splitlines()
            assert line.startswith(f"error: {file}: ")
            assert "damaged" in line
    assert codes[2] > 2


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE version SET body='{'",
        "UPDATE version SET body=x'00'",
        "UPDATE recent SET at='x' || at",
        "INSERT OR REPLACE INTO meta VALUES ('hours_until', 'x')",
    ],
)
def test_a_value_that_record_does_not_write_ends_in_a_line(
    cluster: FakeCluster, file: Path, damage: str
) -> None:
    recorded(cluster, file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(damage)
        connection.commit()
    cluster.apply(pod("web-7c9d-1", "x", cpu="300m", memory="10Mi"))
    cluster.tick(3 * 3600)
    result = record(cluster, file, rounds=Rounds(cluster, 2))
    assert result.code == 2
    (line,) = result.err.splitlines()
    assert line.startswith(f"error: {file}: ")
    assert line.endswith("it is a damaged file of kubemetrics record")


@pytest.mark.parametrize(
    "kept", ['{"status":[]}', '{"status":{"containerStatuses":[1,{"name":2}]}}', "[]"]
)
def test_a_version_of_another_shape_is_no_version_of_before(
    cluster: FakeCluster, file: Path, kept: str
) -> None:
    recorded(cluster, file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE version SET body=?", (kept,))
        connection.commit()
    assert record(cluster, file, "--once").code == 0
    found = rows(file, "SELECT body FROM version ORDER BY since DESC LIMIT 3")
    assert all(body.startswith('{"metadata"') for body in found)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (os.mkfifo, "it is no regular file"),
        (os.mkdir, "Is a directory"),
        (lambda path: path.symlink_to("/dev/null"), "it is no regular file"),
    ],
    ids=["pipe", "folder", "device"],
)
def test_what_no_database_can_be_kept_in_is_named(
    cluster: FakeCluster, file: Path, make: Callable[[Path], object], says: str
) -> None:
    make(file)
    result = record(cluster, file, "--once")
    assert result == Result(2, "", f"error: {file}: {says}\n")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="of Linux")
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("{folder}/good/a.db", "{folder}/good: Not a directory"),
        ("{folder}/" + "9" * 300, "File name too long"),
        ("/proc/a.db", "/proc/a.db.lock: No such file or directory"),
    ],
)
def test_a_place_where_no_file_can_be_made_is_named(
    cluster: FakeCluster, tmp_path: Path, path: str, says: str
) -> None:
    (tmp_path / "good").touch()
    result = record(cluster, path.format(folder=tmp_path), "--once")
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert result.err.rstrip().endswith(says.format(folder=tmp_path))


def test_a_disk_that_is_full_ends_it_in_a_line_and_loses_nothing(
    cluster: FakeCluster, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(cluster, file)
    before = rows(file, "SELECT * FROM usage")
    real = Writing._open

    def full(self: Writing, journal: Journal) -> sqlite3.Connection:
        connection = real(self, journal)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
        return connection

    monkeypatch.setattr(Writing, "_open", full)
    for number in range(400):
        cluster.apply(pod(f"new-{number}", "x", cpu="300m", memory="10Mi"))
    result = record(cluster, file, "--once")
    assert result == Result(
        2,
        "",
        f"error: {file}: database or disk is full: free some space, or record with"
        " --max-size\n",
    )
    assert rows(file, "SELECT * FROM usage") == before
    assert rows(file, "PRAGMA integrity_check") == ["ok"]


def test_a_file_that_another_program_writes_to_is_told(
    cluster: FakeCluster, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(cluster, file)
    monkeypatch.setattr(store, "_BUSY", 1)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        result = record(cluster, file, "--once")
    assert result == Result(
        2,
        "",
        f"error: {file}: database is locked: another program writes to it\n",
    )


def test_a_file_without_a_name_is_refused(cluster: FakeCluster) -> None:
    """As of a variable that is not set: it is not the file of the context."""
    result = record(cluster, "", "--once")
    assert result.code == 2
    assert result.err.startswith("error: FILE is empty: leave it out for the file of")


def test_a_cluster_is_known_by_the_uid_of_its_first_namespace(file: Path) -> None:
    with Cluster.recorded() as cluster:
        assert harness.run(cluster, "record", str(file), "--once").code == 0
    with closing(open_reading(file)) as reading:
        uid = meta(reading)["cluster_uid"]
    assert re.fullmatch("[0-9a-f-]{36}", uid)


def test_who_may_not_do_anything_is_told_so_at_once(file: Path) -> None:
    with Cluster.recorded() as cluster:
        result = harness.run(cluster, "record", str(file), user="bad")
    assert result.code == 1
    assert "Unauthorized" in result.err
    assert not file.exists()


def test_where_pods_may_not_be_read_that_is_said_once(
    cluster: FakeCluster, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_: object) -> Any:  # noqa: ANN401 - it does not return
        raise Forbidden("no", status=403)

    monkeypatch.setattr(Api, "list_pods", no)
    result = record(cluster, file, rounds=Rounds(cluster, 2))
    assert result.err == (
        "pods may not be read: names stand for them, restarts are not seen\n"
    )
    query = "SELECT uid FROM object WHERE kind='pod'"
    assert rows(file, query) == ["?x/web-7c9d-1", "?y/db"]
    with closing(open_reading(file)) as reading:
        assert meta(reading)["names_only"] == "1"


def test_a_signal_before_the_only_round_leaves_it_out(
    cluster: FakeCluster, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stopping, "read", lambda *_: None)
    assert record(cluster, file, "--once").code == 0
    assert record(cluster, file, rounds=Rounds(cluster, 9)).code == 0
    assert rows(file, "SELECT count(*) FROM round") == [0]


def test_a_python_without_sqlite_is_told_before_anything_is_asked(
    cluster: FakeCluster, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    result = record(cluster, file)
    assert result.code == 2
    assert result.err.startswith("error: this Python was built without sqlite3")
    assert cluster.paths == []


@pytest.fixture
def heard_signals() -> Iterator[None]:
    """Have signals heard that a shell in the background, or nohup, leaves ignored."""
    handlers: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, h) for number, h in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_it_waits_ends_it_well(number: signal.Signals) -> None:
    stopping = Stopping()
    with stopping.handling():
        assert not stopping.wait(0)
        os.kill(os.getpid(), number)
        assert stopping.wait(60)
        assert stopping.wait(60), "it stays asked for"
        assert stopping.read(lambda: pytest.fail("no round is read any more")) is None


def test_a_signal_that_is_ignored_stays_so() -> None:
    """Those of nohup, and Ctrl-C for what a shell runs in the background."""
    stopping = Stopping()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping.handling():
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stopping.wait(0)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert not stopping.asked


def test_a_signal_while_a_round_is_read_ends_that() -> None:
    stopping = Stopping()

    def poll() -> Any:  # noqa: ANN401 - it does not return
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("the signal was not heard")

    with stopping.handling():
        assert stopping.read(poll) is None
    assert not INTERRUPTION.pending
    assert stopping.wait(0)


def test_a_signal_while_a_round_is_written_waits_for_that(
    cluster: FakeCluster, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Writing.size

    def size(writing: Writing) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return real(writing)

    monkeypatch.setattr(Writing, "size", size)
    rounds = Rounds(cluster, 9)
    result = record(cluster, file, rounds=rounds)
    assert (result.code, rounds.done) == (0, 2)
    assert rows(file, "SELECT count(*) FROM round") == [1]


@pytest.mark.usefixtures("heard_signals")
def test_a_second_signal_ends_it_as_any_command(
    cluster: FakeCluster, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def size(_: Writing) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return 0

    monkeypatch.setattr(Writing, "size", size)
    assert record(cluster, file).code == 130
    INTERRUPTION.pending = False
    assert rows(file, "SELECT count(*) FROM round") == [1]


def test_a_second_signal_while_it_reads_is_not_taken_for_the_first() -> None:
    stopping = Stopping()

    def poll() -> Any:  # noqa: ANN401 - it does not return
        stopping._count = 1
        stopping.handle()

    with pytest.raises(KeyboardInterrupt):
        stopping.read(poll)
    INTERRUPTION.pending = False
