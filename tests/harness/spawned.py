"""Stands in for the fork server: a stage's process runs a small program of a test."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from exchange.core.stage_names import StageName
from exchange.daemon.stage_starter import StageStarter


class Spawned(StageStarter):
    """``start`` runs ``program`` with the arguments ROLE PARENT_PID MESSAGES_DESCRIPTOR NICE."""

    def __init__(self, program: str) -> None:
        super().__init__([], 60.0)
        self.program = program

    def start(
        self,
        role: StageName,
        standard_input: int,
        messages: int,
        *,
        inherited: Sequence[int],
        nice: int,
    ) -> int:
        os.set_inheritable(messages, True)
        words = (role, str(os.getpid()), str(messages), str(nice))
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", self.program, *words],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, standard_input, 0)],
        )

    def begin(self) -> None:
        """There is no fork server."""

    def ready(self) -> bool:
        return True
