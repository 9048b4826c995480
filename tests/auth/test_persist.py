"""Writing two tokens into a kubeconfig, whatever it looks like."""

from __future__ import annotations

import codecs
import json
import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubemetrics.config import write_back
from kubemetrics.config.write_back import (
    locked,
    read_auth_provider,
    write_auth_provider,
)
from kubemetrics.errors import ConfigError

NEW = {"id-token": "new.id", "refresh-token": "new refresh"}

BLOCK = """\
users:
- name: jane
  user:
    auth-provider:
      config:
        idp-issuer-url: https://idp
        id-token: "old"   # comment
        refresh-token: |-
          older
      name: oidc
- name: joe
  user: {auth-provider: {name: oidc, config: {id-token: keep, refresh-token: keep}}}
"""


def written(path: Path, text: str) -> str:
    path.write_bytes(text.encode())
    write_auth_provider(str(path), "jane", NEW)
    return path.read_bytes().decode()


def test_only_the_two_tokens_change(tmp_path: Path) -> None:
    after = written(tmp_path / "config", BLOCK)
    assert after == BLOCK.replace('"old"', '"new.id"').replace(
        "|-\n          older\n", '"new refresh"\n'
    )
    assert read_auth_provider(str(tmp_path / "config"), "jane") == {
        "idp-issuer-url": "https://idp",
        **NEW,
    }


@pytest.mark.parametrize(
    "text",
    [
        BLOCK.replace('        id-token: "old"   # comment\n', ""),
        BLOCK.replace("id-token", "'id-token'"),
        BLOCK.replace("\n", "\r\n"),
        BLOCK.replace('"old"', "null"),
        BLOCK.replace(' "old"   # comment', ""),
        BLOCK.replace('"old"', "'o''ld'"),
        "# Ümläut 🎉\n" + BLOCK,
        json.dumps(yaml.safe_load(BLOCK)),
        json.dumps(yaml.safe_load(BLOCK), indent=2),
        yaml.safe_dump(yaml.safe_load(BLOCK), default_flow_style=True),
    ],
)
def test_every_style_is_edited(text: str, tmp_path: Path) -> None:
    expected = yaml.safe_load(text)
    expected["users"][0]["user"]["auth-provider"]["config"].update(NEW)
    assert yaml.safe_load(written(tmp_path / "config", text)) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_encoding_stays(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(BLOCK.encode(encoding))
    write_auth_provider(str(path), "jane", NEW)
    data = path.read_bytes()
    assert data[:2] in {codecs.BOM_UTF8[:2], codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    assert '"new.id"' in data.decode(encoding)


_TEXT = st.text(st.characters(codec="utf-8"))


@given(_TEXT)
def test_any_text_is_written_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("any") / "config"
    path.write_text(BLOCK)
    write_auth_provider(str(path), "jane", {"id-token": text})
    assert read_auth_provider(str(path), "jane")["id-token"] == text


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text(BLOCK)
    real.chmod(0o640)
    link = tmp_path / "config"
    link.symlink_to(real)
    write_auth_provider(str(link), "jane", NEW)
    assert link.is_symlink()
    assert '"new.id"' in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "text",
    [
        BLOCK.replace("jane", "joan"),
        "{}",
        "users: 5",
        "users: [5, {name: jane, user: 5}]",
        "users: [{name: jane, user: {auth-provider: {config: {}}}}]",
    ],
)
def test_a_stanza_that_is_not_there_is_told_and_nothing_is_written(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError, match='no auth-provider config of user "jane"'):
        write_auth_provider(str(path), "jane", NEW)
    with pytest.raises(ConfigError, match='no auth-provider config of user "jane"'):
        read_auth_provider(str(path), "jane")
    assert path.read_text() == text


_MERGED = """\
x: &b {auth-provider: {name: oidc, config: {id-token: old}}}
users: [5, {name: jane, user: {<<: *b}}]
"""


@pytest.mark.parametrize("text", [_MERGED, f"<<: {json.dumps(yaml.safe_load(BLOCK))}"])
def test_a_stanza_that_is_merged_in_is_left_alone(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError, match="cannot be edited in it"):
        write_auth_provider(str(path), "jane", NEW)
    assert path.read_text() == text


def test_a_token_behind_an_anchor_is_left_alone(tmp_path: Path) -> None:
    text = BLOCK.replace('"old"', '&a "old"').replace("id-token: keep", "id-token: *a")
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError):
        write_auth_provider(str(path), "jane", NEW)
    assert path.read_text() == text


@pytest.mark.parametrize("text", ["users: [", "\x00"])
def test_a_broken_file_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError):
        read_auth_provider(str(path), "jane")
    with pytest.raises(ConfigError):
        write_auth_provider(str(path), "jane", NEW)


def test_a_file_that_cannot_be_replaced_is_told_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "config"
    path.write_text(BLOCK)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ConfigError, match=r"cannot write .*: No space left"):
        write_auth_provider(str(path), "jane", NEW)
    assert list(tmp_path.iterdir()) == [path]


def test_json_that_yaml_cannot_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config"
    text = json.dumps(yaml.safe_load(BLOCK), indent="\t")
    path.write_text(text)
    with pytest.raises(ConfigError, match="cannot be edited in it"):
        write_auth_provider(str(path), "jane", NEW)
    assert path.read_text() == text


def test_a_missing_file_is_told() -> None:
    with pytest.raises(ConfigError, match="cannot read /none/config"):
        read_auth_provider("/none/config", "jane")
    with pytest.raises(ConfigError, match="cannot lock"), locked("/none/config"):
        pass


def test_the_lock_is_client_gos(tmp_path: Path) -> None:
    path = tmp_path / "config"
    write_back = tmp_path / "config.lock"
    with locked(str(path)):
        assert write_back.stat().st_mode & 0o777 == 0
        with pytest.raises(FileExistsError):
            os.open(write_back, os.O_CREAT | os.O_EXCL, 0)
    assert not write_back.exists()


def test_the_lock_is_let_go_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(str(tmp_path / "config")):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


class Turns:
    """Time in which another lets go of *held* after the third sleep."""

    def __init__(self, held: AbstractContextManager[None]) -> None:
        self._held = held
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == 3:
            self._held.__exit__(None, None, None)


def test_who_holds_the_lock_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "config")
    held = locked(path)
    held.__enter__()
    turns = Turns(held)
    monkeypatch.setattr(write_back, "time", turns)
    with locked(path):
        assert turns.slept == [0.05] * 3
        assert (tmp_path / "config.lock").exists()


def test_a_lock_that_stays_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / "config")
    with (
        locked(path),
        pytest.raises(ConfigError, match="remove that file"),
        locked(path, timeout=0.1),
    ):
        pass
