"""Lines of JSON for the process that started us.

Libraries print to stdout as they like; `claim_stdout` keeps the true stdout for us and sends their prints to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, TextIO

_out: TextIO | None = None


def claim_stdout() -> None:
    """From here on only `emit` writes to stdout; what others print, in child processes too, goes to stderr."""
    global _out
    if _out is not None:
        return
    sys.stdout.flush()
    _out = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)


def emit(event: str, **fields: Any) -> None:
    """Writes one event."""
    write({"event": event, **fields})


def write(value: dict[str, Any]) -> None:
    """Writes one line; a reader that has gone away is no reason to stop."""
    try:
        print(json.dumps(value), file=_out or sys.stdout, flush=True)
    except BrokenPipeError:
        pass


def phase(name: str) -> None:
    """Says which part of the run begins now: load, warmup, prefill, decode, train, export."""
    emit("phase", phase=name, t=time.time())
