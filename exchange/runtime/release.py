"""Which release of the program this is, for ``--version`` and for what it leaves behind.

Who uses it: the command lines, backups.
"""

from __future__ import annotations

import importlib.metadata
import platform
import tomllib
from pathlib import Path

DISTRIBUTION = "open-exchange-core"
CHECKOUT = Path(__file__).resolve().parents[2]


def _release() -> str:
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        pass  # a checkout that was never installed
    try:
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
        return str(project["version"])
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return "unknown"


RELEASE = _release()


def version_text(program: str) -> str:
    """One line for people: program, release, Python and compiler."""
    numba = importlib.metadata.version("numba")
    return f"{program} {RELEASE} (Python {platform.python_version()}, numba {numba})"
