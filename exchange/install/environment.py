"""A version in a virtual environment of its own: from a wheel, or a copy of what runs now.

Who uses it: ``install.py``. A copy has the packages of this program and, from the running
environment, every package that they need, with what Python has compiled of them; nothing is
downloaded. Files that another version here has too are hard links: one version more takes little.

Invariant: a folder under a version's name is whole; it is made under another name first.
"""

from __future__ import annotations

import compileall
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path

from exchange.errors import ConfigurationError
from exchange.install.layout import PROGRAMS, VERSION, Layout
from exchange.runtime.release import CHECKOUT, DISTRIBUTION, RELEASE
from exchange.settings import ROOT, SHIPPED

PACKAGES = ("ringbuffer", "journal", "exchange", "replay")
SHIPPED_IN_PACKAGE = Path("exchange", "settings", "shipped")
ENTRIES = {"exchange": "exchange.cli", "exchange-replay": "replay.cli"}
WHEEL = re.compile(r"open_exchange_core-([^-]+)-.*\.whl")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRAS = re.compile(r"\[([^\]]*)\]")
_WANTED_BY = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_SCRIPT = """#!{python}
import sys

from {module} import main

sys.exit(main())
"""


def version_of(wheel: Path | None) -> str:
    """The version that ``wheel`` has; None: that of the running program."""
    if wheel is None:
        return RELEASE
    found = WHEEL.fullmatch(wheel.name)
    if found is None or not VERSION.fullmatch(found[1]) or not wheel.is_file():
        raise ConfigurationError(f"{wheel}: no wheel of {DISTRIBUTION}")
    return found[1]


def make_version(layout: Layout, wheel: Path | None, wheels: Path | None) -> str:
    """Make the folder of a version, if it is not there; the version.

    ``wheels``: a folder with the wheels of what ``wheel`` needs; None: pip gets them as it is set
    up. Raises ConfigurationError.
    """
    number = version_of(wheel)
    target = layout.version(number)
    if target.is_dir():
        return number
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{number}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        if wheel is None:
            _copy_running(layout, temporary, target)
        else:
            _install(temporary, wheel, wheels)
            _write_scripts(temporary, target)
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return number


def site_packages(environment: Path) -> Path:
    """Where the packages of a virtual environment of this Python lie."""
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return environment / "lib" / python / "site-packages"


def _install(environment: Path, wheel: Path, wheels: Path | None) -> None:
    venv.create(environment, with_pip=True, symlinks=True)
    command = [str(environment / "bin" / "python"), "-m", "pip", "--quiet", "install"]
    if wheels is not None:
        command += ["--no-index", "--find-links", str(wheels)]
    done = subprocess.run([*command, str(wheel)], capture_output=True, text=True)
    if done.returncode != 0:
        raise ConfigurationError(f"{wheel} cannot be installed: {done.stderr.strip()}")


def _copy_running(layout: Layout, environment: Path, final: Path) -> None:
    venv.create(environment, with_pip=False, symlinks=True)
    packages = site_packages(environment)
    others = [site_packages(layout.version(each)) for each in layout.versions()]
    for source, relative in _files_of_program():
        _copy(source, packages, relative, others)
    for distribution in needed_distributions():
        for source, relative in _files_of(distribution):
            _copy(source, packages, relative, others)
    _write_metadata(packages)
    for package in PACKAGES:
        compileall.compile_dir(packages / package, quiet=1)
    _write_scripts(environment, final)


def _files_of_program() -> Iterator[tuple[Path, Path]]:
    """(file, its place in site-packages) of this program, from a checkout or an installation."""
    for package in PACKAGES:
        for source in sorted((ROOT / package).rglob("*")):
            if source.is_file() and "__pycache__" not in source.parts:
                yield source, source.relative_to(ROOT)
    if SHIPPED != ROOT / SHIPPED_IN_PACKAGE:
        for source in sorted(SHIPPED.rglob("*")):
            if source.is_file():
                yield source, SHIPPED_IN_PACKAGE / source.relative_to(SHIPPED)


def _files_of(distribution: importlib.metadata.Distribution) -> Iterator[tuple[Path, Path]]:
    """(file, its place in site-packages) of an installed package, without programs of its own."""
    for file in distribution.files or ():
        relative = Path(file)
        source = Path(str(distribution.locate_file(file)))
        if ".." in relative.parts or "__pycache__" in relative.parts or not source.is_file():
            continue
        yield source, relative
        if source.suffix == ".py":
            compiled = Path(importlib.util.cache_from_source(str(source)))
            if compiled.is_file():
                yield compiled, relative.parent / "__pycache__" / compiled.name


def own_requirements() -> list[str]:
    """What this program needs, as its metadata or, in a checkout, pyproject.toml says."""
    try:
        found = importlib.metadata.requires(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
        found = project["dependencies"]
    return [each for each in found or () if "extra ==" not in each]


def needed_distributions() -> list[importlib.metadata.Distribution]:
    """Every installed package that this program needs, and what these need, by name.

    Raises ConfigurationError when one of the program's own is missing.
    """
    found: dict[str, importlib.metadata.Distribution] = {}
    seen: set[str] = set()
    waiting = [(text, True) for text in own_requirements()]
    while waiting:
        text, own = waiting.pop()
        name = _requirement_name(text)
        extras = _EXTRAS.search(text.partition(";")[0])
        wanted = {each.strip() for each in extras[1].split(",")} if extras else set()
        key = f"{name}[{','.join(sorted(wanted))}]"
        if key in seen:
            continue
        seen.add(key)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if own:
                raise ConfigurationError(
                    f"{name} is not installed beside {DISTRIBUTION}: no copy would run"
                ) from None
            continue  # for another platform, or of an extra that nobody asked for
        found[name] = distribution
        for further in distribution.requires or ():
            extra = _WANTED_BY.search(further)
            if extra is None or extra[1] in wanted:
                waiting.append((further, False))
    return [found[name] for name in sorted(found)]


def _requirement_name(text: str) -> str:
    matched = _NAME.match(text)
    assert matched is not None, text
    return re.sub(r"[-_.]+", "-", matched[0]).lower()


def _copy(source: Path, packages: Path, relative: Path, others: list[Path]) -> None:
    target = packages / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    state = source.stat()
    for other in others:
        twin = other / relative
        try:
            found = twin.stat()
        except OSError:
            continue
        if (found.st_size, found.st_mtime_ns) == (state.st_size, state.st_mtime_ns):
            os.link(twin, target)
            return
    shutil.copy2(source, target)


def _write_metadata(packages: Path) -> None:
    """What pip would have written: the version is read from it, and `pip list` shows it."""
    folder = packages / f"open_exchange_core-{RELEASE}.dist-info"
    folder.mkdir(exist_ok=True)
    needs = "".join(f"Requires-Dist: {each}\n" for each in own_requirements())
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {RELEASE}\n{needs}"
    )
    (folder / "INSTALLER").write_text("exchange install\n")


def relocate(environment: Path, final: Path, python: Path) -> None:
    """Have ``environment`` be at ``final`` later, with ``python`` as its base."""
    _write_scripts(environment, final)
    for path in (environment / "bin").glob("python*"):
        path.unlink()
        path.symlink_to(python)
    (environment / "pyvenv.cfg").write_text(
        f"home = {python.parent}\ninclude-system-site-packages = false\nexecutable = {python}\n"
    )


def _write_scripts(environment: Path, final: Path) -> None:
    """The programs, for the folder's final name; whatever else names the other one, too."""
    for name in PROGRAMS:
        script = environment / "bin" / name
        python = final / "bin" / "python"
        script.write_text(_SCRIPT.format(python=python, module=ENTRIES[name]))
        script.chmod(0o755)
    for path in (*(environment / "bin").iterdir(), environment / "pyvenv.cfg"):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if str(environment).encode() in content:
            path.write_bytes(content.replace(str(environment).encode(), str(final).encode()))
