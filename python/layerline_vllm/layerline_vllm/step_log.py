"""Watches a scheduler: wraps `schedule` and `update_from_output` of its class, in place.

Not a subclass: vLLM turns async scheduling off for a scheduler class that it does not know. Nothing of ours may reach the
engine: what fails in here is logged once and the log ends, the engine goes on. The engine's thread notes what it was told and
nothing more; a thread of ours makes lines of it, twenty times a second, mostly while the engine waits for its model.
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
# What waits to be written keeps what the engine made: with this much the engine's thread writes itself.
MOST_NOTED = 1000


class StepLog:
    """What one scheduler does, step by step."""

    def __init__(self, file: StepFile) -> None:
        self._file = file
        self._lines = StepLines()
        self._noted: deque[tuple[Any, ...]] = deque()
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
            # A copy: workers in this process may cut tokens off later.
            self._note((True, output, output.num_scheduled_tokens.copy(), before_ns, monotonic_ns()))
        except Exception:
            self._give_up("schedule")

    def updated(self, output: Any, engine_outputs: Any, before_ns: int) -> None:
        """A step's tokens are known."""
        if self._broken:
            return
        try:
            outputs = [of_client.outputs for of_client in engine_outputs.values()]
            counts = [len(each.new_token_ids) for of_client in outputs for each in of_client]
            self._note((False, output, outputs, counts, before_ns, monotonic_ns()))
        except Exception:
            self._give_up("update_from_output")

    def close(self) -> None:
        """Writes what is left and ends."""
        self._ended.set()
        self._writer.join()
        self.write()
        self._file.close()

    def write(self) -> None:
        """Writes what was noted."""
        with self._writing:
            if self._broken:
                self._noted.clear()
                return
            try:
                self._file.write(self._new_lines())
            except Exception:
                self._give_up("a step was written")

    def _note(self, noted: tuple[Any, ...]) -> None:
        self._noted.append(noted)
        if len(self._noted) > MOST_NOTED:
            self.write()

    def _write_on(self) -> None:
        while not self._ended.wait(WRITE_EVERY_S):
            if self._noted:
                self.write()

    def _new_lines(self) -> list[str]:
        base = self._file.base_ns
        lines = [self._file.clock_line()]
        while self._noted:
            is_scheduled, output, *told, before_ns, after_ns = self._noted.popleft()
            a, b = before_ns - base, after_ns - base
            if is_scheduled:
                lines.append(self._lines.scheduled(output, *told, a, b))
            else:
                outputs, counts = told
                ids = (each.request_id for of_client in outputs for each in of_client)
                lines.append(self._lines.ended(output, ids, counts, a, b))
        return [line for line in lines if line is not None]

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
