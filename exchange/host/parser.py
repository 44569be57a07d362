"""The arguments of ``exchange check``. It imports nothing of the checks: ``--help`` needs neither.

Who uses it: exchange/cli.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def add_check(commands: Any, data_directory: Path) -> None:
    """Add the command to the subparsers ``commands``."""
    text = "Show what of this machine fits an exchange, and what to do; changes nothing."
    check = commands.add_parser("check", help=text, description=text)
    check.add_argument(
        "--config",
        type=Path,
        default=None,
        metavar="FILE",
        help="whose exchange (default: that of the data directory's last start, or the defaults)",
    )
    check.add_argument(
        "--data-dir",
        type=Path,
        default=data_directory,
        metavar="DIR",
        help=f"where its data is, or will be (default: ./{data_directory})",
    )
    check.add_argument("--json", action="store_true", help="one JSON list")
