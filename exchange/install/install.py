"""Installs a version, makes one current, uninstalls.

Who uses it: ``cli.py``. Whatever a person may have changed stays: configuration, data and backups
always, units that differ from what was written. What runs is not touched: a daemon keeps the
version that it was started with until it is started again.

Decision PKG-10.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from exchange.backup.manifest import FILE as MANIFEST
from exchange.errors import AlreadyRunning, ConfigurationError
from exchange.install.environment import make_version
from exchange.install.layout import (
    CURRENT,
    PROGRAMS,
    RECORD,
    Layout,
    check_apart,
    read_record,
    write_record,
)
from exchange.install.units import unit_files
from exchange.runtime.configured import has_begun
from exchange.runtime.process import running_pid
from exchange.settings import SHIPPED

Say = Callable[[str], None]
SECRET = 0o700
WRITTEN_DIRECTORY = "lib/written"
# systemd hides these from a service with ProtectHome=yes
HIDDEN = ("/home", "/root", "/run/user")
# what may be in a prefix where nothing is installed: of an installation before
LEFT_BEHIND = ("etc", "var", "lib", "lost+found")
CONFIGURATION = ("exchange.toml", "accounts.toml", "instruments.toml", "sessions.toml")
SHIPPED_OF_CURRENT = "{prefix}/current/lib/python3*/site-packages/exchange/settings/shipped"
_MAIN_FILE = """# What differs from the defaults, which are in
# {shipped}/exchange.toml
# with every key and its unit. `exchange check-config --config` this file tells what is wrong.

[exchange]
name = "exchange"
"""


def user_and_group(name: str | None) -> tuple[str, str]:
    """The user that the exchange runs as, and its group; None: who runs this program.

    Raises ConfigurationError for a user that there is not.
    """
    try:
        entry = pwd.getpwuid(os.getuid()) if name is None else pwd.getpwnam(name)
    except KeyError:
        raise ConfigurationError(
            f"there is no user {name}: `useradd --system --shell /usr/sbin/nologin {name}`"
        ) from None
    return entry.pw_name, grp.getgrgid(entry.pw_gid).gr_name


def install(layout: Layout, say: Say, wheel: Path | None = None, wheels: Path | None = None) -> str:
    """Install a version at ``layout.prefix`` and make it current; the version.

    Raises ConfigurationError, OSError.
    """
    prefix = Path(layout.prefix)
    check_apart(layout)
    if layout.prefix.startswith(HIDDEN):
        say(f"{prefix}: ProtectHome=yes of the unit hides it from the service: use /opt or /srv")
    if layout.user == "root":
        say("the exchange would run as root, which it need not: `--user NAME`")
    _check_own(layout)
    prefix.mkdir(mode=0o755, parents=True, exist_ok=True)
    before = layout.versions()
    number = make_version(layout, wheel, wheels)
    say(f"version {number} {'was there' if number in before else 'laid out'} in {prefix}/versions")
    _make_directories(layout)
    for path in _write_configuration(layout):
        say(f"{path}: written; fill it in")
    for name, text in unit_files(layout).items():
        if _write_unit(layout, Path(name), text):
            say(f"{name}: written")
        else:
            say(f"{name}: somebody has changed it; left as it is")
    (prefix / "bin").mkdir(exist_ok=True)
    for program in PROGRAMS:
        _link(prefix / "bin" / program, f"../{CURRENT}/bin/{program}")
    write_record(layout)
    use_version(layout, number, say)
    return number


def _check_own(layout: Layout) -> None:
    """Refuse a directory that is somebody else's. Raises ConfigurationError."""
    prefix = Path(layout.prefix)
    if not prefix.is_dir() or (prefix / RECORD).exists():
        return
    left = set(LEFT_BEHIND)
    for name in (layout.configuration, layout.data, layout.backups, layout.units, layout.logrotate):
        if Path(name).is_relative_to(prefix):
            left.update(Path(name).relative_to(prefix).parts[:1])
    foreign = sorted(each.name for each in prefix.iterdir() if each.name not in left)
    if foreign:
        raise ConfigurationError(
            f"{prefix} has other things in it ({', '.join(foreign[:3])}): an installation needs a "
            "directory of its own"
        )


def use_version(layout: Layout, number: str, say: Say) -> None:
    """Make ``number`` current: the next start uses it. Raises ConfigurationError."""
    if number not in layout.versions():
        there = ", ".join(layout.versions()) or "none"
        raise ConfigurationError(f"version {number} is not in {layout.prefix}; there are: {there}")
    was = layout.current()
    if was != number:
        _link(Path(layout.prefix) / CURRENT, f"versions/{number}")
    pid = running_pid(Path(layout.data))
    more = f"; process {pid} runs on as it is until it is started again" if pid else ""
    say(f"version {number} is current{f', before {was}' if was not in ('', number) else ''}{more}")


def _link(path: Path, target: str) -> None:
    """A symbolic link, put in place of another one at once."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.rename(path)


def _make_directories(layout: Layout) -> None:
    entry = pwd.getpwnam(layout.user)
    for name in (layout.data, layout.cache, layout.backups):
        path = Path(name)
        if not path.is_dir():
            path.mkdir(mode=SECRET, parents=True)
            if os.getuid() == 0:
                os.chown(path, entry.pw_uid, grp.getgrnam(layout.group).gr_gid)
    for name in (layout.configuration, layout.units, layout.logrotate):
        Path(name).mkdir(mode=0o755, parents=True, exist_ok=True)


def comment_head(text: str) -> str:
    """The comment that begins a shipped file: what may be said in it, without the demonstration."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#") or "demonstration" in line:
            break
        lines.append(line)
    return "\n".join(lines).rstrip("#\n ") + "\n"


def configuration_files(layout: Layout) -> dict[str, str]:
    """Path -> what is in each file of the configuration at first."""
    found = {}
    for name in CONFIGURATION:
        if name == CONFIGURATION[0]:
            text = _MAIN_FILE.format(shipped=SHIPPED_OF_CURRENT.format(prefix=layout.prefix))
        else:
            text = comment_head((SHIPPED / name).read_text())
        found[f"{layout.configuration}/{name}"] = text
    return found


def _write_configuration(layout: Layout) -> Iterator[Path]:
    """Write the files that are not there; never one that is."""
    for name, text in configuration_files(layout).items():
        path = Path(name)
        if path.exists():
            continue
        path.write_text(text)
        path.chmod(0o640)
        if os.getuid() == 0:
            os.chown(path, 0, grp.getgrnam(layout.group).gr_gid)
        yield path


def _mark(layout: Layout, path: Path) -> Path:
    """Where what was written to ``path`` is kept, so that a change of it is seen."""
    return Path(layout.prefix) / WRITTEN_DIRECTORY / path.name


def _write_unit(layout: Layout, path: Path, text: str) -> bool:
    """Write a file of ours; False: somebody has changed the one that is there."""
    mark = _mark(layout, path)
    mark.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text() != (mark.read_text() if mark.exists() else text):
        return False
    path.write_text(text)
    path.chmod(0o644)
    mark.write_text(text)
    return True


def uninstall(prefix: Path, say: Say, *, version: str | None = None, purge: bool = False) -> None:
    """Remove ``version``, or all of the installation at ``prefix``.

    Configuration, data and backups stay unless ``purge``. Raises AlreadyRunning while the exchange
    runs, ConfigurationError for the current version, DataDirectoryUnavailable, OSError.
    """
    layout = read_record(prefix)
    if version is not None:
        _remove_version(layout, version, say)
        return
    pid = running_pid(Path(layout.data))
    if pid:
        raise AlreadyRunning(f"process {pid} runs on {layout.data}: stop it first")
    root = Path(layout.prefix)
    for name in unit_files(layout):
        _remove_unit(layout, Path(name), say)
    _remove_tree(layout, root / "versions", "", say)
    if Path(layout.cache).is_relative_to(root):
        _remove_tree(layout, Path(layout.cache), "cache", say)
    for path in (root / CURRENT, *(root / "bin" / name for name in PROGRAMS)):
        path.unlink(missing_ok=True)
    if purge:
        _purge(layout, say)
    for name in (layout.configuration, layout.data, layout.backups):
        if Path(name).is_dir() and any(Path(name).iterdir()):
            say(f"{name}: kept")
    (root / RECORD).unlink(missing_ok=True)
    for name in _directories(layout):
        _remove_if_empty(Path(name), root)
    say(f"{root}: uninstalled")


def _remove_tree(layout: Layout, tree: Path, own: str, say: Say) -> None:
    """Remove ``tree``, the directory of the field ``own``, unless another's is in it.

    An installation of an earlier release may be so: ``install`` did not refuse it.
    """
    others = [name for name in layout.inside(tree) if name != own]
    if others:
        say(f"{tree}: kept, for in it is {', '.join(others)}")
    else:
        shutil.rmtree(tree, ignore_errors=own != "data")


def _directories(layout: Layout) -> tuple[str, ...]:
    """Every directory that an installation makes, those inside others first."""
    return (
        layout.logrotate,
        layout.units,
        layout.configuration,
        layout.data,
        layout.cache,
        layout.backups,
        f"{layout.prefix}/{WRITTEN_DIRECTORY}",
        f"{layout.prefix}/bin",
        layout.prefix,
    )


def _purge(layout: Layout, say: Say) -> None:
    """Remove what is certainly the exchange's of configuration, data and backups."""
    for name in CONFIGURATION:
        (Path(layout.configuration) / name).unlink(missing_ok=True)
    if has_begun(Path(layout.data)):
        _remove_tree(layout, Path(layout.data), "data", say)
    if Path(layout.backups).is_dir():
        for path in Path(layout.backups).iterdir():
            if (path / MANIFEST).is_file():
                shutil.rmtree(path)


def _remove_version(layout: Layout, version: str, say: Say) -> None:
    if version not in layout.versions():
        raise ConfigurationError(f"version {version} is not in {layout.prefix}")
    if version == layout.current():
        raise ConfigurationError(
            f"version {version} is current: make another one current first (`install --use`)"
        )
    folder = layout.version(version)
    aside = folder.with_name(f".{version}.old")
    folder.rename(aside)  # what has half of its files is no version
    shutil.rmtree(aside)
    say(f"version {version}: removed")


def _remove_unit(layout: Layout, path: Path, say: Say) -> None:
    mark = _mark(layout, path)
    if path.exists() and mark.exists() and path.read_text() != mark.read_text():
        say(f"{path}: somebody has changed it; kept")
    else:
        path.unlink(missing_ok=True)
    mark.unlink(missing_ok=True)


def _remove_if_empty(folder: Path, root: Path) -> None:
    """Remove ``folder``, and what is above it up to ``root``, as far as nothing is in it."""
    while folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        if folder == root or not folder.is_relative_to(root):
            return
        folder = folder.parent
