"""The protocol is compiled when it has changed, whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from exchange.connect.grpc.generate import NAMES, PROTO, generate, is_current, main


def test_it_is_made_when_it_is_not_current(tmp_path: Path) -> None:
    for name in NAMES:
        shutil.copy(PROTO / f"{name}.proto", tmp_path)
    assert not is_current(tmp_path)
    generate(tmp_path)
    assert is_current(tmp_path)
    made = tmp_path / f"{NAMES[0]}.binpb"
    assert made.read_bytes() == (PROTO / made.name).read_bytes()
    os.utime(tmp_path / f"{NAMES[0]}.proto", ns=(1 << 62, 1 << 62))
    assert not is_current(tmp_path)
    before = made.read_bytes()
    (tmp_path / f"{NAMES[0]}.proto").write_text("this is none")
    with pytest.raises(RuntimeError, match="protoc"):
        generate(tmp_path)
    assert made.read_bytes() == before and len(list(tmp_path.iterdir())) == 2 * len(NAMES)


def test_what_is_current_is_left_alone() -> None:
    assert main() == 0
