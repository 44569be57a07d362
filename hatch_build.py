"""Puts the chart library of the trading page in place: TradingView's lightweight-charts 4.1.3.

For a wheel it also compiles the protocol of gRPC (exchange/connect/grpc/generate.py).

Who uses it: hatchling, when the package is built or installed (``CustomBuildHook``; the build
environment has the wheel ``lightweight-charts``, see pyproject.toml); ``scripts/setup.bash``, which
builds nothing, as a program. Invariant: what is put in place is byte for byte the file that was
tested with the page, or nothing.

    hatch_build.py --check       exit status 0 if the file is in place
    hatch_build.py WHEEL         takes it out of the wheel

Decisions PAG-1, PKG-9 and CON-41.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

IN_WHEEL = "lightweight_charts/js/lightweight-charts.js"
COMPILED = "ringbuffer/jit/shipped"  # compiled code that the wheel carries (scripts/build)
PROTOCOL = "exchange/connect/grpc/generate.py"
IN_PACKAGE = "exchange/web/static/vendor/lightweight-charts.js"
SHA256 = "a7d4221516c7ea0bb0cc17d605df8848c1c748517a2ca43c2ce1a95ddb159006"

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a program, outside of a build
    BuildHookInterface = object


def in_place(root: Path) -> bool:
    """Whether the file is there, and the right one."""
    path = root / IN_PACKAGE
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256


def put(root: Path, content: bytes) -> None:
    """Write the file. Raises ValueError if it is another one than was tested."""
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise ValueError(f"{IN_WHEEL}: SHA-256 is {found}, not {SHA256}")
    path = root / IN_PACKAGE
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_bytes(content)
    temporary.replace(path)


def from_environment() -> bytes:
    """The file from the package in the environment that builds; nothing of it is run."""
    package = importlib.util.find_spec("lightweight_charts")
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError("the build environment has no package lightweight-charts")
    return (Path(package.submodule_search_locations[0]).parent / IN_WHEEL).read_bytes()


def compile_protocol(root: Path) -> None:
    """Compile the protocol of gRPC; the file that does it is loaded by its path."""
    spec = importlib.util.spec_from_file_location("generate", root / PROTOCOL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not module.is_current():
        module.generate()


def compiled_tag() -> str:
    """The tag of a wheel that carries code compiled by this Python on this machine."""
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    return f"{python}-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc]
    """Called by hatchling before a wheel (also an editable one) is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put the file where the wheel, or the checkout, has its static files.

        A wheel with compiled code in it is for one Python version and one kind of machine.
        """
        if not in_place(Path(self.root)):
            put(Path(self.root), from_environment())
        compile_protocol(Path(self.root))
        if (Path(self.root) / COMPILED).is_dir():
            build_data["pure_python"] = False
            build_data["tag"] = compiled_tag()


def main(arguments: list[str]) -> int:
    """See the top of this file."""
    root = Path(__file__).resolve().parent
    if arguments == ["--check"]:
        return 0 if in_place(root) else 1
    with zipfile.ZipFile(arguments[0]) as wheel:
        put(root, wheel.read(IN_WHEEL))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
