"""connect_grpc has a body of its own, and only its process loads gRPC."""

from __future__ import annotations

import subprocess
import sys

from exchange.core.stage_names import StageName
from exchange.settings import ROOT


def test_only_the_stage_loads_grpc() -> None:
    program = (
        "import sys\n"
        "import exchange.cli, exchange.daemon.daemon, exchange.stages.main as main\n"
        "assert 'grpc' not in sys.modules\n"
        f"print(main.body_of(main.StageName({str(StageName.CONNECT_GRPC)!r})).__module__)\n"
        "assert 'grpc' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "exchange.stages.grpc"
