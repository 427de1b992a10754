"""Steps of a real vLLM engine core, in blocks with the step log and without, in an order drawn by a seed.

The engine runs in this process, so that the log's wrapper can be taken off and put on again between blocks: nothing else
differs. Prints a JSON line a block: its arm, its steps and what they took.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from typing import Any, Callable

os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"


class Steps:
    """Times each step of an engine core that ran something."""

    def __init__(self, core: Any) -> None:
        self.ns: list[int] = []
        step: Callable[[], tuple[Any, bool]] = core.step_fn

        def timed() -> tuple[Any, bool]:
            began = time.perf_counter_ns()
            result = step()
            self.ns.append(time.perf_counter_ns() - began)
            return result

        core.step_fn = timed

    def take(self) -> list[int]:
        taken, self.ns = self.ns, []
        return taken


class OwnTime:
    """What the log itself takes: both of its calls in the engine's thread, and the CPU time in which lines are written."""

    def __init__(self, log: Any) -> None:
        self.ns = 0
        for name, clock in (("scheduled", time.perf_counter_ns), ("updated", time.perf_counter_ns), ("write", time.thread_time_ns)):
            self._time(log, name, clock)

    def _time(self, log: Any, name: str, clock: Callable[[], int]) -> None:
        call = getattr(log, name)

        def timed(*args: Any) -> None:
            began = clock()
            call(*args)
            self.ns += clock() - began

        setattr(log, name, timed)

    def take(self) -> int:
        taken, self.ns = self.ns, 0
        return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--requests", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    from layerline_vllm.step_file import StepFile
    from layerline_vllm.step_log import StepLog, watch
    from vllm import LLM, SamplingParams

    llm = LLM(
        model=options.model,
        enforce_eager=True,
        max_model_len=1024,
        max_num_seqs=options.requests,
        enable_prefix_caching=False,
        disable_log_stats=True,
    )
    core = llm.llm_engine.engine_core.engine_core
    scheduler = type(core.scheduler)
    plain = {name: getattr(scheduler, name) for name in ("schedule", "update_from_output")}
    path = os.path.join(tempfile.mkdtemp(), "steps.jsonl")
    log = StepLog(StepFile(path, {"scheduler": "bench", "async_scheduling": False}))
    own = OwnTime(log)
    watch(scheduler, log)
    watched = {name: getattr(scheduler, name) for name in plain}
    steps = Steps(core)
    sampling = SamplingParams(temperature=0.8, max_tokens=options.tokens, ignore_eos=True)
    prompts = [f"Number {i}: why is it so that it is so?" for i in range(options.requests)]

    def block(arm: str) -> None:
        for name, method in (watched if arm == "on" else plain).items():
            setattr(scheduler, name, method)
        steps.take()
        own.take()
        llm.generate(prompts, sampling, use_tqdm=False)
        took = steps.take()
        log.write()
        print(json.dumps({"arm": arm, "steps": len(took), "ns": sum(took), "own_ns": own.take()}), flush=True)

    draw = random.Random(options.seed)
    block("off")
    block("on")
    print(json.dumps({"warm": True}), flush=True)
    for _ in range(options.pairs):
        arms = ["on", "off"]
        draw.shuffle(arms)
        for arm in arms:
            block(arm)
    log.close()


if __name__ == "__main__":
    main()
