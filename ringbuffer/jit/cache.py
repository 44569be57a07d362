"""Where machine code is kept on disk: one file a function and signature, named by its key.

Who uses it: the decorators; numba asks before it compiles and tells after. A file is
``<directory>/<module>/<function>-<key>.code``: a pickle of what numba needs to use the function
again. The key (``cache_key.py``, the signature, and numba's own description of the processor) says
all that the code depends on, so a file is right for ever, in every checkout and process. There is
no index: files are written beside and renamed, so processes may compile at the same time.

Directories, in the order in which they are asked: the user's (``EXCHANGE_CACHE_DIR``, or
``exchange`` in the user's cache directory) and the one that a wheel carries, which is only read.

Decision PKG-6.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llvmlite import binding as llvm
from numba.core import compiler, serialize
from numba.core.caching import _Cache

from ringbuffer.jit.cache_key import function_key

SHIPPED = Path(__file__).resolve().parent / "shipped"
_KEPT_DAYS = 30  # a file that nobody has used for so long is removed by ``prune``
_DAY_S = 86_400.0
_PYTHON = f"{sys.version_info[0]}{sys.version_info[1]}"


def cache_directory() -> Path:
    """The user's directory of machine code; code with bounds checks has one of its own."""
    base = os.environ.get("EXCHANGE_CACHE_DIR")
    if base:
        root = Path(base)
    elif os.environ.get("XDG_CACHE_HOME"):
        root = Path(os.environ["XDG_CACHE_HOME"]) / "exchange"
    else:
        root = _home_directory() or _temporary_directory()
    return root / _kind()


def _home_directory() -> Path | None:
    """The directory in the user's home; None where there is no home, or one to write nothing in."""
    try:
        home = Path.home()
    except RuntimeError:  # no HOME, and no entry in the user database
        return None
    path = home / ".cache" / "exchange"
    # one that exists is used also when it is only read: it may be complete
    there = next((each for each in (path, *path.parents) if each.exists()), home)
    return path if there == path or os.access(there, os.W_OK) else None


def _temporary_directory() -> Path:
    """A directory of this user's alone for temporary files. What is read from it is run.

    Where somebody else has made a directory of that name, it is neither read nor written.
    """
    path = Path(tempfile.gettempdir()) / f"exchange-cache-{os.getuid()}"
    with contextlib.suppress(OSError):
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        private = stat.S_IMODE(found.st_mode) & 0o077 == 0
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and private:
            return path
    _tell(path, "is not a directory of this user's alone, so compiled code is not kept")
    return Path(os.devnull) / "exchange"


def _kind() -> str:
    checked = os.environ.get("NUMBA_BOUNDSCHECK", "0") not in ("", "0")
    return "code-boundscheck" if checked else "code"


class CodeCache(_Cache):  # type: ignore[misc]
    """The cache of one function, in the form that numba's dispatcher asks for.

    ``linked``: whether other compiled functions may contain this one; their compiler then needs
    its intermediate code, which is left out otherwise (it costs most of the time of loading).
    """

    def __init__(self, function: Any, options: dict[str, Any], linked: bool) -> None:
        self._function = function
        self._options = options
        self._linked = linked
        self._flushed = False
        self._key: str | None = None

    @property
    def cache_path(self) -> str:
        return str(cache_directory())

    def enable(self) -> None:
        """The cache is always on."""

    def disable(self) -> None:
        """The cache is always on."""

    def flush(self) -> None:
        """Read no more: the function is compiled anew (numba's ``recompile``)."""
        self._flushed = True

    def name(self, signature: Any, codegen: Any) -> str:
        """The file of ``signature``, relative to a directory."""
        if self._key is None:
            self._key = function_key(self._function, self._options | {"linked": self._linked})
        text = f"{self._key} {signature!r} {codegen.magic_tuple()!r} {_PYTHON}"
        key = hashlib.sha256(text.encode()).hexdigest()[:24]
        return f"{self._function.__module__}/{self._function.__name__}-{key}.code"

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """numba's CompileResult, or None when the code is in no directory."""
        target_context.refresh()
        name = self.name(signature, target_context.codegen())
        data = None if self._flushed else read(name)
        if data is None:
            return None
        return compiler.CompileResult._rebuild(target_context, *pickle.loads(data))

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep the code of a function that was compiled just now."""
        assert not result.library.has_dynamic_globals, self._function.__qualname__
        reduced = list(result._reduce())
        if not self._linked:
            library_name, kind, (code, _) = reduced[0]
            reduced[0] = (library_name, kind, (code, _empty_bitcode(result)))
        write(self.name(signature, result.codegen), serialize.dumps(tuple(reduced)))

    def read_object(self, signature: Any, codegen: Any) -> tuple[bytes, str] | None:
        """Machine code as an ELF object, and the name of the function in it; None if not kept."""
        data = read(self.name(signature, codegen))
        return None if data is None else pickle.loads(data)

    def write_object(self, signature: Any, codegen: Any, code: bytes, symbol: str) -> None:
        """Keep what ``read_object`` gives."""
        write(self.name(signature, codegen), pickle.dumps((code, symbol)))


def _empty_bitcode(result: Any) -> bytes:
    """Intermediate code that declares what the object defines, and contains nothing."""
    module = llvm.parse_assembly(
        "".join(
            f'declare void @"{each.name}"()\n'
            for each in result.library._final_module.functions
            if not each.is_declaration
        )
    )
    return bytes(module.as_bitcode())


def directories() -> Iterator[Path]:
    """Where machine code may lie, in the order in which it is looked for."""
    yield cache_directory()
    if SHIPPED.is_dir():
        yield SHIPPED / _kind()


def read(name: str) -> bytes | None:
    """The content of a file of the cache; None if it is nowhere."""
    for directory in directories():
        path = directory / name
        try:
            data = path.read_bytes()
        except OSError:
            continue
        with contextlib.suppress(OSError):  # a read-only directory is as good
            if time.time() - path.stat().st_mtime > _DAY_S:
                os.utime(path)
        return data
    return None


_told: set[Path] = set()


def _tell(directory: Path, what: str) -> None:
    """Say once what is wrong with ``directory``."""
    if directory not in _told:
        _told.add(directory)
        print(
            f"{directory} {what}: it is compiled again at every start; "
            "EXCHANGE_CACHE_DIR names another directory",
            file=sys.stderr,
        )


def write(name: str, data: bytes) -> None:
    """Put a file into the user's directory; says once why when that cannot be written."""
    path = cache_directory() / name
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if not path.is_relative_to(os.devnull):  # of which the reason has been told
            _tell(cache_directory(), f"cannot keep compiled code ({error.strerror})")


def touch(name: str) -> None:
    """Make the empty file ``name`` in the user's directory, as ``write`` does."""
    write(name, b"")


def prune(kept_days: int = _KEPT_DAYS) -> int:
    """Remove files that nobody has used for ``kept_days``; how many."""
    removed = 0
    limit = time.time() - kept_days * _DAY_S
    for path in cache_directory().glob("*/*.code*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < limit:
                path.unlink()
                removed += 1
    return removed
