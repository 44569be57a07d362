"""The status of the answer to probes."""

from __future__ import annotations

import json

import pytest

from exchange.api.base.health import health_response
from exchange.runtime.health import Health


@pytest.mark.parametrize("problems", [[], ["the disk is slow", "the exchange is stopping"]])
def test_the_status_says_whether_it_works(problems: list[str]) -> None:
    health = Health(
        healthy=not problems,
        phase="running",
        problems=problems,
        heartbeat_age_ms={"matcher": 3},
        lag={},
        day=20261130,
    )
    response = health_response(health)
    assert isinstance(response.body, bytes)
    answer = json.loads(response.body)
    assert response.status == (503 if problems else 200)
    assert response.headers.get("Retry-After") == ("1" if problems else None)
    assert answer["code"] == (5002 if problems else 0)
    assert answer["message"] == ("; ".join(problems) or "success")
    assert answer["data"]["heartbeat_age_ms"] == {"matcher": 3}
