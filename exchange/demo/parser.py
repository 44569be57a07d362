"""The arguments of ``exchange demo``.

Who uses it: the command line; it imports nothing of the demonstration.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

DATA_DIRECTORY = Path("data-demo")
# the connectors that need no address of somebody
CONNECTOR_NAMES = ("kafka", "rabbitmq", "redis", "grpc")


def add_demo(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the command ``demo``. ``command``: makes a parser, of its name and its help."""
    demo = command("demo", "Run a demonstration: an exchange with bots that trade; prints keys.")
    demo.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration with the demonstration's accounts (default: config/demo/exchange.toml)",
    )
    demo.add_argument(
        "--data-dir",
        type=Path,
        default=DATA_DIRECTORY,
        metavar="DIR",
        help=f"data directory (default: ./{DATA_DIRECTORY})",
    )
    demo.add_argument(
        "--with",
        dest="connectors",
        type=_connector_names,
        default=(),
        metavar="NAMES",
        help="connectors to enable with their defaults, with commas between them: "
        f"{', '.join(CONNECTOR_NAMES)}",
    )
    demo.add_argument("--seed", type=int, default=1, help="of the bots' decisions (default: 1)")


def _connector_names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in CONNECTOR_NAMES:
            allowed = ", ".join(CONNECTOR_NAMES)
            raise argparse.ArgumentTypeError(f"there is no connector {name!r}; allowed: {allowed}")
    return names
