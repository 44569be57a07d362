"""Folders of killed scripts are removed by the next one, those of living ones are not."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from exchange.core.region import region_name
from exchange.settings import ROOT
from ringbuffer.region import SHARED_MEMORY_DIRECTORY, Region, Section
from scripts.benchmarks.own_exchange import DATA, own_folder

SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from exchange.core.region import region_name
from ringbuffer.region import Region, Section
from scripts.benchmarks.own_exchange import DATA, own_folder
with own_folder("kept-", Path(sys.argv[1])) as folder:
    (folder / DATA).mkdir()
    region = Region.create(region_name((folder / DATA).resolve()), [Section("a", np.int64, 1)])
    print(folder, flush=True)
    sys.stdin.read()
    region.close()
    region.unlink()
"""


@contextmanager
def script(directory: Path) -> Iterator[tuple[subprocess.Popen[str], Path, Path]]:
    """A script with a folder of its own: the process, the folder, its shared memory."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        region = SHARED_MEMORY_DIRECTORY / region_name((folder / DATA).resolve())
        try:
            yield process, folder, region
        finally:
            process.kill()


def test_a_folder_lives_as_long_as_its_block(tmp_path: Path) -> None:
    with own_folder("kept-", tmp_path) as first, own_folder("kept-", tmp_path) as second:
        assert first != second and first.is_dir() and second.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_script_left_is_removed_by_the_next(tmp_path: Path) -> None:
    with script(tmp_path) as (living, its_folder, its_region):
        with script(tmp_path) as (killed, folder, region):
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            assert folder.is_dir() and region.exists()
            with own_folder("other-", tmp_path):
                assert folder.is_dir() and region.exists()
            with own_folder("kept-", tmp_path):
                assert not folder.exists() and not region.exists()
        assert its_folder.is_dir() and its_region.exists()
        assert living.poll() is None
        living.communicate("")
        assert living.returncode == 0
    assert list(tmp_path.iterdir()) == [] and not its_region.exists()


def test_a_region_of_somebody_who_lives_stays(tmp_path: Path) -> None:
    with script(tmp_path) as (killed, folder, region):
        killed.kill()
        killed.wait()
        Region.reclaim(region.name)
        with Region.create(region.name, [Section("a", np.int64, 1)]):
            with own_folder("kept-", tmp_path):
                assert not folder.exists()
            assert region.exists()
