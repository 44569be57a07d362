"""Checkpoints of both read models: what is loaded goes on as if nothing had been, or is refused."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exchange.errors import ArchiveCorrupt
from exchange.read_model import checkpoint
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.types import AccountModelCapacity
from exchange.read_model.checkpoint import (
    CheckpointWriter,
    Loaded,
    Model,
    list_checkpoints,
    load_newest,
    save,
)
from exchange.read_model.market.model import MarketModel
from ringbuffer.jit import JIT_DISABLED
from tests.model.comparison import Matcher
from tests.model.generators.orders import EPISODES, Generator
from tests.model.generators.streams import as_events

COMMANDS = 500 if JIT_DISABLED else 3_000


class Events:
    """An archive in memory."""

    def __init__(self, events: np.ndarray, first: int = 0) -> None:
        self.events = events
        self.first = first

    def view(self, first: int, count: int) -> np.ndarray:
        return self.events[first : first + count] if first >= self.first else self.events[:0]

    def oldest(self) -> int:
        return self.first


@pytest.fixture(scope="module")
def events() -> np.ndarray:
    matcher = Matcher(EPISODES[0].capacities)
    chunks = Generator(21, EPISODES[0]).chunks(COMMANDS)
    return as_events(b"".join(matcher.run(slots) for slots in chunks))


def make_models(orders: int = 5_000, trades_kept: int = 40, klines_kept: int = 50) -> list[Any]:
    capacity = AccountModelCapacity(
        accounts=64, sessions=64, instruments=64, positions=512, orders=orders, fills=600
    )
    return [
        MarketModel(64, trades_kept=trades_kept, klines_kept=klines_kept),
        AccountModel(capacity),
    ]


def models_at(events: np.ndarray, event: int) -> list[Any]:
    models = make_models()
    for model in models:
        model.apply(events[:event].copy())
    return models


def load(directory: Path, events: np.ndarray, released: int | None = None, **sizes: int) -> Loaded:
    count = len(events) if released is None else released
    return load_newest(directory, lambda: make_models(**sizes), count, Events(events))


def dumps(models: Any) -> list[dict[str, np.ndarray]]:
    return [{name: array.copy() for name, array in model.dump().items()} for model in models]


def equal(models: Any, others: Any) -> bool:
    # the account model's tables have a seed of its own in each
    return all(
        ours.keys() == theirs.keys()
        and all(np.array_equal(ours[name][4:], theirs[name][4:]) for name in ours)
        for ours, theirs in zip(dumps(models), dumps(others), strict=True)
    )


def test_what_is_loaded_goes_on_as_if_nothing_had_been(events: np.ndarray, tmp_path: Path) -> None:
    cut = len(events) // 2
    models = models_at(events, cut)
    path = save(tmp_path, models, Events(events))
    assert path is not None and path.stat().st_mode & 0o777 == 0o600
    loaded = load(tmp_path, events)
    assert (loaded.next_event, loaded.notes) == (cut, [])
    assert equal(loaded.models, models)
    for model in (*loaded.models, *models):
        model.apply(events[cut:].copy())
    assert equal(loaded.models, models)
    market, accounts = loaded.models
    assert market.instruments and accounts.accounts()
    assert accounts.orders(1) == models[1].orders(1)


def test_nothing_to_save_and_nothing_to_load(events: np.ndarray, tmp_path: Path) -> None:
    directory = tmp_path / "not" / "there"
    assert save(directory, make_models(), Events(events)) is None
    loaded = load(directory, events)
    assert (loaded.next_event, loaded.notes) == (0, [])
    models = models_at(events, 50)
    assert save(directory, models, Events(events)) is not None
    assert save(directory, models, Events(events)) is None  # it is there


def test_two_are_kept_and_what_was_begun_is_removed(events: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "00000000000000000007.checkpoint.123.new").write_bytes(b"begun")
    (tmp_path / f"{1 << 40:020d}.checkpoint").write_bytes(b"of another life")
    (tmp_path / "notes.txt").write_text("somebody else's")
    for event in (40, 80, 120):
        save(tmp_path, models_at(events, event), Events(events))
    assert [event for event, _ in list_checkpoints(tmp_path)] == [80, 120]
    assert len(list(tmp_path.iterdir())) == 3


def two_checkpoints(events: np.ndarray, directory: Path) -> Path:
    """Checkpoints at events 60 and 90; the file of the latter."""
    for event in (60, 90):
        path = save(directory, models_at(events, event), Events(events))
    assert path is not None
    return path


def test_without_the_archives_beginning_one_of_them_must_be_usable(
    events: np.ndarray, tmp_path: Path
) -> None:
    path = two_checkpoints(events, tmp_path)

    def load_of(first: int) -> int:
        return load_newest(tmp_path, make_models, len(events), Events(events, first)).next_event

    path.write_bytes(b"")
    assert load_of(59) == 60, "the event before it is all that it needs"
    with pytest.raises(ArchiveCorrupt, match="the archive begins with event 60"):
        load_of(60)


def damage(place: Callable[[int], int]) -> Callable[[bytearray], bytes]:
    def change(data: bytearray) -> bytes:
        data[place(len(data))] ^= 4
        return bytes(data)

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (damage(lambda size: 0), "no checkpoint"),
        (damage(lambda size: 8), "of version"),
        (damage(lambda size: 17), "checksum of its header"),
        (damage(lambda size: 200), "checksum of its header"),
        (damage(lambda size: 4096), "checksum of its contents"),
        (damage(lambda size: size - 1), "checksum of its contents"),
        (damage(lambda size: 15), "description's size"),
        (lambda data: bytes(data[:-8]), "file's size"),
        (lambda data: bytes(data) + bytes(8), "file's size"),
        (lambda data: bytes(data[:30]), "no checkpoint"),
        (lambda data: b"", "no checkpoint"),
    ],
)
def test_a_damaged_one_is_passed_over(
    events: np.ndarray, tmp_path: Path, change: Callable[[bytearray], bytes], why: str
) -> None:
    path = two_checkpoints(events, tmp_path)
    path.write_bytes(change(bytearray(path.read_bytes())))
    loaded = load(tmp_path, events)
    assert loaded.next_event == 60
    assert len(loaded.notes) == 1 and why in loaded.notes[0] and path.name in loaded.notes[0]
    assert equal(loaded.models, models_at(events, 60))


def test_a_renamed_one_is_passed_over(events: np.ndarray, tmp_path: Path) -> None:
    path = two_checkpoints(events, tmp_path)
    path.rename(checkpoint.checkpoint_path(tmp_path, 91))
    assert load(tmp_path, events).notes[0].endswith("it is of event 90")


def test_one_newer_than_what_is_released_is_passed_over(events: np.ndarray, tmp_path: Path) -> None:
    two_checkpoints(events, tmp_path)
    loaded = load(tmp_path, events, released=89)
    assert loaded.next_event == 60 and "newer than the 89 events" in loaded.notes[0]
    assert load(tmp_path, events, released=90).next_event == 90
    assert load(tmp_path, events, released=5).next_event == 0


def test_one_of_another_history_is_passed_over(events: np.ndarray, tmp_path: Path) -> None:
    two_checkpoints(events, tmp_path)
    changed = events.copy()
    changed["timestamp_ns"][89] += 1
    loaded = load(tmp_path, changed)
    assert loaded.next_event == 60 and "another history" in loaded.notes[0]
    cut_off = load_newest(tmp_path, make_models, len(events), Events(events[:60]))
    assert cut_off.next_event == 60 and "event 89 is not in the archive" in cut_off.notes[0]


@pytest.mark.parametrize("sizes", [{"orders": 6_000}, {"trades_kept": 41}, {"klines_kept": 90}])
def test_larger_models_go_on_from_it(
    events: np.ndarray, tmp_path: Path, sizes: dict[str, int]
) -> None:
    two_checkpoints(events, tmp_path)
    loaded = load(tmp_path, events, **sizes)
    assert (loaded.next_event, loaded.notes) == (90, [])
    whole = make_models(**sizes)
    for model in whole:
        model.apply(events.copy())
    for model in loaded.models:
        model.apply(events.copy())
    # what they tell, for a ring that had dropped something cannot have it back
    (market, accounts), (all_market, all_accounts) = loaded.models, whole
    for number in all_market.instruments:
        assert market.depth(number, 20) == all_market.depth(number, 20)
        assert market.ticker(number) == all_market.ticker(number)
        newest, candles = market.trades(number, 1_000), market.klines(number, "1m")
        assert newest == all_market.trades(number, 1_000)[: len(newest)]
        assert candles == all_market.klines(number, "1m")[-len(candles) :]
    for account in range(1, 16):
        assert accounts.account(account) == all_accounts.account(account)
        assert accounts.orders(account) == all_accounts.orders(account)


@pytest.mark.parametrize("sizes", [{"orders": 4_000}, {"trades_kept": 39}])
def test_one_of_another_configuration_is_passed_over(
    events: np.ndarray, tmp_path: Path, sizes: dict[str, int]
) -> None:
    two_checkpoints(events, tmp_path)
    loaded = load(tmp_path, events, **sizes)
    assert loaded.next_event == 0 and len(loaded.notes) == 2
    assert all("another configuration" in note for note in loaded.notes)


# --- the writer -----------------------------------------------------------------------------------


def wait_for_child(writer: CheckpointWriter) -> None:
    """Let the child come to its end; ``step`` then sees it without waiting."""
    os.waitid(os.P_PID, writer._child, os.WEXITED | os.WNOWAIT)
    writer.step()


def test_the_writer_writes_in_a_child_now_and_then(events: np.ndarray, tmp_path: Path) -> None:
    models = models_at(events, 10)
    said: list[str] = []
    writer = CheckpointWriter(tmp_path, models, Events(events), every_events=50, report=said.append)
    writer.step()
    assert writer._child == 0
    for end in (59, 60):
        for model in models:
            model.apply(events[:end].copy())
        writer.step()
        assert (writer._child != 0) == (end == 60)
    for model in models:  # the parent goes on meanwhile
        model.apply(events[:90].copy())
    wait_for_child(writer)
    assert writer._child == 0 and said == ["wrote checkpoint 00000000000000000060.checkpoint"]
    assert equal(load(tmp_path, events).models, models_at(events, 60))
    writer.save_now()
    assert said[1:] == ["wrote checkpoint 00000000000000000090.checkpoint"]
    writer.close()


def test_a_child_that_fails_says_why(events: np.ndarray, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    said: list[str] = []
    models = models_at(events, 10)
    writer = CheckpointWriter(
        blocked / "below", models, Events(events), every_events=5, report=said.append
    )
    for model in models:
        model.apply(events[:20].copy())
    writer.step()
    wait_for_child(writer)
    assert len(said) == 1 and "no checkpoint was written: FileExistsError" in said[0]
    writer.step()
    assert writer._child == 0, "tried again before its time"
    writer.save_now()
    assert len(said) == 2 and said[1].startswith("no checkpoint was written")


def test_a_child_killed_in_the_middle_leaves_the_older_one(
    events: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at every stage of the writing: before, between and after its system calls."""
    save(tmp_path, models_at(events, 60), Events(events))
    said: list[str] = []
    for number, where in enumerate(("_write", "sync_directory", "_remove_others", "_write_all")):
        models: list[Model] = models_at(events, 61)
        writer = CheckpointWriter(
            tmp_path, models, Events(events), every_events=1, report=said.append
        )
        for model in models:
            model.apply(events[: 70 + number].copy())  # type: ignore[attr-defined]
        real = getattr(checkpoint, where)

        def die(*arguments: Any, real: Any = real, where: str = where) -> None:
            if where != "_write_all":
                real(*arguments)
            else:
                real(arguments[0], arguments[1][:1000], arguments[2])
            os.kill(os.getpid(), signal.SIGKILL)

        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, where, die)
            writer.step()
            wait_for_child(writer)
        assert said.pop().startswith("no checkpoint was written: the writer ended with")
        loaded = load(tmp_path, events)
        # once it has its name it is whole
        wanted = {"_write": 60, "sync_directory": 71, "_remove_others": 72, "_write_all": 72}
        assert loaded.next_event == wanted[where] and loaded.notes == []
        assert equal(loaded.models, models_at(events, loaded.next_event))
    save(tmp_path, models_at(events, 90), Events(events))
    assert not list(tmp_path.glob("*.new"))


def test_closing_ends_the_child(
    events: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = models_at(events, 10)
    said: list[str] = []
    writer = CheckpointWriter(tmp_path, models, Events(events), every_events=1, report=said.append)
    for model in models:
        model.apply(events[:20].copy())

    def hang(*arguments: Any) -> None:
        signal.pause()

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_write", hang)
        writer.step()
    child = writer._child
    assert child
    writer.close()
    assert writer._child == 0 and said == []
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
