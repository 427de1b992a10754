"""What the step log takes for a step, without vLLM, of requests that come and go after a hundred steps.

Prints a JSON line a number of requests: us a step of each repetition, in the engine's thread and with the
thread that writes (CPU time).
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any, Iterator

from layerline_vllm.step_file import StepFile
from layerline_vllm.step_log import StepLog

STEPS = 2000
REPETITIONS = 7
REQUEST_STEPS = 100
NAMES: dict[str, str] = {}


@dataclass
class New:
    req_id: str
    prompt_token_ids: list[int]
    num_computed_tokens: int = 0


@dataclass
class Cached:
    req_ids: list[str]
    num_computed_tokens: list[int]
    resumed_req_ids: set[str] = field(default_factory=set)


@dataclass
class Scheduled:
    num_scheduled_tokens: dict[str, int]
    scheduled_new_reqs: list[New]
    scheduled_cached_reqs: Cached
    finished_req_ids: set[str]
    scheduled_spec_decode_tokens: dict[str, Any] = field(default_factory=dict)
    preempted_req_ids: set[str] = field(default_factory=set)


@dataclass
class Token:
    request_id: str
    new_token_ids: list[int]


@dataclass
class Outputs:
    outputs: list[Token]


def steps(requests: int) -> Iterator[tuple[Scheduled, dict[int, Outputs]]]:
    """Each place is taken by one request after another, of prompts of 100 tokens; they begin at different steps."""
    prompt = [1] * 100
    before: set[str] = set()
    for step in range(STEPS):
        ages = [(step + place * REQUEST_STEPS // requests) for place in range(requests)]
        ids = [f"cmpl-20260101-000000-load-{place}-{age // REQUEST_STEPS}-0-0123abcd" for place, age in enumerate(ages)]
        # One string for one request, as in an engine.
        ids = [NAMES.setdefault(each, each) for each in ids]
        tokens = {each: 1 if each in before else len(prompt) for each in ids}
        cached = [(each, age % REQUEST_STEPS + 100) for each, age in zip(ids, ages) if each in before]
        new = [New(each, prompt) for each in ids if each not in before]
        scheduled = Scheduled(tokens, new, Cached([i for i, _ in cached], [n for _, n in cached]), before - set(ids))
        yield scheduled, {0: Outputs([Token(each, [1]) for each in ids])}
        before = set(ids)


def us_a_step(requests: int) -> tuple[float, float]:
    """In the engine's thread, and of both."""
    with tempfile.TemporaryDirectory() as folder:
        log = StepLog(StepFile(os.path.join(folder, "steps.jsonl"), {"scheduler": "bench", "async_scheduling": False}))
        write, written_ns = log.write, 0

        def timed() -> None:
            nonlocal written_ns
            began = time.thread_time_ns()
            write()
            written_ns += time.thread_time_ns() - began

        setattr(log, "write", timed)
        noted_ns = 0
        for number, (scheduled, outputs) in enumerate(steps(requests)):
            began = time.perf_counter_ns()
            log.scheduled(scheduled, time.monotonic_ns())
            log.updated(scheduled, outputs, time.monotonic_ns())
            noted_ns += time.perf_counter_ns() - began
            # As in an engine that waits for its model, now and then.
            if number % 10 == 9:
                time.sleep(0.001)
        log.close()
    return noted_ns / STEPS / 1000, (noted_ns + written_ns) / STEPS / 1000


if __name__ == "__main__":
    for count in (1, 8, 64, 256):
        taken = [us_a_step(count) for _ in range(REPETITIONS)]
        print(json.dumps({"requests": count, "us": [a for a, _ in taken], "all_us": [b for _, b in taken]}), flush=True)
