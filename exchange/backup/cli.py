"""``exchange backup``, ``restore``, ``prune``, ``recovery-plan``: files of a data directory.

Who uses it: exchange/cli.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from exchange.errors import ConfigurationError, ExitStatus
from exchange.runtime.arguments import days

if TYPE_CHECKING:
    from exchange.retention.rules import Rules
    from exchange.settings import Settings

MEBIBYTE = 1 << 20


def add_backup(commands: Any, data_directory: Path) -> None:
    """Add the four commands to the subparsers ``commands``."""

    def command(name: str, help_text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(
            name, help=help_text, description=help_text
        )
        made.add_argument(
            "--data-dir",
            type=Path,
            default=data_directory,
            metavar="DIR",
            help=f"data directory (default: ./{data_directory})",
        )
        return made

    backup = command("backup", "Copy the data directory, also while the exchange runs; verified.")
    where = backup.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "target", type=Path, nargs="?", metavar="DIR", help="a directory that is not there"
    )
    where.add_argument(
        "--into", type=Path, metavar="DIR", help="a new directory in DIR, named after the time"
    )
    backup.add_argument(
        "--keep",
        type=_count,
        metavar="N",
        help="with --into: then remove all but this and the newest N - 1 others there (default: "
        "none)",
    )
    restore = command("restore", "Put a backup into an empty data directory.")
    restore.add_argument("backup", type=Path, metavar="DIR", help="what `exchange backup` made")
    prune = command("prune", "Show what takes the disk, and remove what is old and not needed.")
    prune.add_argument("--yes", action="store_true", help="remove it; otherwise it is only shown")
    prune.add_argument(
        "--keep-days",
        type=days,
        metavar="DAYS",
        help="what is younger stays (default: as [retention] of the configuration says)",
    )
    prune.add_argument(
        "--archive",
        action="store_true",
        help="old archive segments too: read models and Postgres cannot be made anew without them",
    )
    prune.add_argument("--json", action="store_true", help="one JSON object")
    plan = command("recovery-plan", "Show what a start would do, without doing it; only reads.")
    for each in (prune, plan):
        each.add_argument(
            "--config",
            type=Path,
            metavar="FILE",
            help="configuration (default: that of the exchange's last start)",
        )
    plan.add_argument("--json", action="store_true", help="one JSON object")


def _count(word: str) -> int:
    """How many backups stay: the new one at least."""
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word}: at least 1, the new backup")
    return int(word)


def run(options: argparse.Namespace) -> int:
    """Run one of the four. Returns the exit status. Raises ExchangeError, JournalError, OSError."""
    handlers = {
        "backup": _backup,
        "restore": _restore,
        "prune": _prune,
        "recovery-plan": _recovery_plan,
    }
    return handlers[options.command](options)


def _backup(options: argparse.Namespace) -> int:
    from exchange.backup.series import new_directory, one_more, remove_older

    if options.into is None:
        if options.keep is not None:
            print("exchange backup: error: argument --keep: only with --into", file=sys.stderr)
            return ExitStatus.USAGE
        _make_backup(options.data_dir, options.target)
        return ExitStatus.OK
    with one_more(options.into) as unfinished:
        for path in unfinished:
            print(f"{path}: was not finished; removed")
        target = new_directory(options.into)
        _make_backup(options.data_dir, target)
        if options.keep is not None:
            for path in remove_older(options.into, options.keep, target):
                print(f"{path}: removed")
    return ExitStatus.OK


def _make_backup(data_dir: Path, target: Path) -> None:
    from exchange.backup.backup import make_backup

    made = make_backup(data_dir, target)
    size = sum(file.size_bytes for file in made.files)
    print(
        f"{target}: commands below {made.next_command:,}, events below "
        f"{made.next_event:,}, day {made.day}, {len(made.files)} files, {size:,} bytes; verified. "
        "The master key of the API is not in it: keep a copy elsewhere"
    )


def _restore(options: argparse.Namespace) -> int:
    from exchange.backup.restore import restore

    made = restore(options.backup, options.data_dir)
    was = f"; its configuration was {made.configuration}" if made.configuration else ""
    print(
        f"{options.data_dir}: as of {made.made}, commands below {made.next_command:,}, day "
        f"{made.day}{was}. Put master.key beside keys.json, then start it with `exchange run`"
    )
    return ExitStatus.OK


def _prune(options: argparse.Namespace) -> int:
    from exchange.backup.backup import check_source
    from exchange.retention.pruning import prunable, remove
    from exchange.runtime.disk_use import allocated_bytes, disk_use

    data_dir: Path = options.data_dir
    check_source(data_dir)
    found = prunable(data_dir, _rules(options))
    used = disk_use(data_dir)
    going = {path: allocated_bytes(path) for path in found.paths}
    if options.yes:
        remove(found)
    if options.json:
        answer = {
            "disk": used,
            "removed" if options.yes else "prunable": {str(p): size for p, size in going.items()},
            "kept": dict(found.kept),
        }
        print(json.dumps(answer))
        return ExitStatus.OK
    for name, size in used.items():
        freed = sum(bytes_ for path, bytes_ in going.items() if path.parent.name == name)
        what = "removed" if options.yes else "may go"
        line = f"{name:12} {size / MEBIBYTE:10,.1f} MiB"
        if name in found.kept:
            line += f", {freed / MEBIBYTE:,.1f} MiB {what}; stays: {found.kept[name]}"
        print(line)
    for path in going:
        print(f"{'removed' if options.yes else 'may go'}: {path}")
    if going and not options.yes:
        print("nothing was removed: `--yes` removes it")
    return ExitStatus.OK


def _rules(options: argparse.Namespace) -> Rules:
    """What a person lets go: by age, without ``--keep-days`` as old as the configuration says."""
    from exchange.retention.pruning import NANOSECONDS_A_DAY, by_age
    from exchange.retention.rules import Limit, Rules
    from exchange.settings import load_settings

    if options.keep_days is not None:
        keep_ns = int(options.keep_days * NANOSECONDS_A_DAY)
        return by_age(keep_ns, archive=options.archive)
    section = (_own_settings(options) or load_settings(None)).retention
    archive = Limit(section.archive_days * NANOSECONDS_A_DAY)
    return Rules(
        Limit(section.journal_days * NANOSECONDS_A_DAY), archive if options.archive else None
    )


def _own_settings(options: argparse.Namespace) -> Settings | None:
    """The settings of the exchange that was started here; None where that is not known."""
    from exchange.runtime.configured import configuration_in_use
    from exchange.settings import load_settings

    try:
        file = configuration_in_use(options.data_dir, options.config)
    except ConfigurationError:
        return None  # a backup that was restored
    return load_settings(file)


def _recovery_plan(options: argparse.Namespace) -> int:
    from exchange.recovery.plan import plan_lines, recovery_plan

    plan = recovery_plan(options.data_dir, _own_settings(options))
    if options.json:
        print(json.dumps(msgspec.to_builtins(plan)))
    else:
        print("\n".join(plan_lines(plan)))
    return plan.status
