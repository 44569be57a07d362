"""Lint, types, and the tests of what was edited as plain Python: ``scripts/test --quick [PATH]``.

Without a PATH: the files that differ from the last commit, or, where none does, those of the last
commit. The tests of a module are those that mirror it (``journal/commit.py``:
``tests/unit/journal/test_commit.py``), or the folder of its package where none does. Nothing is
compiled; what needs the JIT is left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("ringbuffer", "journal", "exchange", "replay")


def changed_files() -> list[str]:
    """Paths, relative to the repository, of the files that are being edited."""

    def git(*arguments: str) -> list[str]:
        return subprocess.run(
            ("git", *arguments), cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.splitlines()

    edited = git("diff", "--name-only", "HEAD")
    edited += git("ls-files", "--others", "--exclude-standard")
    return edited or git("diff", "--name-only", "HEAD~1", "HEAD")


def tests_of(path: str) -> str:
    """The test file or folder for ``path``; "" where there is none."""
    file = Path(path)
    if file.parts[0] == "tests":
        is_test = file.name.startswith("test_") or (ROOT / file).is_dir()
        return path if is_test and (ROOT / path).exists() else ""
    if file.parts[0] not in PRODUCT:
        return ""
    if (ROOT / file).is_dir():
        folder = Path("tests/unit") / file
    else:
        mirrored = Path("tests/unit") / file.parent / f"test_{file.stem.lstrip('_')}.py"
        if (ROOT / mirrored).exists():
            return str(mirrored)
        folder = Path("tests/unit") / file.parent
    while not (ROOT / folder).is_dir():
        folder = folder.parent
    return str(folder) if folder != Path("tests/unit") else ""


def tests_for(paths: Iterable[str]) -> list[str]:
    """The tests for all of ``paths``; none is named twice."""
    found = {tests_of(path.rstrip("/")) for path in paths} - {""}
    return sorted(
        path for path in found if not any(path.startswith(f"{other}/") for other in found)
    )


def main(arguments: Sequence[str]) -> int:
    """Run all three; the exit status is 1 if one failed."""
    python = sys.executable
    paths = list(arguments) or changed_files()
    tests = tests_for(paths)
    types = subprocess.Popen((python, "-m", "mypy"), cwd=ROOT)
    commands: list[tuple[str, ...]] = [
        (python, "-m", "ruff", "check", "."),
        (python, "-m", "ruff", "format", "--check", "."),
    ]
    if tests:
        print(f"tests: {' '.join(tests)}", file=sys.stderr)
        commands.append((python, "-m", "pytest", "-q", "-m", "not needs_jit", *tests))
    else:
        print("no tests for these files", file=sys.stderr)
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    nothing_collected = 5  # pytest: every test of these files needs the JIT
    failed = False
    for command in commands:
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        if status == nothing_collected and "pytest" in command:
            print("all tests of these files need the JIT: scripts/test PATH", file=sys.stderr)
        else:
            failed |= status != 0
    failed |= types.wait() != 0
    print("failed" if failed else "passed", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
