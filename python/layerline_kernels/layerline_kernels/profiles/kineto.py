"""Reads a trace of torch.profiler (Kineto's Chrome JSON), plain or gzipped."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LAUNCHES = frozenset(("cuda_runtime", "cuda_driver"))
"""Calls that put work on a GPU: Triton and CUDA graphs go by the driver."""
DEVICE_WORK = frozenset(("kernel", "gpu_memcpy", "gpu_memset"))
MEMORY = "cpu_instant_event"
"""Bytes taken, or given back where they are negative."""
KEPT = LAUNCHES | DEVICE_WORK | {"cpu_op", "python_function", "user_annotation"}


@dataclass
class Event:
    """A stretch of time, in us since the trace's base."""

    name: str
    category: str
    start_us: float
    duration_us: float
    thread: tuple[Any, Any]
    args: dict[str, Any] = field(default_factory=dict)

    @property
    def end_us(self) -> float:
        return self.start_us + self.duration_us

    @property
    def correlation(self) -> int | None:
        return self.args.get("correlation")


def read_trace(path: Path) -> list[Event]:
    """The file's events of the categories kept, in the file's order."""
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
    with opened as file:
        # torch quotes some names carelessly: a control character in one must not cost the trace.
        content = json.load(file, strict=False)
    return list(kept_events(content["traceEvents"] if isinstance(content, dict) else content))


def kept_events(raw: Iterable[dict[str, Any]]) -> Iterator[Event]:
    for entry in raw:
        category = entry.get("cat")
        complete = entry.get("ph") == "X" and category in KEPT
        if complete or (category == MEMORY and entry.get("name") == "[memory]"):
            yield Event(
                name=str(entry.get("name", "")),
                category=str(category),
                start_us=float(entry["ts"]),
                duration_us=float(entry.get("dur", 0)),
                thread=(entry.get("pid"), entry.get("tid")),
                args=entry.get("args") or {},
            )
