"""The step log against a scheduler of ours that behaves as vLLM's does towards it."""

from __future__ import annotations

import json
import os
import tempfile
import time
import unittest
from typing import Any

from layerline_vllm.step_file import StepFile
from layerline_vllm.step_log import StepLog, watch
from simulated import CachedRequests, NewRequest, Output, Simulation, read_back, scheduler_class


class StepLogTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "steps-1.jsonl")
        self.addCleanup(self.folder.cleanup)

    def lines(self) -> list[dict[str, Any]]:
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def start(self, max_bytes: int = 1 << 20) -> tuple[Any, StepLog]:
        self.file = StepFile(self.path, {"scheduler": "s", "async_scheduling": False}, max_bytes)
        log = StepLog(self.file)
        cls = scheduler_class()
        watch(cls, log)
        watch(cls, StepLog(StepFile(os.devnull, {})))
        return cls(), log

    def step(self, scheduler: Any, output: Output, emitted: dict[str, int]) -> None:
        scheduler.next = output
        self.assertIs(scheduler.schedule(throttle_prefills=False), output)
        scheduler.update_from_output(output, emitted)

    def test_steps_are_written_once_as_what_differs(self) -> None:
        scheduler, log = self.start()
        new = [NewRequest("a", [0] * 10, 4), NewRequest("b", [0] * 3)]
        self.step(scheduler, Output({"a": 6, "b": 2}, scheduled_new_reqs=new), {"a": 1})
        running = CachedRequests(["a", "b"], [10, 2])
        self.step(scheduler, Output({"a": 1, "b": 1}, scheduled_cached_reqs=running), {"a": 1, "b": 2})
        running = CachedRequests(["a", "b"], [11, 3])
        self.step(scheduler, Output({"a": 1, "b": 1}, scheduled_cached_reqs=running), {"a": 1, "b": 1})
        running = CachedRequests(["a"], [12])
        self.step(scheduler, Output({"a": 1}, scheduled_cached_reqs=running, preempted_req_ids={"b"}), {"a": 1})
        running = CachedRequests(["b"], [0], {"b"})
        done = Output({"b": 6}, scheduled_cached_reqs=running, finished_req_ids={"a"})
        self.step(scheduler, done, {"b": 1})
        log.close()
        head, *lines = self.lines()
        self.assertEqual(head["layerline_step_log"], 2)
        bare = [{k: v for k, v in line.items() if k not in "ab"} for line in lines]
        self.assertEqual(
            bare,
            [
                {"n": 0, "k": 1, "new": [[0, "a", 10, 4], [1, "b", 3, 0]], "r": [[0, 6, 4], [1, 2, 0]]},
                {"e": 0, "o": [[1, 0]]},
                {"n": 1, "r": [[0, 1, 10], [1, 1, 2]]},
                {"e": 1, "o": [[1, 2]]},
                {"n": 2},
                {"e": 2},
                {"n": 3, "p": [1], "g": [1]},
                {"e": 3},
                {"n": 4, "f": [0], "r": [[1, 6, 0]]},
                {"e": 4},
            ],
        )
        times = [t for line in lines for t in (line["a"], line["b"])]
        self.assertEqual(times, sorted(times))

    def test_what_is_read_back_is_what_was_done(self) -> None:
        for seed in range(20):
            scheduler, log = self.start()
            simulation = Simulation(seed)
            for _ in range(400):
                self.step(scheduler, *simulation.step())
            log.close()
            _, *lines = self.lines()
            truth = simulation.truth
            self.assertEqual(read_back(lines), truth, seed)
            # And from the middle on, as one reads who comes late.
            late = read_back(lines, len(lines) // 2)
            self.assertGreater(len(late), 80)
            behind = truth[-len(late) :]
            self.assertEqual([s["rows"] for s in late], [s["rows"] for s in behind], seed)
            self.assertEqual([s["emitted"] for s in late], [s["emitted"] for s in behind], seed)

    def test_a_step_is_in_the_file_soon_after_it_ended(self) -> None:
        scheduler, log = self.start()
        self.step(scheduler, Output({"a": 1}, scheduled_new_reqs=[NewRequest("a", [0])]), {"a": 1})
        deadline = time.monotonic() + 30
        while len(self.lines()) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(len(self.lines()), 3)
        log.close()

    def test_it_tells_the_systems_clock_now_and_then(self) -> None:
        scheduler, log = self.start()
        for i, due in enumerate((10_000_000_000, 0, 10_000_000_000)):
            self.file._clock_due_ns = due
            new = [NewRequest("a", [0])] if i == 0 else []
            cached = CachedRequests(["a"], [i]) if i > 0 else CachedRequests()
            self.step(scheduler, Output({"a": 1}, new, cached), {"a": 1})
            log.write()
        log.close()
        told = [line for line in self.lines() if "u" in line]
        self.assertEqual(len(told), 1)
        shown = int(self.lines()[0]["unix_ns"]) + told[0]["m"]
        self.assertLess(abs(int(told[0]["u"]) - shown), 1_000_000_000)

    def test_a_step_without_tokens_is_none(self) -> None:
        scheduler, log = self.start()
        self.step(scheduler, Output({}), {})
        log.close()
        self.assertEqual(len(self.lines()), 1)

    def test_its_size_is_bounded_and_what_is_left_out_counted(self) -> None:
        scheduler, log = self.start(max_bytes=600)
        self.step(scheduler, Output({"a": 1}, scheduled_new_reqs=[NewRequest("a", [0])]), {"a": 1})
        for i in range(49):
            self.step(scheduler, Output({"a": 1}, scheduled_cached_reqs=CachedRequests(["a"], [i + 1])), {"a": 1})
        log.close()
        lines = self.lines()
        self.assertLess(os.path.getsize(self.path), 700)
        self.assertEqual(lines[-2], {"full": True})
        kept = sum("n" in line or "e" in line for line in lines)
        self.assertEqual(lines[-1], {"dropped": 100 - kept})

    def test_a_failure_of_ours_is_not_the_engines(self) -> None:
        scheduler, log = self.start()
        with self.assertLogs("vllm.layerline", "ERROR"):
            self.step(scheduler, Output({"a": 1}), {"a": 1})
            log.write()
        self.step(scheduler, Output({"a": 1}), {"a": 1})
        log.close()
        self.assertEqual(len(self.lines()), 1)

    def test_a_scheduler_of_another_shape_is_not_harmed(self) -> None:
        scheduler, log = self.start()
        scheduler.next = object()
        with self.assertLogs("vllm.layerline", "ERROR"):
            self.assertIs(scheduler.schedule(), scheduler.next)
        log.close()


if __name__ == "__main__":
    unittest.main()
