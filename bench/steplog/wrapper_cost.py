"""What the step log takes for a step, without vLLM: CPU time of this thread, a line written for each of its two calls.

Prints a JSON line a number of requests: us a step, of each repetition.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import dataclass, field

from layerline_vllm.step_file import StepFile
from layerline_vllm.step_log import StepLog

STEPS = 2000
REPETITIONS = 7


@dataclass
class Request:
    request_id: str
    num_prompt_tokens: int = 100
    num_computed_tokens: int = 500
    num_preemptions: int = 0


@dataclass
class Scheduler:
    requests: dict[str, Request]


@dataclass
class Scheduled:
    num_scheduled_tokens: dict[str, int]
    finished_req_ids: set[str] = field(default_factory=set)


@dataclass
class Token:
    request_id: str
    new_token_ids: list[int]


@dataclass
class Outputs:
    outputs: list[Token]


def us_a_step(requests: int) -> float:
    ids = [f"cmpl-20260101-000000-load-abcd-{i}-0-0123abcd" for i in range(requests)]
    scheduler = Scheduler({each: Request(each) for each in ids})
    outputs = {0: Outputs([Token(each, [1]) for each in ids])}
    with tempfile.TemporaryDirectory() as folder:
        file = StepFile(os.path.join(folder, "steps.jsonl"), {"scheduler": "bench", "async_scheduling": False})
        log = StepLog(file)
        began = time.thread_time_ns()
        for _ in range(STEPS):
            scheduled = Scheduled(dict.fromkeys(ids, 1))
            log.scheduled(scheduler, scheduled, log.now())
            log.updated(scheduled, outputs, log.now())
        took = time.thread_time_ns() - began
        file.close()
    return took / STEPS / 1000


if __name__ == "__main__":
    for count in (1, 8, 64, 256):
        print(json.dumps({"requests": count, "us": [us_a_step(count) for _ in range(REPETITIONS)]}), flush=True)
