"""Logs: one JSON object a line, with the fields of the record."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import pytest

from exchange.core.stage_names import StageName
from exchange.runtime.logs import JsonLinesFormatter, configure


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, as it was before after the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    numba_level = logging.getLogger("numba").level
    root.handlers[:] = []
    yield root
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("numba").setLevel(numba_level)


def record(message: str, *arguments: object, level: int = logging.INFO) -> logging.LogRecord:
    made = logging.LogRecord("some.logger", level, __file__, 1, message, arguments, None)
    made.created, made.process = 1_795_000_000.25, 42
    return made


def test_a_record_is_one_object() -> None:
    made = record("%s ready", "api")
    line = JsonLinesFormatter(StageName.DAEMON).format(made)
    assert "\n" not in line
    assert orjson.loads(line) == {
        "time": "2026-11-18T11:06:40.250000Z",
        "level": "info",
        "stage": "daemon",
        "pid": 42,
        "logger": "some.logger",
        "message": "api ready",
    }


def test_fields_become_keys_whatever_they_are() -> None:
    made = record("x")
    made.fields = {"count": np.int64(3), "path": Path("/a"), "by_number": {1: "one"}}
    tree = orjson.loads(JsonLinesFormatter("api").format(made))
    assert (tree["count"], tree["path"], tree["by_number"]) == (3, "/a", {"1": "one"})


def test_an_exception_is_in_the_same_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        made = record("failed", level=logging.ERROR)
        made.exc_info = (ValueError, error, error.__traceback__)
    line = JsonLinesFormatter("api").format(made)
    assert "\n" not in line
    assert "ValueError: two\nlines" in orjson.loads(line)["exception"]


def test_configure_appends_to_the_file_and_honours_the_level(
    tmp_path: Path, root_logger: logging.Logger
) -> None:
    file = tmp_path / "exchange.log"
    file.write_text("before\n")
    configure("matcher", "warning", file)
    logging.getLogger("test").info("not this")
    logging.getLogger("test").warning("this")
    root_logger.handlers[0].flush()
    before, line = file.read_text().splitlines()
    assert before == "before"
    assert (orjson.loads(line)["message"], orjson.loads(line)["stage"]) == ("this", "matcher")
    assert len(root_logger.handlers) == 1


def test_the_second_configure_replaces_the_first(
    tmp_path: Path, root_logger: logging.Logger
) -> None:
    configure("a", "info", tmp_path / "first.log")
    configure("b", "info", tmp_path / "second.log")
    logging.getLogger("test").info("once")
    root_logger.handlers[0].flush()
    assert (tmp_path / "first.log").read_text() == ""
    assert len((tmp_path / "second.log").read_text().splitlines()) == 1
    assert len(root_logger.handlers) == 1
