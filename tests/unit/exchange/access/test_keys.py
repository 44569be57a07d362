"""The keys file: made, read, revoked, and every way in which it can be wrong."""

import base64
import datetime
import json
import stat

import pytest

from exchange.access import keys
from exchange.access.keys import READ, TRADE, KeyFile, KeysDamaged, KeyStore

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)


@pytest.fixture
def made(tmp_path):
    """A directory with one key: (directory, key, secret)."""
    key, secret = KeyFile(tmp_path).make(1001, [TRADE, READ], "bot", NOW)
    return tmp_path, key, secret


def edit(directory, change):
    path = directory / keys.FILE
    contents = json.loads(path.read_text())
    change(contents)
    path.write_text(json.dumps(contents))


def test_no_file_is_no_keys(tmp_path):
    assert KeyStore(tmp_path).find("A" * 20) is None
    assert KeyFile(tmp_path).list() == []
    assert KeyFile(tmp_path).revoke("A" * 20, NOW) is None
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_found_with_its_secret(made):
    directory, key, secret = made
    assert len(key.id) == 20 and len(bytes.fromhex(secret)) == 32
    assert key == keys.Key(key.id, 1001, frozenset({READ, TRADE}), "bot", NOW, None)
    assert KeyStore(directory).find(key.id) == (key, secret.encode())
    assert KeyFile(directory).list() == [key]
    assert secret not in json.dumps(keys.describe(key))


def test_nothing_readable_lies_on_the_disk(made):
    directory, _, secret = made
    for path in directory.iterdir():
        text = path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert secret.encode() not in text and bytes.fromhex(secret) not in text
        assert base64.b64encode(secret.encode()) not in text
    assert {path.name for path in directory.iterdir()} == {keys.FILE, keys.MASTER_KEY_FILE}


def test_a_running_store_sees_new_and_revoked_keys(tmp_path):
    store, file = KeyStore(tmp_path), KeyFile(tmp_path)
    assert store.find("A" * 20) is None
    first, _ = file.make(1, [READ], "", NOW)
    second, _ = file.make(2, [READ], "", NOW)
    assert store.find(first.id) and store.find(second.id)
    generation = store.generation
    assert store.refresh() == generation
    revoked = file.revoke(first.id, NOW)
    assert revoked is not None and revoked.revoked == NOW
    assert store.refresh() > generation
    assert not store.is_live(first.id) and store.is_live(second.id)
    assert store.find(first.id) is None
    # the erased secret cannot come back, and revoking twice changes nothing
    later = NOW + datetime.timedelta(days=1)
    again = file.revoke(first.id, later)
    assert again is not None and again.revoked == NOW
    (record, _) = json.loads((tmp_path / keys.FILE).read_text())["keys"]
    assert (record["secret"], record["nonce"]) == ("", "")


def test_the_master_key_may_lie_elsewhere(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    master = tmp_path / "the.key"
    key, _ = KeyFile(data, master).make(1, [READ], "", NOW)
    assert master.exists() and not (data / keys.MASTER_KEY_FILE).exists()
    assert KeyStore(data, master).find(key.id)
    with pytest.raises(KeysDamaged, match="is missing"):
        KeyStore(data).find(key.id)


def test_keys_of_an_account_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "KEYS_PER_ACCOUNT", 2)
    file = KeyFile(tmp_path)
    first, _ = file.make(1, [READ], "", NOW)
    file.make(1, [READ], "", NOW)
    with pytest.raises(keys.TooManyKeys, match="revoke one"):
        file.make(1, [READ], "", NOW)
    file.make(2, [READ], "", NOW)
    file.revoke(first.id, NOW)
    file.make(1, [READ], "", NOW)


def _write(name, text):
    def damage(directory):
        (directory / name).write_text(text)

    return damage


def _record(**changes):
    return lambda directory: edit(directory, lambda c: c["keys"][0].update(changes))


DAMAGE = {
    "no JSON": (_write(keys.FILE, "{"), "is damaged"),
    "empty": (_write(keys.FILE, ""), "is damaged"),
    "another version": (lambda d: edit(d, lambda c: c.update(version=2)), "is damaged"),
    "unknown field": (lambda d: edit(d, lambda c: c.update(extra=2)), "is damaged"),
    "twice": (lambda d: edit(d, lambda c: c["keys"].append(c["keys"][0])), "twice"),
    "another account": (_record(account=1002), "was edited"),
    "more rights": (_record(permissions=["read"]), "was edited"),
    "another secret": (_record(secret=base64.b64encode(b"x" * 80).decode()), "was edited"),
    "no secret": (_record(secret="", nonce=""), "was edited"),
    "no master key": (lambda d: (d / keys.MASTER_KEY_FILE).unlink(), "is missing"),
    "wrong master key": (_write(keys.MASTER_KEY_FILE, "ab" * 32), "is not the one"),
    "short master key": (_write(keys.MASTER_KEY_FILE, "ab"), "64 hexadecimal"),
    "binary master key": (_write(keys.MASTER_KEY_FILE, "\x00é" * 32), "64 hexadecimal"),
    "open master key": (lambda d: (d / keys.MASTER_KEY_FILE).chmod(0o666), "chmod 600"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_said_and_nobody_gets_in(made, what):
    directory, key, _ = made
    store = KeyStore(directory)
    assert store.find(key.id)
    originals = {path: (path.read_bytes(), path.stat().st_mode) for path in directory.iterdir()}
    damage, words = DAMAGE[what]
    damage(directory)
    for _ in range(2):
        with pytest.raises(KeysDamaged, match=words):
            store.find(key.id)
    assert not store.is_live(key.id)
    # the daemon neither repairs nor overwrites what it does not understand
    if what not in ("another account", "more rights", "another secret", "no secret"):
        damaged = (directory / keys.FILE).read_bytes()
        with pytest.raises(KeysDamaged):
            KeyFile(directory).make(1, [READ], "", NOW)
        assert (directory / keys.FILE).read_bytes() == damaged
    for path, (text, mode) in originals.items():
        path.write_bytes(text)
        path.chmod(mode)
    assert store.find(key.id)
