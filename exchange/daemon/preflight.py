"""What the daemon checks of the machine and of the secrets before anything starts.

Who uses it: daemon.py. What is found here is said before a client could come to harm by it.
"""

from __future__ import annotations

import logging
from pathlib import Path

from exchange.runtime import descriptors
from exchange.runtime.process import check_platform
from exchange.settings import Settings

log = logging.getLogger(__name__)


def check_system(settings: Settings) -> None:
    """Raises UnsupportedPlatform, and ConfigurationError when too few files may be open."""
    check_platform()
    descriptors.check(settings, descriptors.raise_limit())


def check_secrets(settings: Settings, data_directory: Path) -> None:
    """Warn of files that others may read; raises KeysDamaged when no client could ever sign in."""
    if not settings.api.enabled:
        return
    from exchange.access.keys import check_at_start  # cryptography: only where it is needed

    own = settings.api.master_key_file
    for note in check_at_start(data_directory, Path(own) if own else None):
        log.warning("%s", note)
