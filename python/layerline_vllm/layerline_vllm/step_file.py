"""The file of a step log: JSON lines, bounded.

The first line says what the rest is relative to::

    {"layerline_step_log": 2, "pid": 7, "monotonic_ns": ..., "unix_ns": ..., ...}

What the other lines say: step_lines.py. Every 10 s a line says what the system's clock and the log's show at once::

    {"m": 10000000100, "u": "1790000000000000000"}

The last line of a log that had no room for all is ``{"dropped": lines}``, after ``{"full": true}`` where they begin.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, Iterable, TextIO

VERSION = 2
DEFAULT_MAX_BYTES = 256 * 1024 * 1024
CLOCK_EVERY_NS = 10_000_000_000


class StepFile:
    """Appends lines until `max_bytes`; all that come after are counted, and the count is the last line."""

    def __init__(self, path: str, facts: dict[str, Any], max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._file: TextIO = open(path, "w", encoding="ascii")
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
        self.write([json.dumps(head, separators=(",", ":")) + "\n"])

    def write(self, lines: Iterable[str]) -> None:
        """Lines that end with a newline, all at once: a reader that follows the file sees whole ones."""
        kept: list[str] = []
        for line in lines:
            # A line says what changed since the one before: after one that is missing none can be read.
            if self._dropped > 0 or self._left < len(line):
                if self._dropped == 0:
                    kept.append('{"full":true}\n')
                self._dropped += 1
                continue
            self._left -= len(line)
            kept.append(line)
        if kept:
            self._file.write("".join(kept))
            self._file.flush()

    def clock_line(self) -> str | None:
        """What the system's clock shows, where that is due: it is set, and drifts, while the log's is not."""
        now_ns = time.monotonic_ns() - self.base_ns
        if now_ns < self._clock_due_ns:
            return None
        self._clock_due_ns = now_ns + CLOCK_EVERY_NS
        return f'{{"m":{now_ns},"u":"{time.time_ns()}"}}\n'

    def close(self) -> None:
        if self._dropped > 0:
            self._file.write(json.dumps({"dropped": self._dropped}) + "\n")
        self._file.close()
