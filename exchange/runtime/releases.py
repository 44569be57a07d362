"""Which releases of the program have run on a data directory: ``releases.json``.

Who writes: the daemon at its start, when it is another release than the one before. Who reads: the
start and the tools, to say which release wrote what this one cannot read, and people: it is the
history of upgrades and of the ways back. A damaged file stops nobody.
"""

from __future__ import annotations

import datetime
import logging
import re
from pathlib import Path

import msgspec

from exchange.runtime.release import RELEASE

FILE = "releases.json"
log = logging.getLogger(__name__)


class Run(msgspec.Struct, frozen=True):
    """A release, and when it was started here for the first time since another one (ISO, UTC)."""

    release: str
    since: str


def read_releases(data_dir: Path) -> list[Run]:
    """The releases that have run on ``data_dir``, oldest first; none where nobody knows."""
    try:
        return msgspec.json.decode((data_dir / FILE).read_bytes(), type=list[Run])
    except (OSError, msgspec.DecodeError):
        return []


def remember_release(data_dir: Path, release: str = RELEASE) -> None:
    """Note that ``release`` starts on ``data_dir``, and say when it is not the one before."""
    runs = read_releases(data_dir)
    before = runs[-1].release if runs else release
    if runs and before == release:
        return
    if before != release:
        what = "a newer" if is_newer(release, before) else "an older"
        log.warning("release %s starts where %s ran: %s one", release, before, what)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    path = data_dir / FILE
    temporary = path.with_name(f"{FILE}.new")
    try:
        data = msgspec.json.encode([*runs, Run(release, now)])
        temporary.write_bytes(msgspec.json.format(data, indent=1) + b"\n")
        temporary.rename(path)
    except OSError as error:
        log.warning("%s: %s", path, error.strerror)


def numbers(release: str) -> tuple[int, ...]:
    """The numbers of a release, for comparing: 0.10.0 comes after 0.9.1."""
    return tuple(int(part) for part in re.findall(r"\d+", release))


def is_newer(release: str, than: str = RELEASE) -> bool:
    """Whether ``release`` came after ``than``."""
    return numbers(release) > numbers(than)


def newer_release(data_dir: Path) -> str:
    """The newest release that has run on ``data_dir`` if it is newer than this program; or ""."""
    newest = max((run.release for run in read_releases(data_dir)), key=numbers, default="")
    return newest if newest and is_newer(newest) else ""
