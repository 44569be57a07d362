"""Whether the master key of the API can be used is known at the start, and not at each signature.

Fault 17: ``master_key_file`` with mode 0444 or 0644, as container platforms mount secrets: ready,
healthy, and every signature answered with 5002.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.access.keys import FILE, KeyFile, KeysDamaged, KeyStore, check_at_start
from exchange.daemon.preflight import file_notes
from exchange.errors import ExitStatus
from exchange.settings import load
from tests.harness.exchange_process import RunningExchange

MASTER = "mounted"


@pytest.fixture
def key_id(tmp_path: Path) -> str:
    """A key in tmp_path/keys.json under tmp_path/mounted."""
    now = datetime.datetime.now(datetime.UTC)
    key, _ = KeyFile(tmp_path, tmp_path / MASTER).make(1, ["trade"], "", now)
    tmp_path.chmod(0o700)
    return key.id


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o444, 0o600, 0o604, 0o640, 0o644, 0o555])
def test_a_key_that_others_may_only_read_is_used_with_a_warning(
    tmp_path: Path, key_id: str, mode: int
) -> None:
    (tmp_path / MASTER).chmod(mode)
    notes = check_at_start(tmp_path, tmp_path / MASTER)
    assert len(notes) == bool(mode & 0o004)
    assert all(MASTER in note and "mode 600" in note for note in notes)
    assert KeyStore(tmp_path, tmp_path / MASTER).find(key_id) is not None


def _lose(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    path.write_text("")


def _another(path: Path) -> None:
    path.write_text("00" * 32)


def _writable(mode: int) -> Callable[[Path], None]:
    return lambda path: path.chmod(mode)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_writable(0o620), "chmod 600"),
        (_writable(0o602), "chmod 600"),
        (_writable(0o777), "chmod 600"),
        (_lose, "is missing"),
        (_empty, "64 hexadecimal characters"),
        (_another, "is not the one"),
    ],
)
def test_a_master_key_that_cannot_be_used_is_refused(
    tmp_path: Path, key_id: str, damage: Callable[[Path], None], said: str
) -> None:
    damage(tmp_path / MASTER)
    with pytest.raises(KeysDamaged, match=said) as caught:
        check_at_start(tmp_path, tmp_path / MASTER)
    assert MASTER in str(caught.value)
    with pytest.raises(KeysDamaged):
        KeyStore(tmp_path, tmp_path / MASTER).find(key_id)


def test_damaged_keys_are_said_and_stop_nothing(tmp_path: Path, key_id: str) -> None:
    (tmp_path / FILE).write_text("{")
    (note,) = check_at_start(tmp_path, tmp_path / MASTER)
    assert "nobody can sign in" in note and "is damaged" in note


def test_before_the_first_key_there_is_nothing_to_say(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert check_at_start(tmp_path) == []
    assert check_at_start(tmp_path, tmp_path / MASTER) == []


@pytest.mark.parametrize("file", ["data", "data/keys.json"])
def test_what_others_may_read_or_change_is_said(tmp_path: Path, file: str) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    now = datetime.datetime.now(datetime.UTC)
    KeyFile(data).make(1, ["trade"], "", now)
    (tmp_path / file).chmod(0o777)
    (note,) = check_at_start(data)
    assert note.startswith(str(tmp_path / file))


def test_exchange_run_says_it_in_one_line_and_ends(tmp_path: Path, key_id: str) -> None:
    (tmp_path / MASTER).chmod(0o666)
    exchange = RunningExchange(
        tmp_path, web=True, settings={"api": {"master_key_file": str(tmp_path / MASTER)}}
    )
    exchange.data_directory.mkdir(mode=0o700)
    exchange.launch()
    assert exchange.wait() == ExitStatus.CONFIGURATION
    assert "others may change it: `chmod 600" in exchange.log_tail(1)


@pytest.mark.parametrize(
    ("file", "mode", "dsn", "said"),
    [
        ("sessions.toml", 0o640, "off", ""),
        ("sessions.toml", 0o644, "off", "may read the hashes of passwords"),
        ("sessions.toml", 0o646, "off", "may change it"),
        ("exchange.toml", 0o644, "off", ""),
        ("exchange.toml", 0o646, "off", "may change it"),
        ("exchange.toml", 0o644, "postgresql:///exchange", ""),
        (
            "exchange.toml",
            0o644,
            "postgresql://u:secret@db/exchange",
            "password of the database",
        ),
        ("exchange.toml", 0o640, "postgresql://u:secret@db/exchange", ""),
        (
            "exchange.toml",
            0o644,
            "postgresql://db/x?password=secret",
            "password of the database",
        ),
    ],
)
def test_modes_of_configuration_files_are_said(
    tmp_path: Path, file: str, mode: int, dsn: str, said: str
) -> None:
    exchange = RunningExchange(tmp_path, settings={"store": {"dsn": dsn}})
    for path in (exchange.config_file, tmp_path / "sessions.toml"):
        path.chmod(0o640)
    (tmp_path / file).chmod(mode)
    notes = file_notes(load(exchange.config_file))
    assert len(notes) == bool(said)
    assert all(said in note and file in note and "chmod 640" in note for note in notes)


def test_the_published_passwords_of_the_demonstration_are_no_secret() -> None:
    assert file_notes(load(None)) == []
