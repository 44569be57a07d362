"""Which stages run beside the core, and what happens when one dies: policy, without processes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchange.daemon import restart_policy as module
from exchange.daemon.restart_policy import RestartPolicy, RestartWindow, StageError, roles_of
from exchange.errors import ExitStatus, RestartLimitReached, StageFailed
from exchange.settings import Settings, load_settings


def settings(**sections: dict[str, Any]) -> Settings:
    """The shipped settings with other values."""
    shipped = load_settings(None)
    return msgspec.structs.replace(
        shipped,
        **{
            name: msgspec.structs.replace(getattr(shipped, name), **keys)
            for name, keys in sections.items()
        },
    )


class FakeStage:
    def __init__(self, clock: Clock) -> None:
        self.pid = 1
        self.ready: object | None = None
        self.status: int | None = None
        self.last_message_s = clock.now_s

    def exit_status(self) -> int | None:
        return self.status

    def kill(self) -> None:
        self.status = -9


class Clock:
    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


class FakeChildProcesses:
    """What the policy uses of exchange.daemon.child_processes.ChildProcesses."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.stages: dict[str, FakeStage] = {}
        self.launched: list[str] = []
        self.specs_sent: list[str] = []
        self.importing = False  # the fork server does
        self.refusals = 0  # so many launches fail

    def can_launch(self) -> bool:
        return not self.importing

    def launch(self, role: str, nice: int = 0) -> FakeStage:
        assert role not in self.stages
        if self.refusals:
            self.refusals -= 1
            raise StageFailed(f"{role} cannot be started: no process to be had")
        self.launched.append(role)
        self.stages[role] = FakeStage(self.clock)
        return self.stages[role]

    def send_spec(self, role: str) -> None:
        assert role in self.stages
        self.specs_sent.append(role)

    def ready(self, role: str) -> bool:
        stage = self.stages.get(role)
        return stage is not None and stage.ready is not None and stage.status is None

    def remove(self, role: str) -> None:
        del self.stages[role]

    def describe_exit(self, role: str) -> str:
        return f"{role} ended with status {self.stages[role].status}"

    def last_message(self, role: str, status: int) -> str:
        return f"{role}: status {status}"


class Scene:
    """A policy whose stages have begun; all are ready."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **supervision: int) -> None:
        self.clock = Clock()
        monkeypatch.setattr(module, "time", self.clock)
        self.children = FakeChildProcesses(self.clock)
        self.policy = RestartPolicy(
            self.children,  # type: ignore[arg-type]
            settings(supervision={"restart_limit": 3, "retry_maximum_ms": 2_000, **supervision}),
            lambda: None,
        )
        self.policy.launch()
        assert not self.children.specs_sent, "the core does not stand yet"
        self.policy.begin()
        self.all_ready()

    def all_ready(self) -> None:
        for stage in self.children.stages.values():
            stage.ready = object()
        self.policy.work()

    def die(self, role: str, status: int = -9) -> float | None:
        self.children.stages[role].status = status
        return self.policy.work()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def test_roles_of_the_configuration() -> None:
    def names(**sections: dict[str, Any]) -> list[str]:
        return [role.name for role in roles_of(settings(**sections))]

    assert names() == ["order_entry", "api", "store", "snapshotter"]
    none = {"api": {"enabled": False}, "store": {"dsn": "off"}, "snapshot": {"enabled": False}}
    assert names(**none) == ["order_entry"]
    assert names(feed={"workers": 2})[2:4] == ["feed_1", "feed_2"]


def test_stages_that_need_the_compiler_start_when_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    children = FakeChildProcesses(clock)
    told: list[str] = []
    policy = RestartPolicy(children, settings(), lambda: told.append("changed"))  # type: ignore[arg-type]
    policy.hold()
    policy.launch()
    policy.begin()
    children.stages["order_entry"].ready = object()
    assert children.launched == ["order_entry"] == children.specs_sent, "trading waits for nobody"
    assert policy.held() == ["api", "store", "snapshotter"]
    clock.now_s += 3600.0
    policy.work()
    assert children.launched == ["order_entry"]
    policy.let_go()
    assert policy.held() == [] and told
    policy.work()
    everything = ["order_entry", "api", "store", "snapshotter"]
    assert children.launched == everything == children.specs_sent


def test_niceness_is_the_configuration_s() -> None:
    found = roles_of(settings(api={"nice": 5}, store={"nice": 7}, snapshot={"nice": 9}))
    assert [(role.name, role.nice) for role in found] == [
        ("order_entry", 0),
        ("api", 5),
        ("store", 7),
        ("snapshotter", 9),
    ]


def test_the_exchange_is_ready_without_api_and_store(scene: Scene) -> None:
    for role in ("api", "store"):
        scene.children.stages[role].ready = None
    assert scene.policy.ready()
    scene.children.stages["order_entry"].ready = None
    assert not scene.policy.ready()


@pytest.mark.parametrize("role", ["order_entry", "api", "store"])
def test_the_first_death_restarts_at_once_and_alone(scene: Scene, role: str) -> None:
    scene.die(role)
    scene.policy.work()
    assert scene.children.launched.count(role) == 2 and scene.children.specs_sent.count(role) == 2
    assert sum(scene.policy.restarts().values()) == 1
    assert len(scene.children.launched) == 5


def test_one_that_keeps_dying_waits_longer_and_longer(scene: Scene) -> None:
    pauses = []
    for _ in range(8):
        due_s = scene.die("store")
        pauses.append(due_s)
        scene.clock.now_s += due_s or 0
        scene.policy.work()
        assert scene.policy.ready(), "trading goes on"
    # the fourth is one more than the limit: from there on as seldom as possible
    assert pauses == [None, 0.25, 0.5, 2.0, 2.0, 2.0, 2.0, 2.0]
    assert scene.children.launched.count("order_entry") == 1


def test_one_that_lasted_restarts_at_once_again(scene: Scene) -> None:
    for _ in range(3):
        due_s = scene.die("api") or 0
        scene.clock.now_s += due_s
        scene.policy.work()
    scene.all_ready()
    scene.clock.now_s += 61  # longer than the window
    scene.policy.work()
    launched = scene.children.launched.count("api")
    assert not scene.die("api")
    scene.policy.work()
    assert scene.children.launched.count("api") == launched + 1


def test_order_entry_that_keeps_dying_ends_the_daemon(scene: Scene) -> None:
    for _ in range(3):
        scene.die("order_entry")
        scene.policy.work()
    with pytest.raises(RestartLimitReached, match="order_entry died 4 times"):
        scene.die("order_entry")


@pytest.mark.parametrize(
    "status", [ExitStatus.CONFIGURATION, ExitStatus.DATA_DIRECTORY_UNAVAILABLE]
)
def test_a_status_that_would_come_again(scene: Scene, status: ExitStatus) -> None:
    scene.die("store", status)
    scene.policy.work()
    assert scene.children.launched.count("store") == 2, "whatever it is, trading goes on"
    with pytest.raises(StageError) as raised:
        scene.die("order_entry", status)
    assert raised.value.status == status


def test_one_that_does_not_get_ready(scene: Scene) -> None:
    for role in ("api", "order_entry"):
        scene.children.stages[role].ready = None
    api = scene.children.stages["api"]
    scene.children.stages["order_entry"].last_message_s += 1
    scene.clock.now_s += 120.5
    scene.policy.work()
    assert api.status == -9 and scene.children.stages.get("api") is not api
    scene.clock.now_s += 1
    with pytest.raises(StageFailed, match="order_entry was not ready within 120 s"):
        scene.policy.work()


def test_a_new_core_starts_all_of_them_again(scene: Scene) -> None:
    scene.die("store")
    scene.policy.work()
    scene.die("store")  # it waits now
    scene.children.stages.clear()
    scene.children.launched.clear()
    scene.children.specs_sent.clear()
    scene.policy.launch()
    everything = ["order_entry", "api", "store", "snapshotter"]
    assert scene.children.launched == everything
    scene.policy.work()
    assert not scene.children.specs_sent
    scene.policy.begin()
    assert scene.children.specs_sent == everything


def test_restart_window_forgets() -> None:
    window = RestartWindow(2, 10.0)
    assert window.note(0.0) and window.note(1.0)
    assert not window.note(2.0)
    assert window.count == 2
    assert window.note(10.5), "the first one is out of the window"
    assert window.count == 3


@pytest.mark.parametrize("role", ["api", "order_entry"])
def test_what_cannot_be_started_is_tried_again(
    scene: Scene, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing but a process was missing: trading goes on, and the stage comes when there is one."""
    scene.children.refusals = 3
    launched = len(scene.children.launched)
    due_s = scene.die(role)
    assert due_s == module.FIRST_PAUSE_S and role not in scene.children.stages
    assert f"{role} cannot be started: no process to be had; trying again in 0.25 s" in caplog.text
    for expected_s in (2 * module.FIRST_PAUSE_S, 4 * module.FIRST_PAUSE_S):
        assert due_s is not None
        scene.clock.now_s += due_s
        due_s = scene.policy.work()
        assert due_s == expected_s
    scene.clock.now_s += due_s
    scene.policy.work()
    assert scene.children.launched[launched:] == [role]
    assert scene.children.specs_sent[-1] == role


def test_nobody_waits_for_the_fork_servers_imports(scene: Scene) -> None:
    scene.children.importing = True
    assert scene.die("api") == pytest.approx(module.LOOK_S)
    assert "api" not in scene.children.stages
    scene.children.importing = False
    scene.clock.now_s += module.LOOK_S
    scene.policy.work()
    assert "api" in scene.children.stages
