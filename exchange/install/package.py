"""What is in a .deb: the same versions, units and configuration, in Debian's usual places.

Who uses it: ``scripts/package``, as a program, which then has nfpm pack what nfpm.yaml names::

    python -m exchange.install.package FOLDER

The environment is that of the Python that runs this, but uses Debian's of the same version.

Decision PKG-11.
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import Any

from exchange.install.environment import make_version, relocate
from exchange.install.install import configuration_files
from exchange.install.layout import CURRENT, PROGRAMS, Layout, make_layout
from exchange.install.units import unit_files
from exchange.settings import SHIPPED

NAME = "open-exchange-core"
USER = "exchange"
PREFIX = Path("/opt/exchange")
PLACES = {
    "configuration": Path("/etc/exchange"),
    "data": Path("/var/lib/exchange"),
    "cache": Path("/var/cache/exchange"),
    "backups": Path("/var/backups/exchange"),
    "units": Path("/lib/systemd/system"),
    "logrotate": Path("/etc/logrotate.d"),
}
SCRIPTS = {"postinstall": "postinst", "preremove": "prerm", "postremove": "postrm"}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
_SECRET = {"mode": 0o640}
_Entry = dict[str, Any]


def stage(folder: Path) -> Path:
    """Lay everything out in ``folder``, an empty directory; the file for nfpm."""
    layout = make_layout(PREFIX, USER, USER, others=PLACES)
    staged = make_layout(folder / "tree", USER, USER)
    number = make_version(staged, None, None)
    relocate(staged.version(number), layout.version(number), Path("/usr/bin") / PYTHON)
    description = {
        "name": NAME,
        "arch": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "platform": "linux",
        "version": number,
        "section": "net",
        "maintainer": "The authors of the open exchange core <nobody@localhost>",
        "description": "A stock exchange core: matcher, journal, order entry, REST, page.",
        "license": "Apache-2.0",
        "depends": [PYTHON, "passwd", "util-linux"],
        "deb": {"compression": "zstd"},
        "scripts": {name: str(SHIPPED / "debian" / file) for name, file in SCRIPTS.items()},
        "contents": _contents(folder, layout, staged, number),
    }
    path = folder / "nfpm.yaml"
    path.write_text(json.dumps(description, indent=1))  # JSON is YAML
    return path


def _contents(folder: Path, layout: Layout, staged: Layout, number: str) -> list[_Entry]:
    version = str(layout.version(number))
    found: list[_Entry] = [
        {"src": str(staged.version(number)), "dst": version, "type": "tree"},
        _link(PREFIX / CURRENT, f"versions/{number}"),
    ]
    for program in PROGRAMS:
        found.append(_link(PREFIX / "bin" / program, f"../{CURRENT}/bin/{program}"))
        found.append(_link(Path("/usr/bin") / program, f"{PREFIX}/bin/{program}"))
    files = unit_files(layout)
    configuration = configuration_files(layout)
    for name, text in (files | configuration).items():
        source = folder / "files" / name.lstrip("/")
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        entry: _Entry = {"src": str(source), "dst": name}
        if name.startswith("/etc/"):
            entry["type"] = "config|noreplace"
        if name in configuration:
            entry["file_info"] = _SECRET
        found.append(entry)
    return found


def _link(path: Path, target: str) -> _Entry:
    return {"src": target, "dst": str(path), "type": "symlink"}


def main(arguments: list[str]) -> int:
    """See the top of this file."""
    print(stage(Path(arguments[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
