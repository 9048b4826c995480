"""The tables of a recorded file, and the steps from each version to the next.

Integers alone: Unix seconds as the API said them, windows and covered time in
milliseconds, nanocores, bytes. Python's SQLite may be that of RHEL 8 (3.26): there is
neither STRICT nor RETURNING nor ``->>``.

* Pods and nodes are one table. ``container`` is never NULL: to SQLite's UNIQUE two
  NULLs differ.
* ``version`` keeps what the API said of a pod or node whenever something that is read
  of it changes, so that a moment of the past is joined by the same code as the present.
* ``recent`` is in the order in which rounds come, ``settled`` in that of a series: what
  is appended to is small, and what is read of one series lies together.
* ``version`` has rowids: without them a text of more than 1,000 bytes has its rest in a
  page of its own. A pod's has 1,300, and two thirds of those pages were empty.
* References are enforced on the small tables alone; deleting a series would scan
  ``recent``.
"""

from __future__ import annotations

from typing import Final

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
