"""A damaged file is refused in one line that names it, whatever is wrong in it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from kubemetrics import KubeMetricsError
from kubemetrics.cli import main
from kubemetrics.history.reading import open_history
from kubemetrics.history.recorder import Recorder
from kubemetrics.history.store import Writing, set_meta

from .making import Past, a_pod

COMMANDS = (
    ("history", "--by", "pod,container", "-o", "json"),
    ("pods", "-A"),
    ("nodes", "--at", "1970-01-01T00:10:00Z"),
)
PAGE = 8192


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path, past = tmp_path_factory.mktemp("whole") / "prod.db", Past()
    with closing(Writing(path, "truncate")) as writing:
        recorder = Recorder(writing)
        set_meta(writing.connection, context="prod", cadence_ms="15000")
        for at in (*range(0, 600, 15), 900):
            pods = [a_pod("web"), a_pod("db", namespace="y", containers=("a", "b"))]
            recorder.write(past.round(at, *pods))
    return path.read_bytes()


@pytest.fixture
def file(tmp_path: Path, whole: bytes) -> Path:
    path = tmp_path / "prod.db"
    path.write_bytes(whole)
    return path


def refused(file: Path, shown: pytest.CaptureFixture[str], *words: str) -> str:
    code = main([*words, f"--from={file}"])
    out, err = shown.readouterr()
    assert code == 2, out + err
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert file.name in line
    assert line.isprintable()
    assert len(line) < 500
    return line


WRONG = (
    ("UPDATE meta SET value='abc' WHERE key='cadence_ms'", "history"),
    ("UPDATE meta SET value='9223372036854775807' WHERE key='cadence_ms'", "history"),
    ("UPDATE meta SET value='-1' WHERE key='cadence_ms'", "pods -A"),
    ("UPDATE meta SET value=x'ff00'", "history"),
    ("UPDATE meta SET value=x'ff00'", "pods -A"),
    (
        "UPDATE round SET at=9223372036854775807 WHERE at=(SELECT max(at) FROM round)",
        "history",
    ),
    (
        "UPDATE round SET at=9223372036854775807 WHERE at=(SELECT max(at) FROM round)",
        "pods -A",
    ),
    ("UPDATE round SET at='abc' WHERE at=(SELECT max(at) FROM round)", "history"),
    ("UPDATE owner SET name=x'ff00'", "history"),
    ("UPDATE series SET container=x'ff00' WHERE id=1", "pods -A"),
    ("UPDATE object SET namespace=x'ff00'", "history"),
    ("UPDATE version SET body='abc'", "pods -A"),
    ("UPDATE version SET body='[]'", "pods -A"),
    ("UPDATE version SET body=1.5", "pods -A"),
    ("UPDATE version SET body='{\"metadata\":5}'", "pods -A"),
    ("UPDATE recent SET cpu='abc'", "history"),
    ("UPDATE recent SET cpu='abc'", "pods -A"),
    ("UPDATE recent SET window='abc'", "history"),
)


@pytest.mark.parametrize(("statement", "command"), WRONG)
def test_a_value_that_record_does_not_write_is_refused_in_a_line(
    file: Path,
    capsys: pytest.CaptureFixture[str],
    statement: str,
    command: str,
) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)
        connection.commit()
    assert "damaged" in refused(file, capsys, *command.split())


def test_a_tower_of_json_in_a_file_is_refused_in_a_line(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE version SET body=?", ("[" * 100_000,))
        connection.commit()
    assert "damaged" in refused(file, capsys, "pods", "-A")


def test_a_sample_of_long_ago_does_not_make_it_count_for_years(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(
            "UPDATE recent SET at=1 WHERE at=(SELECT min(at) FROM recent)"
        )
        connection.execute("UPDATE round SET at=1 WHERE at=(SELECT min(at) FROM round)")
        connection.execute(
            "UPDATE round SET at=200000000000 WHERE at=(SELECT max(at) FROM round)"
        )
        connection.execute("UPDATE object SET gone=NULL")
        connection.commit()
    assert main(["history", f"--from={file}"]) == 0
    assert "samples" in capsys.readouterr().err


def test_any_damaged_page_ends_in_a_line_or_in_what_is_left(
    tmp_path: Path, whole: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    random, file = Random(7), tmp_path / "prod.db"  # noqa: S311 - no secret
    for number, start in enumerate(range(0, len(whole), PAGE)):
        head = 100 if start == 0 else 0  # without it nothing else is looked at
        noise = random.randbytes(PAGE - head)
        page = (bytes(PAGE - head), noise)[number % 2]
        damaged = whole[: start + head] + page + whole[start + PAGE :]
        for body in (damaged, whole[:start]):
            file.write_bytes(body)
            for words in COMMANDS:
                code = main([*words, f"--from={file}"])
                err = capsys.readouterr().err
                assert code in {0, 2, 3}
                assert code or "Traceback" not in err


@pytest.mark.parametrize("kind", ["folder", "pipe", "empty"])
def test_what_is_no_file_of_ours_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path = tmp_path / "prod.db"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.touch()
    refused(path, capsys, "history")


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "9" * 5000])
@pytest.mark.parametrize("command", ["history", "pods"])
def test_a_path_that_no_file_can_have_is_refused_in_a_line(
    capsys: pytest.CaptureFixture[str], path: str, command: str
) -> None:
    assert main([command, f"--from={path}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()


def test_a_damaged_file_is_closed_when_it_is_refused(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE meta SET value='x' WHERE key='cadence_ms'")
        connection.commit()
    with pytest.raises(KubeMetricsError, match="damaged"):
        open_history(file)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9" * 5000, "nan"])
def test_a_time_that_no_clock_here_shows_is_refused_in_a_line(
    file: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    assert main(["history", f"--from={file}", f"--since={text}"]) == 2
    first, *_ = capsys.readouterr().err.splitlines()
    assert first.startswith("error: --since takes a time")
    assert len(first) < 300
