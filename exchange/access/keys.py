"""API keys: who may ask in the name of which account, kept in DATA/keys.json.

Who writes: the daemon (``KeyFile``: make and revoke, on behalf of `exchange admin key`). Who reads:
the api stage (``KeyStore``), which looks at the file's identity on every use and reads it again
when the daemon has replaced it, so a new or revoked key counts from the next request on.

Secrets are encrypted with AES-256-GCM under the master key (DATA/master.key or ``[api]
master_key_file``: 64 hexadecimal characters); the key's id, account and permissions are
authenticated with it, so editing the file cannot move a key to another account. A revoked
key's secret is erased. Both files have mode 0600 and are replaced atomically.

Invariants: a file that is damaged or does not belong to the master key is never used in part;
``KeysDamaged`` says what is wrong, and no client can sign in until the file is repaired. At the
start ``check_at_start`` says whether the master key can be used.

Decision API-8.
"""

from __future__ import annotations

import base64
import datetime
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta, Struct

from exchange.errors import DataDirectoryUnavailable, ExchangeError, ExitStatus

FILE = "keys.json"
MASTER_KEY_FILE = "master.key"
VERSION: Literal[1] = 1
SECRET_BYTES = 32
ID_CHARACTERS = 20  # base32: 100 random bits
LABEL_CHARACTERS = 64
NONCE_BYTES = 12  # of AES-GCM
KEYS_PER_ACCOUNT = 100  # live ones
FILE_BYTES = 64 << 20  # a larger file is not a file of keys
WRITABLE_BY_OTHERS = 0o022
READABLE_BY_ALL = 0o004
_CHECK = b"open exchange core: master key"

Permission = Literal["read", "trade"]
READ: Permission = "read"
TRADE: Permission = "trade"


class KeysDamaged(ExchangeError):
    """keys.json or the master key cannot be used. The text names the file and the remedy."""

    status = ExitStatus.CONFIGURATION


class KeysUnreadable(KeysDamaged):
    """A file could not be read this time: no descriptor was left, or the disk failed."""


class TooManyKeys(ExchangeError):
    """An account has as many live keys as it may have."""

    status = ExitStatus.REFUSED


class Key(NamedTuple):
    """An API key without its secret."""

    id: str
    account: int
    permissions: frozenset[Permission]
    label: str
    created: datetime.datetime
    revoked: datetime.datetime | None


class _Record(Struct, frozen=True, forbid_unknown_fields=True):
    """A key in the file. ``nonce`` and ``secret``: base64; both empty when it is revoked."""

    id: Annotated[str, Meta(pattern=r"^[A-Z2-7]{20}\Z")]
    account: Annotated[int, Meta(ge=1, lt=1 << 32)]
    permissions: list[Permission]
    label: Annotated[str, Meta(max_length=LABEL_CHARACTERS)]
    created: datetime.datetime
    revoked: datetime.datetime | None
    nonce: bytes
    secret: bytes

    def key(self) -> Key:
        return Key(
            self.id,
            self.account,
            frozenset(self.permissions),
            self.label,
            self.created,
            self.revoked,
        )

    def associated_data(self) -> bytes:
        """The fields that are authenticated together with the secret."""
        return f"{self.id}\n{self.account}\n{','.join(sorted(self.permissions))}".encode()


class _Contents(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. ``check``: a known text under the master key, nonce first."""

    version: Literal[1]
    check: bytes
    keys: list[_Record]


# --- reading --------------------------------------------------------------------------------------


def read_master_key(path: Path) -> AESGCM | None:
    """The master key of ``path``; None when there is no such file. Raises KeysDamaged."""
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeysUnreadable(f"master key {path}: cannot be read: {error.strerror}") from None
    if mode & WRITABLE_BY_OTHERS:
        raise KeysDamaged(f"master key {path}: others may change it: `chmod 600 {path}`")
    try:
        raw = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        raw = b""
    if len(raw) != SECRET_BYTES:
        raise KeysDamaged(f"master key {path}: must be {2 * SECRET_BYTES} hexadecimal characters")
    return AESGCM(raw)


def check_at_start(data_directory: Path, master_key_file: Path | None = None) -> list[str]:
    """What an operator should know of the secrets' files before clients come: a line each.

    A master key that all users may read is accepted (container platforms mount secrets so), one
    that others may change is not. Raises KeysDamaged when the master key cannot be used: with it no
    signature would ever be right. Keys that are damaged are a line: everything else goes on.
    """
    notes = []
    master_path = master_key_file or data_directory / MASTER_KEY_FILE
    master = read_master_key(master_path)
    for path in (master_path, data_directory / FILE):
        if path.exists() and path.stat().st_mode & READABLE_BY_ALL:
            notes.append(f"{path}: every user of this machine may read it; mode 600 is enough")
    if data_directory.stat().st_mode & WRITABLE_BY_OTHERS:
        notes.append(f"{data_directory}: others may change what is in it: `chmod 700`")
    try:
        contents = _read_contents(data_directory / FILE)
    except KeysDamaged as problem:
        return [*notes, f"nobody can sign in: {problem}"]
    if contents is not None:
        _check_belongs(contents, data_directory / FILE, master, master_path)
    return notes


def _read_contents(path: Path) -> _Contents | None:
    try:
        with path.open("rb") as stream:
            text = stream.read(FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeysUnreadable(f"{path}: cannot be read: {error.strerror}") from None
    try:
        contents = msgspec.json.decode(text, type=_Contents)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KeysDamaged(
            f"{path}: is damaged ({error}); restore it, or remove it and make new keys"
        ) from None
    if len({record.id for record in contents.keys}) != len(contents.keys):
        raise KeysDamaged(f"{path}: is damaged: a key stands in it twice")
    return contents


def _decrypt(master: AESGCM, sealed: bytes, associated: bytes) -> bytes | None:
    try:
        return master.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        return None


def _open_contents(path: Path, master_path: Path) -> tuple[_Contents, AESGCM] | None:
    """Contents and master key, which belong together; None when no key was ever made."""
    contents = _read_contents(path)
    if contents is None:
        return None
    return contents, _check_belongs(contents, path, read_master_key(master_path), master_path)


def _check_belongs(
    contents: _Contents, path: Path, master: AESGCM | None, master_path: Path
) -> AESGCM:
    """The master key with which ``contents`` of ``path`` were written. Raises KeysDamaged."""
    if master is None:
        raise KeysDamaged(
            f"master key {master_path}: is missing, and {path} cannot be read without it; "
            "restore it, or remove the keys file and make new keys"
        )
    if _decrypt(master, contents.check, b"check") != _CHECK:
        raise KeysDamaged(f"master key {master_path}: is not the one that {path} was written with")
    return master


class _Live(NamedTuple):
    key: Key
    secret: bytes


class KeyStore:
    """The api stage's view of the keys. ``find`` costs two stats when nothing has changed.

    ``generation`` grows whenever the file was read again: who holds a ``Key`` for long (a
    WebSocket) compares it, and asks ``is_live`` when it differs.
    """

    def __init__(self, data_directory: Path, master_key_file: Path | None = None) -> None:
        self._path = data_directory / FILE
        self._master_path = master_key_file or data_directory / MASTER_KEY_FILE
        self._looked_at = (str(self._path), str(self._master_path))  # at every request
        self._identity: tuple[int, ...] | None = None
        self._problem: KeysDamaged | None = None
        self._live: dict[str, _Live] = {}
        self.generation = 0

    def refresh(self) -> int:
        """Read the file again if it has been replaced. Returns ``generation``.

        Raises KeysDamaged, again and again, until the file is mended.
        """
        identity = self._look()
        if identity != self._identity:
            self._identity = identity
            self.generation += 1
            # fail closed: keys that cannot be checked for revocation do not count
            self._live, self._problem = {}, None
            try:
                self._live = self._load()
            except KeysUnreadable as problem:
                self._problem = problem
                self._identity = None  # the next use tries again: the files may not change
            except KeysDamaged as problem:
                self._problem = problem
        if self._problem is not None:
            raise self._problem
        return self.generation

    def find(self, key_id: str) -> tuple[Key, bytes] | None:
        """Key and secret (ASCII text) of a live key, None if unknown or revoked.

        Raises KeysDamaged.
        """
        self.refresh()
        return self._live.get(key_id)

    def is_live(self, key_id: str) -> bool:
        """Whether the key may still be used, as of the latest ``refresh``."""
        return key_id in self._live

    def _look(self) -> tuple[int, ...]:
        """A value that changes when either file is replaced or written."""
        identity: list[int] = []
        for path in self._looked_at:
            try:
                found = os.stat(path)
            except OSError:
                identity += (0, 0, 0, 0)
            else:
                identity += (found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode)
        return tuple(identity)

    def _load(self) -> dict[str, _Live]:
        opened = _open_contents(self._path, self._master_path)
        if opened is None:
            return {}
        contents, master = opened
        live = {}
        for record in contents.keys:
            if record.revoked is not None:
                continue
            secret = _decrypt(master, record.nonce + record.secret, record.associated_data())
            if secret is None:
                raise KeysDamaged(
                    f"{self._path}: key {record.id} is damaged or was edited; restore the file"
                )
            live[record.id] = _Live(record.key(), secret)
        return live


# --- writing --------------------------------------------------------------------------------------


class KeyFile:
    """The daemon's side: makes, lists and revokes keys. One writer, under the daemon's lock."""

    def __init__(self, data_directory: Path, master_key_file: Path | None = None) -> None:
        self._path = data_directory / FILE
        self._master_path = master_key_file or data_directory / MASTER_KEY_FILE

    def list(self) -> list[Key]:
        """Every key, revoked ones too, oldest first. Raises KeysDamaged."""
        contents = _read_contents(self._path)
        return [record.key() for record in contents.keys] if contents else []

    def check(self, account: int) -> None:
        """Raises KeysDamaged or TooManyKeys if a key of ``account`` could not be made now."""
        contents, _ = self._open()
        self._check_room(contents, account)

    def make(
        self,
        account: int,
        permissions: Sequence[Permission],
        label: str,
        now: datetime.datetime,
    ) -> tuple[Key, str]:
        """A new key and its secret, which is shown this once. Durable when it returns.

        Raises KeysDamaged, TooManyKeys, DataDirectoryUnavailable (the disk is full, ...).
        """
        contents, master = self._open()
        self._check_room(contents, account)
        secret = secrets.token_hex(SECRET_BYTES)
        record = _Record(
            id=base64.b32encode(secrets.token_bytes(13))[:ID_CHARACTERS].decode(),
            account=account,
            permissions=sorted(set(permissions)),
            label=label,
            created=now,
            revoked=None,
            nonce=secrets.token_bytes(NONCE_BYTES),
            secret=b"",
        )
        sealed = master.encrypt(record.nonce, secret.encode(), record.associated_data())
        record = msgspec.structs.replace(record, secret=sealed)
        self._write(msgspec.structs.replace(contents, keys=[*contents.keys, record]))
        return record.key(), secret

    def revoke(self, key_id: str, now: datetime.datetime) -> Key | None:
        """Revoke a key and erase its secret; None if there is none. Doing so twice is one."""
        contents = _read_contents(self._path)
        if contents is None:
            return None
        for index, record in enumerate(contents.keys):
            if record.id == key_id:
                if record.revoked is None:
                    record = msgspec.structs.replace(record, revoked=now, nonce=b"", secret=b"")
                    keys = [*contents.keys]
                    keys[index] = record
                    self._write(msgspec.structs.replace(contents, keys=keys))
                return record.key()
        return None

    @staticmethod
    def _check_room(contents: _Contents, account: int) -> None:
        live = sum(k.account == account and k.revoked is None for k in contents.keys)
        if live >= KEYS_PER_ACCOUNT:
            raise TooManyKeys(
                f"account {account} has {live} keys, which is the most; revoke one first"
            )

    def _open(self) -> tuple[_Contents, AESGCM]:
        opened = _open_contents(self._path, self._master_path)
        if opened is not None:
            return opened
        master = read_master_key(self._master_path)
        if master is None:
            text = secrets.token_hex(SECRET_BYTES)
            _replace(self._master_path, f"{text}\n".encode())
            master = AESGCM(bytes.fromhex(text))
        nonce = secrets.token_bytes(NONCE_BYTES)
        check = nonce + master.encrypt(nonce, _CHECK, b"check")
        return _Contents(version=VERSION, check=check, keys=[]), master

    def _write(self, contents: _Contents) -> None:
        text = msgspec.json.format(msgspec.json.encode(contents), indent=1)
        _replace(self._path, text + b"\n")


def _replace(path: Path, text: bytes) -> None:
    """Put ``text`` into ``path`` with mode 0600, atomically and durably."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(descriptor, 0o600)
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise DataDirectoryUnavailable(f"{path}: cannot be written: {error.strerror}") from None


def describe(key: Key) -> dict[str, Any]:
    """A key as JSON, for the control socket and people; never its secret."""
    return {
        "id": key.id,
        "account": key.account,
        "permissions": sorted(key.permissions),
        "label": key.label,
        "created": key.created.isoformat(),
        "revoked": key.revoked.isoformat() if key.revoked else None,
    }
