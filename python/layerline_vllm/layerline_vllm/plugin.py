"""The entry point that vLLM calls in each of its processes; only those with a scheduler write anything.

Set LAYERLINE_STEP_LOG to a folder, and each engine core writes its steps to `steps-<pid>.jsonl` in it;
LAYERLINE_STEP_LOG_MAX_BYTES bounds the file.
"""

from __future__ import annotations

import atexit
import os
from typing import Any

from layerline_vllm.step_file import DEFAULT_MAX_BYTES, StepFile
from layerline_vllm.step_log import StepLog, is_watched, watch

FOLDER = "LAYERLINE_STEP_LOG"
MAX_BYTES = "LAYERLINE_STEP_LOG_MAX_BYTES"


def register() -> None:
    """Has the scheduler that vLLM chooses watched, where a step log is asked for."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    from vllm.config.scheduler import SchedulerConfig

    choose = SchedulerConfig.get_scheduler_cls
    if getattr(choose, "_layerline", False):
        return

    def chosen(config: Any) -> type:
        scheduler_class = choose(config)
        if is_watched(scheduler_class):
            return scheduler_class
        facts = {
            "scheduler": f"{scheduler_class.__module__}.{scheduler_class.__qualname__}",
            "async_scheduling": bool(getattr(config, "async_scheduling", False)),
            "max_num_batched_tokens": getattr(config, "max_num_batched_tokens", None),
            "max_num_seqs": getattr(config, "max_num_seqs", None),
        }
        path = os.path.join(folder, f"steps-{os.getpid()}.jsonl")
        log = StepLog(StepFile(path, facts, int(os.environ.get(MAX_BYTES, DEFAULT_MAX_BYTES))))
        atexit.register(log.close)
        watch(scheduler_class, log)
        return scheduler_class

    chosen._layerline = True  # type: ignore[attr-defined]
    SchedulerConfig.get_scheduler_cls = chosen  # type: ignore[method-assign]
