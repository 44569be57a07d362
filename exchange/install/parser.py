"""The arguments of ``exchange install`` and ``exchange uninstall``; it imports nothing of them.

Who uses it: exchange/cli.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_OTHERS = {
    "configuration": ("--config-dir", "etc"),
    "data": ("--data-dir", "var/lib"),
    "cache": ("--cache-dir", "var/cache"),
    "backups": ("--backup-dir", "var/backups"),
    "units": ("--unit-dir", "lib/systemd/system"),
    "logrotate": ("--logrotate-dir", "etc/logrotate.d"),
}


def add_install(commands: Any) -> None:
    """Add the two commands to the subparsers ``commands``."""

    def command(name: str, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
        made.add_argument("--prefix", type=Path, required=True, metavar="DIR", help="where")
        return made

    install = command("install", "Lay out this version for production, and make it current.")
    install.add_argument(
        "--user", metavar="NAME", help="whom the exchange runs as (default: who runs this)"
    )
    what = install.add_mutually_exclusive_group()
    what.add_argument(
        "--wheel", type=Path, metavar="FILE", help="install this (default: a copy of what runs now)"
    )
    what.add_argument(
        "--use", metavar="VERSION", help="only make a version current that is there: roll back"
    )
    install.add_argument(
        "--wheels", type=Path, metavar="DIR", help="with --wheel: where its dependencies are"
    )
    for name, (option, default) in _OTHERS.items():
        install.add_argument(
            option,
            type=Path,
            dest=f"{name}_directory",
            metavar="DIR",
            help=f"default: PREFIX/{default}",
        )
    uninstall = command("uninstall", "Remove an installation; configuration and data stay.")
    uninstall.add_argument("--version", metavar="VERSION", help="only this one, not the current")
    uninstall.add_argument(
        "--purge", action="store_true", help="configuration, data and backups too: for ever"
    )


def other_directories(options: argparse.Namespace) -> dict[str, Path | None]:
    """Name of a field of the layout -> what was said of it."""
    return {name: getattr(options, f"{name}_directory") for name in _OTHERS}
