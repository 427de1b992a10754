"""Watches a scheduler: wraps `schedule` and `update_from_output` of its class, in place.

Not a subclass: vLLM turns async scheduling off for a scheduler class that it does not know. Nothing of ours may reach the
engine: what fails in here is logged once and the log ends, the engine goes on. The engine's thread makes the lines, which say little;
a thread of ours writes them, twenty times a second, mostly while the engine waits for its model. (It was tried to make them
there, too: what the engine made then lives longer and is freed elsewhere, which costs more than the lines.)
"""

from __future__ import annotations

import functools
import logging
import threading
from collections import deque
from time import monotonic_ns
from typing import Any

from layerline_vllm.step_file import StepFile
from layerline_vllm.step_lines import StepLines

logger = logging.getLogger("vllm.layerline")
_WATCHED = "_layerline_watched"
WRITE_EVERY_S = 0.05


class StepLog:
    """What one scheduler does, step by step."""

    def __init__(self, file: StepFile) -> None:
        self._file = file
        self._base_ns = file.base_ns
        self._lines = StepLines()
        self._waiting: deque[str] = deque()
        self._writing = threading.Lock()
        self._broken = False
        self._ended = threading.Event()
        self._writer = threading.Thread(target=self._write_on, name="layerline step log", daemon=True)
        self._writer.start()

    def scheduled(self, output: Any, before_ns: int) -> None:
        """A step was put together."""
        if self._broken:
            return
        try:
            base_ns = self._base_ns
            line = self._lines.scheduled(output, before_ns - base_ns, monotonic_ns() - base_ns)
            if line is not None:
                self._waiting.append(line)
        except Exception:
            self._give_up("schedule")

    def updated(self, output: Any, engine_outputs: Any, before_ns: int) -> None:
        """A step's tokens are known."""
        if self._broken:
            return
        try:
            base_ns = self._base_ns
            line = self._lines.ended(output, engine_outputs, before_ns - base_ns, monotonic_ns() - base_ns)
            if line is not None:
                self._waiting.append(line)
        except Exception:
            self._give_up("update_from_output")

    def close(self) -> None:
        """Writes what is left and ends."""
        self._ended.set()
        self._writer.join()
        self.write()
        self._file.close()

    def write(self) -> None:
        """Writes the lines that wait."""
        with self._writing:
            # The engine's thread may add some meanwhile.
            waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
            clock = self._file.clock_line()
            try:
                self._file.write(waiting if clock is None else [*waiting, clock])
            except Exception:
                self._give_up("a step was written")

    def _write_on(self) -> None:
        while not self._ended.wait(WRITE_EVERY_S):
            if self._waiting:
                self.write()

    def _give_up(self, where: str) -> None:
        self._broken = True
        logger.exception("the step log ends: it failed after %s; vLLM itself goes on", where)


def is_watched(scheduler_class: type) -> bool:
    return _WATCHED in scheduler_class.__dict__


def watch(scheduler_class: type, log: StepLog) -> None:
    """Wraps the class's own methods, once."""
    if is_watched(scheduler_class):
        return
    schedule = scheduler_class.schedule
    update = scheduler_class.update_from_output

    @functools.wraps(schedule)
    def watched_schedule(self: Any, *args: Any, **kwargs: Any) -> Any:
        before_ns = monotonic_ns()
        output = schedule(self, *args, **kwargs)
        log.scheduled(output, before_ns)
        return output

    @functools.wraps(update)
    def watched_update(self: Any, scheduler_output: Any, *args: Any, **kwargs: Any) -> Any:
        before_ns = monotonic_ns()
        outputs = update(self, scheduler_output, *args, **kwargs)
        log.updated(scheduler_output, outputs, before_ns)
        return outputs

    scheduler_class.schedule = watched_schedule
    scheduler_class.update_from_output = watched_update
    setattr(scheduler_class, _WATCHED, True)
