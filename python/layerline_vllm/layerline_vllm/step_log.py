"""Watches a scheduler: wraps `schedule` and `update_from_output` of its class, in place.

Not a subclass: vLLM turns async scheduling off for a scheduler class that it does not know. Nothing of ours may reach the
engine: what fails in here is logged once and the log ends, the engine goes on.
"""

from __future__ import annotations

import functools
import logging
from typing import Any

from layerline_vllm.step_file import StepFile

logger = logging.getLogger("vllm.layerline")
_WATCHED = "_layerline_watched"


class StepLog:
    """What one scheduler does, step by step."""

    def __init__(self, file: StepFile) -> None:
        self._file = file
        self._next_step = 0
        self._numbers: dict[str, int] = {}
        self._next_number = 0
        self._preemptions: dict[str, int] = {}
        self._open: dict[int, int] = {}
        self._broken = False

    def now(self) -> int:
        return self._file.now()

    def scheduled(self, scheduler: Any, output: Any, before_ns: int) -> None:
        """A step was put together."""
        if not output.num_scheduled_tokens or self._broken:
            return
        try:
            self._file.tell_clock(before_ns)
            self._write_scheduled(scheduler, output, before_ns)
        except Exception:
            self._give_up("schedule")

    def updated(self, output: Any, engine_outputs: Any, before_ns: int) -> None:
        """A step's tokens are known."""
        step = self._open.pop(id(output), None)
        if step is None or self._broken:
            return
        try:
            tokens = [
                [number, len(each.new_token_ids)]
                for outputs in engine_outputs.values()
                for each in outputs.outputs
                if (number := self._numbers.get(each.request_id)) is not None
            ]
            line = {"e": step, "a": before_ns, "b": self.now(), "o": tokens}
            self._file.write(line)
        except Exception:
            self._give_up("update_from_output")

    def _write_scheduled(self, scheduler: Any, output: Any, before_ns: int) -> None:
        finished: list[int] = []
        for request_id in output.finished_req_ids:
            number = self._numbers.pop(request_id, None)
            self._preemptions.pop(request_id, None)
            if number is not None:
                finished.append(number)
        new: list[list[Any]] = []
        preempted: list[int] = []
        rows: list[list[int]] = []
        for request_id, tokens in output.num_scheduled_tokens.items():
            request = scheduler.requests[request_id]
            # `schedule` has already counted this step's tokens as computed.
            computed = request.num_computed_tokens - tokens
            number = self._numbers.get(request_id)
            if number is None:
                number = self._next_number
                self._next_number += 1
                self._numbers[request_id] = number
                self._preemptions[request_id] = 0
                new.append([number, request_id, request.num_prompt_tokens, computed])
            if request.num_preemptions > self._preemptions[request_id]:
                self._preemptions[request_id] = request.num_preemptions
                preempted.append(number)
            rows.append([number, tokens, computed])
        step = self._next_step
        self._next_step += 1
        self._open[id(output)] = step
        line: dict[str, Any] = {"n": step, "a": before_ns, "b": self.now()}
        if finished:
            line["f"] = finished
        if new:
            line["new"] = new
        if preempted:
            line["p"] = preempted
        line["r"] = rows
        self._file.write(line)

    def _give_up(self, where: str) -> None:
        self._broken = True
        logger.exception("the step log ends: it failed after %s; vLLM itself goes on", where)


def watch(scheduler_class: type, log: StepLog) -> None:
    """Wraps the class's own methods, once."""
    if scheduler_class.__dict__.get(_WATCHED):
        return
    schedule = scheduler_class.schedule
    update = scheduler_class.update_from_output

    @functools.wraps(schedule)
    def watched_schedule(self: Any, *args: Any, **kwargs: Any) -> Any:
        before_ns = log.now()
        output = schedule(self, *args, **kwargs)
        log.scheduled(self, output, before_ns)
        return output

    @functools.wraps(update)
    def watched_update(self: Any, scheduler_output: Any, *args: Any, **kwargs: Any) -> Any:
        before_ns = log.now()
        outputs = update(self, scheduler_output, *args, **kwargs)
        log.updated(scheduler_output, outputs, before_ns)
        return outputs

    scheduler_class.schedule = watched_schedule
    scheduler_class.update_from_output = watched_update
    setattr(scheduler_class, _WATCHED, True)
