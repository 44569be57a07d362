"""Real and invented LOBSTER days through the exchange: the book must be the file's, row by row.

The real ones are looked for in ``EXCHANGE_LOBSTER_DIR`` (default: ``../shared/data/lobster`` beside
the repository).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exchange.codes import CommandKind, EventKind
from exchange.read_model.market.model import MarketModel
from exchange.records import COMMAND
from scripts.lobster_replay import wire
from scripts.lobster_replay.compare import Comparison, compare, row_ends
from scripts.lobster_replay.day import Day, LobsterError, occupied, read_day
from scripts.lobster_replay.plan import Plan, Planner, tick_of
from tests.model.comparison import Matcher
from tests.model.generators.control import START_NS, InstrumentSpecification, funded_opening
from tests.model.generators.streams import as_events
from tests.model.naive.command import Capacities
from tests.system.lobster_synthetic import write_day

pytestmark = pytest.mark.needs_jit

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = Path(
    os.environ.get("EXCHANGE_LOBSTER_DIR", str(ROOT.parent / "shared" / "data" / "lobster"))
)
DAYS = sorted(FOLDER.glob("*.zip")) if FOLDER.is_dir() else []
needs_days = pytest.mark.skipif(
    not DAYS, reason=f"no LOBSTER days in {FOLDER} (set EXCHANGE_LOBSTER_DIR)"
)
FILLS_HIT_SHARE = 0.995
ROWS_BETWEEN_LOOKS = 5


def commands_of(plan: Plan) -> np.ndarray:
    """The plan's messages as COMMAND records, as order entry makes them."""
    messages = plan.messages
    slots = np.zeros(len(messages), COMMAND)
    price = np.array([message.price for message in messages])
    slots["timestamp_ns"] = START_NS
    slots["kind"] = np.where(price < 0, CommandKind.CANCEL, CommandKind.ENTER)
    slots["session"] = slots["instrument"] = 1
    slots["side"] = [message.side for message in messages]
    slots["price"] = np.maximum(price, 0)
    slots["quantity"] = [message.shares for message in messages]
    slots["time_in_force"] = [0 if message.is_immediate else 99_998 for message in messages]
    slots["display"], slots["capacity"], slots["cross_type"] = ord("Y"), ord("A"), ord("N")
    tokens = wire.padded([message.token.encode() for message in messages], 14)
    slots.view(np.uint8).reshape(-1, 64)[:, 24:38] = tokens.view(np.uint8).reshape(-1, 14)
    return slots


def through_the_matcher(day: Day, plan: Plan) -> Comparison:
    """The day through the matcher in process."""
    _, events = events_of_the_matcher(day, plan)
    return compare(day, plan, events[events["kind"] != EventKind.CHECKPOINT])


def events_of_the_matcher(day: Day, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Events of the opening (definitions, money, stock), and of the plan's messages."""
    tick = tick_of(day)
    highest = max(message.price for message in plan.messages) + tick
    instrument = InstrumentSpecification(
        1, tick, 1, 4, tick, highest // tick * tick, 1_000_000_000, 0, 0.0
    )
    orders = 1 << max(10, len(plan.messages).bit_length())
    matcher = Matcher(Capacities(8, 8, orders, orders))
    opening = as_events(matcher.run(funded_opening(instrument, START_NS)))
    return opening, as_events(matcher.run(commands_of(plan)))


def check_market_model(day: Day, opening: np.ndarray, events: np.ndarray, ends: np.ndarray) -> None:
    """The depth that clients are shown is the file's row, wherever one looks."""
    model = MarketModel(8)
    model.apply(opening)
    position = 0
    for row in range(0, day.rows, ROWS_BETWEEN_LOOKS):
        model.apply(events[position : ends[row]])
        position = max(position, int(ends[row]))
        asks, bids = occupied(day.book[row].tolist())
        depth = model.depth(1, day.levels)
        assert [level[:2] for level in depth.asks] == asks, f"row {row}"
        assert [level[:2] for level in depth.bids] == bids, f"row {row}"
    assert model.next_event - len(opening) == position > 0


@pytest.mark.parametrize(
    ("seed", "levels", "tick"), [(1, 1, 100), (2, 2, 100), (3, 5, 1), (4, 10, 100), (5, 50, 100)]
)
def test_invented_days(tmp_path: Path, seed: int, levels: int, tick: int) -> None:
    path = tmp_path / "day.zip"
    write_day(path, seed, 4_000, levels, tick)
    day = read_day(path)
    assert day.levels == levels
    plan = Planner(day).plan()
    assert plan.unexplained_rows == []
    judged = through_the_matcher(day, plan)
    assert judged.first_difference == ""
    assert judged.rows_equal == judged.rows == day.rows
    assert judged.fills > 100
    assert judged.fills_hit >= FILLS_HIT_SHARE * judged.fills


def test_a_wrong_row_is_told(tmp_path: Path) -> None:
    """One size of the book file changed: that row and no other is unequal."""
    path = tmp_path / "day.zip"
    write_day(path, 6, 1_000, 3)
    day = read_day(path)
    plan = Planner(day).plan()
    day.book[500, 1] += 1
    judged = through_the_matcher(day, plan)
    assert judged.rows_equal == judged.rows - 1
    assert judged.first_difference.startswith("row 500: ")
    # and when the planner sees it too, it does not bend the book to it silently
    bent = Planner(day).plan()
    assert 500 in bent.unexplained_rows
    assert through_the_matcher(day, bent).rows_equal < day.rows


def test_not_a_day(tmp_path: Path) -> None:
    path = tmp_path / "day.zip"
    path.write_bytes(b"nothing")
    with pytest.raises(LobsterError):
        read_day(path)


@needs_days
@pytest.mark.parametrize("path", DAYS, ids=lambda path: path.stem)
def test_real_days_in_process(path: Path) -> None:
    day = read_day(path)
    plan = Planner(day).plan()
    opening, events = events_of_the_matcher(day, plan)
    lasting = np.flatnonzero(events["kind"] != EventKind.CHECKPOINT)
    judged = compare(day, plan, events[lasting])
    print(judged)
    assert judged.first_difference == ""
    assert judged.rows_equal == day.rows
    assert plan.unexplained_rows == []
    assert judged.fills_hit >= FILLS_HIT_SHARE * judged.fills
    ends = np.append(0, lasting + 1)[row_ends(plan, events[lasting])]
    check_market_model(day, opening, events, ends)


def run_script(path: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "lobster"), str(path), "--json"],
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    result = json.loads(done.stdout)
    print(result)
    assert isinstance(result, dict)
    return result


def test_an_invented_day_through_the_port(tmp_path: Path) -> None:
    path = tmp_path / "day.zip"
    write_day(path, 7, 3_000, 4)
    result = run_script(path)
    assert result["rows_equal"] == result["session_rows_equal"] == result["rows"] == 3_000


@needs_days
@pytest.mark.parametrize("path", DAYS, ids=lambda path: path.stem)
def test_real_days_through_the_port(path: Path) -> None:
    result = run_script(path)
    assert result["rows_equal"] == result["session_rows_equal"] == result["rows"]
    assert float(str(result["fills_hit_share"])) >= FILLS_HIT_SHARE
