"""What the daemon checks of the machine and of the secrets before anything starts.

Who uses it: daemon.py. What is found here is said before a client could come to harm by it.
"""

from __future__ import annotations

import logging
from pathlib import Path

from exchange.errors import ConfigurationError
from exchange.retention.places import shipping_refusal
from exchange.runtime import descriptors
from exchange.runtime.process import check_platform
from exchange.settings import SHIPPED, Configuration, Settings
from exchange.settings.connectors import lacking

READABLE_BY_ALL = 0o004
CHANGED_BY_ALL = 0o002
log = logging.getLogger(__name__)


def check_system(settings: Settings) -> None:
    """Raises UnsupportedPlatform, and ConfigurationError when too few files may be open."""
    check_platform()
    descriptors.check(settings, descriptors.raise_limit())


def check_archive(configuration: Configuration, data_directory: Path) -> None:
    """Raises ConfigurationError when [archive] would ship into the data directory."""
    refusal = shipping_refusal(data_directory, configuration.settings.archive.directory)
    if refusal is not None:
        raise ConfigurationError(f"{configuration.file}: [archive]: directory: {refusal}")


def file_notes(configuration: Configuration) -> list[str]:
    """What an operator should know of the modes of the configuration files: a line each."""
    file = Path(configuration.file)
    if SHIPPED in file.parents:
        return []  # the demonstration's, whose passwords are published
    settings = configuration.settings
    sessions = file.parent / settings.exchange.sessions_file
    secret = {sessions: "the hashes of passwords"}
    if "@" in settings.store.dsn or "password=" in settings.store.dsn:
        secret[file] = "the password of the database"
    notes = []
    for path in sorted({file, sessions}):
        mode = path.stat().st_mode if path.exists() else 0
        if mode & CHANGED_BY_ALL:
            notes.append(f"{path}: every user of this machine may change it: `chmod 640 {path}`")
        elif path in secret and mode & READABLE_BY_ALL:
            notes.append(
                f"{path}: every user of this machine may read {secret[path]}: `chmod 640 {path}`"
            )
    return notes


def check_connectors(configuration: Configuration) -> None:
    """Raises ConfigurationError when an enabled connector lacks its packages."""
    for section, what in lacking(configuration.settings):
        raise ConfigurationError(f"{configuration.file}: [{section}]: {what}")


def check_secrets(configuration: Configuration, data_directory: Path) -> None:
    """Warn of files that others may read; raises KeysDamaged when no client could ever sign in."""
    settings = configuration.settings
    for note in file_notes(configuration):
        log.warning("%s", note)
    if not (settings.api.enabled or settings.grpc.enabled):
        return
    from exchange.access.keys import check_at_start  # cryptography: only where it is needed

    own = settings.api.master_key_file
    for note in check_at_start(data_directory, Path(own) if own else None):
        log.warning("%s", note)


def check_data_directory(configuration: Configuration, data_directory: Path) -> None:
    """What of the configuration does not fit here: raises what these raise."""
    check_archive(configuration, data_directory)
    check_connectors(configuration)
    check_secrets(configuration, data_directory)
