"""The step log against a scheduler of ours that behaves as vLLM's does towards it."""

from __future__ import annotations

import json
import os
import tempfile
import unittest
from dataclasses import dataclass, field
from typing import Any

from layerline_vllm.step_file import StepFile
from layerline_vllm.step_log import StepLog, watch


@dataclass
class Request:
    request_id: str
    num_prompt_tokens: int
    num_computed_tokens: int = 0
    num_preemptions: int = 0


@dataclass
class Output:
    num_scheduled_tokens: dict[str, int]
    finished_req_ids: set[str] = field(default_factory=set)


@dataclass
class CoreOutput:
    request_id: str
    new_token_ids: list[int]


@dataclass
class CoreOutputs:
    outputs: list[CoreOutput]


def scheduler_class() -> type:
    class Scheduler:
        def __init__(self) -> None:
            self.requests: dict[str, Request] = {}
            self.next: Output | None = None

        def schedule(self, throttle_prefills: bool = False) -> Output:
            assert self.next is not None
            for request_id, tokens in self.next.num_scheduled_tokens.items():
                self.requests[request_id].num_computed_tokens += tokens
            return self.next

        def update_from_output(self, scheduler_output: Output, model_output: Any) -> dict[int, CoreOutputs]:
            return {0: CoreOutputs([CoreOutput(i, [1] * n) for i, n in model_output.items()])}

    return Scheduler


class StepLogTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "steps-1.jsonl")
        self.addCleanup(self.folder.cleanup)

    def lines(self) -> list[dict[str, Any]]:
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def start(self, max_bytes: int = 1 << 20) -> tuple[Any, StepFile]:
        file = StepFile(self.path, {"scheduler": "s", "async_scheduling": False}, max_bytes)
        cls = scheduler_class()
        watch(cls, StepLog(file))
        watch(cls, StepLog(file))
        return cls(), file

    def step(self, scheduler: Any, scheduled: dict[str, int], out: dict[str, int], finished: set[str] = set()) -> None:
        scheduler.next = Output(scheduled, set(finished))
        output = scheduler.schedule(throttle_prefills=False)
        self.assertIs(output, scheduler.next)
        scheduler.update_from_output(output, out)

    def test_steps_are_written_once_with_what_was_computed_before(self) -> None:
        scheduler, file = self.start()
        scheduler.requests["a"] = Request("a", 10, num_computed_tokens=4)
        scheduler.requests["b"] = Request("b", 3)
        self.step(scheduler, {"a": 6, "b": 2}, {"a": 1})
        scheduler.requests["a"].num_preemptions = 1
        self.step(scheduler, {"a": 1, "b": 1}, {"a": 1, "b": 2})
        self.step(scheduler, {"b": 1}, {"b": 1}, finished={"a"})
        file.close()
        head, *lines = self.lines()
        self.assertEqual(head["layerline_step_log"], 1)
        bare = [{k: v for k, v in line.items() if k not in "ab"} for line in lines]
        self.assertEqual(
            bare,
            [
                {"n": 0, "new": [[0, "a", 10, 4], [1, "b", 3, 0]], "r": [[0, 6, 4], [1, 2, 0]]},
                {"e": 0, "o": [[0, 1]]},
                {"n": 1, "p": [0], "r": [[0, 1, 10], [1, 1, 2]]},
                {"e": 1, "o": [[0, 1], [1, 2]]},
                {"n": 2, "f": [0], "r": [[1, 1, 3]]},
                {"e": 2, "o": [[1, 1]]},
            ],
        )
        times = [t for line in lines for t in (line["a"], line["b"])]
        self.assertEqual(times, sorted(times))

    def test_it_tells_the_systems_clock_now_and_then(self) -> None:
        scheduler, file = self.start()
        scheduler.requests["a"] = Request("a", 1)
        for due in (10_000_000_000, 0, 10_000_000_000):
            file._clock_due_ns = due
            self.step(scheduler, {"a": 1}, {"a": 1})
        file.close()
        told = [line for line in self.lines() if "u" in line]
        self.assertEqual(len(told), 1)
        shown = int(self.lines()[0]["unix_ns"]) + told[0]["m"]
        self.assertLess(abs(int(told[0]["u"]) - shown), 1_000_000_000)

    def test_a_step_without_tokens_is_none(self) -> None:
        scheduler, file = self.start()
        self.step(scheduler, {}, {})
        file.close()
        self.assertEqual(len(self.lines()), 1)

    def test_its_size_is_bounded_and_what_is_left_out_counted(self) -> None:
        scheduler, file = self.start(max_bytes=600)
        scheduler.requests["a"] = Request("a", 1)
        for _ in range(50):
            self.step(scheduler, {"a": 1}, {"a": 1})
        file.close()
        lines = self.lines()
        self.assertLess(os.path.getsize(self.path), 700)
        self.assertIn({"full": True}, lines)
        kept = sum("n" in line or "e" in line for line in lines)
        self.assertEqual(lines[-1], {"dropped": 100 - kept})

    def test_a_failure_of_ours_is_not_the_engines(self) -> None:
        scheduler, file = self.start()
        scheduler.requests["a"] = Request("a", 1)
        del scheduler.requests["a"].num_prompt_tokens
        with self.assertLogs("vllm.layerline", "ERROR"):
            self.step(scheduler, {"a": 1}, {"a": 1})
        self.step(scheduler, {"a": 1}, {"a": 1})
        file.close()
        self.assertEqual(len(self.lines()), 1)


if __name__ == "__main__":
    unittest.main()
