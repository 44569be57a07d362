"""Output that nobody waits for: streams, their lines, and what replaces standard output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.runtime.output import FileSink, LineWriter, QueuedStream, reader_gone
from exchange.settings import ROOT


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["one\n"], b"one\n"),
        (["o", "ne\ntw", "o"], b"one\ntwo"),
        (["a\nb\n\nc"], b"a\nb\n\nc"),
        (["\udce9"], b"?"),
        ([], b""),
    ],
)
def test_a_stream_hands_over_whole_lines(
    tmp_path: Path, written: list[str], expected: bytes
) -> None:
    sink = FileSink(tmp_path / "file")
    stream = QueuedStream(LineWriter(sink), 2)
    for text in written:
        stream.write(text)
    stream.flush()
    assert stream.writer.close()
    sink.close()
    assert (tmp_path / "file").read_bytes() == expected


def test_a_closed_writer_takes_nothing_more(tmp_path: Path) -> None:
    writer = LineWriter(FileSink(tmp_path / "file"))
    assert writer.close()
    assert not writer.put(b"late\n")
    assert writer.lost == 1


def test_a_file_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileSink(tmp_path / "no" / "file")


def test_whether_a_reader_is_gone() -> None:
    reader, writer = os.pipe()
    assert not reader_gone(writer)
    os.close(reader)
    assert reader_gone(writer)
    os.close(writer)


@pytest.mark.parametrize("closed", ["", "0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_shielded_process_prints_everything_that_can_be_read(closed: str) -> None:
    program = (
        "import sys, os; from exchange.runtime.output import shield; shield(); shield();"
        "print('out'); print('err', file=sys.stderr); os.fstat(0); os.fstat(1); os.fstat(2)"
    )
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout == ("" if "1>" in closed else "out\n")
    assert done.stderr == ("" if "2>" in closed else "err\n")
