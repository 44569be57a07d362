"""The words of the cursors: no two meanings share one."""

from __future__ import annotations

from exchange.core import pipeline
from exchange.core.pipeline import IngressRing
from ringbuffer.ring import CURSOR_STRIDE


def test_every_word_has_one_meaning() -> None:
    words = [
        pipeline.COMMAND_PUBLISHED,
        pipeline.COMMAND_APPLIED,
        pipeline.COMMAND_DURABLE,
        pipeline.EVENT_PUBLISHED,
        pipeline.EVENT_RELEASED,
        pipeline.STOP_INTAKE,
        pipeline.STOP,
        pipeline.NEXT_EXPIRY_SECOND,
        pipeline.CLOCK_OFFSET,
        *(pipeline.ingress_published(ring) for ring in range(pipeline.INGRESS_RINGS)),
        *(pipeline.ingress_consumed(ring) for ring in range(pipeline.INGRESS_RINGS)),
        *(pipeline.sleeping(agent) for agent in range(pipeline.AGENTS)),
        *(pipeline.consumed(agent) for agent in range(pipeline.AGENTS)),
    ]
    assert len(words) == len(set(words)) == pipeline.CURSOR_COUNT
    # each on a cache line of its own, inside the section
    assert {word % CURSOR_STRIDE for word in words} == {0}
    assert max(words) < pipeline.CURSOR_WORDS


def test_there_are_cursors_for_every_ring() -> None:
    assert max(IngressRing) < pipeline.INGRESS_RINGS
