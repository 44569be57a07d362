"""With which configuration the exchange of a data directory was started.

Who writes: the daemon at its start. Who reads: the commands that need the configuration of an
exchange and are not given one. Invariant: the shipped demonstration stands in for nobody's.
"""

from __future__ import annotations

import os
from pathlib import Path

from exchange.errors import ConfigurationError, DataDirectoryUnavailable
from exchange.settings import NOTHING, Configuration, load

CONFIGURATION_FILE = "configuration"
BEGUN = ("engine.json", "journal")  # what the first start makes


def remember_configuration(data_dir: Path, file: str) -> None:
    """Note the path of the configuration that an exchange starts with here.

    Raises DataDirectoryUnavailable.
    """
    path = Path(data_dir) / CONFIGURATION_FILE
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.write_bytes(os.fsencode(file) + b"\n")
        temporary.rename(path)
    except OSError as error:
        raise DataDirectoryUnavailable(f"{path}: {error.strerror}") from None


def configuration_in_use(data_dir: Path, given: Path | None) -> Path:
    """The configuration file of this exchange: ``given``, or that of its last start.

    Never the shipped one: that would be somebody else's. Raises ConfigurationError.
    """
    if given is not None:
        return given
    try:
        data = (Path(data_dir) / CONFIGURATION_FILE).read_bytes()
    except OSError:
        raise ConfigurationError(
            f"{data_dir} does not say with which configuration its exchange was started: "
            "say --config FILE"
        ) from None
    return Path(os.fsdecode(data.rstrip(b"\n")))


def has_begun(data_dir: Path) -> bool:
    """Whether an exchange has been started here before."""
    return any((Path(data_dir) / name).exists() for name in BEGUN)


def load_own(file: Path | None, data_dir: Path) -> Configuration:
    """The configuration that an exchange starts with; None: the demonstration's.

    Where it has begun, operators may have added what the files name; only the journal knows.
    Raises ConfigurationError.
    """
    return load(file, elsewhere=None if has_begun(data_dir) else NOTHING)
