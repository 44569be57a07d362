"""The check finds what is missing, there twice, changed, or out of order."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from memory_kafka import MemoryKafka, trading_events
from store_world import write_archive

from exchange.connect.checking import CheckedWorld, CheckResult
from exchange.connect.directory import Directory
from exchange.connect.kafka.checking import check_topics
from exchange.connect.kafka.sink import KafkaSink
from exchange.connect.sink import Batch, SinkAway
from exchange.recovery.archive_check import open_archive
from exchange.runtime.data_directory import archive_directory
from exchange.settings import load_settings

SETTINGS = load_settings(None)
TRADES = SETTINGS.kafka.trades_topic


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MemoryKafka:
    """A broker with all trades of the archive in ``tmp_path``."""
    broker = MemoryKafka()
    broker.replace(monkeypatch)
    events = trading_events()
    write_archive(tmp_path, events)
    archive = open_archive(archive_directory(tmp_path))
    sink = KafkaSink(SETTINGS.kafka, Directory(), archive, lambda: len(events))
    sink.open()
    sink.begin(0)
    content, records = sink.encode(events)
    sink.write(Batch(0, len(events), content, records))
    return broker


def check(directory: Path) -> CheckResult:
    return check_topics(CheckedWorld(directory, SETTINGS))


def test_all_is_well(kafka: MemoryKafka, tmp_path: Path) -> None:
    assert check(tmp_path) == CheckResult(20, [], [])


def test_one_is_missing(kafka: MemoryKafka, tmp_path: Path) -> None:
    partition = next(part for part in kafka.topics[TRADES] if any(part))
    taken = partition.pop(2)
    assert taken is not None
    sequence = int(dict(taken.headers())["sequence"])
    (found,) = check(tmp_path).differences
    assert found == f"{TRADES}: event {sequence} ({taken.key().decode()}) is missing"


def test_one_is_there_twice_and_out_of_order(kafka: MemoryKafka, tmp_path: Path) -> None:
    partition = next(part for part in kafka.topics[TRADES] if any(part))
    again = partition[3]
    partition.append(again)
    order, twice = check(tmp_path).differences
    assert "follows event" in order
    assert "is there more than once" in twice


def test_one_was_changed(kafka: MemoryKafka, tmp_path: Path) -> None:
    partition = next(part for part in kafka.topics[TRADES] if any(part))
    assert partition[4] is not None
    partition[4] = partition[4]._replace(value_bytes=b"{}")
    (found,) = check(tmp_path).differences
    assert "the record there is not {" in found


def test_one_is_not_of_the_archive(kafka: MemoryKafka, tmp_path: Path) -> None:
    kafka.put(TRADES, "ZZZZZ", "{}", {"sequence": "3"})
    kafka.put(TRADES, "YYYYY", "{}")
    found = check(tmp_path).differences
    assert "without a sequence" in found[0]
    assert "event 3 has no record in the archive" in found[1]


def test_what_has_left_the_topic_is_not_compared(kafka: MemoryKafka, tmp_path: Path) -> None:
    number = next(i for i, part in enumerate(kafka.topics[TRADES]) if any(part))
    kafka.first_kept[TRADES, number] = 4
    result = check(tmp_path)
    assert result.records == 16 and result.differences == []
    assert result.notes == [f"{TRADES}: old records have left the topic and are not compared"]


def test_nobody_answers(kafka: MemoryKafka, tmp_path: Path) -> None:
    kafka.away = True
    with pytest.raises(SinkAway):
        check(tmp_path)


def test_what_is_not_written_yet_is_told(kafka: MemoryKafka, tmp_path: Path) -> None:
    position = f"{TRADES}.position"
    newest = kafka.records(position)[-1]
    said = msgspec.json.decode(newest.value())
    said["next_event"][TRADES] -= 2
    kafka.put(position, newest.key(), msgspec.json.encode(said))
    for partition in kafka.topics[TRADES]:
        partition[:] = [e for e in partition if e is None or not e.value().count(b'"quantity":29')]
    # what the records themselves say counts too: one of the two is there
    result = check(tmp_path)
    assert result.notes == [f"{TRADES}: 1 events are not written yet"]
    assert result.records == 19
