"""What an installation is made of, and ``install.json``, which remembers it.

Who writes: ``exchange install``. Who reads: a later install, and ``exchange uninstall``::

    PREFIX/versions/0.1.0/       a virtual environment with everything; never changed again
    PREFIX/current               symbolic link to one of them: upgrade and rollback move it
    PREFIX/bin/                  links to the programs of the current version
    PREFIX/etc/                  configuration: never overwritten, never removed unasked
    PREFIX/var/lib               data directory: the same
    PREFIX/var/backups           the timer's backups: the same
    PREFIX/var/cache             compiled code: made again where it is missing
    PREFIX/lib/systemd/system/   exchange.service, exchange-backup.service, exchange-backup.timer
    PREFIX/etc/logrotate.d/      for a ``log.file``
    PREFIX/lib/written/          what these were when they were written
    PREFIX/install.json

The directories below var and etc can be others (``--data-dir`` ...).

Decision PKG-10.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from exchange.errors import ConfigurationError, DataDirectoryUnavailable

RECORD = "install.json"
CURRENT = "current"
PROGRAMS = ("exchange", "exchange-replay")
# the fields that are directories
PLACES = ("prefix", "configuration", "data", "cache", "backups", "units", "logrotate")
# without a meaning of its own in a unit, a shell or a configuration of logrotate
PATH = re.compile(r"/[A-Za-z0-9/._+-]*")
VERSION = re.compile(r"[0-9][A-Za-z0-9.+-]*")


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Absolute paths, and the user and group that the exchange runs as."""

    prefix: str
    configuration: str
    data: str
    cache: str
    backups: str
    units: str
    logrotate: str
    user: str
    group: str

    def version(self, number: str) -> Path:
        """The folder of a version."""
        return Path(self.prefix) / "versions" / number

    def inside(self, tree: Path) -> list[str]:
        """The fields whose directories are ``tree`` or below it, links followed, in order."""
        root = os.path.realpath(tree)
        return [
            name
            for name in PLACES
            if Path(os.path.realpath(getattr(self, name))).is_relative_to(root)
        ]

    def versions(self) -> list[str]:
        """The versions that are there, unfinished ones excepted."""
        folder = Path(self.prefix) / "versions"
        if not folder.is_dir():
            return []
        return sorted(each.name for each in folder.iterdir() if VERSION.fullmatch(each.name))

    def current(self) -> str:
        """The version that is current; "" when none is."""
        try:
            return Path(os.readlink(Path(self.prefix) / CURRENT)).name
        except OSError:
            return ""


def make_layout(
    prefix: Path, user: str, group: str, *, others: Mapping[str, Path | None] | None = None
) -> Layout:
    """The layout below ``prefix``; ``others``: name of a field -> a path in place of it.

    Raises ConfigurationError for a path that a unit file could not name as it is.
    """
    root = Path(os.path.abspath(prefix))
    paths = {
        "configuration": root / "etc",
        "data": root / "var" / "lib",
        "cache": root / "var" / "cache",
        "backups": root / "var" / "backups",
        "units": root / "lib" / "systemd" / "system",
        "logrotate": root / "etc" / "logrotate.d",
    }
    for name, path in (others or {}).items():
        if path is not None:
            paths[name] = Path(os.path.abspath(path))
    for path in (root, *paths.values()):
        if not PATH.fullmatch(str(path)):
            raise ConfigurationError(
                f"{path}: a path of an installation has letters, digits and . _ + - only"
            )
    named = {name: str(path) for name, path in paths.items()}
    return Layout(prefix=str(root), user=user, group=group, **named)


def check_apart(layout: Layout) -> None:
    """Refuse directories inside one that uninstalling removes as a whole.

    Raises ConfigurationError.
    """
    for what, own in (("data", "data"), ("cache", "cache"), ("versions", "")):
        tree = Path(layout.prefix) / "versions" if not own else Path(getattr(layout, own))
        others = [name for name in layout.inside(tree) if name != own]
        if others:
            name = others[0]
            raise ConfigurationError(
                f"{name} directory {getattr(layout, name)} lies in {tree} ({what}), which "
                "`exchange uninstall` removes as a whole: name one that is apart from it"
            )


def write_record(layout: Layout) -> None:
    """Write ``install.json``, as a whole."""
    path = Path(layout.prefix) / RECORD
    temporary = path.with_name(f"{RECORD}.new")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(layout), indent=1) + b"\n")
    temporary.rename(path)


def read_record(prefix: Path) -> Layout:
    """The installation at ``prefix``.

    Raises DataDirectoryUnavailable where there is none, ConfigurationError for a copy of one.
    """
    path = Path(os.path.abspath(prefix)) / RECORD
    try:
        layout = msgspec.json.decode(path.read_bytes(), type=Layout)
    except OSError as error:
        raise DataDirectoryUnavailable(
            f"{prefix}: nothing was installed here: {RECORD}: {error.strerror}"
        ) from None
    except msgspec.DecodeError as error:
        raise DataDirectoryUnavailable(f"{path}: {error}") from None
    if os.path.realpath(layout.prefix) != os.path.realpath(prefix):
        raise ConfigurationError(
            f"{path} belongs to the installation at {layout.prefix}: name that one as --prefix, or "
            "remove this copy by hand"
        )
    return layout
