"""The fork server's parts; whole it is tested with its client (daemon/test_stage_starter.py)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys


def output_of(program: str, *words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_a_process_shows_the_words_it_is_given() -> None:
    program = (
        "from pathlib import Path\n"
        "from exchange.stages.fork_server import call_process\n"
        "call_process(['python', '-m', 'stage'])\n"
        "print(Path('/proc/self/cmdline').read_bytes())\n"
        "call_process(['x' * 5000])\n"
        "print(set(Path('/proc/self/cmdline').read_bytes().rstrip(b'\\0')) == {ord('x')})\n"
    )
    assert output_of(program, "." * 80) == [str(b"python -m stage\0"), "True"]


def test_only_what_is_kept_stays_open() -> None:
    program = (
        "import os\n"
        "from exchange.stages.fork_server import close_all_but\n"
        "opened = [os.open('/', os.O_RDONLY) for _ in range(5)]\n"
        "close_all_but([0, 1, 2, opened[3], 900])\n"
        "kept = [each for each in opened if os.path.exists(f'/proc/self/fd/{each}')]\n"
        "print(kept == [opened[3]])\n"
    )
    assert output_of(program) == ["True"]


def test_a_twice_forked_process_belongs_to_the_reaper() -> None:
    """Its parent is not the process that asked, and it goes on only when that is settled."""
    program = (
        "import os\n"
        "from exchange.daemon.stage_starter import _reaping_orphans\n"
        "from exchange.stages.fork_server import fork_twice\n"
        "reaper = os.getpid()\n"
        "with _reaping_orphans():\n"
        "    server = os.fork()\n"
        "    if server == 0:\n"
        "        pid = fork_twice()\n"
        "        if pid == 0:\n"
        "            os._exit(7 if os.getppid() == reaper else 8)\n"
        "        os._exit(0)\n"
        "    os.waitpid(server, 0)\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    assert output_of(program) == ["7"]


def test_it_ends_when_the_daemon_closes_its_end() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = str(os.getpid()), str(theirs.fileno()), "." * 80
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-m", "exchange.stages.fork_server", *words],
            pass_fds=[theirs.fileno()],
        )
    ours.close()
    assert server.wait(300) == 0


def test_the_matchers_code_is_read_back_when_it_is_there() -> None:
    program = (
        "from unittest import mock\n"
        "from exchange.compiler import stamps, units\n"
        "from exchange.engine.state import pointers\n"
        "from exchange.stages import fork_server\n"
        "done = []\n"
        "links = mock.patch.object(pointers, 'make_links', lambda: done.append('links'))\n"
        "agent = mock.patch.object(units, 'compile_matcher', lambda: done.append('agent'))\n"
        "with links, agent:\n"
        "    for there in (False, True):\n"
        "        with mock.patch.object(stamps, 'is_compiled', lambda part: there):\n"
        "            print(fork_server.load_matcher(), done)\n"
    )
    assert output_of(program) == ["False []", "True ['links', 'agent']"]
