"""Which function runs as which stage, and that a stage imports no more than it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from exchange.core.stage_names import FEED_STAGES, StageName
from exchange.stages import agents, api, connect, feed, snapshotter, store
from exchange.stages.main import body_of


@pytest.mark.parametrize(
    ("role", "body"),
    [
        (StageName.MATCHER, agents.run),
        (StageName.JOURNALER, agents.run),
        (StageName.ORDER_ENTRY, agents.run),
        (StageName.API, api.run),
        (StageName.STORE, store.run),
        (StageName.SNAPSHOTTER, snapshotter.run),
        *((role, feed.run) for role in FEED_STAGES),
        (StageName.CONNECT_KAFKA, connect.run),
        (StageName.CONNECT_RABBITMQ, connect.run),
        (StageName.CONNECT_REDIS, connect.run),
        (StageName.CONNECT_CALLBACK, connect.run),
    ],
)
def test_every_stage_has_a_body(role: StageName, body: object) -> None:
    assert body_of(role) is body


def imported(program: str) -> set[str]:
    """The modules of the exchange that ``program`` imports, in a process of its own."""
    program += (
        "\nimport sys; print(*(name for name in sys.modules if name.startswith('exchange.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_a_stage_imports_no_more_than_its_body_needs() -> None:
    modules = imported("import exchange.stages.main")
    assert "exchange.runtime.spec" in modules
    assert not {name for name in modules if name.startswith(("exchange.engine", "exchange.api"))}


def test_the_store_needs_neither_matcher_nor_web_server() -> None:
    modules = imported(
        "from exchange.core.stage_names import StageName\n"
        "from exchange.stages.main import body_of; body_of(StageName.STORE)"
    )
    assert "exchange.store.publisher" in modules
    assert "exchange.engine.sequencer" not in modules
    assert not {name for name in modules if name.startswith(("exchange.api", "exchange.gateway"))}


def test_the_daemon_starts_without_the_compilers_packages() -> None:
    """Its imports come before the stages are started, so they delay every start."""
    program = "import exchange.daemon.daemon\nimport sys; assert 'numba' not in sys.modules"
    assert "exchange.daemon.restart_policy" in imported(program)


def test_the_command_line_starts_without_them_too() -> None:
    program = "from exchange.cli import build_parser\nbuild_parser()\n"
    assert "exchange.admin.names" in imported(
        program + "import sys; assert not {'numba', 'numpy'} & set(sys.modules)"
    )


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="'feed_9' is not a valid StageName"):
        StageName("feed_9")
