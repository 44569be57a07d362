"""Compiles the protocol: ``python -m exchange.connect.grpc.generate``.

Who uses it: ``scripts/setup.bash`` and the tests, in a checkout; ``hatch_build.py``, which loads
this file by its path when a wheel is built. It needs the package grpcio-tools, and imports nothing
of the exchange. Of each proto file it makes a file of descriptors (``NAME.binpb``), of which
``messages.py`` makes the classes. Invariant: such a file is replaced at once or not at all.

Decision CON-41.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

PROTO = Path(__file__).resolve().parent / "proto"
NAMES = ("exchange_v1", "match_callback_v1")


def is_current(folder: Path = PROTO) -> bool:
    """Whether every proto file has been compiled since it was changed."""
    for name in NAMES:
        made, source = folder / f"{name}.binpb", folder / f"{name}.proto"
        if not made.is_file() or made.stat().st_mtime_ns < source.stat().st_mtime_ns:
            return False
    return True


def generate(folder: Path = PROTO) -> None:
    """Compile. Raises RuntimeError with what the compiler says, or that there is none."""
    if importlib.util.find_spec("grpc_tools") is None:
        raise RuntimeError("grpcio-tools is not installed: it compiles the protocol of gRPC")
    with tempfile.TemporaryDirectory(dir=folder) as made:
        for name in NAMES:
            target = Path(made) / f"{name}.binpb"
            command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={folder}"]
            command += [f"--descriptor_set_out={target}", f"{name}.proto"]
            # a process of its own: the compiler's library stays out of this one
            finished = subprocess.run(command, capture_output=True, text=True, check=False)
            if finished.returncode != 0:
                raise RuntimeError(f"protoc: {finished.stderr.strip()}")
            target.replace(folder / target.name)


def main() -> int:
    """Compile what is not current. Returns the exit status."""
    if not is_current():
        try:
            generate()
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
