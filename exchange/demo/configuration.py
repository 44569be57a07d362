"""The demonstration's configuration with connectors: a copy of its files with sections enabled.

Who uses it: ``exchange demo --with``. The copy lies in the data directory, so that a person can
look up, and change, what a connector was started with; it is made anew at each start.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from exchange.errors import ConfigurationError
from exchange.settings import FILE_KEYS, load_settings
from exchange.settings.toml_file import read_toml


def with_connectors(config: Path, connectors: Sequence[str], folder: Path) -> Path:
    """The configuration ``config`` with ``connectors`` enabled, written into ``folder``.

    A section that ``config`` has is left as it is: it must have ``enabled = true`` itself. Raises
    ConfigurationError.
    """
    settings = load_settings(config)
    text, tree = read_toml(config)
    for name in connectors:
        if name not in tree:
            text += f"\n[{name}]\nenabled = true\n"
        elif not getattr(settings, name).enabled:
            raise ConfigurationError(
                f"{config}: [{name}]: enabled: is false, and --with {name} was asked for"
            )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for key in FILE_KEYS:
        name = getattr(settings.exchange, key)
        source = config.parent / name
        if Path(name).is_absolute():
            continue
        if source.exists():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    made = folder / "exchange.toml"
    made.write_text(text, encoding="utf-8")
    return made
