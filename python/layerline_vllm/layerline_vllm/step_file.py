"""The file of a step log: JSON lines, bounded, written by the engine's own thread.

The first line says what the rest is relative to::

    {"layerline_step_log": 1, "pid": 7, "monotonic_ns": ..., "unix_ns": ..., ...}

then a line when a step is scheduled and one when its tokens are out; ``n`` ties the two together::

    {"n": 12, "a": 100, "b": 140, "new": [[3, "cmpl-x", 57, 16]], "r": [[3, 41, 16], [1, 1, 90]]}
    {"e": 12, "a": 5100, "b": 5180, "o": [[3, 1], [1, 1]]}

``a`` and ``b`` are ns since ``monotonic_ns``, before and after the call. ``new`` gives a number to a request seen for the
first time: number, id, prompt tokens, tokens already computed (its prefix cache hit). ``r`` is what the step runs: number,
tokens, tokens computed before. ``p`` lists requests preempted and ``f`` those finished since the last line, ``o`` the
tokens that came out. Every 10 s a line says what the system's clock and the log's show at once::

    {"m": 10000000100, "u": "1790000000000000000"}
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, TextIO

VERSION = 1
DEFAULT_MAX_BYTES = 256 * 1024 * 1024
CLOCK_EVERY_NS = 10_000_000_000


class StepFile:
    """Appends lines until `max_bytes`; what comes after is counted, and the count is the last line."""

    def __init__(self, path: str, facts: dict[str, Any], max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        # Line buffered: a line costs one write, and a reader that follows the file sees it at once.
        self._file: TextIO = open(path, "w", buffering=1, encoding="utf-8")
        self._left = max_bytes
        self._dropped = 0
        self._clock_due_ns = CLOCK_EVERY_NS
        self.base_ns = time.monotonic_ns()
        head = {
            "layerline_step_log": VERSION,
            "pid": os.getpid(),
            "monotonic_ns": str(self.base_ns),
            "unix_ns": str(time.time_ns()),
            **facts,
        }
        self.write(head)

    def now(self) -> int:
        """ns since the base."""
        return time.monotonic_ns() - self.base_ns

    def write(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, separators=(",", ":")) + "\n"
        if self._left < len(text):
            self._dropped += 1
            if self._dropped == 1:
                self._file.write('{"full":true}\n')
            return
        self._left -= len(text)
        self._file.write(text)

    def tell_clock(self, now_ns: int) -> None:
        """Says what the system's clock shows, where that is due: it is set, and drifts, while the log's is not."""
        if now_ns < self._clock_due_ns:
            return
        self._clock_due_ns = now_ns + CLOCK_EVERY_NS
        self.write({"m": self.now(), "u": str(time.time_ns())})

    def close(self) -> None:
        if self._dropped > 0:
            self._file.write(json.dumps({"dropped": self._dropped}) + "\n")
        self._file.close()
