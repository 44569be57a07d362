"""What a newer release wrote is refused with what to do, not applied as if it were nothing."""

from __future__ import annotations

import random
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from exchange.codes import FLAG_LONG, CommandKind
from exchange.errors import ArchiveCorrupt, ExitStatus, StageFailed, WrittenByNewer
from exchange.recovery.newer import LAST_KIND, explained, refuse_unknown, unknown_command
from exchange.recovery.plan import plan_lines, recovery_plan
from exchange.recovery.rebuild import rebuild
from exchange.runtime.releases import remember_release
from journal.layout import HEADER_BYTES, VERSION, unpack_header
from journal.xxh64 import xxh64
from tests.harness.sample_journal import OPEN_NS, make, slot, write_journal

SEED = 20_261_130


def slots(*commands: tuple[int, bool]) -> tuple[np.ndarray, np.ndarray]:
    """Kinds and flags of (kind, long) commands; second slots hold what looks worst."""
    kinds, flags = [], []
    for kind, long in commands:
        kinds.append(kind)
        flags.append(FLAG_LONG if long else 0)
        if long:
            kinds.append(255)
            flags.append(255)
    return np.array(kinds, np.uint8), np.array(flags, np.uint8)


def test_second_slots_are_no_commands() -> None:
    assert unknown_command(*slots((1, True), (1, True), (2, False), (3, True))) == -1
    assert unknown_command(*slots((1, True), (LAST_KIND + 1, False))) == 2
    assert unknown_command(*slots((LAST_KIND + 1, True), (1, False))) == 0


def test_any_mixture_is_read_as_a_walk_reads_it() -> None:
    generator = random.Random(SEED)
    for _ in range(300):
        kinds, flags = [], []
        expected = -1
        for _ in range(generator.randrange(1, 40)):
            kind = generator.choice([1, 2, LAST_KIND, LAST_KIND + 1])
            long = generator.random() < 0.6
            if kind > LAST_KIND and expected < 0:
                expected = len(kinds)
            kinds.append(kind)
            flags.append(FLAG_LONG if long else 0)
            if long:
                kinds.append(generator.randrange(256))
                flags.append(generator.randrange(256))
        found = unknown_command(np.array(kinds, np.uint8), np.array(flags, np.uint8))
        assert found == expected, (SEED, kinds, flags)


def test_the_refusal_names_command_and_way_out() -> None:
    with pytest.raises(
        WrittenByNewer, match=r"command 102 .* kind 251, .*restore a backup"
    ) as error:
        refuse_unknown(100, *slots((CommandKind.ENTER, True), (251, False)))
    assert error.value.status == ExitStatus.JOURNAL_CORRUPT


def test_an_error_is_explained_where_a_newer_release_ran(tmp_path: Path) -> None:
    damage = ArchiveCorrupt("event 7 differs")
    assert explained(tmp_path, damage) is damage
    remember_release(tmp_path, "99.1.0")
    found = explained(tmp_path, damage)
    assert isinstance(found, WrittenByNewer)
    assert str(found).startswith("event 7 differs. Exchange 99.1.0 has run here, and this is ")
    other = StageFailed("late")
    assert explained(tmp_path, other) is other, "it has nothing to do with the files"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("original") / "data"
    make(data_dir, seed=3, count=300)
    return data_dir


@pytest.fixture
def data_dir(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "data"))


@pytest.mark.needs_jit
def test_a_journal_with_a_command_of_tomorrow_is_refused(data_dir: Path) -> None:
    end = rebuild(data_dir).next_command
    write_journal(data_dir, [slot(LAST_KIND + 1, OPEN_NS + 10**15)])
    with pytest.raises(WrittenByNewer, match=f"command {end} of the journal is of kind"):
        rebuild(data_dir, repair=True, write_archive=True)


@pytest.mark.needs_jit
def test_a_segment_of_another_version_is_refused(data_dir: Path) -> None:
    oldest = min((data_dir / "journal").glob("*.wal"))
    content = bytearray(oldest.read_bytes())
    struct.pack_into("<q", content, 8, VERSION + 1)
    struct.pack_into(
        "<q", content, HEADER_BYTES - 8, int(xxh64(bytes(content[: HEADER_BYTES - 8])))
    )
    assert unpack_header(bytes(content[:HEADER_BYTES]))[1], "its checksum is right"
    oldest.write_bytes(content)
    remember_release(data_dir, "99.0.0")
    plan = recovery_plan(data_dir)
    assert plan.status == ExitStatus.JOURNAL_CORRUPT
    shown = "\n".join(plan_lines(plan))
    assert f"version {VERSION + 1}, this program reads {VERSION}: a newer release wrote it" in shown
    assert "Exchange 99.0.0 has run here" in shown
    assert "would follow one of exchange 99.0.0" in shown
