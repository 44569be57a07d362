"""Checkpoints of read models: a start goes on from one instead of reading every event ever.

Who uses it: the stages that follow events with read models, one directory each. A file holds all
models of the stage at one event::

    header, 64 bytes
        0 magic 8 bytes | 8 version u4 | 12 description bytes u4 | 16 next event i8 |
        24 payload words i8 | 32 payload checksum u8 (XXH64) | 40 header checksum u8 (XXH64 of
        header and description with this field 0) | 48 XXH64 of the last event's record u8 | 56 zero
    description: JSON, padded with spaces to 4096 bytes with the header: the models' layouts and,
        in order, model number, name and shape of each array
    payload: the arrays' int64 words in order, each array padded with zeros to 32 bytes

A file is written beside its name, synced, renamed, the directory synced: an interrupted write never
replaces a good one. Events are the truth and the archive has all of them: a checkpoint that is
damaged, newer than what is released, of other layouts or of another history is passed over with a
reason, and an older one or the archive's beginning is taken instead. A model that is larger than
the one that was written reads it: what a start has enlarged need not be read from its beginning,
which may have been pruned.

Decisions ENG-15 and RDM-4.
"""

from __future__ import annotations

import errno
import os
import signal
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np

from exchange.core.event_archive import EventArchive
from exchange.errors import ArchiveCorrupt
from exchange.runtime.process import die_with_parent
from journal import xxh64
from journal.segment import make_directory, pass_over, sync_directory

MAGIC = b"EXCHREAD"
VERSION = 1
SUFFIX = ".checkpoint"
KEPT = 2
_HEADER = struct.Struct("<8sIIqqQQQQ")
_CHECKSUM_OFFSET = 40
_PAGE_BYTES = 4096
_STEP_WORDS = 1 << 19  # 4 MiB
_DESCRIPTION_MAXIMUM = 1 << 20
CHILD_SECONDS_MAXIMUM = 900  # a child that takes longer is ended by its own alarm
# While the exchange runs the disk is the journal's: a child syncs and rests after every step.
PACE_BYTES_PER_S = 100 << 20


class Model(Protocol):
    """The part of a read model that checkpoints need."""

    @property
    def next_event(self) -> int: ...

    @property
    def layout_text(self) -> str:
        """The format and the sizes: ``name format=4 accounts=100 ...``, with numbers.

        Another model loads what this one dumps when none of its sizes is smaller.
        """

    def dump(self) -> dict[str, np.ndarray]:
        """All of it, as int64 arrays."""

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """Become what was dumped; ValueError when it does not fit."""


class Loaded(NamedTuple):
    """Models that a start goes on from; ``notes``: why newer checkpoints were passed over."""

    models: Sequence[Any]
    next_event: int
    notes: list[str]


class CheckpointInvalid(Exception):
    """A checkpoint cannot be used; the text says why."""


class _Description(msgspec.Struct):
    layouts: list[str]
    arrays: list[tuple[int, str, list[int]]]


def checkpoint_path(directory: Path, next_event: int) -> Path:
    """The file of the checkpoint that has every event below ``next_event``."""
    return directory / f"{next_event:020d}{SUFFIX}"


def list_checkpoints(directory: Path) -> list[tuple[int, Path]]:
    """(next event, file) of every checkpoint, oldest first; none when the directory is absent."""
    if not directory.is_dir():
        return []
    found = []
    for path in directory.iterdir():
        stem = path.name.removesuffix(SUFFIX)
        if path.name.endswith(SUFFIX) and len(stem) == 20 and stem.isascii() and stem.isdigit():
            found.append((int(stem), path))
        elif SUFFIX not in path.name:
            pass_over(str(path), "checkpoint")
    return sorted(found)


# --- writing --------------------------------------------------------------------------------------


def save(
    directory: Path,
    models: Sequence[Model],
    archive: EventArchive,
    *,
    pace_bytes_per_s: int | None = None,
) -> Path | None:
    """Write a checkpoint of ``models``, which stand at the same event; older ones are removed.

    None when there is nothing to keep yet, or this event's checkpoint is there. Raises OSError.
    """
    next_event = models[0].next_event
    assert all(model.next_event == next_event for model in models)
    path = checkpoint_path(directory, next_event)
    if next_event == 0 or path.exists():
        return None
    make_directory(directory)
    arrays = [
        (number, name, np.ascontiguousarray(array, np.int64))
        for number, model in enumerate(models)
        for name, array in model.dump().items()
    ]
    description = _Description(
        [model.layout_text for model in models],
        [(number, name, list(array.shape)) for number, name, array in arrays],
    )
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0):
            last_event = _event_checksum(archive, next_event - 1)
            _write(descriptor, description, arrays, next_event, last_event, pace_bytes_per_s)
            os.fsync(descriptor)
        os.rename(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(directory)
    _remove_others(directory, next_event)
    return path


def _event_checksum(archive: EventArchive, sequence: int) -> int:
    event = archive.view(sequence, 1)
    if len(event) == 0:
        raise OSError(errno.ENODATA, f"event {sequence} is not in the archive")
    return xxh64.unsigned(xxh64.xxh64(event.tobytes()))


def _write(
    descriptor: int,
    description: _Description,
    arrays: list[tuple[int, str, np.ndarray]],
    next_event: int,
    last_event: int,
    pace_bytes_per_s: int | None,
) -> None:
    text = msgspec.json.encode(description)
    text += b" " * (-(_HEADER.size + len(text)) % _PAGE_BYTES)
    offset = _HEADER.size + len(text)
    state, words = xxh64.new_state(), 0
    for _, _, array in arrays:
        flat = array.reshape(-1)
        for start in range(0, len(flat), _STEP_WORDS):
            step = flat[start : start + _STEP_WORDS]
            if len(step) % xxh64.STRIPE_WORDS or not step.flags.writeable:
                padded = np.zeros(len(step) + -len(step) % xxh64.STRIPE_WORDS, np.int64)
                padded[: len(step)] = step
                step = padded
            xxh64.update_stripes(state, step, 0, len(step))
            _write_all(descriptor, step.data.cast("B"), offset)
            offset += step.nbytes
            words += len(step)
            if pace_bytes_per_s is not None:
                os.fdatasync(descriptor)
                time.sleep(step.nbytes / pace_bytes_per_s)
    checksum = xxh64.unsigned(int(xxh64.digest(state)))

    def header(own_checksum: int) -> bytes:
        return _HEADER.pack(
            MAGIC, VERSION, len(text), next_event, words, checksum, own_checksum, last_event, 0
        )

    own = xxh64.unsigned(xxh64.xxh64(header(0) + text))
    _write_all(descriptor, memoryview(header(own) + text), 0)


def _write_all(descriptor: int, data: memoryview, offset: int) -> None:
    while len(data):
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written


def _remove_others(directory: Path, next_event: int) -> None:
    """Keep the checkpoint just written and the newest before it.

    One that claims to be newer is of no use: this directory's only writer has not been there.
    """
    found = [path for event, path in list_checkpoints(directory) if event < next_event]
    keep = {checkpoint_path(directory, next_event), *found[-(KEPT - 1) :]}
    for path in directory.iterdir():
        unfinished = path.name.endswith(".new") and SUFFIX in path.name
        if unfinished or (path.name.endswith(SUFFIX) and path not in keep):
            path.unlink(missing_ok=True)


# --- reading --------------------------------------------------------------------------------------


def load_newest(
    directory: Path,
    make_models: Callable[[], Sequence[Model]],
    released: int,
    archive: EventArchive,
) -> Loaded:
    """The models of the newest usable checkpoint, else new ones that stand at event 0.

    ``make_models`` makes empty models, in the order in which ``save`` got them; ``released``:
    events at or after it have not happened for certain. Raises ArchiveCorrupt when new models would
    need events that have left the archive.
    """
    notes = []
    for next_event, path in reversed(list_checkpoints(directory)):
        models = make_models()
        try:
            if next_event > released:
                raise CheckpointInvalid(
                    f"it is newer than the {released:,} events that are released"
                )
            _load(path, next_event, models, archive)
        except (CheckpointInvalid, OSError) as error:
            notes.append(f"checkpoint {path.name} is not used: {error}")
            continue
        return Loaded(models, next_event, notes)
    if archive.oldest() > 0:
        told = "".join(f"; {note}" for note in notes)
        raise ArchiveCorrupt(
            f"{directory}: no checkpoint can be used, and the archive begins with event "
            f"{archive.oldest():,}: put back the segments before it{told}"
        )
    return Loaded(make_models(), 0, notes)


def _load(path: Path, next_event: int, models: Sequence[Model], archive: EventArchive) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        description, offset, words, checksum, last_event = _read_header(
            descriptor, next_event, [model.layout_text for model in models]
        )
        if _event_checksum(archive, next_event - 1) != last_event:
            raise CheckpointInvalid("the archive tells another history")
        dumps, found = _read_arrays(descriptor, description, offset, words, len(models))
    finally:
        os.close(descriptor)
    if found != checksum:
        raise CheckpointInvalid("damaged: the checksum of its contents is wrong")
    for model, dump in zip(models, dumps, strict=True):
        try:
            model.load(dump)
        except (ValueError, KeyError) as error:
            raise CheckpointInvalid(f"it does not fit: {error}") from None
        if model.next_event != next_event:
            raise CheckpointInvalid(f"it is of event {model.next_event}")


def _read_header(
    descriptor: int, next_event: int, layouts: list[str]
) -> tuple[_Description, int, int, int, int]:
    """Description, where the payload begins, its words, its checksum, that of the last event."""
    block = os.pread(descriptor, _HEADER.size, 0)
    if len(block) < _HEADER.size or block[: len(MAGIC)] != MAGIC:
        raise CheckpointInvalid("it is no checkpoint")
    _, version, size, event, words, checksum, own, last_event, _ = _HEADER.unpack(block)
    if version != VERSION:
        raise CheckpointInvalid(f"it is of version {version}, this program reads {VERSION}")
    if size > _DESCRIPTION_MAXIMUM:
        raise CheckpointInvalid("damaged: the description's size")
    text = os.pread(descriptor, size, _HEADER.size)
    blank = block[:_CHECKSUM_OFFSET] + bytes(8) + block[_CHECKSUM_OFFSET + 8 :]
    if xxh64.unsigned(xxh64.xxh64(blank + text)) != own:
        raise CheckpointInvalid("damaged: the checksum of its header is wrong")
    if event != next_event:
        raise CheckpointInvalid(f"it is of event {event}")
    description = msgspec.json.decode(text, type=_Description)
    if not all(map(_has_room, layouts, description.layouts)):
        raise CheckpointInvalid(
            f"it was written with another configuration: {description.layouts}, now {layouts}"
        )
    offset = _HEADER.size + size
    if os.fstat(descriptor).st_size != offset + 8 * words:
        raise CheckpointInvalid("damaged: the file's size is wrong")
    return description, offset, words, checksum, last_event


_NO_SIZES = ("format", "track_dirty", "currencies")  # keys of a layout that must be equal


def _has_room(own: str, found: str) -> bool:
    """Whether a model of layout ``own`` can load what one of layout ``found`` has dumped."""
    (name, *own_sizes), (found_name, *found_sizes) = own.split(), found.split()
    ours = {key: int(value) for key, value in (each.split("=") for each in own_sizes)}
    its = {key: int(value) for key, value in (each.split("=") for each in found_sizes)}
    return (
        name == found_name
        and ours.keys() == its.keys()
        and all(ours[key] == its[key] if key in _NO_SIZES else ours[key] >= its[key] for key in its)
    )


def _read_arrays(
    descriptor: int, description: _Description, offset: int, words: int, models: int
) -> tuple[list[dict[str, np.ndarray]], int]:
    """The arrays of each model, and the checksum of what was read."""
    dumps: list[dict[str, np.ndarray]] = [{} for _ in range(models)]
    state = xxh64.new_state()
    for number, name, shape in description.arrays:
        size = int(np.prod(shape, dtype=np.int64))
        padded = np.zeros(size + -size % xxh64.STRIPE_WORDS, np.int64)
        view = padded.data.cast("B")
        done = 0
        while done < len(view):
            step = os.preadv(descriptor, [view[done : done + 8 * _STEP_WORDS]], offset + done)
            if step == 0:
                raise CheckpointInvalid("damaged: the file ends early")
            done += step
        xxh64.update_stripes(state, padded, 0, len(padded))
        offset += len(view)
        dumps[number][name] = padded[:size].reshape(shape)
    return dumps, xxh64.unsigned(int(xxh64.digest(state)))


# --- now and then ---------------------------------------------------------------------------------


class CheckpointWriter:
    """Writes checkpoints in a child process every ``every_events`` events.

    A fork sees the models as they are at that moment and costs the parent no more than its page
    tables; writing then takes the time it takes. ``step`` is to be called about once a second,
    between two batches of events; ``report`` gets a line for the log.
    """

    def __init__(
        self,
        directory: Path,
        models: Sequence[Model],
        archive: EventArchive,
        *,
        every_events: int,
        report: Callable[[str], None],
    ) -> None:
        self._directory = directory
        self._models = models
        self._archive = archive
        self._every_events = every_events
        self._report = report
        self._child = 0  # process id, 0: none
        self._messages = -1  # read end of the child's pipe
        self._last = models[0].next_event
        # compiled now: a child must not wait for a compiler that another thread had at the fork
        xxh64.update_stripes(xxh64.new_state(), np.zeros(xxh64.STRIPE_WORDS, np.int64), 0, 4)
        xxh64.xxh64(bytes(8))

    def step(self) -> None:
        """See what has become of the child; begin another checkpoint when it is time."""
        if self._child:
            self._reap(os.WNOHANG)
        if not self._child and self._models[0].next_event - self._last >= self._every_events:
            self._begin()

    def save_now(self) -> None:
        """Write a checkpoint in this process, at a graceful stop; a child is ended first."""
        self.close()
        try:
            path = save(self._directory, self._models, self._archive)
        except OSError as error:
            self._report(f"no checkpoint was written: {error}")
        else:
            if path is not None:
                self._report(f"wrote checkpoint {path.name}")

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            self._reap(0, quietly=True)

    def _begin(self) -> None:
        self._last = self._models[0].next_event
        parent = os.getpid()
        self._messages, writing = os.pipe2(os.O_CLOEXEC)
        self._child = os.fork()
        if self._child == 0:
            _child(parent, writing, self._directory, self._models, self._archive)
        os.close(writing)

    def _reap(self, options: int, *, quietly: bool = False) -> None:
        process, status = os.waitpid(self._child, options)
        if process == 0:
            return
        self._child = 0
        with os.fdopen(self._messages, "rb") as messages:
            text = messages.read().decode(errors="replace")
        self._messages = -1
        if os.waitstatus_to_exitcode(status) == 0:
            self._report(f"wrote checkpoint {text}")
        elif not quietly:
            self._report(f"no checkpoint was written: {text or f'the writer ended with {status}'}")


def _child(
    parent: int, writing: int, directory: Path, models: Sequence[Model], archive: EventArchive
) -> None:
    """The life of the forked process: never returns, and touches nothing of the parent's."""
    status = 1
    try:
        # its copies of sockets would keep clients' connections open after the parent closed them
        os.dup2(writing, 3, inheritable=False)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.alarm(CHILD_SECONDS_MAXIMUM)
        die_with_parent(parent)
        path = save(directory, models, archive, pace_bytes_per_s=PACE_BYTES_PER_S)
        os.write(3, (path.name if path is not None else "that is there already").encode())
        status = 0
    except BaseException as error:
        os.write(3, f"{type(error).__name__}: {error}".encode()[:4000])
    finally:
        os._exit(status)
