"""Prints, as JSON, the lines of a simulated scheduler's log and what each step really ran: `print_simulated.py SEED STEPS`."""

from __future__ import annotations

import json
import os
import sys
import tempfile

from layerline_vllm.step_file import StepFile
from layerline_vllm.step_log import StepLog, watch
from simulated import Simulation, scheduler_class


def main(seed: int, steps: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "steps.jsonl")
        log = StepLog(StepFile(path, {"scheduler": "simulated", "async_scheduling": False}))
        cls = scheduler_class()
        watch(cls, log)
        scheduler, simulation = cls(), Simulation(seed)
        for _ in range(steps):
            scheduler.next, emitted = simulation.step()
            scheduler.update_from_output(scheduler.schedule(), emitted)
        log.close()
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    truth = [{**step, "preempted": sorted(step["preempted"])} for step in simulation.truth]
    json.dump({"lines": lines, "truth": truth}, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
